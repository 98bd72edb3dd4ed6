//! What a choice tells those who listen.

#![allow(clippy::unwrap_used)] // a failed step fails the test

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};

use shm_core::BackendKind;
use shm_select::{Needs, Selector};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Keeps level and text of each event.
#[derive(Clone, Default)]
struct Listener(Arc<Mutex<Vec<(Level, String)>>>);

impl Listener {
    fn heard(&self, level: Level) -> Vec<String> {
        let events = self.0.lock().unwrap();
        events.iter().filter(|(one, _)| *one == level).map(|(_, text)| text.clone()).collect()
    }
}

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, "{}={value:?} ", field.name()).unwrap();
    }
}

impl Subscriber for Listener {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        self.0.lock().unwrap().push((*event.metadata().level(), text.0));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[test]
fn every_choice_is_an_event_and_the_last_resort_one_warning() {
    let listener = Listener::default();
    tracing::subscriber::with_default(listener.clone(), || {
        let selector = Selector::new(&[BackendKind::Mmap]);
        for _ in 0..3 {
            selector.select(&Needs { bytes: Some(4096), ..Needs::default() }).unwrap();
        }
    });
    let chosen = listener.heard(Level::DEBUG);
    assert_eq!(chosen.iter().filter(|text| text.contains("backend chosen")).count(), 3);
    assert!(chosen.iter().any(|text| text.contains("bytes=4096")), "{chosen:?}");
    let warnings = listener.heard(Level::WARN);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("forked descendants only"), "{warnings:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_fallback_is_a_warning_with_its_figures() {
    let listener = Listener::default();
    let selection = tracing::subscriber::with_default(listener.clone(), || {
        let selector = Selector::new(&BackendKind::ALL);
        selector.select(&Needs { bytes: Some(u64::MAX), ..Needs::default() }).unwrap()
    });
    // Where /dev/shm is small or has no limit, nothing fell, and nothing is said.
    let expected = usize::from(selection.fell_from().is_some());
    let warnings = listener.heard(Level::WARN);
    assert_eq!(warnings.len(), expected, "{warnings:?}");
    if let [warning] = warnings.as_slice() {
        assert!(warning.contains("bytes=18446744073709551615"), "{warning}");
        assert!(warning.contains("from=\"shm\"") && warning.contains("shm_free="), "{warning}");
    }
}
