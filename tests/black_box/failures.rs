//! What goes wrong ends with the right status, a message and the verdict line.

use report::Outcome as StressorOutcome;
use zlab::image::Image;
use zlab::vm::{Ending, Machine, Outcome};

use crate::machine::{
    TemporaryFile, Words, assert_line, cores, expect, incompressible, machine, prepared, run,
    stressor, succeed,
};

/// Ends with status 101 in both page sizes, says so, and names the function that failed.
fn dies(inject: &str, message: &[&str], function: &str) {
    for granule in ["4k", "16k"] {
        let words = format!("granule={granule} inject={inject} --vm 1");
        let outcome = expect(101, &machine().with(&words));
        assert_line(&outcome, message);
        assert_line(&outcome, &["backtrace:"]);
        assert_line(&outcome, &["#", "image+0x", function]);
        assert_line(&outcome, &["#", "image+0x", "unikernel::run::main"]);
        assert!(outcome.lines.last().is_some_and(|line| line.starts_with("zlab: verdict: 101 ")));
    }
}

#[test]
fn panic() {
    dies("panic", &["zlab: panic on CPU 0:", "on purpose"], "core::panicking::panic");
}

#[test]
fn wild_pointer() {
    let message = ["zlab: fault:", "data abort: translation fault", "read"];
    dies("pointer", &message, "unikernel::run::read_wildly");
    let outcome = expect(101, &machine().with("inject=pointer --vm 1"));
    assert_line(&outcome, &["ESR 0x", "ELR 0x", "FAR 0x00007fffdead0000"]);
    assert_line(&outcome, &["x28 0x", "x29 0x", "x30 0x"]);
}

#[test]
fn stack_overflow() {
    dies("stack", &["zlab: fault: stack overflow on CPU 0:"], "unikernel::run::exhaust_stack");
}

#[test]
fn panic_with_several_cores_is_reported_once() {
    let outcome = expect(101, &cores(4).with("inject=panic --vm 4"));
    let count = |text: &str| outcome.lines.iter().filter(|line| line.contains(text)).count();
    assert_eq!((count("zlab: panic on CPU"), count("zlab: verdict:")), (1, 1), "{outcome}");
}

#[test]
fn verify_errors_are_caught_in_every_stressor() {
    for name in ["vm", "zpool", "zswap"] {
        let words = format!("inject=verify --{name} 1 --{name}-bytes 1M --timeout 100ms --verify");
        let outcome = expect(2, &machine().with(&words));
        assert_line(&outcome, &["zlab: fail:", name, "1 bits wrong"]);
        assert_line(&outcome, &["failed: 1", name]);
        let document = outcome.document().expect("a failed run has results");
        let stressor = stressor(&document, name);
        assert_eq!(stressor.outcome(), StressorOutcome::Failed, "{outcome}");
        assert_eq!(stressor.verify_errors(), 1, "{outcome}");
    }
}

/// The stressor that comes with a compressor: in an image that has it, it checks, and that can fail.
#[test]
fn verify_errors_are_caught_in_zlib() {
    let (qemu, _) = prepared();
    let image = Image::build_for(["--zlib"].into_iter()).expect("the image can be built");
    let machine = Machine::new(qemu, image).smp(1).icount(true);
    let words = "--zlib 1 --zlib-ops 4 --timeout 0 --verify";
    let (document, outcome) = succeed(&machine.clone().with(words));
    assert!(stressor(&document, "zlib").checks() >= 4, "{outcome}");
    let outcome = expect(2, &machine.with(&format!("inject=verify {words}")));
    assert_line(&outcome, &["zlab: fail:", "zlib", "1 bits wrong in block 0 inflated"]);
    let document = outcome.document().expect("a failed run has results");
    assert_eq!(stressor(&document, "zlib").verify_errors(), 1, "{outcome}");
}

/// Pages that do not become smaller, and little room for them in the pool: the worker that touches
/// them is killed, the others go on.
#[test]
fn out_of_memory_kills_the_worker_and_not_the_system() {
    let corpus = TemporaryFile::new("incompressible", &incompressible(1 << 20));
    for granule in ["4k", "16k"] {
        let words = format!(
            "granule={granule} --vm 1 --vm-method corpus --vm-bytes 4M --resident 512k \
             --max-pool-percent 1 --zpool 1 --zpool-bytes 256k --timeout 200ms --verify --metrics"
        );
        let machine = machine().memory(128 << 20).file("corpus", corpus.path()).with(&words);
        let outcome = expect(3, &machine);
        assert_line(&outcome, &["zlab: fail:", "vm", "no memory"]);
        let document = outcome.document().expect("the system goes on to its report");
        assert_eq!(stressor(&document, "vm").outcome(), StressorOutcome::NoResource, "{outcome}");
        assert_eq!(stressor(&document, "zpool").outcome(), StressorOutcome::Passed, "{outcome}");
        assert_line(&outcome, &["passed: 1: zpool"]);
        assert_line(&outcome, &["zlab: metrc:", "zpool"]);
    }
}

#[test]
fn more_than_can_be_had_is_status_3() {
    for words in [
        "--vm 1 --vm-bytes 900G --timeout 100ms",
        "--zpool 1 --zpool-bytes 900G --timeout 100ms",
        "--zswap 1 --zswap-bytes 900G --timeout 100ms",
    ] {
        let outcome = expect(3, &machine().memory(128 << 20).with(words));
        assert!(!outcome.text().contains("panic"), "{outcome}");
    }
}

#[test]
fn a_run_without_a_completed_check_is_status_7() {
    let outcome = expect(7, &machine().with(""));
    assert_line(&outcome, &["zlab: verdict: 7 no data"]);
    // This allocator takes none of these pages.
    let corpus = TemporaryFile::new("refused", &incompressible(1 << 20));
    let machine = machine().file("corpus", corpus.path());
    let outcome = expect(7, &machine.with("zpool=zbud --zswap 1 --timeout 10ms --verify"));
    let document = outcome.document().expect("a run without data has a document that says so");
    assert_eq!(stressor(&document, "zswap").outcome(), StressorOutcome::NoData, "{outcome}");
}

/// Where the tree is put, and the kernel: what is between is free.
const TREE: u32 = 0x4c00_0000;
const KERNEL: u32 = 0x4020_0000;

/// Boots with these bytes in place of a device tree (without any: with a null pointer), by way of
/// a boot loader of our own: QEMU does not start a kernel with a damaged tree.
fn with_tree(name: &str, tree: &[u8]) -> Outcome {
    let (qemu, image) = prepared();
    // movz x0, #TREE >> 16, lsl #16; movz x1, #KERNEL >> 16, lsl #16; br x1
    let tree_address = if tree.is_empty() { 0 } else { TREE >> 16 };
    let loader = [0xd2a0_0000 | tree_address << 5, 0xd2a0_0001 | (KERNEL >> 16) << 5, 0xd61f_0020];
    let loader: Vec<u8> = loader.into_iter().flat_map(u32::to_le_bytes).collect();
    let loader = TemporaryFile::new(&format!("{name}-loader"), &loader);
    // QEMU refuses to load nothing.
    let tree = TemporaryFile::new(name, if tree.is_empty() { &[0; 4] } else { tree });
    let load = |path: &std::path::Path, address: u32| {
        format!("loader,file={},addr={address:#x},force-raw=on", path.display())
    };
    let machine = Machine::new(qemu, Image { flat: loader.path().to_owned(), elf: None })
        .smp(1)
        .qemu_argument("-device")
        .qemu_argument(load(&image.flat, KERNEL))
        .qemu_argument("-device")
        .qemu_argument(load(tree.path(), TREE));
    run(&machine)
}

/// Without its tree the kernel does not know how to leave: it says what is wrong on the UART that
/// the board is known to have, gives its verdict and halts.
fn tree_is_refused(name: &str, tree: &[u8], message: &str) {
    let outcome = with_tree(name, tree);
    assert_line(&outcome, &["zlab: error:", "device tree", message]);
    let verdict = match &outcome.ending {
        Ending::Verdict(verdict) | Ending::Disagreement { verdict, .. } => verdict,
        other => panic!("{other}\n{outcome}"),
    };
    assert_eq!(verdict.status, 4, "{outcome}");
}

#[test]
fn missing_device_tree() {
    tree_is_refused("no-tree", &[], "no device tree");
}

#[test]
fn garbage_instead_of_a_device_tree() {
    tree_is_refused("garbage", &incompressible(4096), "no device tree");
}

#[test]
fn device_tree_cut_off() {
    let tree = tree_of_virt();
    // What follows in RAM is zero.
    tree_is_refused("cut", &tree[..tree.len() / 2], "");
}

/// The tree that QEMU makes, without the room it leaves at the end.
fn tree_of_virt() -> Vec<u8> {
    let (qemu, _) = prepared();
    let file = TemporaryFile::new("virt.dtb", &[]);
    let status = std::process::Command::new(&qemu.path)
        .args(["-M", &format!("virt,dumpdtb={}", file.path().display()), "-cpu", "cortex-a76"])
        .args(["-nic", "none", "-display", "none"])
        .stderr(std::process::Stdio::null())
        .status();
    assert!(status.is_ok_and(|status| status.success()));
    let tree = std::fs::read(file.path()).expect("QEMU wrote its tree");
    let used = tree.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    tree[..used].to_vec()
}
