//! The launcher's command line, from options to files.

use std::ffi::OsString;

use crate::machine::{TemporaryFile, prepared, turn};

pub fn launch(arguments: &str) -> u8 {
    prepared();
    let _turn = turn();
    zlab::cli::main(arguments.split_ascii_whitespace().map(OsString::from))
}

#[test]
fn a_run_with_all_kinds_of_options_writes_its_results() {
    let yaml = TemporaryFile::new("out.yaml", &[]);
    let json = TemporaryFile::new("out.json", &[]);
    let status = launch(&format!(
        "run --icount --smp 1 --memory 256M --granule 16k --zpool zsmalloc --compressor lz4 --vm 2 \
         --vm-bytes 4M --resident 1M --vm-method corpus --timeout 100ms --verify --metrics \
         --host-timeout 120 --yaml {} --json {}",
        yaml.path().display(),
        json.path().display()
    ));
    assert_eq!(status, 0);

    let json = std::fs::read_to_string(json.path()).expect("the launcher wrote it");
    let document = report::Document::from_json(&json).expect("it is what the kernel sent");
    assert_eq!(document.settings.zpool, "zsmalloc");
    assert_eq!(document.machine.page_size, 16384);
    assert_eq!(document.machine.memory_bytes, 256 << 20);
    assert!(!json.contains("\"host\""), "nothing of the host under --icount");

    let yaml = std::fs::read_to_string(yaml.path()).expect("the launcher wrote it");
    let figure = |key: &str| {
        let line = yaml.lines().find_map(|line| line.trim_start().strip_prefix(key));
        let value = line.and_then(|line| line.strip_prefix(": "));
        let value = value.unwrap_or_else(|| panic!("no {key} in\n{yaml}"));
        value.trim().parse::<f64>().unwrap_or_else(|_| panic!("{key}: {value}"))
    };
    let vm = &document.stressors[0];
    assert_eq!(figure("bogo-ops") as u64, vm.bogo_ops());
    assert_eq!(figure("stored") as u64, document.memory.paging.stored);
    assert_eq!(figure("loaded") as u64, document.memory.paging.loaded);
    assert!(vm.bogo_ops() > 0 && document.memory.paging.loaded > 0);
}

/// `--zpool NAME` is the launcher's, `--zpool N` the kernel's.
#[test]
fn zpool_is_a_name_or_a_number() {
    let options = "--icount --smp 1 --zpool-bytes 256k --zpool-ops 100 --host-timeout 120";
    assert_eq!(launch(&format!("run {options} --zpool 1")), 0);
    assert_eq!(launch(&format!("run {options} --zpool zbud --zpool=1")), 0);
}

#[test]
fn the_guest_and_the_launcher_refuse_with_status_1() {
    assert_eq!(launch("run --icount --smp 1 --vm 1 --vm-byts 1M"), 1);
    assert_eq!(launch("run --smp 9 --vm 1"), 1);
    assert_eq!(launch("run --memory 64M --vm 1"), 1);
    assert_eq!(launch("fly"), 1);
}
