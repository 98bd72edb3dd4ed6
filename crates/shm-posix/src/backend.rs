//! The backend: create, attach, delete.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};

use shm_core::{
    Access, Attached, Backend, BackendKind, ErrorKind, Fill, Header, Name, Named, Result, Spec,
};
use shm_map::{Home, Mapping, PagePlan, establish, read_header};
use shm_presence::os::reopen;
use shm_presence::{PATIENCE, join, stamp, try_join, wait_until};

use crate::collect::{self, Abandoned};
use crate::os::{Facts, Publish, SegmentPath, Unpublished, published};
use crate::publish::give_name;
use crate::segment::{Membership, PosixSegment};
use crate::{deferred, names};

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
        let unpublished = Unpublished::new(publish)?;
        let fill = fill.as_mut().map(Fill::reborrow);
        let mapping = establish(unpublished.file().as_fd(), &header, &plan, spec.commit, fill)?;
        let len = header.mapped_len();
        let membership =
            Membership::new(place.clone(), header, unpublished.id(), Access::ReadWrite, true);
        let file = give_name(unpublished, &place, spec.force)?;
        let segment = PosixSegment::new(membership, file);
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
        published(self.publish, |publish| Self::create_by(publish, spec, &mut fill))
    }

    fn attach(&self, source: NameOrFd, access: Access) -> Result<Attached<PosixSegment>> {
        let (name, fd) = match source {
            NameOrFd::Name(name) => (name, None),
            NameOrFd::Fd(fd, name) => (name, Some(fd)),
        };
        let place = SegmentPath::of(&name);
        let (file, facts) = match fd {
            None => present_by_name(&place, access)?,
            Some(fd) => present_by_file(&place, &fd.into(), access)?,
        };
        let header = read_header(file.as_fd(), facts.len())?;
        let bytes = header.mapped_len();
        let plan = facts.pages(&header);
        let mapping = Mapping::in_pages(file.as_fd(), bytes, access, &plan)?;
        tracing::debug!(%name, bytes, %access, "attached on shm");
        let membership = Membership::new(place, header, facts.id(), access, false);
        Ok(PosixSegment::new(membership, file).attached(mapping))
    }
}

impl Named for Posix {
    fn delete(&self, name: &Name) -> Result<bool> {
        names::delete(&SegmentPath::of(name))
    }
}

/// Opens what bears the name, becomes present, and looks again: what it was may have been removed
/// or replaced in between.
fn present_by_name(place: &SegmentPath, access: Access) -> Result<(File, Facts)> {
    let mut found = None;
    let attempt = || {
        let file = place.open(access)?;
        let present = try_join(&file);
        let mut facts = place.check(&file)?; // first: what is none of ours is not waited for
        if !present? {
            join(&file)?;
            facts = place.check(&file)?;
        }
        let still_there = facts.has_name();
        if still_there {
            found = Some((file, facts));
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
fn present_by_file(place: &SegmentPath, file: &File, access: Access) -> Result<(File, Facts)> {
    let facts = place.check(file)?; // before anything else is opened through it
    let own = reopen(file, access)?;
    join(&own)?;
    Ok((own, facts))
}
