//! What a caller does while it waits, and what guards keep: on a segment of heap memory.
#![allow(clippy::unwrap_used)] // a failed step fails the test
#![allow(unsafe_code)] // memory in place of a mapping

use std::alloc::{Layout as Memory, alloc_zeroed, handle_alloc_error};
use std::fmt::Debug;
use std::fs::File;
use std::ops::ControlFlow::{Break, Continue};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use shm_core::{
    Access, Element, ErrorKind, Header, Layout, Order, Region, Result, SlotLocks, Spec, Stamp,
};
use shm_presence::{Identity, fork::ForkSafe, os::reopen};
use shm_sync::{Shared, SharedWords, Timeout, Wait, Words};

/// Zeroed memory, which is never freed.
struct Heap(NonNull<u8>, usize);

impl Heap {
    fn new(len: usize) -> Self {
        let memory = Memory::from_size_align(len, 4096).unwrap();
        // SAFETY: the length of a segment is not zero.
        let start = unsafe { alloc_zeroed(memory) };
        Self(NonNull::new(start).unwrap_or_else(|| handle_alloc_error(memory)), len)
    }
}

// SAFETY: the memory is never freed or moved, and is aligned to 4096 bytes.
unsafe impl Region for Heap {
    fn start(&self) -> NonNull<u8> {
        self.0
    }

    fn len(&self) -> usize {
        self.1
    }

    fn access(&self) -> Access {
        Access::ReadWrite
    }
}

// SAFETY: all who use the bytes use them as atomics.
unsafe impl Send for Heap {}
// SAFETY: as above.
unsafe impl Sync for Heap {}

/// An array of four elements.
struct Segment {
    heap: Heap,
    header: Header,
    locks: File,
}

impl Segment {
    fn new() -> &'static Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let layout = Layout::new([4], Order::C, 1).unwrap();
        let spec = Spec::new("test".parse().unwrap(), u8::dtype(), layout);
        let header = Header::new(&spec, Stamp::default()).unwrap();
        let heap = Heap::new(usize::try_from(header.segment_len()).unwrap());
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let file = format!("shm-sync-waits-{}-{number}", std::process::id());
        let file = std::env::temp_dir().join(file);
        let locks = File::options().read(true).write(true).create_new(true).open(&file).unwrap();
        std::fs::remove_file(file).unwrap();
        Box::leak(Box::new(Self { heap, header, locks }))
    }

    /// Another that takes part, as if it were another process.
    fn member(&'static self) -> Member {
        // SAFETY: the memory is as long as the header says, and all zeros at first.
        let words = unsafe { Words::of(&self.heap, &self.header) }.unwrap();
        Member { segment: self, words, identity: Identity::new() }
    }

    /// All words that are shared, as they are now.
    fn words(&self) -> Vec<u64> {
        let words = self.heap.0.cast::<AtomicU64>().as_ptr();
        // SAFETY: the memory is so long, and all who use it use it as such atomics.
        let words = unsafe { std::slice::from_raw_parts(words, self.heap.1 / 8) };
        words.iter().map(|word| word.load(Ordering::SeqCst)).collect()
    }
}

struct Member {
    segment: &'static Segment,
    words: Words<'static>,
    identity: Identity,
}

impl Member {
    fn shared(&self) -> Shared<&Self> {
        // SAFETY: the memory may be written.
        unsafe { Shared::new(self) }
    }

    fn owned(self: &Arc<Self>) -> Shared<Arc<Self>> {
        // SAFETY: the memory may be written.
        unsafe { Shared::new(self.clone()) }
    }
}

impl SharedWords for Member {
    fn words(&self) -> &Words<'_> {
        &self.words
    }

    fn slot_locks(&self) -> Result<SlotLocks<&File>> {
        Ok(SlotLocks { file: &self.segment.locks, first: 0 })
    }

    fn open_locks(&self) -> Result<SlotLocks> {
        let file = reopen(&self.segment.locks, Access::ReadWrite)?;
        Ok(SlotLocks { file, first: 0 })
    }

    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn header(&self) -> &Header {
        &self.segment.header
    }
}

/// A fork would wait for as long as a hook runs with the lock that forks take.
fn assert_that_forks_are_possible() {
    static REACHED: ForkSafe<()> = ForkSafe::new(());
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        REACHED.with(|()| ());
        tell.send(()).unwrap();
    });
    let told = told.recv_timeout(Duration::from_secs(20));
    assert!(told.is_ok(), "the lock of every fork is held in a hook");
}

/// Waits in vain with a hook that goes on twice and then gives up.
#[track_caller]
fn is_interrupted<T: Debug>(segment: &Segment, wait: impl FnOnce(Wait<'_>) -> Result<T>) {
    let (mut seen, caller) = (Vec::new(), thread::current().id());
    let mut hook = || {
        assert_eq!(thread::current().id(), caller);
        assert_that_forks_are_possible();
        seen.push(segment.words());
        if seen.len() < 3 { Continue(()) } else { Break(()) }
    };
    let error = wait(Wait::with_hook(Timeout::Forever, &mut hook)).unwrap_err();
    let is_told = matches!(error.kind(), ErrorKind::Interrupted { name, .. } if name == "test");
    assert!(is_told, "{error}");
    assert_eq!(seen.len(), 3, "nobody asks the hook after it has given up");
    assert!(seen.iter().all(|words| *words == seen[0]), "going on changes a shared word");
}

#[test]
fn a_hook_is_called_while_another_holds_the_lock() {
    let segment = Segment::new();
    let [holder, waiter] = [segment.member(), segment.member()];
    let guard = holder.shared().exclusive(Timeout::NoWait).unwrap();
    is_interrupted(segment, |wait| waiter.shared().exclusive(wait));
    is_interrupted(segment, |wait| waiter.shared().reading(wait));
    let round = waiter.shared().round(0, 0, 1).unwrap();
    is_interrupted(segment, |wait| round.claim(wait));
    drop(guard);
    let guard = holder.shared().reading(Timeout::NoWait).unwrap();
    is_interrupted(segment, |wait| waiter.shared().exclusive(wait));
    is_interrupted(segment, |wait| round.claim(wait));
    drop(guard);
    drop(waiter.shared().exclusive(Timeout::NoWait).unwrap());
}

#[test]
fn a_hook_is_called_while_others_hold_chunks() {
    let segment = Segment::new();
    let [holder, waiter] = [segment.member(), segment.member()];
    let held = holder.shared().round(0, 0, 4).unwrap().claim(Timeout::NoWait).unwrap().unwrap();
    let round = waiter.shared().round(0, 0, 4).unwrap();
    is_interrupted(segment, |wait| round.claim(wait));
    is_interrupted(segment, |wait| round.wait_past(0, wait));
    held.done();
    assert!(round.claim(Timeout::NoWait).unwrap().is_none());
}

#[test]
fn a_hook_is_called_while_there_is_no_progress() {
    let segment = Segment::new();
    let member = segment.member();
    is_interrupted(segment, |wait| member.shared().progress().wait_past(0, wait));
}

#[test]
fn a_hook_that_gives_up_breaks_the_barrier() {
    let segment = Segment::new();
    let [first, second] = [segment.member(), segment.member()];
    let [mut mine, mut other] =
        [&first, &second].map(|member| member.shared().seat(2, Timeout::NoWait).unwrap());
    is_interrupted(segment, |wait| mine.wait(wait));
    let error = other.wait(Timeout::Forever).unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::BarrierBroken { how: "gave up waiting", .. }),
        "{error}"
    );
    drop(mine);
    is_interrupted(segment, |wait| first.shared().seat(2, wait));
    drop(other);
    drop(first.shared().seat(2, Timeout::NoWait).unwrap());
}

/// What owns the attachment can be sent to a thread that outlives all else.
#[test]
fn what_is_owned_keeps_the_attachment() {
    let segment = Segment::new();
    let member = Arc::new(segment.member());
    let weak = Arc::downgrade(&member);
    let outlives = |ends: Box<dyn FnOnce() + Send>| {
        assert!(weak.strong_count() > 1);
        thread::spawn(ends).join().unwrap();
    };
    let guard = member.owned().exclusive(Timeout::NoWait).unwrap();
    outlives(Box::new(move || drop(guard)));
    let guard = member.owned().reading(Timeout::NoWait).unwrap();
    outlives(Box::new(move || drop(guard)));
    let round = member.owned().round(0, 0, 4).unwrap();
    let claim = round.claim(Timeout::NoWait).unwrap().unwrap();
    drop(round);
    outlives(Box::new(move || claim.done()));
    let mut seat = member.owned().seat(1, Timeout::NoWait).unwrap();
    outlives(Box::new(move || assert!(seat.wait(Timeout::NoWait).unwrap())));
    let progress = member.owned().progress();
    drop(member);
    thread::spawn(move || assert_eq!(progress.add(1), 0)).join().unwrap();
    assert_eq!(weak.strong_count(), 0);
    let other = segment.member();
    drop(other.shared().exclusive(Timeout::NoWait).unwrap());
    assert_eq!(other.shared().progress().get(), 1);
}
