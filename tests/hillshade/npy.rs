//! `.npy` files by hand, byte for byte as NumPy documents them (`numpy.lib.format`).

/// The bytes of a file: a header of that version, then the data.
pub(crate) fn npy(version: u8, descr: &str, fortran: bool, shape: &str, data: &[u8]) -> Vec<u8> {
    let order = if fortran { "True" } else { "False" };
    let dict = format!("{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}");
    let start = if version == 1 { 10 } else { 12 };
    let text = format!("{dict:<0$}\n", (start + dict.len() + 1).next_multiple_of(64) - start - 1);
    let mut bytes = vec![0x93, b'N', b'U', b'M', b'P', b'Y', version, 0];
    bytes.extend_from_slice(&u32::try_from(text.len()).unwrap().to_le_bytes()[..start - 8]);
    bytes.extend_from_slice(text.as_bytes());
    bytes.extend_from_slice(data);
    bytes
}

/// A file of `<f8`, in C order.
pub(crate) fn npy_of(rows: usize, columns: usize, height: impl Fn(usize, usize) -> f64) -> Vec<u8> {
    let cells = (0..rows).flat_map(|y| (0..columns).map(move |x| (y, x)));
    let data: Vec<u8> = cells.flat_map(|(y, x)| height(y, x).to_le_bytes()).collect();
    npy(1, "'<f8'", false, &format!("({rows}, {columns})"), &data)
}

/// A surface in memory.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Grid<T> {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) cells: Vec<T>,
}

impl<T: Copy> Grid<T> {
    pub(crate) fn new(rows: usize, columns: usize, cell: impl Fn(usize, usize) -> T) -> Self {
        let places = (0..rows).flat_map(|y| (0..columns).map(move |x| (y, x)));
        Self { rows, columns, cells: places.map(|(y, x)| cell(y, x)).collect() }
    }

    pub(crate) fn at(&self, y: usize, x: usize) -> T {
        self.cells[y * self.columns + x]
    }
}

/// Reads a file that has to be version 1, of that dtype, 2-D and in C order.
pub(crate) fn read<T: Copy, const N: usize>(
    bytes: &[u8],
    descr: &str,
    value: fn([u8; N]) -> T,
) -> Grid<T> {
    assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00");
    let len: usize = u16::from_le_bytes([bytes[8], bytes[9]]).into();
    let header = std::str::from_utf8(&bytes[10..10 + len]).unwrap();
    assert!(header.contains(&format!("'descr': '{descr}'")), "{header}");
    assert!(header.contains("'fortran_order': False"), "{header}");
    let shape = header.split_once("'shape': (").unwrap().1.split_once(')').unwrap().0;
    let mut sides = shape.split(',').map(|side| side.trim().parse().unwrap());
    let (rows, columns) = (sides.next().unwrap(), sides.next().unwrap());
    let (cells, rest) = bytes[10 + len..].as_chunks::<N>();
    assert_eq!((cells.len(), rest.len()), (rows * columns, 0), "{header}");
    Grid { rows, columns, cells: cells.iter().map(|cell| value(*cell)).collect() }
}
