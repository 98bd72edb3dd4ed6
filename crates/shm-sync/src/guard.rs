//! The lock of an array, held: given up on drop, and by the kernel's word when its holder dies.

use std::fmt;

use shm_core::Result;
use shm_presence::Owner;

use crate::claims::Claims;
use crate::futex::Futex;
use crate::lock::{Class, Granted, Lock, STATE};
use crate::system::{Stop, Wait};
use crate::{Shared, SharedWords};

impl<A: SharedWords> Shared<A> {
    #[inline]
    fn lock(&self) -> Lock<'_> {
        Lock { words: &self.area().lock, lines: self.lines() }
    }

    #[cold]
    fn locked(&self, stop: Stop) -> shm_core::Error {
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
    /// [`TimedOut`](shm_core::ErrorKind::TimedOut) if the timeout passes;
    /// [`Interrupted`](shm_core::ErrorKind::Interrupted) if the hook gives up;
    /// [`LimitReached`](shm_core::ErrorKind::LimitReached) if there are more participants than
    /// slots; [`Os`](shm_core::ErrorKind::Os).
    // Whatever is put on the stack before the first access to the lock holds it up: registers, a return
    // address.
    #[inline(always)]
    pub fn exclusive<'w>(self, wait: impl Into<Wait<'w>>) -> Result<ExclusiveGuard<A>> {
        if let Some(me) = self.identity().owner()
            && let Some(granted) = self.lock().enter_at_once(me)
        {
            return Ok(self.alone(me, granted));
        }
        self.wait_for_all(wait)
    }

    /// The rest of [`exclusive`](Self::exclusive), for who has no slot yet or is not alone at once.
    #[cold]
    #[inline(never)]
    fn wait_for_all<'w>(self, wait: impl Into<Wait<'w>>) -> Result<ExclusiveGuard<A>> {
        let me = self.me()?;
        match self.lock().wait_to_be_alone(me, self.kernel(), wait.into()) {
            Ok(granted) => Ok(self.alone(me, granted)),
            Err(stop) => Err(self.locked(stop)),
        }
    }

    #[inline]
    fn alone(self, me: Owner, granted: Granted) -> ExclusiveGuard<A> {
        ExclusiveGuard { shared: self, held: Held::new(me, granted, std::thread::panicking()) }
    }

    /// Waits until nobody holds the lock alone or holds chunks, and holds it with other readers.
    ///
    /// # Errors
    /// As for [`exclusive`](Self::exclusive).
    #[inline]
    pub fn reading<'w>(self, wait: impl Into<Wait<'w>>) -> Result<SharedGuard<A>> {
        self.together(Class::Readers, wait)
    }

    #[inline]
    pub(crate) fn together<'w>(
        self,
        class: Class,
        wait: impl Into<Wait<'w>>,
    ) -> Result<SharedGuard<A>> {
        let me = self.me()?;
        let inside = || class == Class::Claimers && self.holds_chunks();
        let granted = self.lock().lock_shared(me, class, self.kernel(), wait, inside);
        match granted {
            Ok(granted) => Ok(SharedGuard { shared: self, held: Held::new(me, granted, false) }),
            Err(stop) => Err(self.locked(stop)),
        }
    }

    fn holds_chunks(&self) -> bool {
        let claims = Claims { words: &self.area().claims, lines: self.lines(), shape: &[] };
        self.identity().owner().is_some_and(|me| claims.holds_any(me))
    }

    /// Whether a holder of the exclusive lock died or panicked, and nobody has mended the data.
    pub fn is_poisoned(&self) -> bool {
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
pub struct ExclusiveGuard<A: SharedWords> {
    shared: Shared<A>,
    held: Held,
}

impl<A: SharedWords> ExclusiveGuard<A> {
    /// Whether somebody died or panicked while it held the lock alone, and nobody has mended that.
    pub fn is_poisoned(&self) -> bool {
        self.held.granted().is_poisoned()
    }

    /// Says whether the data are poisoned, from now on and for those who come after.
    pub fn set_poisoned(&mut self, poisoned: bool) {
        self.held.set_poisoned(poisoned);
    }
}

impl<A: SharedWords> Drop for ExclusiveGuard<A> {
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
            self.shared.lock().words.leave_and_wake(me, &Futex, granted);
        }
    }
}

/// The lock, held together with others of the same kind.
#[must_use = "the lock is given up at once if it is dropped"]
pub struct SharedGuard<A: SharedWords> {
    shared: Shared<A>,
    held: Held,
}

impl<A: SharedWords> SharedGuard<A> {
    pub(crate) fn shared(&self) -> &Shared<A> {
        &self.shared
    }

    /// Whether the data may be torn.
    pub fn is_poisoned(&self) -> bool {
        self.held.granted().is_poisoned()
    }
}

impl<A: SharedWords> Drop for SharedGuard<A> {
    #[inline]
    fn drop(&mut self) {
        if let Some(me) = self.held.owner().filter(|me| self.shared.is_mine(*me)) {
            self.shared.lock().unlock_shared(me, &Futex);
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

impl<A: SharedWords> fmt::Debug for ExclusiveGuard<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExclusiveGuard").field("holder", &self.held.owner()).finish_non_exhaustive()
    }
}

impl<A: SharedWords> fmt::Debug for SharedGuard<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedGuard").field("holder", &self.held.owner()).finish_non_exhaustive()
    }
}
