//! The choice of a process: resolved once, then kept and applied to each array.

use std::sync::atomic::{AtomicBool, Ordering};

use shm_core::{BackendKind, Error, ErrorKind, Result};

use crate::choose::choose;
use crate::facts::Facts;
use crate::needs::Needs;
use crate::os;
use crate::probe::probe;
use crate::published::Published;
use crate::refusal::Reach;
use crate::selection::Selection;
use crate::settings::{Environment, Settings};

/// Chooses for a whole process. A program has one, in a `static`.
///
/// It resolves once, and keeps, the facts of the machine and the variables of the environment. A choice
/// is a pure function of these and of an array's needs, so equal needs get equal answers for the life
/// of the process. Only the space behind `shm` is measured anew for each array.
///
/// Any thread may use it. It has no lock, so a child forked at any instant may use it too; the child
/// inherits what its parent had resolved.
///
/// ```
/// # fn main() -> shm_core::Result<()> {
/// use shm_core::BackendKind;
/// use shm_select::{Needs, Selector};
///
/// static SELECTOR: Selector = Selector::new(&BackendKind::ALL);
///
/// let selection = SELECTOR.select(&Needs { bytes: Some(4096), ..Needs::default() })?;
/// println!("{selection}");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Selector {
    compiled: &'static [BackendKind],
    state: Published<State>,
}

#[derive(Debug)]
struct State {
    set: Option<BackendKind>,
    resolved: Option<Resolved>,
}

#[derive(Debug)]
struct Resolved {
    facts: Facts,
    environment: Environment,
    warned: AtomicBool,
}

impl Selector {
    /// A selector for a build that contains these backends. It reads nothing yet.
    pub const fn new(compiled: &'static [BackendKind]) -> Self {
        Self { compiled, state: Published::empty() }
    }

    /// Sets the backend of every array that does not name one; `None` takes that back. The environment
    /// goes before it. The next choice reads machine and environment anew.
    ///
    /// Each call that a choice follows leaks a few hundred bytes, so that readers need no lock.
    ///
    /// # Errors
    /// [`ErrorKind::BackendNotCompiled`]. If the system refuses the backend, the next choice says so.
    pub fn set_backend(&self, backend: Option<BackendKind>) -> Result<()> {
        if let Some(backend) = backend
            && !self.compiled.contains(&backend)
        {
            let feature = backend.feature();
            return Err(ErrorKind::BackendNotCompiled { backend, feature }.into());
        }
        self.state.store(State { set: backend, resolved: None });
        Ok(())
    }

    /// Chooses for an array, or for the process if the needs give no size.
    ///
    /// An array that names its backend does not depend on the environment, valid or not.
    ///
    /// # Errors
    /// Those of [`choose`](crate::choose()) and of [`Environment::settings`].
    pub fn select(&self, needs: &Needs) -> Result<Selection> {
        let (set, resolved) = self.resolved();
        let settings = match needs.backend {
            Some(_) => Settings::default(),
            None => resolved.environment.settings(set)?,
        };
        let automatic = needs.backend.is_none() && settings.explicit().is_none();
        let selection = if automatic && needs.bytes.is_some() {
            let mut facts = resolved.facts.clone();
            facts.shm_now = os::shm_space().unwrap_or(facts.shm_now);
            choose(&facts, &settings, needs)?
        } else {
            choose(&resolved.facts, &settings, needs)?
        };
        report(&selection, &resolved.warned);
        Ok(selection)
    }

    /// The choice that is left for an array, after making it on the chosen backend failed with this
    /// error: see [`Selection::refused`]. If no size and no free space explains the system's refusal
    /// ([`Reach::Process`]), this process no longer chooses the backend by itself, until `set_backend`.
    ///
    /// # Errors
    /// Those of [`Selection::refused`].
    pub fn refused(&self, selection: Selection, error: Error) -> Result<Selection> {
        let (from, reason) = (selection.chosen, error.to_string());
        let reach = Reach::of(&error);
        let next = selection.refused(error)?;
        if reach == Some(Reach::Process) {
            self.remember(from, &reason);
        }
        let (from, chosen) = (from.as_str(), next.chosen.as_str());
        tracing::warn!(chosen, from, reason, "backend fallback: the system refused");
        if let Some(warning) = next.warning() {
            tracing::warn!(chosen, "{warning}");
        }
        Ok(next)
    }

    /// Adds a refusal to the facts that the process has resolved; none if it is to resolve anew.
    fn remember(&self, backend: BackendKind, reason: &str) {
        while let Some(state) = self.state.load()
            && let Some(Resolved { facts, environment, warned }) = &state.resolved
            && facts.refused_to_make.iter().all(|(listed, _)| *listed != backend)
        {
            let mut facts = facts.clone();
            facts.refused_to_make.push((backend, reason.to_owned()));
            let (environment, warned) =
                (environment.clone(), AtomicBool::new(warned.load(Ordering::Relaxed)));
            let resolved = Some(Resolved { facts, environment, warned });
            self.state.compare_exchange(Some(state), State { set: state.set, resolved });
        }
    }

    fn resolved(&self) -> (Option<BackendKind>, &'static Resolved) {
        loop {
            let state = self.state.load();
            let set = state.and_then(|state| state.set);
            if let Some(resolved) = state.and_then(|state| state.resolved.as_ref()) {
                return (set, resolved);
            }
            let resolved = Resolved {
                facts: probe(self.compiled),
                environment: Environment::read(),
                warned: AtomicBool::new(false),
            };
            // A thread that comes second drops its own facts and takes those that are there.
            let fresh = State { set, resolved: Some(resolved) };
            if self.state.compare_exchange(state, fresh).is_some() {
                tracing::debug!(?set, "backend choice resolved");
            }
        }
    }
}

/// Emits the choice as an event; a fallback and a doubtful choice are warnings.
fn report(selection: &Selection, warned: &AtomicBool) {
    let chosen = selection.chosen.as_str();
    let facts = &selection.facts;
    let bytes = selection.needs.bytes;
    let shm_free = facts.shm_now.free();
    tracing::debug!(
        chosen,
        source = %selection.source,
        workers = %selection.needs.workers,
        bytes,
        shm_free,
        cgroup_limit = facts.cgroup.and_then(|cgroup| cgroup.limit),
        cgroup_usage = facts.cgroup.and_then(|cgroup| cgroup.usage),
        "backend chosen"
    );
    if let Some(candidate) = selection.fell_from() {
        let from = candidate.backend.as_str();
        tracing::warn!(chosen, from, bytes, shm_free, "backend fallback: {candidate}");
    }
    if let Some(warning) = selection.warning()
        && !warned.swap(true, Ordering::Relaxed)
    {
        tracing::warn!(chosen, shm_free, "{warning}");
    }
}
