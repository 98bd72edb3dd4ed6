//! Which memory a mapping shows, as the kernel tells it: the device and inode in
//! `/proc/self/maps`. Processes whose mappings have the same ones share the memory.
//!
//! See `proc_pid_maps(5)`.

use std::fmt;
use std::str::FromStr;

/// `device:inode` of the shared mappings of both arrays, where the kernel tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Memory {
    pub(crate) elevation: Option<String>,
    pub(crate) shade: Option<String>,
}

impl Memory {
    /// Looks up the mappings of this process that hold these addresses.
    pub(crate) fn behind(elevation: *const f64, shade: *const f32) -> Self {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
        Self {
            elevation: object_at(&maps, elevation.addr()),
            shade: object_at(&maps, shade.addr()),
        }
    }

    /// Whether the kernel told it.
    pub(crate) fn is_known(&self) -> bool {
        self.elevation.is_some() && self.shade.is_some()
    }
}

/// The shared mapping at an address. A line is `start-end rwxs offset device inode path`.
fn object_at(maps: &str, address: usize) -> Option<String> {
    maps.lines().find_map(|line| {
        let mut words = line.split_ascii_whitespace();
        let (start, end) = words.next()?.split_once('-')?;
        let [start, end] = [start, end].map(|text| usize::from_str_radix(text, 16));
        let shared = words.next()?.ends_with('s');
        let (device, inode) = (words.nth(1)?, words.next()?);
        ((start.ok()?..end.ok()?).contains(&address) && shared).then(|| format!("{device}:{inode}"))
    })
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [elevation, shade] =
            [&self.elevation, &self.shade].map(|object| object.as_deref().unwrap_or("unknown"));
        write!(f, "{elevation} {shade}")
    }
}

impl FromStr for Memory {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (elevation, shade) = text.split_once(' ').ok_or("not two objects")?;
        let [elevation, shade] =
            [elevation, shade].map(|object| (object != "unknown").then(|| object.to_owned()));
        Ok(Self { elevation, shade })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAPS: &str = "\
7f10-7f20 rw-s 00000000 00:01 4129                       /memfd:elevation (deleted)
7f20-7f30 rw-p 00000000 00:00 0 
7f30-7f48 rw-s 00001000 00:1a 17                         /dev/shm/a name with blanks
";

    #[test]
    fn an_address_leads_to_the_object_that_is_mapped_shared_there() {
        assert_eq!(object_at(MAPS, 0x7f10).as_deref(), Some("00:01:4129"));
        assert_eq!(object_at(MAPS, 0x7f47).as_deref(), Some("00:1a:17"));
        for elsewhere in [0, 0x7f20, 0x7f48] {
            assert_eq!(object_at(MAPS, elsewhere), None, "{elsewhere:x}");
        }
    }

    #[test]
    fn private_memory_is_not_shared() {
        let (elevation, shade) = (1.0, 2.0);
        assert!(!Memory::behind(&elevation, &shade).is_known());
    }
}
