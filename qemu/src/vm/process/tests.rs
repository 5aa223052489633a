//! A shell script stands in for QEMU: it gets the same arguments and has the same standard output.

use std::path::Path;
use std::process::Command;

use super::*;
use crate::image::Image;
use crate::qemu_install::Qemu;
use crate::status;
use crate::vm::Outcome;

/// A machine whose QEMU is `script`, and the folder with the script.
fn machine(name: &str, script: &str) -> (Machine, PathBuf) {
    let folder = std::env::temp_dir().join(format!("zlab-vm-{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("qemu");
    // Written by another process: if this one had the file open while another test starts a
    // process, that one would have it open, too, and it could not be executed (ETXTBSY).
    let write = r#"printf '#!/bin/sh\n%s\n' "$1" > "$0" && chmod +x "$0""#;
    let written = Command::new("sh").args(["-c", write]).arg(&path).arg(script).status().unwrap();
    assert!(written.success());
    let image = Image { flat: folder.join("image"), elf: None };
    (Machine::new(Qemu { path, version: (10, 0) }, image), folder)
}

fn run(name: &str, script: &str, limit: Duration) -> Outcome {
    let (machine, folder) = machine(name, script);
    let outcome = machine.run(limit).unwrap();
    fs::remove_dir_all(folder).unwrap();
    outcome
}

const LONG: Duration = Duration::from_secs(30);

#[test]
fn verdict_and_lines_are_collected() {
    let script = r"printf 'booting\n@progress half\nzlab: verdict: 7 no data\n'; exit 7";
    let outcome = run("verdict", script, LONG);
    assert_eq!(outcome.status(), 7, "{outcome}");
    assert_eq!(outcome.lines, ["booting", "zlab: verdict: 7 no data"]);
    assert_eq!(outcome.progress, ["half"]);
    assert!(outcome.document().is_err());
}

#[test]
fn qemus_complaint_is_kept() {
    let outcome = run("complaint", "echo 'no such machine' >&2; exit 1", LONG);
    assert_eq!(outcome.status(), status::LAUNCHER);
    assert!(outcome.to_string().contains("no such machine"));
}

#[test]
fn time_limit_ends_it() {
    let outcome = run("limit", "printf 'half a li'; exec sleep 60", Duration::from_millis(300));
    assert_eq!(outcome.ending, Ending::Timeout);
    assert_eq!(outcome.status(), status::TIMEOUT);
    assert_eq!(outcome.lines, ["half a li"]);
}

#[test]
fn files_are_handed_over_and_removed() {
    let script = r#"while [ "$1" != -initrd ]; do shift; done
        echo "$2"; head -c 6 "$2"; echo; echo 'zlab: verdict: 0 success'"#;
    let (machine, folder) = machine("files", script);
    let outcome = machine.file("corpus", "/proc/self/exe").run(LONG).unwrap();
    assert_eq!(outcome.status(), 0, "{outcome}");
    assert_eq!(outcome.lines[1], "070701");
    assert!(!Path::new(&outcome.lines[0]).exists());
    fs::remove_dir_all(folder).unwrap();
}
