//! What a file is, by its first bytes, if it is no `.npy` file.

/// Kinds of files that are met where an array was expected: their first bytes, and what to do.
const KINDS: [(&[u8], &str); 14] = [
    (b"PK\x03\x04", "a ZIP archive, as .npz files are: name the array in it"),
    (b"PK\x05\x06", "a ZIP archive without members"),
    (b"\x1f\x8b", "compressed by gzip: unpack it first"),
    (b"BZh", "compressed by bzip2: unpack it first"),
    (b"\xfd7zXZ\0", "compressed by xz: unpack it first"),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd: unpack it first"),
    (b"\x80\x02", PICKLE),
    (b"\x80\x03", PICKLE),
    (b"\x80\x04", PICKLE),
    (b"\x80\x05", PICKLE),
    (b"\x89PNG", "a PNG picture"),
    (b"\x89HDF", "an HDF5 file: save the data set in it with numpy.save"),
    (b"%PDF", "a PDF document"),
    (b"version ", "a pointer of Git LFS: fetch the file itself with `git lfs pull`"),
];

const PICKLE: &str = "a pickle of Python objects: save the array with numpy.save";

/// Says what a file is that begins with these eight bytes, and not with `magic`.
pub(crate) fn describe(start: &[u8; 8], magic: &[u8; 6]) -> String {
    if let Some((_, kind)) = KINDS.iter().find(|(magic, _)| start.starts_with(magic)) {
        return format!("it is none, but {kind}");
    }
    let text = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
    if text.starts_with(b"<") {
        return "it is none, but text with markup, such as an HTML page: was it downloaded whole?"
            .into();
    }
    let found = &start[..magic.len()];
    format!("it begins with {found:02x?}, not with {magic:02x?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_by_their_first_bytes() {
        for (start, kind) in [
            (b"PK\x03\x04\x14\0\0\0", "a ZIP archive"),
            (b"\x1f\x8b\x08\0\0\0\0\0", "compressed by gzip"),
            (b"\x80\x04\x95\x10\0\0\0\0", "a pickle"),
            (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
            (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
            (b"<!DOCTYP", "an HTML page"),
            (b"\r\n <html", "an HTML page"),
            (b"\xef\xbb\xbf<!DOC", "an HTML page"),
            (b"version ", "git lfs pull"),
            (b"\x93NUMPX\x01\0", "it begins with [93, 4e, 55, 4d, 50, 58]"),
        ] {
            let described = describe(start, crate::header::MAGIC);
            assert!(described.contains(kind), "{described}");
        }
    }
}
