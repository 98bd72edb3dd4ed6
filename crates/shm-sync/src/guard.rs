//! The lock of an array, held: given up on drop, and by the kernel's word when its holder dies.

use std::fmt;

use shm_core::Result;
use shm_presence::Owner;

use crate::claims::Claims;
use crate::lock::{Class, Granted, Lock, STATE};
use crate::system::{Stop, Timeout};
use crate::{Attachment, Shared};

impl<'a, A: Attachment> Shared<'a, A> {
    #[inline]
    pub(crate) fn lock(self) -> Lock<'a> {
        Lock { words: &self.area().lock, lines: self.lines() }
    }

    #[cold]
    fn locked(self, stop: Stop) -> shm_core::Error {
        self.stopped(stop, || match self.lock().holder() {
            Some(holder) => {
                format!("held by slot {}, generation {}", holder.slot(), holder.generation())
            }
            None if self.holds_chunks() => "this process itself holds a chunk".into(),
            None => "readers or holders of chunks share it".into(),
        })
    }

    /// Waits until nobody else holds the lock, and holds it alone. Threads of this process exclude
    /// each other as processes do: whoever holds it already and asks again waits for itself.
    ///
    /// # Errors
    /// [`TimedOut`](shm_core::ErrorKind::TimedOut) if the limit passes;
    /// [`LimitReached`](shm_core::ErrorKind::LimitReached) if there are more participants than
    /// slots; [`Os`](shm_core::ErrorKind::Os).
    // Whatever is put on the stack before the first access to the lock holds it up: registers, a return
    // address.
    #[inline(always)]
    pub fn exclusive(self, limit: Timeout) -> Result<ExclusiveGuard<'a, A>> {
        if let Some(me) = self.identity().owner()
            && let Some(granted) = self.lock().enter_at_once(me)
        {
            return Ok(self.alone(me, granted));
        }
        self.wait_for_all(limit)
    }

    /// The rest of [`exclusive`](Self::exclusive), for who has no slot yet or is not alone at once.
    #[cold]
    #[inline(never)]
    fn wait_for_all(self, limit: Timeout) -> Result<ExclusiveGuard<'a, A>> {
        let me = self.me()?;
        match self.lock().wait_to_be_alone(me, self.kernel(), limit) {
            Ok(granted) => Ok(self.alone(me, granted)),
            Err(stop) => Err(self.locked(stop)),
        }
    }

    #[inline]
    fn alone(self, me: Owner, granted: Granted) -> ExclusiveGuard<'a, A> {
        ExclusiveGuard { shared: self, held: Held::new(me, granted, std::thread::panicking()) }
    }

    /// The rest of letting go, for whom others wait.
    #[cold]
    #[inline(never)]
    fn leave_and_wake(self, me: Owner, granted: Granted) {
        self.lock().leave_and_wake(me, self.kernel(), granted);
    }

    /// Waits until nobody holds the lock alone or holds chunks, and holds it with other readers.
    ///
    /// # Errors
    /// As for [`exclusive`](Self::exclusive).
    #[inline]
    pub fn reading(self, limit: Timeout) -> Result<SharedGuard<'a, A>> {
        let me = self.me()?;
        let locked = self.lock().lock_shared(
            me,
            Class::Readers,
            self.kernel(),
            limit,
            || false,
            || Ok(false),
        );
        match locked {
            Ok(granted) => Ok(self.with_others(me, granted)),
            Err(stop) => Err(self.locked(stop)),
        }
    }

    /// Waits until nobody holds the lock alone or reads, and holds it with others who claim. None once
    /// `is_over` says that there is nothing left to claim.
    #[inline]
    pub(crate) fn claiming(
        self,
        limit: Timeout,
        is_over: impl Fn() -> Result<bool>,
    ) -> Result<Option<SharedGuard<'a, A>>> {
        let me = self.me()?;
        let inside = || self.holds_chunks();
        match self.lock().lock_shared(me, Class::Claimers, self.kernel(), limit, inside, is_over) {
            Ok(granted) => Ok(Some(self.with_others(me, granted))),
            Err(Stop::Needless) => Ok(None),
            Err(stop) => Err(self.locked(stop)),
        }
    }

    #[inline]
    fn with_others(self, me: Owner, granted: Granted) -> SharedGuard<'a, A> {
        SharedGuard { shared: self, held: Held::new(me, granted, false) }
    }

    fn holds_chunks(self) -> bool {
        let claims = Claims { words: &self.area().claims, lines: self.lines(), shape: &[] };
        self.identity().owner().is_some_and(|me| claims.holds_any(me))
    }

    /// Whether a holder of the exclusive lock died or panicked, and nobody has mended the data.
    pub fn is_poisoned(self) -> bool {
        if let Err(error) = self.lock().let_go_if_dead(self.kernel()) {
            tracing::warn!(%error, "cannot tell whether the holder of a lock lives");
        }
        self.lock().is_poisoned()
    }
}

/// The lock, held alone.
///
/// Dropped while panicking, it leaves the data poisoned. A forked child does not hold what its parent
/// does: dropping its copy does nothing.
#[must_use = "the lock is given up at once if it is dropped"]
pub struct ExclusiveGuard<'a, A: Attachment> {
    shared: Shared<'a, A>,
    held: Held,
}

impl<A: Attachment> ExclusiveGuard<'_, A> {
    /// Whether somebody died or panicked while it held the lock alone, and nobody has mended that.
    pub fn is_poisoned(&self) -> bool {
        self.held.granted().is_poisoned()
    }

    /// Says whether the data are poisoned, from now on and for those who come after.
    pub fn set_poisoned(&mut self, poisoned: bool) {
        self.held.set_poisoned(poisoned);
    }
}

impl<A: Attachment> Drop for ExclusiveGuard<'_, A> {
    #[inline]
    fn drop(&mut self) {
        let Some(me) = self.held.owner() else { return };
        if !self.shared.is_mine(me) {
            return;
        }
        if std::thread::panicking() && !self.held.was_panicking() {
            self.held.set_poisoned(true);
        }
        let granted = self.held.granted();
        if !self.shared.lock().leave_at_once(me, granted) {
            self.shared.leave_and_wake(me, granted);
        }
    }
}

/// The lock, held together with others of the same kind.
#[must_use = "the lock is given up at once if it is dropped"]
pub struct SharedGuard<'a, A: Attachment> {
    shared: Shared<'a, A>,
    held: Held,
}

impl<A: Attachment> SharedGuard<'_, A> {
    /// Whether the data may be torn.
    pub fn is_poisoned(&self) -> bool {
        self.held.granted().is_poisoned()
    }
}

impl<A: Attachment> Drop for SharedGuard<'_, A> {
    #[inline]
    fn drop(&mut self) {
        if let Some(me) = self.held.owner().filter(|me| self.shared.is_mine(*me)) {
            self.shared.lock().unlock_shared(me, self.shared.kernel());
        }
    }
}

/// Who holds a lock, and what was granted, in one word: with the attachment it
/// makes a guard of two words, which stays in registers.
#[derive(Clone, Copy)]
struct Held(u64);

/// Beside the bits of the owner and of what was granted.
const WAS_PANICKING: u64 = 1 << 31;
const _: () = assert!(WAS_PANICKING & (STATE | Owner::BITS) == 0);

impl Held {
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

impl<A: Attachment> fmt::Debug for ExclusiveGuard<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExclusiveGuard").field("holder", &self.held.owner()).finish_non_exhaustive()
    }
}

impl<A: Attachment> fmt::Debug for SharedGuard<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedGuard").field("holder", &self.held.owner()).finish_non_exhaustive()
    }
}
