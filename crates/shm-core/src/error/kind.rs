//! The cases of an error, one for each fault, with the figures that explain it.

use std::path::PathBuf;

use super::figures::{Free, GivenIn, Guarding, Value};
use crate::backend_kind::BackendKind;
use crate::options::{Access, Order};

/// The cases of [`Error`](crate::Error).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A name that no segment can bear.
    #[error("invalid array name {name:?}: {reason}")]
    InvalidName {
        /// The name, shortened if it was very long.
        name: String,
        /// Which rule it breaks.
        reason: &'static str,
    },
    /// A shape whose size in bytes does not fit the address space.
    #[error("shape {shape:?} of {itemsize}-byte elements overflows the address space")]
    ShapeOverflow {
        /// The shape, in elements.
        shape: Vec<usize>,
        /// Bytes per element.
        itemsize: usize,
    },
    /// More dimensions than an array can have.
    #[error("{ndim} dimensions are too many: at most {max}")]
    TooManyDimensions {
        /// Dimensions asked for.
        ndim: usize,
        /// The most there can be.
        max: usize,
    },
    /// A dtype description that is not understood.
    #[error("invalid dtype {descr:?}: {reason}")]
    InvalidDType {
        /// The description, shortened if it was very long.
        descr: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The array has another dtype than expected.
    #[error("dtype mismatch: expected {expected}, the array has {found}")]
    DTypeMismatch {
        /// NumPy `descr` of what was asked for.
        expected: String,
        /// NumPy `descr` of what is there.
        found: String,
    },
    /// The array has another shape than expected.
    #[error("shape mismatch: expected {expected:?}, the array has {found:?}")]
    ShapeMismatch {
        /// The shape that was asked for, in elements.
        expected: Vec<usize>,
        /// The shape that is there, in elements.
        found: Vec<usize>,
    },
    /// The array has another number of dimensions than its type says.
    #[error("dimension mismatch: expected {expected} dimensions, the array has {found}")]
    NdimMismatch {
        /// Dimensions of the type.
        expected: usize,
        /// Dimensions of the array.
        found: usize,
    },
    /// A guarded array was to be used without guards, or the other way round.
    #[error("array {name:?} is {}", Guarding(*.guarded))]
    GuardMismatch {
        /// The array's name.
        name: String,
        /// Whether the array is guarded; another was expected.
        guarded: bool,
    },
    /// An index or a range that does not lie within its array.
    #[error("{reason}")]
    OutOfBounds {
        /// What is out of bounds, and what the bounds are.
        reason: String,
    },
    /// A slice with a step of zero.
    #[error("a slice cannot have step 0, as it has along axis {axis}")]
    ZeroStep {
        /// The axis, counted from 0.
        axis: usize,
    },
    /// A window that does not fit its array, or that shows an element twice.
    #[error("invalid window: {reason}")]
    InvalidWindow {
        /// What does not fit, with its figures.
        reason: String,
    },
    /// A shape of another number of elements than the array has.
    #[error("shape {shape:?} cannot become {wanted:?}, which has another number of elements")]
    ReshapeMismatch {
        /// The shape that is there, in elements.
        shape: Vec<usize>,
        /// The shape that was asked for, in elements.
        wanted: Vec<usize>,
    },
    /// A part of an array whose elements do not lie one after the other, as the operation needs them.
    #[error(
        "a part of shape {shape:?} and strides {strides:?} is not contiguous in {order} order, so it \
         cannot become {wanted:?} without a copy"
    )]
    NotContiguous {
        /// The shape of the part, in elements.
        shape: Vec<usize>,
        /// Its strides, in elements.
        strides: Vec<isize>,
        /// The order in which they were to lie.
        order: Order,
        /// The shape that was asked for, in elements.
        wanted: Vec<usize>,
    },
    /// A handle that shows a part of an array where the whole array is needed.
    #[error(
        "{operation} needs a handle of the whole array of shape {whole:?}; this one shows {shown:?} of it"
    )]
    NotWhole {
        /// What was asked for.
        operation: &'static str,
        /// The array's shape, in elements.
        whole: Vec<usize>,
        /// The shape that the handle shows, in elements.
        shown: Vec<usize>,
    },
    /// An alignment that no array can have.
    #[error("alignment {bytes} is not a power of two of at least 4096 bytes")]
    InvalidAlignment {
        /// The alignment that was asked for, in bytes.
        bytes: u32,
    },
    /// A number of slots that no array can have.
    #[error("{slots} slots; an array can have 1 to {most}")]
    InvalidSlots {
        /// The number that was asked for.
        slots: u32,
        /// The most that there can be.
        most: u32,
    },
    /// Elements at an offset where this machine cannot have them.
    #[error("data at offset {offset} bytes: elements of dtype {dtype} need a multiple of {align}")]
    Misaligned {
        /// Distance of the first element from the segment's start, in bytes.
        offset: u64,
        /// NumPy `descr` of the elements.
        dtype: String,
        /// The bytes that the offset must be a multiple of.
        align: usize,
    },
    /// Another number of bytes than there must be.
    #[error("{what} has {found} bytes, expected {expected}")]
    LengthMismatch {
        /// What has the wrong length.
        what: &'static str,
        /// The bytes that there must be.
        expected: u64,
        /// The bytes that there are.
        found: u64,
    },
    /// The name is taken.
    #[error(
        "array {name:?} exists already on backend {backend}; attach to it, or create with force"
    )]
    AlreadyExists {
        /// The name.
        name: String,
        /// Where it is taken.
        backend: BackendKind,
    },
    /// Nothing bears the name.
    #[error("no array {name:?} on backend {backend}: {hint}")]
    NotFound {
        /// The name.
        name: String,
        /// Where it was looked for.
        backend: BackendKind,
        /// What may explain it.
        hint: &'static str,
    },
    /// Several arrays bear the name.
    #[error("several arrays are called {name:?}: {places}; say which")]
    Ambiguous {
        /// The name.
        name: String,
        /// Where they are.
        places: String,
    },
    /// What bears the name cannot be a segment: a symlink, a directory, a FIFO, …
    #[error("{object} is not a segment: {reason}")]
    NotASegment {
        /// The path or descriptor that was looked at.
        object: String,
        /// What it is instead.
        reason: String,
    },
    /// What was to be attached as a raw segment is a shared array, which describes itself.
    #[error(
        "{object} is not a raw segment: shmarray made it; attach by SharedArray::attach, which knows \
         its dtype and shape"
    )]
    NotRaw {
        /// The path that was looked at.
        object: String,
    },
    /// The segment belongs to another user.
    #[error("{object} belongs to user {owner}, this process runs as user {me}")]
    WrongOwner {
        /// The path or descriptor that was looked at.
        object: String,
        /// Its owner.
        owner: u32,
        /// The effective user of this process.
        me: u32,
    },
    /// The system does not let this process open the segment.
    #[error("{object} may not be opened for {access}: permission denied")]
    AccessDenied {
        /// The path or descriptor that was looked at.
        object: String,
        /// The access that was asked for.
        access: Access,
    },
    /// The process cannot become a participant of the array.
    #[error(
        "array {name:?} can be read and written here, but not locked: {reason}. Guards, chunks and \
         barriers need a slot of this process's own; {hint}"
    )]
    NoSlot {
        /// The array's name.
        name: String,
        /// Why the file of the locks cannot be opened afresh.
        reason: String,
        /// What to do.
        hint: &'static str,
    },
    /// Fewer bytes than there must be.
    #[error("{what} is truncated: needs {needs} bytes, has {has}")]
    Truncated {
        /// What is too short: the header, the segment, a payload, …
        what: &'static str,
        /// Bytes needed.
        needs: u64,
        /// Bytes there are.
        has: u64,
    },
    /// More bytes than there may be.
    #[error("{what} is too large: {has} bytes, at most {max}")]
    Oversized {
        /// What is too long.
        what: &'static str,
        /// The most bytes there may be.
        max: u64,
        /// Bytes there are.
        has: u64,
    },
    /// Bytes that do not begin as ours do.
    #[error("{what} has magic {found:02x?}, not that of shmarray")]
    BadMagic {
        /// What was read.
        what: &'static str,
        /// The bytes found.
        found: [u8; 8],
    },
    /// A version that this build does not speak.
    #[error("{what} has version {found}; this build understands {supported}")]
    UnsupportedVersion {
        /// What was read.
        what: &'static str,
        /// The version found.
        found: u32,
        /// The version understood.
        supported: u32,
    },
    /// Bytes written by a machine of the other byte order.
    #[error("{what} was written with the other byte order (mark {found:#010x})")]
    ForeignByteOrder {
        /// What was read.
        what: &'static str,
        /// The byte-order mark found.
        found: u32,
    },
    /// Bytes of ours that contradict themselves.
    #[error("{what} is corrupt: {reason}")]
    Corrupt {
        /// What was read.
        what: &'static str,
        /// The contradiction, with its figures.
        reason: String,
    },
    /// A descriptor and the segment it leads to disagree.
    #[error("the segment is not the one described: {what} is {found}, expected {expected}")]
    SegmentMismatch {
        /// Which property differs.
        what: &'static str,
        /// The descriptor's figure.
        expected: String,
        /// The segment's figure.
        found: String,
    },
    /// An array of an arena that is not there any more, or never was.
    #[error("arena {arena:?} has no array {index} of generation {generation}: {reason}")]
    NoSuchArray {
        /// The arena's name.
        arena: String,
        /// The index of the array in its arena.
        index: u32,
        /// The generation that was asked for.
        generation: u64,
        /// What is there instead.
        reason: String,
    },
    /// Not enough memory to hold the array.
    #[error("no space: needs {needs} bytes, {place} has {}", Free(*.has))]
    NoSpace {
        /// Bytes needed.
        needs: u64,
        /// Bytes free, where the system tells.
        has: Option<u64>,
        /// Where space ran out.
        place: String,
    },
    /// A limit of the process or the system is reached.
    #[error("limit reached: {limit}{}; {hint}", Value(*.value))]
    LimitReached {
        /// The limit's name, such as `RLIMIT_NOFILE`.
        limit: &'static str,
        /// Its value, where the system tells.
        value: Option<u64>,
        /// What can be done.
        hint: &'static str,
    },
    /// Another process holds what is needed for a moment, and did not let go in time.
    #[error("{object} is busy: {holder}; waited {waited_ms} ms")]
    Busy {
        /// What is being waited for.
        object: String,
        /// Who is known to hold it.
        holder: &'static str,
        /// Milliseconds waited.
        waited_ms: u64,
    },
    /// The time is over for a wait: for a lock, a chunk, the others at a barrier, or progress.
    #[error("array {name:?}: timed out after {waited_ms} ms: {reason}")]
    TimedOut {
        /// The array's name.
        name: String,
        /// Who holds it, as far as that is known, or what has not happened.
        reason: String,
        /// Milliseconds waited.
        waited_ms: u64,
    },
    /// The caller's hook gave up a wait.
    #[error("array {name:?}: the wait was interrupted after {waited_ms} ms")]
    Interrupted {
        /// The array's name.
        name: String,
        /// Milliseconds waited.
        waited_ms: u64,
    },

    /// A participant died or panicked while it may have been writing.
    #[error(
        "array {name:?} is poisoned: a lock holder died or panicked while it may have been writing; \
         take `write_poisoned()`, check the data or write them anew, then say so with `set_poisoned(false)`"
    )]
    Poisoned {
        /// The array's name.
        name: String,
    },

    /// A barrier that cannot be used in this way.
    #[error("barrier of array {name:?}: {reason}")]
    InvalidBarrier {
        /// The array's name.
        name: String,
        /// What does not fit, with its figures.
        reason: String,
    },

    /// A participant will never come to the barrier.
    #[error(
        "the barrier of array {name:?} is broken: the participant in slot {slot} {how}; \
         drop your place, then take a new one"
    )]
    BarrierBroken {
        /// The array's name.
        name: String,
        /// The slot.
        slot: u32,
        /// What it did: died, left, gave up waiting.
        how: &'static str,
    },

    /// A round over the chunks of an array that cannot be made.
    #[error("invalid round: {reason}")]
    InvalidRound {
        /// What does not fit, with its figures.
        reason: String,
    },

    /// A ring that cannot be used in this way.
    #[error("ring of array {name:?}: {reason}")]
    InvalidRing {
        /// The array's name.
        name: String,
        /// What does not fit, with its figures.
        reason: String,
    },

    /// All processes that did what is waited for have died or left.
    #[error("ring of array {name:?}: {reason}; start one that does, or give up")]
    NobodyLeft {
        /// The array's name.
        name: String,
        /// What nobody does any more, with the item and the stage.
        reason: String,
    },

    /// The segment cannot be frozen while somebody maps it writable.
    #[error(
        "cannot freeze {name:?}: somebody (another attacher, a clone in this process, or a forked child of it) \
         still maps it writable; let them detach, then try again"
    )]
    StillWritable {
        /// The array's name.
        name: String,
    },
    /// The descriptor says frozen, but the kernel does not enforce it.
    #[error("segment is not sealed as it must be: {missing} missing")]
    NotSealed {
        /// The seals that are not there.
        missing: String,
    },
    /// Not a backend's name.
    #[error("unknown backend {value:?}{}; valid are {valid}", GivenIn(.origin))]
    UnknownBackend {
        /// What was given.
        value: String,
        /// Where it came from, such as an environment variable; may be empty.
        origin: &'static str,
        /// The names there are.
        valid: &'static str,
    },
    /// A backend that this build does not contain.
    #[error("backend {backend} is not compiled in: enable the feature `{feature}` of shmarray")]
    BackendNotCompiled {
        /// The backend.
        backend: BackendKind,
        /// The cargo feature that adds it.
        feature: &'static str,
    },
    /// A backend that this system refuses.
    #[error("backend {backend} does not work here: {reason}")]
    BackendRefused {
        /// The backend.
        backend: BackendKind,
        /// The system's reason.
        reason: String,
    },
    /// The name was to be found by others, and no backend that is left has names for them.
    #[error(
        "no backend is left on which others find the array by its name: {reason}; ask for backend shm, \
         make room for it, state that the workers are forked, or let the name be a label only"
    )]
    NoNames {
        /// What became of each backend, with its figures.
        reason: String,
    },
    /// The array's backend cannot do what was asked for, on any system.
    #[error("{operation} is not possible on backend {backend}: {reason}; use {able}")]
    BackendCannot {
        /// What was asked for.
        operation: &'static str,
        /// The array's backend.
        backend: BackendKind,
        /// What it lacks.
        reason: &'static str,
        /// The backends that can.
        able: &'static str,
    },
    /// A forked child may not do this with what it inherited.
    #[error(
        "{operation} is not for a forked child: the array belongs to its parent; attach by name first"
    )]
    ForkedChild {
        /// What was asked for.
        operation: &'static str,
    },
    /// A setting that cannot be understood.
    #[error("{variable}={value:?} is not valid: {reason}")]
    InvalidSetting {
        /// The variable.
        variable: &'static str,
        /// Its value.
        value: String,
        /// What it should be.
        reason: &'static str,
    },
    /// A message or inheritance that cannot be taken.
    #[error("cannot {operation}: {reason}")]
    Transport {
        /// Send, receive, inherit, take.
        operation: &'static str,
        /// What was wrong, with its figures.
        reason: String,
    },
    /// A system call failed in a way that has no kind of its own.
    #[error("{call} on {object}: {error}")]
    Os {
        /// The system call.
        call: &'static str,
        /// What it was done to.
        object: String,
        /// The system's reason. The text of this kind has it, so it is no [source] of its own.
        ///
        /// [source]: std::error::Error::source
        error: std::io::Error,
    },
    /// A path that this operation needs is not there or not usable.
    #[error("{}: {reason}", path.display())]
    Path {
        /// The path.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}
