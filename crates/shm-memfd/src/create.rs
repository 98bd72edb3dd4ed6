//! Making a segment.

use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

use shm_core::{Access, Attached, Commit, Fill, Header, Result, Spec};
use shm_map::{Home, PagePlan, check_machine, establish};
use shm_presence::{join, stamp};

use crate::os;
use crate::segment::MemfdSegment;

pub(crate) fn create(spec: &Spec, fill: Option<Fill<'_>>) -> Result<Attached<MemfdSegment>> {
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
    let file = os::unnamed_file(&spec.name, plan.hugetlb_unit())?;
    join(&file)?;
    let strategy = settle(spec.commit);
    if spec.commit == Commit::Auto && strategy == Commit::Lazy && !plan.is_hugetlb() {
        check_machine(header.segment_len())?;
    }
    let mapping = establish(&file, &header, plan, strategy, fill)?;
    os::fix_size(&file, &spec.name)?;
    tracing::debug!(name = %spec.name, bytes = header.segment_len(), "created on memfd");
    Ok(MemfdSegment::new(header, file, Access::ReadWrite, *plan, false).attached(mapping))
}

/// A first touch fails only where the system counts every promise of memory: there memory is reserved,
/// elsewhere nothing is committed in advance.
fn settle(wanted: Commit) -> Commit {
    match wanted {
        Commit::Auto if overcommit_is_strict() => Commit::Reserve,
        Commit::Auto => Commit::Lazy,
        asked => asked,
    }
}

/// Asks the system once per process, without a lock that a fork could leave held.
fn overcommit_is_strict() -> bool {
    const STRICT: u8 = 1;
    const LOOSE: u8 = 2;
    static KNOWN: AtomicU8 = AtomicU8::new(0);
    match KNOWN.load(Relaxed) {
        STRICT => true,
        LOOSE => false,
        _ => {
            let strict = os::is_overcommit_strict();
            KNOWN.store(if strict { STRICT } else { LOOSE }, Relaxed);
            strict
        }
    }
}
