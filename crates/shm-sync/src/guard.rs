//! Guards: the lock of an array, held until they are dropped or their process dies.

use std::fmt;

use shm_core::Result;
use shm_presence::Owner;

use crate::claims::Claims;
use crate::kernel::Kernel;
use crate::lock::word::{Granted, STATE};
use crate::lock::{Class, Lock};
use crate::ring;
use crate::shared::{Shared, SharedWords};
use crate::wait::Wait;
use crate::waiter::Stop;

impl<A: SharedWords> Shared<A> {
    #[inline]
    pub(crate) fn lock(&self) -> Lock<'_> {
        Lock { words: &self.area().lock, lines: self.lines() }
    }

    #[cold]
    fn locked(&self, stop: Stop) -> shm_core::Error {
        self.stopped(stop, || match self.lock().holder() {
            Some(holder) => {
                format!("held by slot {}, generation {}", holder.slot(), holder.generation())
            }
            None if self.holds_parts() => "this process itself holds a chunk or a frame".into(),
            None => "readers, or holders of chunks or frames share it".into(),
        })
    }

    /// Acquires the lock exclusively. Threads of this process exclude each other as processes do: a
    /// thread that holds the lock already may deadlock.
    ///
    /// # Errors
    /// [`TimedOut`](shm_core::ErrorKind::TimedOut) if the timeout passes;
    /// [`Interrupted`](shm_core::ErrorKind::Interrupted) if the hook gives up;
    /// [`LimitReached`](shm_core::ErrorKind::LimitReached) if there are more participants than
    /// slots; [`Os`](shm_core::ErrorKind::Os).
    // Inlined: a return address or a register that is put on the stack first delays the access to the
    // lock.
    #[inline(always)]
    pub fn exclusive<'w>(self, wait: impl Into<Wait<'w>>) -> Result<ExclusiveGuard<A>> {
        if let Some(me) = self.identity().owner()
            && let Some(granted) = self.lock().try_exclusive(me)
        {
            return Ok(self.exclusive_guard(me, granted));
        }
        self.wait_exclusive(wait)
    }

    /// The rest of [`exclusive`](Self::exclusive): without a slot yet, or where the fast path fails.
    #[cold]
    #[inline(never)]
    fn wait_exclusive<'w>(self, wait: impl Into<Wait<'w>>) -> Result<ExclusiveGuard<A>> {
        let me = self.me()?;
        match self.lock().wait_exclusive(me, self.kernel(), wait.into()) {
            Ok(granted) => Ok(self.exclusive_guard(me, granted)),
            Err(stop) => Err(self.locked(stop)),
        }
    }

    #[inline]
    fn exclusive_guard(self, me: Owner, granted: Granted) -> ExclusiveGuard<A> {
        ExclusiveGuard {
            shared: self,
            grant: PackedGrant::new(me, granted, std::thread::panicking()),
        }
    }

    /// Acquires the lock shared with other readers, once no writer holds it and no worker holds chunks.
    ///
    /// # Errors
    /// As for [`exclusive`](Self::exclusive).
    #[inline]
    pub fn reading<'w>(self, wait: impl Into<Wait<'w>>) -> Result<SharedGuard<A>> {
        let me = self.me()?;
        let (inside, needless) = (|| false, || Ok(false));
        let lock = self.lock();
        match lock.lock_shared(me, Class::Readers, self.kernel(), wait, inside, needless) {
            Ok(granted) => Ok(self.shared_guard(me, granted)),
            Err(stop) => Err(self.locked(stop)),
        }
    }

    /// Waits until no reader and no writer holds the lock, and holds it with other claimers. None once
    /// `is_over` says that there is nothing left to claim.
    #[inline]
    pub(crate) fn claiming<'w>(
        self,
        wait: impl Into<Wait<'w>>,
        is_over: impl Fn() -> Result<bool>,
    ) -> Result<Option<SharedGuard<A>>> {
        let me = self.me()?;
        let inside = || self.holds_parts();
        let lock = self.lock();
        match lock.lock_shared(me, Class::Claimers, self.kernel(), wait, inside, is_over) {
            Ok(granted) => Ok(Some(self.shared_guard(me, granted))),
            Err(Stop::Needless) => Ok(None),
            Err(stop) => Err(self.locked(stop)),
        }
    }

    #[inline]
    fn shared_guard(self, me: Owner, granted: Granted) -> SharedGuard<A> {
        SharedGuard { shared: self, grant: PackedGrant::new(me, granted, false) }
    }

    /// Whether this process holds a chunk or a frame.
    fn holds_parts(&self) -> bool {
        let claims = Claims { words: &self.area().claims, lines: self.lines(), shape: &[] };
        let holds = |me| claims.holds_any(me) || ring::holds_any(&self.area().ring, me);
        self.identity().owner().is_some_and(holds)
    }

    /// Whether a writer died or panicked, and no later one has cleared the poison.
    pub fn is_poisoned(&self) -> bool {
        if let Err(error) = self.lock().release_if_dead(self.kernel()) {
            tracing::warn!(%error, "cannot tell whether the holder of a lock lives");
        }
        self.lock().is_poisoned()
    }
}

/// The lock, held exclusively.
///
/// Dropped in a panic, it leaves the data poisoned. A forked child does not hold the locks of its
/// parent: dropping its copy does nothing.
#[must_use = "the lock is released at once if the guard is dropped"]
pub struct ExclusiveGuard<A: SharedWords> {
    shared: Shared<A>,
    grant: PackedGrant,
}

impl<A: SharedWords> ExclusiveGuard<A> {
    /// Whether a writer died or panicked, and no later one has cleared the poison.
    pub fn is_poisoned(&self) -> bool {
        self.grant.granted().is_poisoned()
    }

    /// Says whether the data are poisoned, from now on and for later holders.
    pub fn set_poisoned(&mut self, poisoned: bool) {
        self.grant.set_poisoned(poisoned);
    }
}

impl<A: SharedWords> Drop for ExclusiveGuard<A> {
    #[inline]
    fn drop(&mut self) {
        let Some(me) = self.grant.owner() else { return };
        if !self.shared.is_mine(me) {
            return;
        }
        if std::thread::panicking() && !self.grant.was_panicking() {
            self.grant.set_poisoned(true);
        }
        let granted = self.grant.granted();
        if !self.shared.lock().try_unlock(me, granted) {
            self.shared.lock().words.unlock_and_wake(me, &Kernel, granted);
        }
    }
}

/// The lock, shared with other readers, or with other workers that hold chunks.
#[must_use = "the lock is released at once if the guard is dropped"]
pub struct SharedGuard<A: SharedWords> {
    shared: Shared<A>,
    grant: PackedGrant,
}

impl<A: SharedWords> SharedGuard<A> {
    pub(crate) fn shared(&self) -> &Shared<A> {
        &self.shared
    }

    /// Whether the data are poisoned: a writer died or panicked.
    pub fn is_poisoned(&self) -> bool {
        self.grant.granted().is_poisoned()
    }
}

impl<A: SharedWords> Drop for SharedGuard<A> {
    #[inline]
    fn drop(&mut self) {
        if let Some(me) = self.grant.owner().filter(|me| self.shared.is_mine(*me)) {
            self.shared.lock().unlock_shared(me, &Kernel);
        }
    }
}

/// The owner of a guard, and what it was granted, in one word. With a borrowed attachment that makes a
/// guard of two words, which stays in registers.
#[derive(Clone, Copy)]
struct PackedGrant(u64);

/// The guard was made in a panic. A bit beside those of the owner and of what was granted.
const WAS_PANICKING: u64 = 1 << 31;
const _: () = assert!(WAS_PANICKING & (STATE | Owner::BITS) == 0);

impl PackedGrant {
    #[inline]
    fn new(me: Owner, granted: Granted, panicking: bool) -> Self {
        Self(me.bits() | granted.bits() | if panicking { WAS_PANICKING } else { 0 })
    }

    #[inline]
    fn owner(self) -> Option<Owner> {
        Owner::in_word(self.0)
    }

    #[inline]
    fn granted(self) -> Granted {
        Granted::of(self.0)
    }

    #[inline]
    fn was_panicking(self) -> bool {
        self.0 & WAS_PANICKING != 0
    }

    fn set_poisoned(&mut self, poisoned: bool) {
        let mut granted = self.granted();
        self.0 &= !granted.bits();
        granted.set_poisoned(poisoned);
        self.0 |= granted.bits();
    }
}

impl<A: SharedWords> fmt::Debug for ExclusiveGuard<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExclusiveGuard")
            .field("holder", &self.grant.owner())
            .finish_non_exhaustive()
    }
}

impl<A: SharedWords> fmt::Debug for SharedGuard<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedGuard").field("holder", &self.grant.owner()).finish_non_exhaustive()
    }
}
