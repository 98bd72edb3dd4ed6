//! The least that is a valid backend: an unnamed file per segment, found by name in this process.
#![allow(clippy::unwrap_used)] // a failed step fails the test
#![allow(unsafe_code)] // `unsafe impl Region`.

use std::collections::HashMap;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use memmap2::{MmapOptions, MmapRaw};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::io::pread;
use shm_conformance::{AttachedOf, Harness, NamedHarness};
use shm_core::{
    Access, Attached, Backend, BackendKind, Error, ErrorKind, Fill, Header, Name, Named, Region,
    Result, Segment, Sink, Spec, Stamp,
};

struct Minimal;

impl Backend for Minimal {
    const KIND: BackendKind = BackendKind::Mmap;
    type Segment = Handle;
    type Source = Name;

    fn create(&self, spec: &Spec, fill: Option<Fill<'_>>) -> Result<Attached<Handle>> {
        let header = Header::new(spec, stamp())?;
        let file = memfd_create(spec.name.as_str(), MemfdFlags::CLOEXEC);
        let file = File::from(file.map_err(|errno| os("memfd_create", errno.into()))?);
        file.set_len(header.segment_len()).map_err(|error| os("ftruncate", error))?;
        let inner = Arc::new(Inner { header, file });
        let handle = Handle { inner, access: Access::ReadWrite };
        let region = handle.map()?;
        if let Some(fill) = fill {
            match fill {
                Fill::InPlace(fill) => fill(handle.header(), &region)?,
                Fill::InOrder(fill) | Fill::InOrderOnce(fill, _) => {
                    fill(&mut Data { inner: &handle.inner, at: handle.header().data_offset() })?;
                }
            }
        }
        with_names(|names| -> Result<()> {
            let taken = names.get(&spec.name).is_some_and(|known| known.strong_count() > 0);
            if taken && !spec.force {
                let (name, backend) = (spec.name.to_string(), Self::KIND);
                return Err(ErrorKind::AlreadyExists { name, backend }.into());
            }
            names.insert(spec.name.clone(), Arc::downgrade(&handle.inner));
            Ok(())
        })?;
        Ok(Attached { region, segment: handle })
    }

    fn attach(&self, name: Name, access: Access) -> Result<Attached<Handle>> {
        let Some(inner) = with_names(|names| names.get(&name).and_then(Weak::upgrade)) else {
            let (name, backend, hint) = (name.into(), Self::KIND, "nobody holds it");
            return Err(ErrorKind::NotFound { name, backend, hint }.into());
        };
        let segment = Handle { inner, access };
        Ok(Attached { region: segment.map()?, segment })
    }
}

/// What is written in order goes to the file.
struct Data<'a> {
    inner: &'a Inner,
    at: u64,
}

impl Sink for Data<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let room = self.inner.header.segment_len() - self.at;
        if bytes.len() as u64 > room {
            let (what, has) = ("the contents", bytes.len() as u64);
            return Err(ErrorKind::Oversized { what, max: room, has }.into());
        }
        self.inner.file.write_all_at(bytes, self.at).map_err(|error| os("pwrite", error))?;
        self.at += bytes.len() as u64;
        Ok(())
    }

    fn copy_from(&mut self, file: &File, offset: u64, len: usize) -> Result<usize> {
        let mut bytes = vec![0; len];
        let count =
            pread(file, &mut bytes[..], offset).map_err(|errno| os("pread", errno.into()))?;
        self.write(&bytes[..count])?;
        Ok(count)
    }
}

impl Named for Minimal {
    fn delete(&self, name: &Name) -> Result<bool> {
        with_names(|names| names.remove(name));
        Ok(true)
    }
}

fn with_names<T>(steps: impl FnOnce(&mut HashMap<Name, Weak<Inner>>) -> T) -> T {
    static NAMES: Mutex<Option<HashMap<Name, Weak<Inner>>>> = Mutex::new(None);
    steps(NAMES.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default())
}

fn stamp() -> Stamp {
    Stamp { uuid: uuid::Uuid::new_v4(), created: 0, creator: std::process::id() }
}

fn os(call: &'static str, error: std::io::Error) -> Error {
    Error::os(call, "a file without a name", error)
}

/// The memory goes with the last of these and of its mappings; the name leads nowhere from then.
#[derive(Clone)]
struct Handle {
    inner: Arc<Inner>,
    access: Access,
}

struct Inner {
    header: Header,
    file: File,
}

impl Segment for Handle {
    type Region = Mapped;

    fn header(&self) -> &Header {
        &self.inner.header
    }

    fn access(&self) -> Access {
        self.access
    }

    fn map(&self) -> Result<Mapped> {
        let mut options = MmapOptions::new();
        options.len(usize::try_from(self.inner.header.segment_len()).unwrap_or(usize::MAX));
        let fd = self.inner.file.as_raw_fd();
        let map = match self.access {
            Access::ReadWrite => options.map_raw(fd),
            Access::ReadOnly => options.map_raw_read_only(fd),
        };
        let map = map.map_err(|error| os("mmap", error))?;
        Ok(Mapped { map, access: self.access, _inner: Arc::clone(&self.inner) })
    }

    fn destroy(&self) -> Result<()> {
        with_names(|names| {
            let name = self.inner.header.name();
            if names.get(name).is_some_and(|known| known.as_ptr() == Arc::as_ptr(&self.inner)) {
                names.remove(name);
            }
        });
        Ok(())
    }
}

struct Mapped {
    map: MmapRaw,
    access: Access,
    _inner: Arc<Inner>,
}

// SAFETY: memmap2 owns a page-aligned mapping of `len` bytes, which does not move; the kernel maps
// no more than isize::MAX.
unsafe impl Region for Mapped {
    fn start(&self) -> NonNull<u8> {
        NonNull::new(self.map.as_mut_ptr()).unwrap()
    }

    fn len(&self) -> usize {
        self.map.len()
    }

    fn access(&self) -> Access {
        self.access
    }
}

impl Harness for Minimal {
    type Backend = Self;

    fn backend() -> Self {
        Self
    }

    fn source(attached: &AttachedOf<Self>) -> Name {
        attached.segment.header().name().clone()
    }

    fn leftovers(name: &Name) -> Vec<String> {
        let alive =
            with_names(|names| names.get(name).is_some_and(|known| known.strong_count() > 0));
        Vec::from_iter(alive.then(|| name.to_string()))
    }
}

impl NamedHarness for Minimal {
    fn source_of(name: &Name) -> Name {
        name.clone()
    }
}

shm_conformance::suite!(Minimal);
shm_conformance::named_suite!(Minimal);
