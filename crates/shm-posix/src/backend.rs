//! The backend: create, attach, delete.

use std::fs::File;

use shm_core::{
    Access, Attached, Backend, BackendKind, ErrorKind, Fill, Header, Name, Named, Result, Sink,
    Spec,
};
use shm_map::{FileStat, Home, Mapping, PagePlan, establish, read_header};
use shm_presence::os::reopen;
use shm_presence::{LONGEST_WAIT, fork, join, stamp, try_join, wait_until};

use crate::collect::{self, Abandoned, Task, Uncollected};
use crate::os::{SegmentPath, Unpublished, published};
use crate::publish::give_name;
use crate::publish_by::Publish;
use crate::segment::{Membership, PosixSegment};
use crate::{deferred, names, sweep};

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
    Fd(File, Name),
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
        collect::collect(Task::Look)
    }

    /// The segments that are abandoned as well, as far as this process can see, and that
    /// [`collect`](Self::collect) leaves as they are; with the reason of each.
    ///
    /// The superuser sees those of other users, and leaves them: whoever owns an entry can exchange it
    /// at any moment for one that is in use.
    ///
    /// # Errors
    /// [`ErrorKind::Os`] if `/dev/shm` cannot be read.
    pub fn uncollected(&self) -> Result<Vec<Uncollected>> {
        collect::uncollected()
    }

    /// Removes them, and tells which they were. A segment that anybody is attached to, in whatever
    /// container or PID namespace, is never removed, and what is none of ours is not touched.
    ///
    /// Each process does so by itself, once: for a quarter of a millisecond with each segment that it
    /// makes, until it has looked at all of `/dev/shm`.
    ///
    /// [`uncollected`](Self::uncollected) tells what stays.
    ///
    /// # Errors
    /// [`ErrorKind::Os`] if `/dev/shm` cannot be read.
    pub fn collect(&self) -> Result<Vec<Abandoned>> {
        collect::collect(Task::Remove)
    }

    /// Makes a segment. If it has its contents and cannot be given its name, `filled` gets the file: so
    /// the caller's contents are asked for once.
    fn create_by(
        publish: Publish,
        spec: &Spec,
        fill: Option<Fill<'_>>,
        filled: &mut Option<File>,
    ) -> Result<Attached<PosixSegment>> {
        let forks = fork::count();
        let header = Header::new(spec, stamp())?;
        let plan = PagePlan::new(spec.pages, Home::Mount, &header, fill.as_ref());
        let header = header.with_huge(plan.is_huge());
        let place = SegmentPath::of(&spec.name);
        let unpublished = Unpublished::new(publish)?;
        let has_fill = fill.is_some();
        let mapping = establish(unpublished.file(), &header, &plan, spec.commit, fill)?;
        let len = header.mapped_len();
        let (id, access) = (unpublished.id(), Access::ReadWrite);
        let membership = Membership::new(place.clone(), header, id, access, true, forks);
        if let Err(error) = give_name(&unpublished, &place, spec.force) {
            *filled = unpublished.into_unnamed().filter(|_| has_fill);
            return Err(error);
        }
        let segment = PosixSegment::new(membership, unpublished.into_published());
        tracing::debug!(name = %spec.name, bytes = len, ?publish, "created on shm");
        Ok(segment.attached(mapping))
    }
}

/// Writes the contents of another segment of that layout to a new one.
fn copy_contents(header: &Header, from: &File, to: &mut dyn Sink) -> Result<()> {
    let (mut at, end) = (header.data_offset(), header.segment_len());
    while at < end {
        let most = usize::try_from(end - at).unwrap_or(usize::MAX).min(to.best_piece());
        match to.copy_from(from, at, most)? {
            0 => return Err(ErrorKind::Truncated { what: "segment", needs: end, has: at }.into()),
            count => at += count as u64,
        }
    }
    Ok(())
}

impl Backend for Posix {
    const KIND: BackendKind = BackendKind::Shm;
    type Segment = PosixSegment;
    type Source = NameOrFd;

    fn create(&self, spec: &Spec, mut fill: Option<Fill<'_>>) -> Result<Attached<PosixSegment>> {
        sweep::go_on();
        deferred::look_again();
        let mut filled = None;
        published(self.publish, |publish| match filled.take() {
            None => Self::create_by(publish, spec, fill.as_mut().map(Fill::reborrow), &mut filled),
            Some(from) => {
                let header = Header::new(spec, stamp())?;
                let mut copy = |to: &mut dyn Sink| copy_contents(&header, &from, to);
                Self::create_by(publish, spec, Some(Fill::InOrder(&mut copy)), &mut None)
            }
        })
    }

    fn attach(&self, source: NameOrFd, access: Access) -> Result<Attached<PosixSegment>> {
        let (name, handed) = match source {
            NameOrFd::Name(name) => (name, None),
            NameOrFd::Fd(file, name) => (name, Some(file)),
        };
        let (place, forks) = (SegmentPath::of(&name), fork::count());
        let (file, stat) = match handed {
            None => present_by_name(&place, access)?,
            Some(handed) => present_by_file(&place, &handed, access)?,
        };
        let header = read_header(&file, stat.len)?;
        let bytes = header.mapped_len();
        let plan = PagePlan::of_segment(&stat, &header);
        let mapping = Mapping::in_pages(&file, bytes, access, &plan)?;
        tracing::debug!(%name, bytes, %access, "attached on shm");
        let membership = Membership::new(place, header, stat.id, access, false, forks);
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
fn present_by_name(place: &SegmentPath, access: Access) -> Result<(File, FileStat)> {
    let mut found = None;
    let attempt = || {
        let file = place.open(access)?;
        let present = try_join(&file);
        let mut stat = place.check(&file)?; // first: what is none of ours is not waited for
        if !present? {
            join(&file)?;
            stat = place.check(&file)?;
        }
        let still_there = stat.has_name;
        if still_there {
            found = Some((file, stat));
        }
        Ok(still_there)
    };
    wait_until(|| place.to_string(), "processes that replace it without end", attempt)?;
    found.ok_or_else(|| {
        let waited_ms = u64::try_from(LONGEST_WAIT.as_millis()).unwrap_or(u64::MAX);
        ErrorKind::Busy { object: place.to_string(), holder: "nobody known", waited_ms }.into()
    })
}

/// The sender holds it, so it cannot go away; its name may be gone already.
fn present_by_file(place: &SegmentPath, file: &File, access: Access) -> Result<(File, FileStat)> {
    let stat = place.check(file)?; // before anything else is opened through it
    let own = reopen(file, access)?;
    join(&own)?;
    Ok((own, stat))
}
