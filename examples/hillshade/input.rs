//! The elevation: a `.npy` file of two dimensions and any numeric dtype, in C or Fortran order.
//!
//! The elevation is read cell by cell into its place in shared memory, without a second copy. The
//! heights become `f64`, which is exact but for 64-bit integers beyond 2^53.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use ndarray::ArrayViewMut2;
use npyz::{DType, Deserialize, NpyFile, NpyHeader, Order, TypeChar, TypeStr};

/// The most bytes of header that are read, as in NumPy (`max_header_size`).
const MAX_HEADER: u64 = 10_000;

const NOT_NPY: &str = "not a .npy file that can be read; write it with numpy.save";

/// A `.npy` file whose header has been read and found usable.
pub(crate) struct Input {
    file: NpyFile<BufReader<File>>,
    dtype: TypeStr,
    shape: (usize, usize),
}

impl Input {
    /// Opens a file and checks all that can be told without its data.
    ///
    /// # Errors
    /// If the file is missing, not `.npy`, not numeric, not 2-D, empty
    /// or truncated.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        Self::try_open(path).with_context(|| format!("input {}", path.display()))
    }

    fn try_open(path: &Path) -> Result<Self> {
        // Asked before it is opened: opening a FIFO waits for a writer.
        let about = std::fs::metadata(path).context("not found; name one with --input")?;
        ensure!(about.is_file(), "not a regular file; give a .npy file");
        let mut reader = BufReader::new(File::open(path).context("it cannot be opened")?);
        check_header(&mut reader, about.len()).context(NOT_NPY)?;
        let header = NpyHeader::from_reader(&mut reader).context(NOT_NPY)?;

        let dtype = numeric(header.dtype())?;
        let shape = two_dimensions(header.shape())?;
        let (has, start) = (about.len(), reader.stream_position()?);
        let needs = size(&dtype, shape).and_then(|bytes| bytes.checked_add(start));
        let needs = needs.context("its shape overflows the address space; give a smaller array")?;
        ensure!(has >= needs, "truncated: needs {needs} bytes, has {has}; copy it again");
        Ok(Self { file: NpyFile::with_header(header, reader), dtype, shape })
    }

    /// Rows and columns.
    pub(crate) fn shape(&self) -> (usize, usize) {
        self.shape
    }

    /// Reads the heights into an array of the same shape.
    ///
    /// # Errors
    /// If the file cannot be read to its end.
    pub(crate) fn read_into(self, heights: ArrayViewMut2<'_, f64>) -> Result<()> {
        match (self.dtype.type_char(), self.dtype.size_field()) {
            (TypeChar::Int, 1) => read::<i8>(self.file, heights),
            (TypeChar::Int, 2) => read::<i16>(self.file, heights),
            (TypeChar::Int, 4) => read::<i32>(self.file, heights),
            (TypeChar::Int, _) => read::<i64>(self.file, heights),
            (TypeChar::Uint, 1) => read::<u8>(self.file, heights),
            (TypeChar::Uint, 2) => read::<u16>(self.file, heights),
            (TypeChar::Uint, 4) => read::<u32>(self.file, heights),
            (TypeChar::Uint, _) => read::<u64>(self.file, heights),
            (_, 2) => read::<npyz::half::f16>(self.file, heights),
            (_, 4) => read::<f32>(self.file, heights),
            (_, _) => read::<f64>(self.file, heights),
        }
        .context("the input cannot be read to its end")
    }
}

/// A number that can be a height.
trait Height: Deserialize {
    fn metres(self) -> f64;
}

macro_rules! heights {
    ($($type:ty),*) => {$(
        impl Height for $type {
            fn metres(self) -> f64 {
                self as f64
            }
        }
    )*};
}

heights!(i8, i16, i32, i64, u8, u16, u32, u64, f32, f64);

impl Height for npyz::half::f16 {
    fn metres(self) -> f64 {
        self.into()
    }
}

fn read<T: Height>(file: NpyFile<impl Read>, heights: ArrayViewMut2<'_, f64>) -> Result<()> {
    let in_order = match file.order() {
        Order::C => heights,
        Order::Fortran => heights.reversed_axes(),
    };
    for (height, value) in in_order.into_iter().zip(file.data::<T>()?) {
        *height = value?.metres();
    }
    Ok(())
}

/// Checks what the parser of the header takes on trust: how long it is, how deeply it nests, and
/// that the product of the shape fits.
fn check_header(reader: &mut BufReader<File>, file_len: u64) -> Result<()> {
    let mut start = [0; 12];
    reader.read_exact(&mut start).context("it is too short for a header")?;
    ensure!(start.starts_with(b"\x93NUMPY"), "it does not begin as one");
    let [.., major, _, a, b, c, d] = start;
    let (begin, len) = match major {
        1 => (10, u16::from_le_bytes([a, b]).into()),
        _ => (12, u64::from(u32::from_le_bytes([a, b, c, d]))),
    };
    ensure!(len <= MAX_HEADER, "its header has {len} bytes, at most {MAX_HEADER} are read");
    ensure!(begin + len <= file_len, "it ends within its header");
    reader.seek(std::io::SeekFrom::Start(begin))?;
    let mut text = Vec::new();
    reader.take(len).read_to_end(&mut text)?;

    let odd = text.windows(2).any(|pair| pair[0].is_ascii_digit() && b"_xXoObB".contains(&pair[1]));
    ensure!(!odd, "its header has numbers that NumPy does not write");
    let brackets = text.iter().filter(|byte| b"([{".contains(byte)).count();
    ensure!(brackets <= 64, "its header has {brackets} brackets, at most 64 are read");
    let numbers = text.split(|byte| !byte.is_ascii_digit()).filter(|digits| !digits.is_empty());
    let product = numbers
        .map(|digits| std::str::from_utf8(digits).ok()?.parse().ok())
        .try_fold(1_u64, |product, number: Option<u64>| product.checked_mul(number?.max(1)));
    ensure!(product.is_some(), "its shape overflows the address space");
    reader.rewind()?;
    Ok(())
}

fn numeric(dtype: DType) -> Result<TypeStr> {
    match dtype {
        DType::Plain(scalar) => match (scalar.type_char(), scalar.size_field()) {
            (TypeChar::Int | TypeChar::Uint, 1 | 2 | 4 | 8) | (TypeChar::Float, 2 | 4 | 8) => {
                Ok(scalar)
            }
            (TypeChar::Float, _) => {
                bail!("dtype {scalar} is too wide; convert it with astype('f8')")
            }
            _ => bail!("dtype {scalar} is not numeric; give integers or floating-point numbers"),
        },
        structured => bail!("dtype {} is not numeric; give one of its fields", structured.descr()),
    }
}

fn two_dimensions(shape: &[u64]) -> Result<(usize, usize)> {
    let &[rows, columns] = shape else {
        bail!("not 2-D: its shape is {shape:?}; give one layer of it");
    };
    ensure!(rows > 0 && columns > 0, "empty: its shape is {shape:?}; give an array with cells");
    Ok((usize::try_from(rows)?, usize::try_from(columns)?))
}

fn size(dtype: &TypeStr, (rows, columns): (usize, usize)) -> Option<u64> {
    let cells = u64::try_from(rows.checked_mul(columns)?).ok()?;
    cells.checked_mul(u64::try_from(dtype.num_bytes()?).ok()?)
}
