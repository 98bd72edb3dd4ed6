//! Headers read beside NumPy: what it reads is read as the same, or refused with a reason that is
//! listed here. `cargo xtask python` runs it.
#![allow(clippy::unwrap_used, clippy::panic)] // a failed step fails the test

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use shm_conformance::process;
use shm_core::Order;
use shm_npy::{NpyFile, NpyHeader, NpyWriter};

/// Names the Python of an environment that has NumPy: `cargo xtask python` sets it.
const WITH_NUMPY: &str = "SHMARRAY_TEST_PYTHON";

/// What NumPy reads and this crate does not, by words of the error.
const REFUSED: [&str; 13] = [
    "long double differs",
    "titles of fields are not supported",
    "elements of no bytes",
    "a sub-array of no elements",
    "sub-array of elements without bytes",
    "a time unit of zero ticks",
    "it has no field",
    "expected ')', found \"x2,)",
    "expected ')', found \"_0,)",
    "\"+2,), }\\n\" is not a length",
    "is no character",
    "a string has the escape \\d",
    "3 W in ", // NumPy reads these as units of no ticks
];

const DESCRS: &str = r#"
'?' 'b' 'B' 'h' 'H' 'i' 'I' 'l' 'L' 'q' 'Q' 'p' 'P' 'n' 'N' 'e' 'f' 'd' 'g' 'F' 'D' 'G' 'c' 'S' 'a' 'U' 'V' 'M' 'm' 'O' 'T'
'b1' '|b1' '>b1' 'i1' '>i1' '|f4' '|i4' '=f4' '<f4' '>f4' 'f04' 'f2' 'i8' 'c8' 'c16' 'f16' 'c32' 'a3' 'S3' '<S3' 'U3' '|U3' '>U3' 'V3' '|V2'
'<f' '>d' '<l' '<g' '>c' '<' '>' '' 'b4' 'f3' 'X' ' <f4' '<f4x'
'bool' 'bool_' 'int8' 'byte' 'int16' 'short' 'int32' 'intc' 'int64' 'longlong' 'int' 'intp' 'int_' 'long' 'uint8' 'ubyte' 'uint16'
'ushort' 'uint32' 'uintc' 'uint64' 'ulonglong' 'uint' 'uintp' 'ulong' 'float16' 'half' 'float32' 'single' 'float64' 'double' 'float'
'complex64' 'csingle' 'complex128' 'cdouble' 'complex' 'bytes' 'bytes_' 'str' 'str_' 'unicode' 'void' 'datetime64' 'timedelta64'
'longdouble' 'float128' 'object' '<float32' 'bytes4' 'int0' 'bool8' 'string'
'<M8[ns]' '>M8[ns]' 'M8[25s]' '<M8[generic]' '<M8[03s]' '<M8[0s]' '<M8[]' '<M8[B]' '<M8[-3s]' '<M8[s' '<M8[μs]' 'datetime64[ns]' 'timedelta64[25s]'
'<f4,<i4' 'f4,' 'f4,_i4' 'f4,3i4,(2,2)S3' '2<f4,3>i4' '<2f4,i4' '(2,)f4,i4' '1f4,i4' '0f4,i4' '-1f4,i4' 'f4,,i4' 'f4;i4' '3f4' '(2,3)f4' 'f4,S0' ','
u'<f4' U'<f4' b'<f4' ('f4',(2,)) ['<f4'] {'names':['a'],'formats':['f4']} 17
[('a','f4',[2,3])] [('a','f4',(2))] [('a','f4',3)] [('a','f4',1)] [('a','f4',())] [('a',('f4',(2,)))] [('a','f4',(0,))]
[('a','f4',(0,)),('b','f4')] [('a','f4,i4')] [('a','f4'),('a','f4')] [('a','f4',(2,),3)] [('a','f4','x')] [] [(('t','n'),'f4')]
[('a','S0'),('b','f4')] [('a','S0',(3,)),('b','f4')] [('a','U0'),('b','V0'),('c','u1')] [('a','S0')]
[('','f4'),('','i4')]
[('\ufeffid','f4')] [('a\xa0b','f4')] [('\t\n\x7f','f4')] [('a\0b','f4')] [('\101','f4')] [('it\'s','f4')] [('\ud800','f4')] [('a\d','f4')]
[('a','u1'),#_]_comment¶('b','u1')]
"#;

const SHAPES: &str = "(2,) () (2,1) (2_,) (6) 06 (06,) (2,003) [2] 2 (,) (2,,) (2,#x¶) (00,) (0x2,) (1_0,) (+2,) (-2,) (2 (True,)";

fn main() {
    let mut tests: Vec<(&'static str, fn())> = Vec::new();
    if std::env::var_os(WITH_NUMPY).is_some() {
        tests.push(("headers_are_read_as_numpy_reads_them", headers));
    }
    process::main(&[], &tests);
}

fn headers() {
    let python = std::env::var_os(WITH_NUMPY).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let texts = texts();
    for (number, text) in texts.iter().enumerate() {
        fs::write(folder.path().join(format!("{number}.npy")), file(text)).unwrap();
    }
    fs::write(folder.path().join("read.py"), SCRIPT).unwrap();
    let mut numpy = Command::new(python);
    let told = numpy.arg("read.py").arg(texts.len().to_string()).current_dir(&folder);
    let told = told.output().unwrap();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let told = String::from_utf8(told.stdout).unwrap();
    assert_eq!(told.lines().count(), texts.len());
    let mut report = String::new();
    let mut counts = [0; 3];
    for ((number, text), numpy) in texts.iter().enumerate().zip(told.lines()) {
        let path = folder.path().join(format!("{number}.npy"));
        let found = compare(&path, numpy);
        match found {
            Ok(kind) => counts[kind] += 1,
            Err(difference) => writeln!(report, "{text}\n  {difference}").unwrap(),
        }
    }
    assert!(report.is_empty(), "{report}");
    assert!(counts.iter().all(|count| *count > 10), "{counts:?}");
}

/// Prints what NumPy makes of each file: its dtype and shape, or nothing. Beside each that it reads it
/// writes the same array in this machine's order.
const SCRIPT: &str = "
import sys, warnings
import numpy as np
warnings.simplefilter('ignore')
sys.stdout.reconfigure(encoding='utf-8', errors='surrogatepass')
for number in range(int(sys.argv[1])):
    try:
        array = np.load(f'{number}.npy')
        native = array.astype(array.dtype.newbyteorder('='))
        with open(f'{number}.native', 'wb') as file:
            file.write(native.tobytes())
        descr = np.lib.format.dtype_to_descr(native.dtype)
        print(descr if isinstance(descr, list) else repr(descr), array.shape)
    except Exception:
        print()
";

/// Blanks stand between the texts, so `_` stands for one within, and `¶` for a line's end.
fn texts() -> Vec<String> {
    let text = |descr: &str, shape: &str| {
        let text = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n");
        text.replace('¶', "\n")
    };
    let units = ["Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as"];
    let divisors = [2, 3, 4, 5, 7, 10, 12, 24, 30, 52, 60, 365, 1000, 10_080, 60_000, 604_800];
    let divided = units.iter().flat_map(|unit| {
        divisors.map(|divisor| text(&format!("'<M8[3{unit}/{divisor}]'"), "(2,)"))
    });
    let depths = [8, 60, 99, 100].map(|depth| {
        text(&format!("{}'u1'{}", "[('a', ".repeat(depth), ")]".repeat(depth)), "(2,)")
    });
    let is_blank = |descr: &str| descr.starts_with("'_") || descr.starts_with("' ");
    assert!(!DESCRS.split_whitespace().any(is_blank));
    let descrs = DESCRS.split_whitespace().map(|descr| {
        let within = ["'f4,_i4'", "[('a','u1'),#_]_comment¶('b','u1')]"].contains(&descr);
        text(&if within { descr.replace('_', " ") } else { descr.to_owned() }, "(2,)")
    });
    let shapes = SHAPES.split_whitespace().map(|shape| text("'<f4'", shape));
    descrs.chain(shapes).chain(divided).chain(depths).collect()
}

/// A file of version 3, with elements that differ.
fn file(text: &str) -> Vec<u8> {
    let len = u32::try_from(text.len()).unwrap().to_le_bytes();
    let elements: Vec<u8> = (0..7).cycle().take(4096).collect();
    [b"\x93NUMPY\x03\x00", &len[..], text.as_bytes(), &elements].concat()
}

/// Whether both read it alike (0), both refuse it (1), or this crate alone does with a reason (2).
fn compare(path: &Path, numpy: &str) -> Result<usize, String> {
    let bytes = fs::read(path).unwrap();
    let header = match (NpyHeader::read(&mut &*bytes), numpy) {
        (Err(_), "") => return Ok(1),
        (Err(error), _) => {
            let reason = error.to_string();
            let is_listed = REFUSED.iter().any(|words| reason.contains(words));
            return if is_listed { Ok(2) } else { Err(format!("NumPy: {numpy}; {reason}")) };
        }
        (Ok(header), "") => return Err(format!("NumPy refuses; {}", header.dtype())),
        (Ok(header), _) => header,
    };
    // The file, cut where its elements end.
    let start = usize::try_from(header.data_offset()).unwrap();
    fs::write(path, &bytes[..start + header.layout().nbytes()]).unwrap();
    let mut file = NpyFile::open(path).unwrap();
    let mut elements = vec![0; header.layout().nbytes()];
    file.read_into(&mut elements, |_, _| {}).unwrap();
    let written = path.with_extension("written");
    let (dtype, shape) = (header.dtype(), header.layout().shape());
    let writer = NpyWriter::create(&written, dtype, shape, Order::C).and_then(|mut writer| {
        writer.write(&elements)?;
        writer.finish()
    });
    writer.map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&fs::read(&written).unwrap()).into_owned();
    let (_, text) = text.split_once("{'descr': ").unwrap();
    let (descr, shape) = numpy.rsplit_once(" (").unwrap();
    let expected = format!("{descr}, 'fortran_order': False, 'shape': ({shape}, }}");
    if !text.starts_with(&expected) {
        return Err(format!("NumPy: {numpy}; {}", &text[..text.find('\n').unwrap_or(text.len())]));
    }
    match fs::read(path.with_extension("native")).unwrap() == elements {
        true => Ok(0),
        false => Err(format!("other elements than NumPy's, {descr}")),
    }
}
