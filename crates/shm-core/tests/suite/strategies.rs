//! Generated names, dtypes, layouts, headers and payloads, all of them valid.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use shm_core::{
    Align, BackendKind, Cleanup, DType, Descriptor, Field, Header, Layout, Name, Order, Origin,
    Payload, ScalarKind, Spec, Stamp, TimeUnit, Unit, Window,
};

const UNITS: [Unit; 13] = [
    Unit::Year,
    Unit::Month,
    Unit::Week,
    Unit::Day,
    Unit::Hour,
    Unit::Minute,
    Unit::Second,
    Unit::Millisecond,
    Unit::Microsecond,
    Unit::Nanosecond,
    Unit::Picosecond,
    Unit::Femtosecond,
    Unit::Attosecond,
];

fn time_unit() -> impl Strategy<Value = TimeUnit> {
    let count = prop_oneof![Just(1), 1..=u32::MAX];
    let of = (count, select(&UNITS[..])).prop_map(|(count, unit)| TimeUnit::Of(count, unit));
    prop_oneof![Just(TimeUnit::Generic), of]
}

fn kind() -> impl Strategy<Value = ScalarKind> {
    use ScalarKind::{
        BFloat16, Bool, Bytes, Complex, DateTime, Float, Int, TimeDelta, UInt, Unicode, Void,
    };
    prop_oneof![
        select(vec![
            Bool,
            Int(1),
            Int(2),
            Int(4),
            Int(8),
            UInt(1),
            UInt(2),
            UInt(4),
            UInt(8),
            Float(2),
            Float(4),
            Float(8),
            BFloat16,
            Complex(8),
            Complex(16),
        ]),
        (1..=64_u32).prop_map(Bytes),
        (1..=16_u32).prop_map(Unicode),
        (1..=64_u32).prop_map(Void),
        time_unit().prop_map(DateTime),
        time_unit().prop_map(TimeDelta),
    ]
}

/// Scalars of this machine's byte order.
fn native_scalar() -> impl Strategy<Value = DType> {
    kind().prop_map(DType::native)
}

/// Scalars of either byte order.
fn any_scalar() -> impl Strategy<Value = DType> {
    (native_scalar(), select(vec!['<', '>'])).prop_map(|(dtype, order)| {
        let descr = dtype.to_string();
        if descr.starts_with('|') {
            dtype
        } else {
            format!("{order}{}", &descr[1..]).parse().unwrap()
        }
    })
}

fn nested(leaf: impl Strategy<Value = DType> + 'static) -> impl Strategy<Value = DType> {
    leaf.prop_recursive(4, 24, 4, |inner| {
        let name = prop_oneof![
            3 => vec(any::<char>(), 0..5).prop_map(String::from_iter),
            1 => r#"['"\\\[\](), ]{0,4}"#,
        ];
        let field = (option::weighted(0.9, name), inner, vec(1..=3_usize, 0..3));
        vec(field, 1..5).prop_map(|fields| {
            let numbered = (0..).zip(fields).map(|(i, (name, dtype, shape))| {
                // The number makes it unique; bytes without a name are padding.
                let is_void = dtype.to_string().starts_with("|V");
                let name = match name {
                    None if is_void => String::new(),
                    name => format!("{}{i}", name.unwrap_or_default()),
                };
                Field { name, dtype, shape }
            });
            DType::Struct(numbered.collect())
        })
    })
}

/// Dtypes that an array can have.
pub(crate) fn native_dtype() -> impl Strategy<Value = DType> {
    nested(native_scalar())
}

/// Dtypes with parts of either byte order.
pub(crate) fn any_dtype() -> impl Strategy<Value = DType> {
    nested(any_scalar())
}

/// Either order.
pub(crate) fn order() -> impl Strategy<Value = Order> {
    select(vec![Order::C, Order::Fortran])
}

/// A few short axes, some of them of no length.
pub(crate) fn small_shape() -> impl Strategy<Value = Vec<usize>> {
    vec(0..=4_usize, 0..=4)
}

fn name() -> impl Strategy<Value = Name> {
    let text = prop_oneof![4 => "[a-zæ0-9_.-]{1,20}", 1 => "[a-z]{240}"];
    text.prop_filter_map("reserved", |text| Name::new(text).ok())
}

fn spec() -> impl Strategy<Value = Spec> {
    // Large arrays too: a header needs no memory for the data.
    let shape = prop_oneof![
        4 => small_shape(),
        1 => vec(1..=2_usize, 60..=64).prop_map(|mut shape| {
            shape[10..].fill(1);
            shape
        }),
        1 => vec(0..=1_usize << 16, 2),
    ];
    let cleanup = select(vec![Cleanup::LastOut, Cleanup::Owner, Cleanup::Persist]);
    let align =
        prop_oneof![Just(Align::CacheLine), (12..=31_u32).prop_map(|bits| Align::Page(1 << bits))];
    let slots = prop_oneof![Just(shm_core::DEFAULT_SLOTS), 1..=shm_core::MAX_SLOTS];
    (name(), native_dtype(), shape, order(), cleanup, align, any::<bool>(), slots).prop_map(
        |(name, dtype, shape, order, cleanup, align, guarded, slots)| {
            let layout = Layout::new(shape, order, dtype.itemsize()).unwrap();
            Spec { cleanup, align, guarded, slots, ..Spec::new(name, dtype, layout) }
        },
    )
}

fn stamp() -> impl Strategy<Value = Stamp> {
    any::<(u128, u64, u32)>().prop_map(|(uuid, created, creator)| Stamp {
        uuid: uuid::Uuid::from_u128(uuid),
        created,
        creator,
    })
}

/// What a segment is made from, with the header made from it.
pub(crate) fn header() -> impl Strategy<Value = (Spec, Stamp, Header)> {
    (spec(), stamp()).prop_map(|(spec, stamp)| {
        let header = Header::new(&spec, stamp).unwrap();
        (spec, stamp, header)
    })
}

/// Payloads of every backend, with and without window and origin.
pub(crate) fn payload() -> impl Strategy<Value = Payload> {
    let window = (any::<usize>(), vec(any::<(usize, isize)>(), 0..6));
    let window = window.prop_map(|(offset, axes)| {
        let (shape, strides) = axes.into_iter().unzip();
        Window { offset, shape, strides }
    });
    let origin = any::<(u32, u32)>().prop_map(|(pid, fd)| Origin { pid, fd });
    let backend = select(&BackendKind::ALL[..]);
    (header(), backend, any::<bool>(), option::of(window), option::of(origin)).prop_map(
        |((_, _, header), backend, frozen, window, origin)| {
            let whole = Descriptor::of(backend, &header, frozen);
            Payload { descriptor: Descriptor { window, ..whole }, origin }
        },
    )
}
