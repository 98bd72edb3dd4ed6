//! Dtypes: what is displayed is read back, and no text does harm.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use shm_core::{ByteOrder, ByteSwap, DType, ErrorKind, Field, ScalarKind, TimeUnit, Unit};

use crate::strategies::{any_dtype, native_dtype};

fn size_by_hand(dtype: &DType) -> usize {
    match dtype {
        DType::Scalar(scalar) => scalar.itemsize(),
        DType::Struct(fields) => fields
            .iter()
            .map(|field| size_by_hand(&field.dtype) * field.shape.iter().product::<usize>())
            .sum(),
        _ => unreachable!("no other dtype"),
    }
}

fn swap_by_hand(dtype: &DType, element: &mut [u8]) {
    match dtype {
        _ if dtype.is_native() => {}
        DType::Scalar(scalar) => {
            let len = match scalar.kind() {
                ScalarKind::Complex(len) => usize::from(len) / 2,
                ScalarKind::Unicode(_) => 4,
                _ => scalar.itemsize(),
            };
            element.chunks_mut(len).for_each(<[u8]>::reverse);
        }
        DType::Struct(fields) => {
            let mut rest = element;
            for field in fields {
                let len = field.dtype.itemsize();
                for _ in 0..field.shape.iter().product::<usize>() {
                    let (one, behind) = rest.split_at_mut(len);
                    swap_by_hand(&field.dtype, one);
                    rest = behind;
                }
            }
        }
        _ => unreachable!("no other dtype"),
    }
}

/// What any text must do: give a dtype that is read back, or a short error with its beginning.
fn parse_harmlessly(text: &str) {
    match text.parse::<DType>() {
        Ok(dtype) => {
            assert!(dtype.itemsize() > 0 && i32::try_from(dtype.itemsize()).is_ok());
            assert_eq!(dtype.to_string().parse::<DType>().unwrap(), dtype, "{text:?}");
        }
        Err(error) => {
            let ErrorKind::InvalidDType { descr, .. } = error.kind() else {
                panic!("{text:?}: {error:?}");
            };
            assert!(text.starts_with(descr), "{text:?}: {error}");
            assert!(error.to_string().len() < 4096, "{error}");
        }
    }
}

fn refused(text: &str) -> String {
    let error = text.parse::<DType>().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::InvalidDType { .. }), "{error:?}");
    error.to_string()
}

proptest! {
    #[test]
    fn what_is_displayed_is_read_back(dtype in any_dtype()) {
        let descr = dtype.to_string();
        prop_assert_eq!(&descr.parse::<DType>().unwrap(), &dtype);
        prop_assert_eq!(&format!(" {descr}\n").parse::<DType>().unwrap(), &dtype);
        prop_assert_eq!(dtype.itemsize(), size_by_hand(&dtype));
        let json = serde_json::to_string(&dtype).unwrap();
        prop_assert_eq!(serde_json::from_str::<DType>(&json).unwrap(), dtype);
    }

    #[test]
    fn native_dtypes_know_that_they_are(dtype in native_dtype()) {
        prop_assert!(dtype.is_native());
    }

    /// Whatever the pieces that an array is read in: each number is reversed, once, and where it is.
    #[test]
    fn swapped_piece_by_piece(
        dtype in any_dtype(),
        native in native_dtype(),
        cuts in vec(any::<Index>(), 0..6),
        elements in 1..4_usize,
    ) {
        prop_assert_eq!(ByteSwap::new(&native), None);
        prop_assert!(dtype.to_native().is_native());
        prop_assert_eq!(dtype.to_native().itemsize(), dtype.itemsize());
        let Some(swap) = ByteSwap::new(&dtype) else { return Ok(()) };
        let len = elements * dtype.itemsize();
        let bytes: Vec<u8> = (0..=250).cycle().take(len).collect();
        let mut by_hand = bytes.clone();
        by_hand.chunks_mut(dtype.itemsize()).for_each(|element| swap_by_hand(&dtype, element));

        let mut cuts: Vec<usize> = cuts.iter().map(|cut| swap.boundary(cut.index(len + 1))).collect();
        cuts.extend([0, len]);
        cuts.sort_unstable();
        prop_assert!(cuts.iter().all(|cut| swap.boundary(*cut) == *cut));
        prop_assert!((0..=len).all(|at| (0..8).contains(&(at - swap.boundary(at)))));
        let mut pieces = bytes;
        for cut in cuts.windows(2) {
            swap.apply(cut[0], &mut pieces[cut[0]..cut[1]]);
        }
        prop_assert_eq!(pieces, by_hand);
    }

    #[test]
    fn no_text_does_harm(text in any::<String>(), tokens in r#"[\[\]()'",<>|=bicufSUVMmnx?#/0-9\\é\n ]{0,80}"#) {
        parse_harmlessly(&text);
        parse_harmlessly(&tokens);
        parse_harmlessly(&format!("[{tokens}"));
        parse_harmlessly(&format!("[('{tokens}', '<f4')]"));
        parse_harmlessly(&format!("[('a', {tokens})]"));
    }

    #[test]
    fn no_mutation_does_harm(
        dtype in any_dtype(),
        edits in vec((any::<Index>(), prop_oneof!["[\\[\\]()',|<>0-9]", "\\PC", ""], 0..3_usize), 1..4),
    ) {
        let mut chars: Vec<char> = dtype.to_string().chars().collect();
        for (at, put, take) in edits {
            let at = at.index(chars.len() + 1);
            let end = (at + take).min(chars.len());
            chars.splice(at..end, put.chars());
        }
        parse_harmlessly(&String::from_iter(chars));
    }

    #[test]
    fn blanks_and_double_quotes_do_not_matter(dtype in any_dtype(), blanks in "[ \t\n]{0,3}") {
        let descr = dtype.to_string();
        let text = if descr.contains(['\\', '"']) {
            descr // a name has a quote in it
        } else {
            descr.replace('\'', "\"").replace(", \"<", &format!(",{blanks}\"<"))
        };
        prop_assert_eq!(text.parse::<DType>().unwrap(), dtype);
    }
}

#[test]
fn the_forms_that_numpy_and_people_write() {
    let native = |kind| DType::native(kind);
    for (text, dtype) in [
        ("f4", native(ScalarKind::Float(4))),
        ("=f4", native(ScalarKind::Float(4))),
        ("|b1", native(ScalarKind::Bool)),
        ("u1", native(ScalarKind::UInt(1))),
        ("S3", native(ScalarKind::Bytes(3))),
        ("<S3", native(ScalarKind::Bytes(3))),
        ("|V2", native(ScalarKind::Void(2))),
        ("=V2", native(ScalarKind::BFloat16)),
        ("=M8", native(ScalarKind::DateTime(TimeUnit::Generic))),
        ("=M8[1ns]", native(ScalarKind::DateTime(TimeUnit::Of(1, Unit::Nanosecond)))),
        ("=m8[25s]", native(ScalarKind::TimeDelta(TimeUnit::Of(25, Unit::Second)))),
        ("[('a','u1',),]", DType::Struct(vec![Field::new("a", native(ScalarKind::UInt(1)))])),
    ] {
        assert_eq!(text.parse::<DType>().unwrap(), dtype, "{text}");
    }
    let DType::Scalar(big) = ">f8".parse().unwrap() else { panic!("a structure") };
    assert_eq!((big.byte_order(), big.kind()), (ByteOrder::Big, ScalarKind::Float(8)));
    assert_eq!(DType::Scalar(big).is_native(), cfg!(target_endian = "big"));
}

/// Each pair was compared with what NumPy 2.4 makes of the left side; see `tests/python.rs` of shm-npy.
#[cfg(target_endian = "little")] // the texts say so
#[test]
fn other_names_of_the_same() {
    for (text, descr) in [
        ("?", "|b1"),
        ("|f4", "<f4"),
        ("|i4", "<i4"),
        ("f04", "<f4"),
        ("b", "|i1"),
        ("float32", "<f4"),
        ("bool", "|b1"),
        ("complex", "<c16"),
        ("int", if cfg!(target_pointer_width = "64") { "<i8" } else { "<i4" }),
        ("f", "<f4"),
        ("d", "<f8"),
        (">d", ">f8"),
        ("a3", "|S3"),
        ("c", "|S1"),
        ("U3", "<U3"),
        ("|U3", "<U3"),
        (">U3", ">U3"),
        ("<M8[generic]", "<M8"),
        ("datetime64[ns]", "<M8[ns]"),
        ("timedelta64", "<m8"),
        ("<M8[03s]", "<M8[3s]"),
        ("<M8[\u{3bc}s]", "<M8[us]"),
        ("<M8[s/1000]", "<M8[ms]"),
        ("<M8[25s/5]", "<M8[5000ms]"),
        ("<M8[us/10]", "<M8[100ns]"),
        ("<M8[M/4]", "<M8[W]"),
        ("<f4,<i4", "[('f0', '<f4'), ('f1', '<i4')]"),
        ("f4,", "[('f0', '<f4')]"),
        ("f4, 3i4,(2, 2)S3", "[('f0', '<f4'), ('f1', '<i4', (3,)), ('f2', '|S3', (2, 2))]"),
        ("<2f4,3>i4", "[('f0', '<f4', (2,)), ('f1', '>i4', (3,))]"),
        ("[('a', 'u1', 3)]", "[('a', '|u1', (3,))]"),
        ("[('a', 'u1', [2, 3])]", "[('a', '|u1', (2, 3))]"),
        ("[('a', 'u1', ())]", "[('a', '|u1')]"),
        ("[('a', ('u1', (2,)), (3,))]", "[('a', '|u1', (3, 2))]"),
        ("[('a', 'u1,f4')]", "[('a', [('f0', '|u1'), ('f1', '<f4')])]"),
        (
            "[(u'a', u'u1'), # one\n ('', '|V3'), ('', '|V3')]",
            "[('a', '|u1'), ('', '|V3'), ('', '|V3')]",
        ),
        (
            "[('a', 'S0'), ('b', 'U'), ('c', 'V0'), ('d', 'f4')]",
            "[('a', '|S0'), ('b', '<U0'), ('c', '|V0'), ('d', '<f4')]",
        ),
        (
            "[('\\ufeffid', 'u1'), ('a\u{a0}b\\t', 'u1')]",
            r"[('\ufeffid', '|u1'), ('a\xa0b\t', '|u1')]",
        ),
        (r"[('it\'s', 'u1')]", r#"[("it's", '|u1')]"#),
    ] {
        let dtype: DType = text.parse().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(dtype.to_string(), descr, "{text}");
        assert_eq!(dtype.to_string().parse::<DType>().unwrap(), dtype);
    }
}

#[test]
fn what_is_refused_says_why() {
    for (text, why) in [
        ("", "it is empty"),
        ("<", "it is empty"),
        ("<float32", "size \"\" is not a number"),
        ("X", "type \"X\" is not known"),
        ("<f99999999999", "\"99999999999\" is not a number"),
        ("<f3", "'f' of 3 bytes"),
        ("<f16", "long double differs from machine to machine"),
        ("longdouble", "`a.astype('f8')`"),
        ("|O8", "NumPy keeps pickles of them"),
        ("object", "NumPy keeps pickles of them"),
        ("3f4", "a sub-array can be a field and no element"),
        ("f4,,i4", "it is empty"),
        ("f4,0i4", "no elements"),
        ("é4", "'é' of 4 bytes"),
        ("<f4x", "unexpected \"x\""),
        ("|S0", "no bytes"),
        ("|S4294967295", "4294967295 bytes per element"),
        ("<M8[0s]", "zero ticks"),
        ("<M8[s", "not in brackets"),
        ("<M8[fortnight]", "\"fortnight\" is not known"),
        ("<M8[4294967296s]", "\"4294967296\" is too large"),
        ("<M8[s/0]", "zero ticks"),
        ("<M8[s/7]", "1 s in 7 parts are no smaller unit"),
        ("<M8[as/2]", "no smaller unit"),
        ("<M8[4294967295s/1]x", "not in brackets"),
        ("<M8[4294967295s/10]", "no smaller unit"),
        ("<U536870912", "2147483648 bytes per element"),
        ("[]", "no field"),
        ("[('a', '<f4')", "expected ']'"),
        ("[('a', '<f4')] x", "unexpected \"x\""),
        ("[('', '<f4'), ('', '<f4')]", "\"\" appears twice"),
        ("[('a' '<f4')]", "expected ','"),
        ("[('a', '<f4'), ('a', '<f4')]", "\"a\" appears twice"),
        ("[(('t', 'a'), '<f4')]", "titles of fields are not supported: leave them out, with"),
        ("[('a', 'S0', (3,))]", "elements without bytes"),
        ("[('a', 'S0')]", "elements of no bytes"),
        ("[('a', '<f4', (0,))]", "no elements"),
        ("[('a', '<f4', (-1,))]", "not a length"),
        ("[('a", "does not end"),
        (r"[('\N{DASH}', '<f4')]", "escape"),
        ("[('a\n', '<f4')]", "does not end"),
        ("[('a', '<f8', (65536, 65536))]", "34359738368 bytes per element"),
        ("[('a', '<f8', (4294967296, 4294967296, 4294967296))]", "bytes per element"),
    ] {
        let message = refused(text);
        assert!(message.contains(why), "{text}: {message}");
    }
}

#[test]
fn limits_of_depth_and_length() {
    let deep = |levels: usize| {
        let open: String = (0..levels).map(|_| "[('a', ").collect();
        format!("{open}'|u1'{}", ")]".repeat(levels))
    };
    assert_eq!(deep(DType::MAX_DEPTH).parse::<DType>().unwrap().itemsize(), 1);
    assert!(refused(&deep(DType::MAX_DEPTH + 1)).contains("deeper than 99"));
    let long = |name: usize| format!("[('{}', '|u1')]", "x".repeat(name));
    let room = DType::MAX_DESCR_LEN - long(0).len();
    assert_eq!(long(room).parse::<DType>().unwrap().to_string().len(), DType::MAX_DESCR_LEN);
    assert!(refused(&long(room + 1)).contains("10001 bytes, at most 10000"));
}

/// A dtype that was read could else not be sent on, nor be found in a header.
#[test]
fn a_text_that_is_longer_when_written_again_is_refused_then() {
    let quotes = |count: usize| format!("[('{}', '|u1')]", "\u{ad}".repeat(count)); // \xad
    let room = (DType::MAX_DESCR_LEN - "[('', '|u1')]".len()) / 4;
    let dtype: DType = quotes(room).parse().unwrap();
    assert_eq!(dtype.to_string().parse::<DType>().unwrap(), dtype);
    assert!(refused(&quotes(room + 1)).contains("10001 bytes when it is written again, at most"));
    let fields = "('','V1',3),".repeat(600);
    assert!(refused(&format!("[{fields}]")).contains("when it is written again"));
}

#[test]
fn the_worst_texts_of_full_length_end() {
    let fields: String = (0..900).map(|i| format!("('{i}','u1'),")).collect();
    let unnamed = "('','V1'),".repeat(900);
    for piece in ["[", "('", "\\", "'", " ", "9", "<", "[('a',", "1,", "é", &fields, &unnamed] {
        for start in ["", "[", "[('", "[('a', '<f4', (", "<f"] {
            let mut text = start.to_owned();
            while text.len() + piece.len() <= DType::MAX_DESCR_LEN {
                text.push_str(piece);
            }
            if let Err(error) = text.parse::<DType>() {
                assert!(error.to_string().len() < 4096);
            }
        }
    }
}
