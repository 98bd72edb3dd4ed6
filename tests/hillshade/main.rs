//! Runs the example `hillshade` as a user does: every backend, every way to start workers, every
//! kind of input, and what must be refused.
#![deny(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic)] // a test that fails

mod deaths;
mod npy;
mod reference;
mod refused;
mod run;
mod sharing;

use npy::{Grid, npy, npy_of, read};
use reference::{LIGHT, Light, assert_close, enlarge, hillshade};
use run::Folder;

/// The relief that comes with the repository.
pub(crate) const RELIEF: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/jacksboro_dem.npy");

/// Every backend by every way to start workers, but for what cannot be.
pub(crate) const COMBINATIONS: [(&str, &str); 7] = [
    ("auto", "spawn"),
    ("shm", "spawn"),
    ("memfd", "spawn"),
    ("auto", "fork"),
    ("shm", "fork"),
    ("memfd", "fork"),
    ("mmap", "fork"),
];

fn relief() -> Grid<f64> {
    read(&std::fs::read(RELIEF).unwrap(), "<i2", |cell| i16::from_le_bytes(cell).into())
}

fn result(folder: &Folder) -> Grid<f32> {
    read(&folder.read("out.npy"), "<f4", f32::from_le_bytes)
}

/// Shades a file, and gives the result.
fn shade(file: &[u8], args: &[&str]) -> Grid<f32> {
    let folder = Folder::new();
    folder.write("in.npy", file);
    let fixed = ["--input", "in.npy", "--output", "out.npy", "--workers", "3"];
    folder.run(&[&fixed, args].concat()).assert_right();
    result(&folder)
}

#[test]
fn the_relief_is_shaded_by_the_formula() {
    let folder = Folder::new();
    let finished = folder.run(&["--input", RELIEF, "--output", "out.npy"]);
    finished.assert_right();
    assert!(finished.stdout.contains("344 x 403 cells"), "{}", finished.stdout);
    let expected = hillshade(&relief(), LIGHT);
    assert_close(&result(&folder), &expected);

    let mut picture = png::Decoder::new(std::io::Cursor::new(folder.read("hillshade.png")));
    picture.set_transformations(png::Transformations::IDENTITY);
    let mut picture = picture.read_info().unwrap();
    let mut greys = vec![0; picture.output_buffer_size().unwrap()];
    let frame = picture.next_frame(&mut greys).unwrap();
    assert_eq!((frame.width, frame.height), (403, 344));
    assert_eq!(frame.color_type, png::ColorType::Grayscale);
    assert_eq!(frame.bit_depth, png::BitDepth::Eight);
    for (grey, value) in greys.iter().zip(&expected.cells) {
        assert!((f64::from(*grey) - value).abs() < 0.501, "{grey}, expected {value}");
    }
}

#[test]
fn every_backend_and_start_gives_the_same_bytes() {
    let folder = Folder::new();
    let mut results = COMBINATIONS.iter().flat_map(|(backend, start)| {
        ["1", "2", "5"].map(|workers| {
            let fixed = ["--input", RELIEF, "--output", "out.npy", "--png", "out.png"];
            let varied = ["--backend", backend, "--start", start, "--workers", workers];
            let finished = folder.run(&[&fixed[..], &varied].concat());
            finished.assert_right();
            assert!(finished.stdout.starts_with("backend: "), "{}", finished.stdout);
            (folder.read("out.npy"), folder.read("out.png"))
        })
    });
    let first = results.next().unwrap();
    assert!(results.all(|other| other == first));
}

#[test]
fn a_plane_has_one_value() {
    // Cells of one metre, rising one metre per metre: towards the light, away from it, across.
    let half = 0.5_f64.sqrt();
    for (east, south, expected) in [
        (half, half, 255.0),  // it faces north-west, as steep as the light stands high
        (-half, -half, 0.0),  // it faces south-east: the light grazes it
        (half, -half, 127.5), // it faces south-west: as bright as a half of the light
        (0.0, 0.0, 255.0 * half),
    ] {
        let plane = npy_of(9, 8, |y, x| east * x as f64 + south * y as f64);
        let result = shade(&plane, &["--dx", "1", "--dy", "1"]);
        for (y, x) in (1..8).flat_map(|y| (1..7).map(move |x| (y, x))) {
            let value = f64::from(result.at(y, x));
            assert!((value - expected).abs() < 1e-4, "({y}, {x}): {value}, expected {expected}");
        }
    }
}

#[test]
fn the_light_can_be_set() {
    let surface = Grid::new(21, 17, |y, x| (0.7 * y as f64).sin() * 9.0 + (x * y % 7) as f64);
    let light = Light { azimuth: 70.5, altitude: 30.0, z: 2.5, dx: 3.0, dy: 0.75 };
    let file = npy_of(21, 17, |y, x| surface.at(y, x));
    let args = ["--azimuth", "70.5", "--altitude", "30", "--z-factor", "2.5"];
    let result = shade(&file, &[&args[..], &["--dx", "3", "--dy", "0.75"]].concat());
    assert_close(&result, &hillshade(&surface, light));
    let below = shade(&file, &["--z-factor=-1", "--azimuth=-45", "--dx", "3", "--dy", "3"]);
    let light = Light { z: -1.0, dx: 3.0, dy: 3.0, ..LIGHT };
    assert_close(&below, &hillshade(&surface, light));
}

#[test]
fn every_numeric_dtype_order_and_version_is_read() {
    let (rows, columns) = (6, 5);
    let heights = Grid::new(rows, columns, |y, x| u8::try_from((7 * y + 11 * x * x) % 97).unwrap());
    let expected = shade(&npy_of(rows, columns, |y, x| heights.at(y, x).into()), &[]);
    let columns_first: Vec<u8> = (0..columns)
        .flat_map(|x| (0..rows).map(move |y| (y, x)))
        .map(|(y, x)| heights.at(y, x))
        .collect();

    macro_rules! both_orders {
        ($code:literal, $convert:expr) => {{
            let convert = $convert;
            let little = |cells: &[u8]| -> Vec<u8> {
                cells.iter().flat_map(|cell| convert(*cell).to_le_bytes()).collect()
            };
            let big = |cells: &[u8]| -> Vec<u8> {
                cells.iter().flat_map(|cell| convert(*cell).to_be_bytes()).collect()
            };
            [
                (concat!("'<", $code, "'"), false, little(&heights.cells)),
                (concat!("'>", $code, "'"), false, big(&heights.cells)),
                (concat!("'<", $code, "'"), true, little(&columns_first)),
                (concat!("'>", $code, "'"), true, big(&columns_first)),
            ]
        }};
    }
    let files = [
        both_orders!("i2", i16::from),
        both_orders!("i4", i32::from),
        both_orders!("i8", i64::from),
        both_orders!("u2", u16::from),
        both_orders!("u4", u32::from),
        both_orders!("u8", u64::from),
        both_orders!("f2", npyz::half::f16::from),
        both_orders!("f4", f32::from),
        both_orders!("f8", f64::from),
    ];
    let bytes = ["'|u1'", "'|i1'"].map(|descr| (descr, false, heights.cells.clone()));
    let files = files.into_iter().flatten().chain(bytes);
    for ((descr, fortran, data), version) in files.zip([1, 2, 3].into_iter().cycle()) {
        let file = npy(version, descr, fortran, &format!("({rows}, {columns})"), &data);
        assert_eq!(shade(&file, &[]), expected, "{descr}, fortran {fortran}, version {version}");
    }
}

#[test]
fn an_enlarged_relief_has_smaller_cells() {
    let surface = Grid::new(11, 13, |y, x| 5.0 * (x as f64).cos() + (y * x) as f64);
    let file = npy_of(11, 13, |y, x| surface.at(y, x));
    let result = shade(&file, &["--scale", "3", "--dx", "9", "--dy", "6"]);
    assert_eq!((result.rows, result.columns), (33, 39));
    let light = Light { dx: 3.0, dy: 2.0, ..LIGHT };
    assert_close(&result, &hillshade(&enlarge(&surface, 3), light));
}

#[test]
fn the_smallest_reliefs_are_shaded() {
    for (rows, columns) in [(1, 1), (1, 4), (4, 1), (2, 2)] {
        let surface = Grid::new(rows, columns, |y, x| (40 * y + 25 * x) as f64);
        let file = npy_of(rows, columns, |y, x| surface.at(y, x));
        assert_close(&shade(&file, &[]), &hillshade(&surface, LIGHT));
    }
}

#[test]
fn holes_stay_holes() {
    let file = npy_of(5, 5, |y, x| if (y, x) == (2, 2) { f64::NAN } else { (y * x) as f64 });
    let result = shade(&file, &[]);
    assert!(result.at(1, 1).is_nan() && result.at(2, 3).is_nan());
    assert!(!result.at(0, 0).is_nan() && !result.at(4, 4).is_nan());
}

#[test]
fn help_teaches() {
    let finished = Folder::new().run(&["--help"]);
    assert_eq!((finished.code, finished.stderr.as_str()), (Some(0), ""));
    for word in
        ["Examples:", "--start fork", "SHMARRAY_BACKEND", "memfd", "--azimuth", "--kill-one"]
    {
        assert!(finished.stdout.contains(word), "{word}");
    }
    for word in ["--worker ", "--rows", "--hold"] {
        assert!(!finished.stdout.contains(word), "{word}");
    }
}
