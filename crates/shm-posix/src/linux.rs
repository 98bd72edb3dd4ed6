//! The backend on Linux: files in `/dev/shm`.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::Stat;
use shm_core::{
    Access, Attached, Backend, BackendKind, ErrorKind, Fill, Header, Name, Named, Result, Spec,
};
use shm_map::{Home, Mapping, PagePlan, establish, read_header};
use shm_presence::{PATIENCE, join, reopen, stamp, try_join, wait_until};

mod collect;
mod deferred;
mod directory;
mod draft;
mod names;
mod raw;
mod segment;

pub use collect::Abandoned;
use directory::{FileId, SegmentPath};
use draft::Draft;
pub use draft::Publish;
pub use raw::RawSegment;
use segment::Hold;
pub use segment::PosixSegment;

/// The named shared-memory backend.
#[derive(Clone, Copy, Debug, Default)]
pub struct Posix {
    publish: Publish,
}

/// What attaching starts from.
#[derive(Debug)]
pub enum NameOrFd {
    /// The array's name.
    Name(Name),
    /// A descriptor that another process handed over, with the array's name.
    Fd(OwnedFd, Name),
}

impl Posix {
    /// The backend with another way to publish than the best one.
    pub fn with_publish(publish: Publish) -> Self {
        Self { publish }
    }

    /// The segments that nobody is attached to, and that are not to persist: what
    /// [`collect`](Self::collect) would remove now.
    ///
    /// # Errors
    /// [`ErrorKind::Os`] if `/dev/shm` cannot be read.
    pub fn abandoned(&self) -> Result<Vec<Abandoned>> {
        collect::collect(false, usize::MAX)
    }

    /// Removes them, and tells which they were. A segment that anybody is attached to, in whatever
    /// container or PID namespace, is never removed, and what is none of ours is not touched.
    ///
    /// Each process does so by itself when it makes its first segment, for the first 1024 entries of
    /// `/dev/shm`.
    ///
    /// # Errors
    /// [`ErrorKind::Os`] if `/dev/shm` cannot be read.
    pub fn collect(&self) -> Result<Vec<Abandoned>> {
        collect::collect(true, usize::MAX)
    }

    fn create_by(
        publish: Publish,
        spec: &Spec,
        fill: &mut Option<Fill<'_>>,
    ) -> Result<Attached<PosixSegment>> {
        let header = Header::new(spec, stamp())?;
        let plan = PagePlan::new(spec.pages, Home::Mount, &header, fill.as_ref());
        let header = header.with_huge(plan.is_huge());
        let place = SegmentPath::of(&spec.name);
        let draft = Draft::new(publish)?;
        let fill = fill.as_mut().map(Fill::again);
        let mapping = establish(draft.fd(), &header, &plan, spec.commit, fill)?;
        let len = header.mapped_len();
        let hold = Hold::new(place.clone(), header, draft.file(), Access::ReadWrite, true);
        let fd = if spec.force { draft.replace(&place)? } else { draft.publish(&place)? };
        let segment = PosixSegment::new(hold, fd);
        tracing::debug!(name = %spec.name, bytes = len, ?publish, "created on shm");
        Ok(segment.attached(mapping))
    }
}

impl Backend for Posix {
    const KIND: BackendKind = BackendKind::Shm;
    type Segment = PosixSegment;
    type Source = NameOrFd;

    fn create(&self, spec: &Spec, mut fill: Option<Fill<'_>>) -> Result<Attached<PosixSegment>> {
        collect::once();
        deferred::look_again();
        draft::published(self.publish, |publish| Self::create_by(publish, spec, &mut fill))
    }

    fn attach(&self, source: NameOrFd, access: Access) -> Result<Attached<PosixSegment>> {
        let (name, fd) = match source {
            NameOrFd::Name(name) => (name, None),
            NameOrFd::Fd(fd, name) => (name, Some(fd)),
        };
        let place = SegmentPath::of(&name);
        let (fd, stat) = match fd {
            None => present_by_name(&place, access)?,
            Some(fd) => present_by_fd(&place, fd.as_fd(), access)?,
        };
        let header = read_header(fd.as_fd(), stat.st_size.cast_unsigned())?;
        let bytes = header.mapped_len();
        let plan = PagePlan::of_segment(&stat, &header);
        let mapping = Mapping::in_pages(fd.as_fd(), bytes, access, &plan)?;
        tracing::debug!(%name, bytes, %access, "attached on shm");
        let hold = Hold::new(place, header, FileId::from(&stat), access, false);
        Ok(PosixSegment::new(hold, fd).attached(mapping))
    }
}

impl Named for Posix {
    fn delete(&self, name: &Name) -> Result<bool> {
        names::delete(&SegmentPath::of(name))
    }
}

/// Opens what bears the name, becomes present, and looks again: what it was may have been removed
/// or replaced in between.
fn present_by_name(place: &SegmentPath, access: Access) -> Result<(OwnedFd, Stat)> {
    let mut found = None;
    let attempt = || {
        let fd = place.open(access)?;
        let present = try_join(fd.as_fd());
        let mut stat = place.check(fd.as_fd())?; // first: what is none of ours is not waited for
        if !present? {
            join(fd.as_fd())?;
            stat = place.check(fd.as_fd())?;
        }
        let still_there = stat.st_nlink > 0;
        if still_there {
            found = Some((fd, stat));
        }
        Ok(still_there)
    };
    wait_until(|| place.to_string(), "processes that replace it without end", attempt)?;
    found.ok_or_else(|| {
        let waited_ms = u64::try_from(PATIENCE.as_millis()).unwrap_or(u64::MAX);
        ErrorKind::Busy { object: place.to_string(), holder: "nobody known", waited_ms }.into()
    })
}

/// The sender holds it, so it cannot go away; its name may be gone already.
fn present_by_fd(
    place: &SegmentPath,
    fd: BorrowedFd<'_>,
    access: Access,
) -> Result<(OwnedFd, Stat)> {
    let stat = place.check(fd)?; // before anything else is opened through it
    let own = reopen(fd, access)?;
    join(own.as_fd())?;
    Ok((own, stat))
}
