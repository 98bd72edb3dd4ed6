//! Promises that are weaker where the system lacks something: each is tried for real, and nothing is
//! left behind.

use std::fs::File;
use std::path::Path;

use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use shmarray::{BackendKind, Commit, MemfdArray, SharedArray, ndarray::Ix1};

use crate::finding::Finding;

const GROUP: &str = "promises";

pub(super) fn findings() -> Vec<Finding> {
    let (unnamed, presence) = unnamed_and_locks();
    let mut found = vec![proc(), unnamed, presence, populated()];
    found.extend(frozen());
    found
}

fn proc() -> Finding {
    let found = Finding::new(GROUP, "/proc", "there");
    if Path::new("/proc/self/fd").is_dir() {
        return found;
    }
    Finding { found: "missing".into(), ..found }.problem(
        "memfd payloads, file descriptors from other processes and freeze do not work; who has an \
         array cannot be seen",
    )
}

/// An unnamed file in `/dev/shm`, and the lock that tells who is present.
fn unnamed_and_locks() -> (Finding, Finding) {
    let (unnamed, presence) = ("unnamed files in /dev/shm (O_TMPFILE)", "presence locks (OFD)");
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let file = match open("/dev/shm", flags, Mode::RUSR | Mode::WUSR) {
        Ok(fd) => File::from(fd),
        Err(errno) => {
            return (without_unnamed(unnamed, errno), Finding::unknown(GROUP, presence));
        }
    };
    let works = |what: &str| Finding::new(GROUP, what, "work");
    let presence = match shm_presence::join(&file) {
        Ok(()) => works(presence),
        Err(error) => Finding::new(GROUP, presence, format!("refused: {error}"))
            .problem("backends shm and memfd cannot be used: nobody could tell who has an array"),
    };
    (works(unnamed), presence)
}

/// The consequence of an unnamed file that cannot be made. See open(2), `O_TMPFILE`.
fn without_unnamed(what: &'static str, errno: Errno) -> Finding {
    let found = Finding::new(GROUP, what, format!("refused: {errno}"));
    match errno {
        // The file system or the kernel has none, and a named one is made in its place.
        Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL => found.problem(
            "a crash while an array is made may leave a .shmarray-tmp-* entry, which the next create \
             removes",
        ),
        _ => found.problem("no array of backend shm can be made in /dev/shm"),
    }
}

/// Memory that is touched in advance. See `MADV_POPULATE_WRITE` in madvise(2).
fn populated() -> Finding {
    let what = "populated mappings (MADV_POPULATE_WRITE)";
    let made = SharedArray::<u8, Ix1>::builder(1)
        .backend(BackendKind::Mmap)
        .commit(Commit::Populate)
        .zeros();
    match made {
        Ok(_) => Finding::new(GROUP, what, "work"),
        Err(error) => Finding::new(GROUP, what, format!("refused: {error}"))
            .problem("Commit::Populate reserves on shm and memfd, and is an error on mmap"),
    }
}

/// A memfd array, and freezing it.
fn frozen() -> Vec<Finding> {
    let made = SharedArray::<u8, Ix1>::builder(1).backend(BackendKind::Memfd).zeros();
    let (memfd, freeze) = ("memfd, sealed against resizing", "frozen arrays");
    let array: MemfdArray<u8, Ix1> = match made.and_then(SharedArray::into_memfd) {
        Ok(array) => array,
        Err(error) => {
            return vec![
                Finding::new(GROUP, memfd, format!("refused: {error}"))
                    .problem("arrays without a name cannot be made"),
                Finding::unknown(GROUP, freeze),
            ];
        }
    };
    let freeze = match array.freeze() {
        Ok(_) => Finding::new(GROUP, freeze, "work"),
        Err(error) => Finding::new(GROUP, freeze, format!("refused: {error}"))
            .problem("no array can be frozen"),
    };
    vec![Finding::new(GROUP, memfd, "works"), freeze]
}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;

    use super::without_unnamed;

    #[test]
    fn where_nothing_can_be_made_nothing_is_left() {
        let advice = |errno| without_unnamed("unnamed", errno).advice.unwrap();
        for errno in [Errno::NOENT, Errno::ROFS, Errno::ACCESS] {
            assert_eq!(advice(errno), "no array of backend shm can be made in /dev/shm", "{errno}");
        }
        // A /dev/shm that is a folder of a file system without it.
        assert!(advice(Errno::OPNOTSUPP).contains(".shmarray-tmp-*"));
    }
}
