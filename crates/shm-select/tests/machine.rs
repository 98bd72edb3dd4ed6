//! The probe on the machine that runs the tests.
#![cfg(target_os = "linux")]

use shm_core::BackendKind;
use shm_select::{Availability, Needs, Selector, Space, probe};

#[test]
fn this_machine_is_read() {
    let facts = probe(&BackendKind::ALL);
    assert_eq!(facts.os, "linux");
    assert_eq!(facts.availability(BackendKind::Mmap), &Availability::Works);
    assert_eq!(facts.availability(BackendKind::Memfd), &Availability::Works);
    assert_eq!(facts.availability(BackendKind::Shm), &Availability::Works);
    assert_eq!(facts.shm, facts.shm_now);
    assert_ne!(facts.shm, Space::Unmeasured);
    if let Space::Limited { free, total } = facts.shm {
        assert!(free <= total);
    }
    assert!(facts.overcommit.is_some_and(|mode| mode <= 2), "{facts}");
}

#[test]
fn what_is_not_compiled_in_is_not_asked_about() {
    let facts = probe(&[BackendKind::Memfd]);
    assert_eq!(facts.availability(BackendKind::Shm), &Availability::NotCompiled);
    assert_eq!(facts.availability(BackendKind::Mmap), &Availability::NotCompiled);
    let error =
        Selector::new(&[BackendKind::Memfd]).set_backend(Some(BackendKind::Shm)).unwrap_err();
    assert!(error.to_string().contains("enable the feature `shm`"), "{error}");
}

#[test]
fn an_explanation_names_every_backend() {
    let selector = Selector::new(&BackendKind::ALL);
    let explanation = selector.select(&Needs::default()).unwrap().to_string();
    println!("{explanation}");
    for backend in BackendKind::ALL {
        assert!(explanation.contains(&format!("\n  {backend}: ")), "{explanation}");
    }
}
