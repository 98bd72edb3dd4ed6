//! Making a segment.

use std::fs::File;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

use rustix::fs::{MemfdFlags, Mode, SealFlags, fchmod, fcntl_add_seals};
use rustix::io::Errno;
use shm_core::{
    Access, Attached, BackendKind, Commit, ErrorKind, Fill, Header, Name, Result, Spec,
};
use shm_map::{Home, PagePlan, check_machine, establish, memfd, system_error};
use shm_presence::{join, stamp};

use super::segment::MemfdSegment;

pub(super) fn create(spec: &Spec, fill: Option<Fill<'_>>) -> Result<Attached<MemfdSegment>> {
    let header = Header::new(spec, stamp())?;
    let plan = PagePlan::new(spec.pages, Home::Kernel, &header, fill.as_ref());
    plan.carry_out(fill, |plan, fill| create_in(plan, spec, &header, fill))
}

fn create_in(
    plan: &PagePlan,
    spec: &Spec,
    header: &Header,
    fill: Option<Fill<'_>>,
) -> Result<Attached<MemfdSegment>> {
    let header = header.clone().with_huge(plan.is_huge());
    let fd = unnamed_file(&spec.name, plan.memfd_flags())?;
    let fail = |call| move |errno| system_error(call, spec.name.as_str(), errno);
    // Others who are handed a descriptor for reading shall not open it for writing.
    fchmod(&fd, Mode::RUSR | Mode::WUSR).map_err(fail("fchmod"))?;
    join(&fd)?;
    let strategy = settle(spec.commit);
    if spec.commit == Commit::Auto && strategy == Commit::Lazy && !plan.is_hugetlb() {
        check_machine(header.segment_len())?;
    }
    let mapping = establish(fd.as_fd(), &header, plan, strategy, fill)?;
    fcntl_add_seals(&fd, SealFlags::SHRINK | SealFlags::GROW).map_err(fail("fcntl"))?;
    tracing::debug!(name = %spec.name, bytes = header.segment_len(), "created on memfd");
    Ok(MemfdSegment::new(header, fd, Access::ReadWrite, *plan, false).attached(mapping))
}

fn unnamed_file(name: &Name, more: MemfdFlags) -> Result<File> {
    memfd(name.as_bytes(), MemfdFlags::ALLOW_SEALING | more).map(File::from).map_err(|errno| {
        match errno {
            Errno::NOSYS | Errno::PERM | Errno::ACCESS => ErrorKind::BackendRefused {
                backend: BackendKind::Memfd,
                reason: format!("memfd_create: {}", std::io::Error::from(errno)),
            }
            .into(),
            _ => system_error("memfd_create", name.to_string(), errno),
        }
    })
}

/// A first touch fails only where the kernel counts every promise (`vm.overcommit_memory=2`):
/// there memory is reserved, elsewhere nothing is committed in advance. See proc(5).
fn settle(wanted: Commit) -> Commit {
    match wanted {
        Commit::Auto if overcommit_is_strict() => Commit::Reserve,
        Commit::Auto => Commit::Lazy,
        asked => asked,
    }
}

/// Asked once per process, without a lock that a fork could leave held.
fn overcommit_is_strict() -> bool {
    const STRICT: u8 = 1;
    const LOOSE: u8 = 2;
    static KNOWN: AtomicU8 = AtomicU8::new(0);
    match KNOWN.load(Relaxed) {
        STRICT => true,
        LOOSE => false,
        _ => {
            let setting = std::fs::read_to_string("/proc/sys/vm/overcommit_memory");
            // Unknown (no `/proc`) counts as strict: a small cost is better than SIGBUS.
            let strict = setting.map_or(true, |setting| setting.trim() == "2");
            KNOWN.store(if strict { STRICT } else { LOOSE }, Relaxed);
            strict
        }
    }
}
