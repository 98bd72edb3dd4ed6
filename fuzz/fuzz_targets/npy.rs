//! Any bytes as a `.npy` file: an error, or a header that is written and read back, and as many
//! elements as it says.
#![no_main]

use std::io::{self, Read};
use std::path::Path;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use shm_core::{ByteSwap, Result};
use shm_npy::{NpyFile, NpyHeader, NpyWriter};
use shmarray_fuzz::file::MemoryFile;
use shmarray_fuzz::{check_error, memory};

/// Bytes: the longest text of a header in two forms, and what its fields become.
const MOST: usize = 1 << 20;
/// Arrays of more bytes are not written.
const WRITTEN: usize = 1 << 12;

static FILE: OnceLock<MemoryFile> = OnceLock::new();

fuzz_target!(
    init: {
        // Where the system does not allow it, written files have a name in the common /dev/shm for a moment.
        shmarray_fuzz::private::shm();
    },
    |input: &[u8]| {
        let mut from = input;
        let header = memory::at_most(MOST, || NpyHeader::read(&mut from));
        same(&header, &NpyHeader::read(&mut Dribble { rest: input, pauses: false }));
        match &header {
            Ok(header) => {
                assert_eq!(header.data_offset() as usize, input.len() - from.len());
                check_header(header);
            }
            Err(error) => check_error(error),
        }
        check_file(input, header);
    }
);

/// Both read the same, or both fail.
fn same(one: &Result<NpyHeader>, two: &Result<NpyHeader>) {
    match (one, two) {
        (Ok(one), Ok(two)) => assert_eq!(one, two),
        (Err(one), Err(two)) => assert_eq!(one.to_string(), two.to_string()),
        (one, two) => panic!("{one:?} at once, {two:?} byte by byte"),
    }
}

/// Gives one byte at a time, with an interruption before each.
struct Dribble<'a> {
    rest: &'a [u8],
    pauses: bool,
}

impl Read for Dribble<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.pauses = !self.pauses;
        if self.pauses {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let len = to.len().min(1);
        self.rest.read(&mut to[..len])
    }
}

fn check_header(header: &NpyHeader) {
    let (dtype, layout) = (header.dtype(), header.layout());
    assert_eq!(header.require_native().is_ok(), header.foreign_dtype().is_none());
    assert!(dtype.is_native() && dtype.itemsize() == layout.itemsize());
    // A large array is written with no element, but otherwise as it is.
    let mut shape = layout.shape().to_vec();
    if layout.nbytes() > WRITTEN {
        shape[0] = 0;
    }
    let path = Path::new("/dev/shm").join(format!("fuzz-{}.npy", std::process::id()));
    let mut writer = NpyWriter::create(&path, dtype, &shape, layout.order()).unwrap();
    let elements = vec![7; if shape == layout.shape() { layout.nbytes() } else { 0 }];
    writer.write(&elements).unwrap();
    writer.finish().unwrap();
    let mut file = NpyFile::open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let again = file.header();
    assert_eq!((again.dtype(), again.layout().shape()), (dtype, &shape[..]));
    assert_eq!(again.layout().order(), layout.order());
    assert_eq!(again.data_offset() % 64, 0);
    let mut read = vec![0; elements.len()];
    file.read_into(&mut read, |_, _| ()).unwrap();
    assert_eq!(read, elements);
}

/// The whole input as a file.
fn check_file(input: &[u8], header: Result<NpyHeader>) {
    let path = FILE.get_or_init(MemoryFile::new).with(input);
    match (memory::at_most(MOST, || NpyFile::open(path)), header) {
        (Ok(mut file), Ok(header)) => {
            assert_eq!(*file.header(), header);
            let start = header.data_offset() as usize;
            let mut elements = vec![0; header.layout().nbytes()];
            assert_eq!(start + elements.len(), input.len());
            let mut told = (0, 0);
            file.read_into(&mut elements, |done, all| told = (done, all)).unwrap();
            // What has the other byte order is the file again, if it is swapped once more.
            if let Some(swap) = header.foreign_dtype().and_then(ByteSwap::new) {
                swap.apply(0, &mut elements);
            }
            assert_eq!(elements, input[start..]);
            assert_eq!(told, (elements.len() as u64, elements.len() as u64));
        }
        (Ok(_), Err(error)) => panic!("a file whose header is wrong: {error}"),
        (Err(error), _) => check_error(&error),
    }
}
