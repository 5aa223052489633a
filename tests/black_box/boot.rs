//! Every page size, exception level, interrupt controller; 1 to 8 cores; 128 MiB to 4 GiB.

use crate::machine::{Words, assert_line, cores, machine, prepared, run, stressor, succeed};

/// A machine and what its cores do: each fills and checks 1 MiB. Less than that may be resident
/// of all of them together.
fn boots(granule: &str, machine: &str, count: u8, mib: u64) {
    let words = format!(
        "granule={granule} --vm 0 --vm-bytes {}k --resident 10% --vm-ops {} \
         --vm-method corpus --verify",
        1024 * u64::from(count),
        320 * u64::from(count)
    );
    let machine = cores(count).machine(machine).memory(mib << 20).with(&words);
    let (document, outcome) = succeed(&machine);
    assert_eq!(document.machine.cpus, u32::from(count), "{outcome}");
    assert_eq!(document.machine.memory_bytes, mib << 20, "{outcome}");
    assert_eq!(document.machine.page_size, if granule == "4k" { 4096 } else { 16384 });
    let vm = stressor(&document, "vm");
    assert_eq!(vm.instances.len(), usize::from(count), "{outcome}");
    assert!(vm.instances.iter().all(|instance| instance.checks > 0), "{outcome}");
    assert!(document.memory.paging.stored > 0 && document.memory.paging.loaded > 0, "{outcome}");
}

/// Test functions for machines that cover every pair of page size, exception level, interrupt
/// controller and number of cores.
macro_rules! machines {
    ($($name:ident: $granule:literal, $machine:literal, $count:literal, $mib:literal;)*) => {
        $(#[test]
        fn $name() {
            boots($granule, $machine, $count, $mib);
        })*
    };
}

machines! {
    pages_4k_el1_gicv2_1_core_128_mib: "4k", "virt,gic-version=2", 1, 128;
    pages_16k_el2_gicv3_1_core_4_gib: "16k", "virt,gic-version=3,virtualization=on", 1, 4096;
    pages_4k_el2_gicv3_2_cores_512_mib: "4k", "virt,gic-version=3,virtualization=on", 2, 512;
    pages_16k_el1_gicv2_2_cores_1_gib: "16k", "virt,gic-version=2", 2, 1024;
    pages_4k_el1_gicv3_4_cores_4_gib: "4k", "virt,gic-version=3", 4, 4096;
    pages_16k_el2_gicv2_4_cores_128_mib: "16k", "virt,gic-version=2,virtualization=on", 4, 128;
    pages_4k_el2_gicv2_8_cores_1_gib: "4k", "virt,gic-version=2,virtualization=on", 8, 1024;
    pages_16k_el1_gicv3_8_cores_512_mib: "16k", "virt,gic-version=3", 8, 512;
}

/// Most bytes of the image.
const IMAGE_LIMIT: u64 = 1 << 20;

#[test]
fn image_is_smaller_than_one_mib() {
    let (_, image) = prepared();
    let bytes = std::fs::metadata(&image.flat).expect("the image was just built").len();
    assert!(bytes < IMAGE_LIMIT, "{bytes} bytes");
}

/// Most guest time from reset to the first instruction of the workload, in seconds.
const BOOT_LIMIT_SECONDS: f64 = 0.5;

#[test]
fn workload_starts_within_half_a_second_of_guest_time() {
    for granule in ["4k", "16k"] {
        let words = format!("granule={granule} --vm 1 --vm-bytes 1M --vm-ops 10");
        let (_, outcome) = succeed(&machine().with(&words));
        let started = outcome.log.iter().find(|record| record.message.contains("workload starts"));
        let started = started.unwrap_or_else(|| panic!("no such record\n{outcome}"));
        let place = started.location.as_deref().unwrap_or_default();
        assert!(place.starts_with("run/mod.rs:"), "the caller, not the macro: {place}");
        let timestamp = started.timestamp.as_deref().unwrap_or_default();
        let seconds: f64 = timestamp.parse().unwrap_or_else(|_| panic!("{timestamp}\n{outcome}"));
        assert!(seconds > 0.0 && seconds < BOOT_LIMIT_SECONDS, "{seconds} s\n{outcome}");
    }
}

#[test]
fn leaves_by_psci_without_semihosting() {
    for machine in ["virt", "virt,virtualization=on"] {
        let words = "--vm 1 --vm-bytes 1M --vm-ops 10";
        let outcome =
            run(&crate::machine::machine().machine(machine).semihosting(false).with(words));
        assert_eq!(outcome.status(), 0, "{outcome}");
        assert_line(&outcome, &["zlab: verdict: 0 success"]);
    }
}

#[test]
fn emulator_finds_nothing_to_complain_about() {
    for (granule, properties) in
        [("4k", "gic-version=2"), ("16k", "gic-version=3,virtualization=on")]
    {
        let log = crate::machine::TemporaryFile::new(&format!("qemu-{granule}.log"), b"");
        let path = log.path().to_string_lossy().into_owned();
        let machine = cores(2)
            .machine(format!("virt,{properties}"))
            .with(&format!("granule={granule} --vm 2 --vm-bytes 512k --vm-ops 200 --verify"));
        let machine = ["-d", "unimp,guest_errors", "-D", &path]
            .into_iter()
            .fold(machine, |machine, argument| machine.qemu_argument(argument));
        succeed(&machine);
        let complaints = std::fs::read_to_string(log.path()).expect("QEMU leaves its log");
        assert_eq!(complaints, "", "{properties}");
    }
}
