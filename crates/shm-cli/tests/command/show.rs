//! `show`: what is printed, what is drawn, and what is refused.

use std::fs;
use std::io::Cursor;
use std::os::unix::fs::MetadataExt;

use rustix::process::Resource;
use shm_conformance::limits::limit;
use shm_conformance::process::Child;
use shmarray::prelude::*;
use shmarray::{ErasedArray, ndarray};

use crate::files::repository;
use crate::run::shmarray;

const GREY: [u8; 3] = [160, 160, 160];
const LOW: [u8; 3] = [68, 1, 84];
const HIGH: [u8; 3] = [253, 231, 37];

pub(crate) fn printed() {
    let values = ndarray::arr2(&[[0.5_f64, -1.0, f64::NAN], [100.0, 2.0, 3.25]]);
    let array = SharedArray::<f64, Ix2>::builder((2, 3)).name("printed").backend(BackendKind::Shm);
    let _array = array.copy_of(&values).unwrap();
    for (slice, expected) in [
        ("...", "[[  0.5   -1.      nan]\n [100.     2.     3.25]]\n"),
        ("-1", "[100.     2.     3.25]\n"),
        ("-1:,::-2", "[[  3.25 100.  ]]\n"),
        ("0,None,:2", "[[ 0.5 -1. ]]\n"),
        ("1,0", "100.0\n"),
        ("2:", "[]\n"),
    ] {
        let done = shmarray(&["show", "printed", slice]).expect(0);
        assert_eq!((done.out.as_str(), done.err.as_str()), (expected, ""), "{slice}");
    }
    for (slice, expected) in [
        ("2", "index 2 is out of bounds for axis 0 of length 2"),
        ("0,0,0", "it has 3 indices, the array 2 dimensions"),
        ("a", "\"a\" is not an index"),
    ] {
        let done = shmarray(&["show", "printed", slice]).expect(1);
        assert!(done.out.is_empty() && done.err.contains(expected), "{done:#?}");
    }
    shmarray(&["show", "nobody"]).expect(3);
    shmarray(&["show", "printed", "--min", "1"]).expect(2);
}

/// What to write instead is said.
pub(crate) fn mistaken() {
    let is = |arguments: &[&str], code: i32, expected: &str| {
        let done = shmarray(arguments).expect(code);
        assert_eq!((done.out, done.err), (String::new(), format!("shmarray: {expected}\n")));
    };
    let missing = "there is no array \"typo\": neither in /dev/shm nor among the memfd arrays that \
                   this user may see; `shmarray ls` lists all";
    for subcommand in ["show", "stat", "rm"] {
        is(&[subcommand, "typo"], 3, missing);
    }
    is(&["save", "typo", "typo.npy"], 3, missing);
    for second in ["0:3", "-1", "-1:"] {
        let done = shmarray(&["show", "a", "0:3", second]).expect(2);
        let tip = "tip: write the slice as one argument: show NAME '0:3, 0:3'\n";
        assert!(done.err.contains(tip), "{done:#?}");
    }
    let done = shmarray(&["show", "a", "0:3", "--typo"]).expect(2);
    assert!(!done.err.contains("the slice"), "{done:#?}");
    let one = "there is no array \"a[0:3]\"; write the slice as one argument: show a '0:3'";
    is(&["show", "a[0:3]"], 3, one);
    is(
        &["show", "/dev/shm/a"],
        1,
        "\"/dev/shm/a\" is a path, and a name is wanted: leave out /dev/shm/",
    );
    let help = shmarray(&["show", "--help"]).expect(0).out;
    assert!(help.contains("Usage: shmarray show [OPTIONS] <NAME> [SLICE]\n"), "{help}");

    // A block of somebody else's, and what is too short for anything.
    for (name, bytes) in [("mistaken-block", &[7; 8192][..]), ("mistaken-empty", &[])] {
        let file = format!("/dev/shm/{name}");
        fs::write(&file, bytes).unwrap();
        let raw = format!(
            "{file} is not an array of shmarray; if it is a raw segment (a block of Python's \
             shared_memory, say), a program reads it with RawArray"
        );
        is(&["show", name], 1, &raw);
        fs::remove_file(file).unwrap();
    }
    // A broken one of ours is told as such.
    fs::write("/dev/shm/mistaken-broken", "SHMARRAY").unwrap();
    let done = shmarray(&["show", "mistaken-broken"]).expect(1);
    assert!(done.err.contains("truncated"), "{done:#?}");
    fs::remove_file("/dev/shm/mistaken-broken").unwrap();
}

/// Of a tebibyte the corners are read, and no memory is taken.
pub(crate) fn sparse() {
    let array = SharedArray::<u8, Ix2>::builder((1 << 20, 1 << 20)).name("sparse");
    let array = array.backend(BackendKind::Shm).commit(Commit::Lazy).zeros().unwrap();
    array.set((0, 1), 7).unwrap();
    array.set((1_048_575, 1_048_575), 9).unwrap();
    let blocks = || fs::metadata("/dev/shm/sparse").unwrap().blocks();
    let before = blocks();
    let done = shmarray(&["show", "sparse"]).expect(0);
    let expected = "[[0 7 0 ... 0 0 0]\n [0 0 0 ... 0 0 0]\n [0 0 0 ... 0 0 0]\n ...\n \
                    [0 0 0 ... 0 0 0]\n [0 0 0 ... 0 0 0]\n [0 0 0 ... 0 0 9]]\n";
    assert_eq!(done.out, expected);
    assert_eq!(shmarray(&["show", "sparse", "-1,-3:"]).expect(0).out, "[0 0 9]\n");
    let done = shmarray(&["show", "sparse", "--all"]).expect(1);
    assert!(done.err.contains("1099511627776 elements"), "{done:#?}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("part.png");
    let path = file.to_str().unwrap();
    let done = shmarray(&["show", "sparse", "::2048,::2048", "--png", path]).expect(0);
    assert!(done.out.ends_with(": 512 x 512 pixels, elements from 0 to 0\n"), "{done:#?}");
    let done = shmarray(&["show", "sparse", ":4096,:2048", "--png", path]).expect(0);
    let expected = ": 1024 x 2048 pixels, means of elements from 0 to 1.75\n";
    assert!(done.out.ends_with(expected), "{done:#?}");
    assert_eq!(blocks(), before, "reading has taken memory");
}

/// Width and height of a picture, and its colours.
fn picture(path: &std::path::Path) -> (usize, usize, Vec<[u8; 3]>) {
    let bytes = fs::read(path).unwrap();
    let mut reader = png::Decoder::new(Cursor::new(bytes)).read_info().unwrap();
    let mut colours = vec![0; reader.output_buffer_size().unwrap()];
    let frame = reader.next_frame(&mut colours).unwrap();
    let colours = colours.chunks_exact(3).map(|it| [it[0], it[1], it[2]]).collect();
    (frame.width as usize, frame.height as usize, colours)
}

pub(crate) fn drawn() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("picture.png");
    let path = file.to_str().unwrap();
    let nan = f64::NAN;
    for (name, order) in [("drawn", Order::C), ("drawn-f", Order::Fortran)] {
        let values = ndarray::arr2(&[[nan, -2.0], [6.0, f64::INFINITY]]);
        let array = SharedArray::<f64, Ix2>::builder((2, 2)).name(name).order(order);
        let _array = array.backend(BackendKind::Shm).copy_of(&values).unwrap();
        let done = shmarray(&["show", name, "--png", path]).expect(0);
        assert_eq!(done.out, format!("{path}: 256 x 256 pixels, elements from -2 to 6\n"));
        let (width, height, colours) = picture(&file);
        assert_eq!(height, 256);
        let corner = |x: usize, y: usize| colours[(1 + y * 128) * width + 1 + x * 128];
        assert_eq!([corner(0, 0), corner(1, 0)], [GREY, LOW]);
        assert_eq!([corner(0, 1), corner(1, 1)], [HIGH, HIGH]);
        // The bar, from high to low.
        assert_eq!([colours[270], colours[255 * width + 270]], [HIGH, LOW]);
        shmarray(&["show", name, "--png", path, "--min", "-10", "--max", "-5"]).expect(0);
        let (width, _, colours) = picture(&file);
        assert_eq!(colours[129], HIGH);
        assert_eq!(colours[129 * width], HIGH);
    }
    let dem = repository("examples/data/jacksboro_dem.npy");
    let dem = ErasedArray::load(dem).name("drawn-dem").backend(BackendKind::Shm).create().unwrap();
    let done = shmarray(&["show", dem.name().as_str(), "--png", path]).expect(0);
    assert_eq!(done.out, format!("{path}: 403 x 344 pixels, elements from 236 to 1076\n"));
    assert_eq!(picture(&file).1, 344);
}

/// A picture that cannot be drawn leaves the file that was there.
pub(crate) fn undrawn() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("picture.png");
    fs::write(&file, "before").unwrap();
    let path = file.to_str().unwrap();
    let load = |name: &str, as_name: &str| {
        let path = repository(&format!("crates/shm-npy/tests/data/{name}.npy"));
        ErasedArray::load(path).name(as_name).backend(BackendKind::Shm).create().unwrap()
    };
    let arrays =
        [load("c8", "un-c8"), load("scalar", "un-0"), load("empty", "un-no"), load("i4", "un-i4")];
    for (arguments, expected) in [
        (&["un-c8"][..], "<c8 has no order that colours could show"),
        (&["un-0"], "this has shape ()"),
        (&["un-no"], "there is nothing to draw in shape (0, 3)"),
        (&["un-i4", "0"], "this has shape (3,)"),
        (&["un-i4", "--min", "3", "--max", "-3"], "--min 3 is not below --max -3"),
        (&["un-i4", "--min", "nan"], "finite"),
    ] {
        let done = shmarray(&[&["show", "--png", path], arguments].concat()).expect(1);
        assert!(done.out.is_empty() && done.err.contains(expected), "{done:#?}");
    }
    let done = shmarray(&["show", "un-i4", "--png", folder.path().to_str().unwrap()]).expect(1);
    assert!(done.err.contains("not a regular file"), "{done:#?}");
    assert_eq!(fs::read(&file).unwrap(), b"before");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    drop(arrays);
}

/// A picture beyond the limit of files is an error, not SIGXFSZ.
pub(crate) fn limited() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("picture.png");
    let path = file.to_str().unwrap();
    let values = ndarray::Array2::from_shape_fn((300, 300), |(y, x)| (y * x) as u64);
    let array = SharedArray::<u64, Ix2>::builder((300, 300)).name("limited");
    let _array = array.backend(BackendKind::Shm).copy_of(&values).unwrap();
    let draw = ["show", "limited", "--png", path];
    shmarray(&draw).expect(0);
    let before = fs::read(&file).unwrap();
    let bytes = before.len() as u64;
    let drawn_within = |most: u64, code: i32| {
        let child = Child::fork(|| {
            limit(Resource::Fsize, most);
            let done = shmarray(&draw).expect(code);
            let told = format!("it has {bytes} bytes, and RLIMIT_FSIZE allows {most}");
            assert_eq!(done.err.contains(&told), code == 1, "{done:#?}");
            0
        });
        assert!(child.wait().success());
        assert_eq!(fs::read(&file).unwrap(), before);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    };
    drawn_within(bytes - 1, 1);
    drawn_within(bytes, 0);
}

/// An image of three or four channels keeps its colours; opacity stays opacity.
pub(crate) fn images() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("image.png");
    for channels in [3, 4] {
        let colour =
            |y: usize, x: usize| [40 * y, 30 * x, 200, 7].map(|it| u8::try_from(it).unwrap());
        let pixels =
            shmarray::ndarray::Array3::from_shape_fn((5, 4, channels), |(y, x, channel)| {
                colour(y, x)[channel]
            });
        let array = SharedArray::<u8, Ix3>::builder(pixels.dim()).name("image");
        let array = array.backend(BackendKind::Shm).copy_of(&pixels).unwrap();
        let done = shmarray(&["show", "image", "--png", file.to_str().unwrap()]).expect(0);
        assert!(done.out.ends_with(": 204 x 255 pixels, colours\n"), "{done:#?}");
        let decoder = png::Decoder::new(std::io::BufReader::new(fs::File::open(&file).unwrap()));
        let mut reader = decoder.read_info().unwrap();
        let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut bytes).unwrap();
        assert_eq!((info.width, info.height), (204, 255));
        let (zoom, width) = (51, 204);
        for (y, x) in [(0, 0), (254, 203), (51, 50), (50, 51)] {
            let at = (y * width + x) * channels;
            assert_eq!(
                bytes[at..at + channels],
                colour(y / zoom, x / zoom)[..channels],
                "{y}, {x}"
            );
        }
        let done = shmarray(&["show", "image", "--png", file.to_str().unwrap(), "--min", "1"]);
        assert!(done.expect(1).err.contains("colours already"));
        // One channel, or two, are numbers.
        shmarray(&["show", "image", "..., 0", "--png", file.to_str().unwrap()]).expect(0);
        shmarray(&["show", "image", "..., :2", "--png", file.to_str().unwrap()]).expect(1);
        drop(array);
    }
}
