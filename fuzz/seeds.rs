//! Writes `seeds/`, what fuzzing begins with: `cargo run --manifest-path fuzz/Cargo.toml --example
//! seeds`. The `.npy` and `.npz` files of shm-npy's tests are seeds too.

use std::fs;
use std::path::Path;

use shm_core::{
    Align, BackendKind, Cleanup, Descriptor, Header, Layout, Name, Order, Origin, Payload, Spec,
    Stamp, Window,
};
use shmarray_fuzz::{payload, segment, steps};
use uuid::Uuid;

const DTYPES: [&str; 5] = [
    "<f4",
    "|u1",
    "<M8[25s]",
    "|S16",
    "[('t', '<M8[ms]'), ('xyz', '<f4', (3,)), ('', '|V2'), ('n', [('a\\'', '<i2'), ('é', '<V2')])]",
];

fn main() {
    let headers: Vec<_> = DTYPES.into_iter().zip(0..).map(|(descr, i)| header(descr, i)).collect();
    for (header, i) in headers.iter().zip(0..) {
        let (bytes, len) = (header.encode(), header.segment_len());
        write("header", i, &segment::input(&bytes, len));
        write("descriptor", i, &payload::input(&described(header, i).to_bytes().unwrap()));
        write("dtype", i, header.dtype().to_string().as_bytes());
    }
    let whole = [&[payload::WHOLE], &described(&headers[0], 3).to_bytes().unwrap()[..]].concat();
    write("descriptor", headers.len(), &whole);
    let odd = [
        "=i4",
        ">c16",
        "f8",
        "<V2",
        "|O",
        "<U4",
        "[(\"a\", \">f8\", 2), ('', '|V4'), ]",
        "<M8[25s/5]",
        "<f4, 3>i4,(2,2)S3",
        "[(u'\\ufeffa', ('>U2', [2])), # one\n ('b', 'float32')]",
    ];
    for (text, i) in odd.into_iter().zip(DTYPES.len()..) {
        write("dtype", i, text.as_bytes());
    }
    for (text, i) in headers_of_files().into_iter().zip(0..) {
        write("npy", i, &text);
    }
    for (input, i) in messages(&headers).into_iter().zip(0..) {
        write("message", i, &input);
    }
}

fn header(descr: &str, number: usize) -> Header {
    let dtype: shm_core::DType = descr.parse().unwrap();
    let order = if number % 2 == 0 { Order::C } else { Order::Fortran };
    let shape = [3, 0, 5, 2, 1][..(number + 3) % 5].iter().rev().copied().collect::<Vec<_>>();
    let layout = Layout::new(shape, order, dtype.itemsize()).unwrap();
    let spec = Spec {
        cleanup: [Cleanup::LastOut, Cleanup::Owner, Cleanup::Persist][number % 3],
        align: [Align::CacheLine, Align::Page(4096)][number % 2],
        guarded: number == 4,
        slots: [128, 1, 1024][number % 3],
        ..Spec::new(Name::new(["a", "elevation", "æøå"][number % 3]).unwrap(), dtype, layout)
    };
    let stamp = Stamp { uuid: Uuid::from_u128(1 << 80), created: 1 << 60, creator: 4321 };
    Header::new(&spec, stamp).unwrap()
}

fn described(header: &Header, number: usize) -> Payload {
    let backend = [BackendKind::Shm, BackendKind::Memfd, BackendKind::Mmap][number % 3];
    let mut descriptor = Descriptor::of(backend, header, number == 1);
    let mut window = Window::whole(header.layout());
    if let (Some(n), Some(stride)) = (window.shape.first_mut(), window.strides.first_mut())
        && number % 2 == 0
        && *n > 1
    {
        // The first axis, backwards and without its last element.
        *n -= 1;
        window.offset = (*n - 1) * stride.unsigned_abs();
        *stride = -*stride;
    }
    descriptor.window = (number > 0).then_some(window);
    let origin = (backend == BackendKind::Memfd).then_some(Origin { pid: 4321, fd: 5 });
    Payload { descriptor, origin }
}

fn headers_of_files() -> Vec<Vec<u8>> {
    let texts = [
        "{ \"shape\" : ( 3L ,) ,'fortran_order':True,\"descr\":[(\"a]'\", '<f4', (2,))]}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (0, 9223372036854775807, 1), }",
    ];
    let file = |text: &str| {
        let len = u32::try_from(text.len()).unwrap().to_le_bytes();
        [b"\x93NUMPY\x02\0".as_slice(), &len, text.as_bytes(), &[7; 24]].concat()
    };
    texts.into_iter().map(file).collect()
}

/// What peers do: right, slowly, in pieces, too much, in parts.
fn messages(headers: &[Header]) -> Vec<Vec<u8>> {
    let body = |count: usize| {
        let payloads = headers.iter().filter(|header| header.name().as_str() != "æøå");
        let payloads = payloads.cycle().take(count).map(|header| described(header, 0));
        let bytes = payloads.map(|payload| payload.to_bytes().unwrap());
        let len = |bytes: &[u8]| u16::try_from(bytes.len()).unwrap().to_le_bytes();
        bytes.flat_map(|bytes| [&len(&bytes), &bytes[..]].concat()).collect::<Vec<u8>>()
    };
    let head = |more: u8, count: u8, len: usize| {
        let len = u32::try_from(len).unwrap().to_le_bytes();
        [b"SHMP\x01".as_slice(), &[more, count, 0], &len, &[0; 4]].concat()
    };
    let part = |count: u8| {
        let body = body(count.into());
        [head(0, count, body.len()), body].concat()
    };
    let (none, one, three) = (part(0), part(1), part(3));
    let full = body(1).len() * steps::MOST;
    let parts = [
        steps::step(steps::AS_MANY, 1, &head(1, 253, full)),
        steps::step(0, steps::AS_MANY, &body(1)),
        steps::step(1, 1, &one),
    ];
    let peer = |flags: u8, steps: &[Vec<u8>]| [vec![flags], steps.concat()].concat();
    vec![
        peer(0, &[steps::step(0, 1, &none)]),
        peer(steps::NON_BLOCKING, &[steps::step(1, 1, &one), steps::step(0, 3, b"what follows")]),
        peer(steps::CREDENTIALS, &[steps::step(3, 1, &three)]),
        peer(steps::SLOWLY, &[&[steps::step(1, 1, &one[..1])][..], &dribble(&one[1..])].concat()),
        peer(0, &[steps::step(1, 1, &one[..20]), steps::step(1, 1, &one[20..])]),
        peer(0, &[steps::step(2, 1, &one)]),
        peer(0, &[steps::step(0, 1, &one)]),
        peer(steps::SLOWLY | steps::NON_BLOCKING, &[steps::step(3, 1, &three[..90])]),
        peer(steps::CREDENTIALS, &parts),
    ]
}

fn dribble(bytes: &[u8]) -> Vec<Vec<u8>> {
    bytes.chunks(30).map(|piece| steps::step(0, 1, piece)).collect()
}

fn write(target: &str, number: usize, input: &[u8]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(number.to_string()), input).unwrap();
}
