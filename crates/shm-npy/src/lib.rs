//! NumPy's `.npy` files, as a shared array needs them: what the header says, the elements straight
//! into memory that the caller has, and back into a file in one step.
//!
//! ```
//! # fn main() -> shm_core::Result<()> {
//! use shm_core::Order;
//! use shm_npy::{NpyFile, NpyWriter};
//!
//! # let folder = std::env::temp_dir().join(format!("shm-npy-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder).unwrap();
//! let path = folder.join("grid.npy");
//! let mut writer = NpyWriter::create(&path, &"<u2".parse()?, &[2, 3], Order::C)?;
//! writer.write(&[1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0])?;
//! writer.finish()?; // now it is there, and whole
//!
//! let mut file = NpyFile::open(&path)?;
//! assert_eq!(file.header().layout().shape(), [2, 3]);
//! let mut elements = vec![0; file.header().layout().nbytes()];
//! file.read_into(&mut elements, |done, all| println!("{done} of {all} bytes"))?;
//! # std::fs::remove_dir_all(&folder).unwrap();
//! # Ok(())
//! # }
//! ```
//!
//! # What is understood
//! Versions 1, 2 and 3, in C and Fortran order, up to 64 dimensions. Every element type that a
//! shared array can have: integers, `f2`, `f4`, `f8`, `c8`, `c16`, `b1`, `S`, `U`, `V`, `M8` and `m8`
//! with their unit, and structures of them, in all the words that NumPy has for them. NumPy has no
//! bfloat16: like the `ml_dtypes` package, shmarray writes it as `<V2`, which plain NumPy shows as two
//! bytes without meaning.
//!
//! Elements of the other byte order get this machine's while they are read; a caller that does not want
//! that asks [`NpyHeader::require_native`]. Files are written in the order that the caller's type says.
//!
//! Each of these is an error that says so: Python objects (`O`, which are pickles), long double, fields
//! with titles, a file that is shorter *or longer* than its header says, a header longer than
//! [`NpyHeader::MAX_LEN`], and a file that its first bytes tell to be of another kind. Nothing in a file
//! makes this crate panic, or allocate more than that header and some pieces of its elements.
//!
//! # What it does not do
//! It knows no backend and makes no array: the caller makes it, and lends the memory. It converts nothing
//! but the byte order. It does not append, and writes no `.npz`. It does not lock files. A file that shrinks
//! while it is read is an error; of a file that another process writes meanwhile, some bytes may be
//! old and others new.
//!
//! # Why like this
//! Where a new array has a file of its own, `sendfile(2)` moves the elements of a plain file there:
//! the kernel copies page to page, and this process takes no page fault. 1 GiB from the page cache into a
//! memfd took 0.57 to 0.65 of the time of `pread` into its mapping, and 0.67 to 0.8 with a sum over
//! all elements behind it, which maps them. Two threads that `pread` were not faster than one: page
//! faults and memory are the limit. `copy_file_range` from a disk into a memfd is refused by the
//! kernel (EXDEV). Nothing of the file is mapped, and there is no second copy.
//!
//! The header is parsed here, with the element types of `shm-core`. The crate npyz 0.9 was tried: it
//! multiplies a hostile shape with overflow (a panic, or a wrong length), sets no limit to a header,
//! and refuses units such as `<M8[25s]`, field names in Latin-1 and the `3L` of Python 2.
#![forbid(unsafe_code)]

mod encode;
mod fault;
mod file;
mod foreign;
mod header;
mod literal;
#[cfg(feature = "npz")]
mod npz;
mod os;
mod pieces;
mod place;
mod swapped;
mod write;

pub use file::NpyFile;
pub use header::NpyHeader;
pub use write::NpyWriter;
