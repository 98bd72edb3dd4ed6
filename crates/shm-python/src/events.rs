//! Events of the library as records of Python's `logging`.
//!
//! The library may tell of something while it holds the lock that forks take, and while this thread has
//! released the GIL. So an event is only noted, for its thread, and delivered when the call is over.

use std::cell::RefCell;
use std::fmt::{self, Write};
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use pyo3::prelude::*;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};

/// The logger.
const LOGGER: &str = "shmarray";

/// How many events of one call are kept; more are dropped.
const KEPT: usize = 256;

/// Which events are kept, as [`rank`] counts.
static WANTED: AtomicUsize = AtomicUsize::new(WARNING);
const WARNING: usize = 30;

thread_local! {
    static NOTED: RefCell<Vec<(usize, String)>> = const { RefCell::new(Vec::new()) };
}

/// Learns which events the logger wants. Whoever sets its level later is heard at the next call of this.
pub(crate) fn listen(py: Python<'_>) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // A program that embeds Python may have its own already: then that has the events.
        let _ = tracing::subscriber::set_global_default(Notes);
    });
    let Ok(modules) = py.import("sys").and_then(|sys| sys.getattr("modules")) else { return };
    let Ok(logging) = modules.get_item("logging") else { return }; // nobody has set a level
    let level = logging
        .call_method1("getLogger", (LOGGER,))
        .and_then(|logger| logger.call_method0("getEffectiveLevel"))
        .and_then(|level| level.extract());
    WANTED.store(level.unwrap_or(WARNING), Relaxed);
}

/// Logs what this thread has noted.
pub(crate) fn deliver(py: Python<'_>) {
    let Ok(noted) = NOTED.try_with(|noted| noted.borrow_mut().split_off(0)) else { return };
    if noted.is_empty() {
        return;
    }
    let Ok(logger) = py.import("logging").and_then(|it| it.call_method1("getLogger", (LOGGER,)))
    else {
        return; // at the end of the interpreter
    };
    for (level, text) in noted {
        if let Err(error) = logger.call_method1("log", (level, "%s", text)) {
            error.write_unraisable(py, None);
        }
    }
}

/// The level as `logging` counts.
fn rank(level: &Level) -> usize {
    match *level {
        Level::ERROR => 40,
        Level::WARN => WARNING,
        Level::INFO => 20,
        Level::DEBUG => 10,
        Level::TRACE => 5,
    }
}

/// Notes events for the thread that they are of.
struct Notes;

impl Subscriber for Notes {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && rank(metadata.level()) >= WANTED.load(Relaxed)
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = Text::default();
        event.record(&mut text);
        let noted = (rank(event.metadata().level()), text.finish());
        let _ = NOTED.try_with(|all| {
            let mut all = all.borrow_mut();
            if all.len() < KEPT {
                all.push(noted);
            }
        });
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// An event in one line: its message, then its fields.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Text {
    fn finish(self) -> String {
        self.message + &self.fields
    }
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}
