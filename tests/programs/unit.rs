//! The systemd unit, as systemd itself judges it.

use std::fs;
use std::process::{Command, Output};

use super::{Case, ROOT};

pub(crate) const CASES: &[Case] = &[
    (
        "unit::it_exposes_little",
        &["systemd-analyze"],
        the_unit_exposes_little,
    ),
    (
        "unit::systemd_understands_every_line_of_it",
        &["systemd-analyze"],
        systemd_understands_every_line_of_the_unit,
    ),
];

const UNIT: &str = "systemd/natsx-sync.service";

/// In tenths, as `--threshold` takes it.
const EXPOSURE: u32 = 12;

fn analyze(arguments: &[&str]) -> Output {
    Command::new("systemd-analyze")
        .args(arguments)
        .current_dir(ROOT)
        .output()
        .unwrap()
}

fn said(done: &Output) -> String {
    String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr)
}

fn the_unit_exposes_little() {
    let threshold = format!("--threshold={EXPOSURE}");
    let judge = |unit: &str| analyze(&["security", "--offline=true", &threshold, unit]);
    let judged = judge(UNIT);
    assert!(judged.status.success(), "{}", said(&judged));

    // The same judge says no to the same unit with a right more.
    let folder = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(format!("{ROOT}/{UNIT}")).unwrap();
    let weaker = text.replace("CapabilityBoundingSet=\n", "");
    assert_ne!(text, weaker);
    let path = folder.path().join("natsx-sync.service");
    fs::write(&path, weaker).unwrap();
    assert!(!judge(path.to_str().unwrap()).status.success());
}

fn systemd_understands_every_line_of_the_unit() {
    let folder = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(format!("{ROOT}/{UNIT}")).unwrap();
    // Not installed here.
    let here = text.replace("/usr/bin/natsx-sync", env!("CARGO_BIN_EXE_natsx-sync"));
    assert_ne!(text, here);
    let path = folder.path().join("natsx-sync.service");
    let verify = |text: &str| {
        fs::write(&path, text).unwrap();
        analyze(&["verify", "--man=no", path.to_str().unwrap()])
    };
    let done = verify(&here);
    assert!(done.status.success(), "{}", said(&done));
    assert_eq!(said(&done), "");
    let misspelt = said(&verify(&here.replace("OOMPolicy", "OOMPolitics")));
    assert!(misspelt.contains("OOMPolitics"), "{misspelt}");
}
