//! The workers really share: seen from outside, while they wait.

use std::path::Path;

use crate::run::Folder;
use crate::{COMBINATIONS, RELIEF, result};

/// `device:inode` of every shared mapping of a process, as the kernel tells it.
fn shared_mappings(pid: u32) -> Vec<String> {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let lines = maps.lines().map(|line| line.split_ascii_whitespace().collect::<Vec<_>>());
    let shared = lines.filter(|words| words[1].ends_with('s'));
    shared.map(|words| format!("{}:{}", words[3], words[4])).collect()
}

#[test]
fn workers_map_the_same_memory_and_need_no_input_file() {
    let whole = Folder::new();
    whole.run(&["--input", RELIEF, "--output", "out.npy"]).assert_right();
    for (backend, start) in COMBINATIONS {
        let folder = Folder::new();
        std::fs::copy(RELIEF, folder.path("in.npy")).unwrap();
        let fixed = ["--input", "in.npy", "--output", "out.npy", "--workers", "3"];
        let held = folder.hold(&[&fixed[..], &["--backend", backend, "--start", start]].concat());
        assert_eq!(held.workers.len(), 3);
        std::fs::remove_file(folder.path("in.npy")).unwrap();
        let mapped: Vec<_> = held.workers.iter().map(|pid| shared_mappings(*pid)).collect();
        for pid in &held.workers {
            let program = std::fs::read_link(format!("/proc/{pid}/exe")).unwrap();
            assert!(program.ends_with(Path::new("examples/hillshade")), "{program:?}");
        }

        let finished = held.let_go();
        finished.assert_right();
        assert_eq!(result(&folder), result(&whole), "{backend}, {start}");
        let said = finished.stdout.split_once("(device:inode ").unwrap().1;
        let objects: Vec<_> = said.split_once(')').unwrap().0.split(' ').collect();
        assert!(objects.len() == 2 && objects[0] != objects[1], "{objects:?}");
        for (object, mapped) in objects.iter().flat_map(|o| mapped.iter().map(move |m| (o, m))) {
            let found = mapped.iter().any(|other| other == object);
            assert!(found, "{backend}, {start}: {object} is not in {mapped:?}");
        }
    }
}
