//! Dtypes: what is displayed is read back, and no text does harm.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use shm_core::{ByteOrder, DType, ErrorKind, Field, ScalarKind, TimeUnit, Unit};

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

    #[test]
    fn no_text_does_harm(text in any::<String>(), tokens in r#"[\[\]()'",<>|=bicufSVMmn0-9\\é ]{0,80}"#) {
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
    let scalar = "[('a', 'u1', 3)]".parse::<DType>().unwrap();
    assert_eq!(scalar.to_string(), "[('a', '|u1', (3,))]");
    let DType::Scalar(big) = ">f8".parse().unwrap() else { panic!("a structure") };
    assert_eq!((big.byte_order(), big.kind()), (ByteOrder::Big, ScalarKind::Float(8)));
    assert_eq!(DType::Scalar(big).is_native(), cfg!(target_endian = "big"));
}

#[test]
fn what_is_refused_says_why() {
    for (text, why) in [
        ("", "it is empty"),
        ("<", "it is empty"),
        ("<f", "\"\" is not a number"),
        ("<f99999999999", "\"99999999999\" is not a number"),
        ("<f3", "'f' of 3 bytes"),
        ("<f16", "'f' of 16 bytes"),
        ("<U4", "'U' of 4 bytes"),
        ("|O8", "'O' of 8 bytes"),
        ("é4", "'é' of 4 bytes"),
        ("<f4x", "unexpected \"x\""),
        ("|f4", "byte order is not given"),
        ("|S0", "no bytes"),
        ("|S4294967295", "4294967295 bytes per element"),
        ("<M8[0s]", "zero ticks"),
        ("<M8[s", "not in brackets"),
        ("<M8[fortnight]", "\"fortnight\" is not known"),
        ("<M8[4294967296s]", "\"4294967296\" is too large"),
        ("[]", "no field"),
        ("[('a', '<f4')", "expected ']'"),
        ("[('a', '<f4')] x", "unexpected \" x\""),
        ("[('a' '<f4')]", "expected ','"),
        ("[('a', '<f4'), ('a', '<f4')]", "\"a\" appears twice"),
        ("[(('t', 'a'), '<f4')]", "titles"),
        ("[('a', '<f4', (0,))]", "no elements"),
        ("[('a', '<f4', (-1,))]", "not a length"),
        ("[('a", "does not end"),
        (r"[('\n', '<f4')]", "escape"),
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
    assert!(refused(&deep(DType::MAX_DEPTH + 1)).contains("deeper than 8"));
    let long = |name: usize| format!("[('{}', '|u1')]", "x".repeat(name));
    let room = DType::MAX_DESCR_LEN - long(0).len();
    assert_eq!(long(room).parse::<DType>().unwrap().to_string().len(), DType::MAX_DESCR_LEN);
    assert!(refused(&long(room + 1)).contains("8193 bytes, at most 8192"));
}

/// A dtype that was read could else not be sent on, nor be found in a header.
#[test]
fn a_text_that_is_longer_when_written_again_is_refused_then() {
    let quotes = |count: usize| format!("[(\"{}\", '|u1')]", "'".repeat(count));
    let room = (DType::MAX_DESCR_LEN - "[('', '|u1')]".len()) / 2;
    let dtype: DType = quotes(room).parse().unwrap();
    assert_eq!(dtype.to_string().parse::<DType>().unwrap(), dtype);
    assert!(refused(&quotes(room + 1)).contains("8193 bytes when it is written again, at most"));
    let fields = "('','u1',3),".repeat(600);
    assert!(refused(&format!("[{fields}]")).contains("when it is written again"));
}

#[test]
fn the_worst_texts_of_full_length_end() {
    let fields: String = (0..900).map(|i| format!("('{i}','u1'),")).collect();
    let unnamed = "('','u1'),".repeat(900);
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
