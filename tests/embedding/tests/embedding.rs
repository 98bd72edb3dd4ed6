//! What a user of one backend sees.

use std::process::Command;

use shmarray::prelude::*;

#[test]
fn the_program_runs() {
    let output = Command::new(env!("CARGO_BIN_EXE_embedding")).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(said, "memfd: 138\n");
}

#[test]
fn the_other_backends_are_refused_by_name_of_their_feature() {
    for (backend, feature) in [(BackendKind::Shm, "`shm`"), (BackendKind::Mmap, "`mmap`")] {
        let array = SharedArray::<u8, Ix1>::builder(8).unique("embedding").backend(backend);
        let error = array.zeros().unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::BackendNotCompiled { .. }), "{error}");
        assert!(error.to_string().contains(feature), "{error}");
    }
}

#[test]
fn what_is_chosen_automatically_is_what_there_is() {
    let array = SharedArray::<u8, Ix1>::builder(8).unique("embedding").zeros().unwrap();
    assert_eq!(array.backend(), BackendKind::Memfd);
}
