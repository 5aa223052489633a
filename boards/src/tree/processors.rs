//! Processors, and the firmware that switches them on and the board off.

use core::ops::Range;

use dtoolkit::fdt::FdtNode;
use dtoolkit::{Node, Property};
use heapless::Vec;

use super::Tree;
use super::path::is_enabled;
use crate::{Board, Error, MAX_PROCESSORS, PsciMethod, rpi5};

/// The affinity fields of MPIDR_EL1: Aff3 in bits 39..32, Aff2 to Aff0 in bits 23..0.
const AFFINITY: u64 = 0xff_00ff_ffff;

/// 0.1 (`arm,psci`) is not among them: its function numbers differ from board to board.
const PSCI: &[&str] = &["arm,psci-1.0", "arm,psci-0.2"];

/// The block as a whole, or its watchdog, which is what the block used to be described by.
const POWER_MANAGEMENT: &[&str] = &["brcm,bcm2712-pm", "brcm,bcm2835-pm-wdt"];

/// The affinities of the first enabled processors, and how many there are in all.
pub(crate) fn processors(tree: &Tree<'_>) -> Result<(Vec<u64, MAX_PROCESSORS>, usize), Error> {
    let mut affinities = Vec::new();
    let mut count = 0;
    let parent = tree.top("cpus").ok_or(Error::Missing("processors (/cpus)"))?;
    for node in parent.children().filter(|node| is_processor(*node) && is_enabled(*node)) {
        let affinity = affinity(node)?;
        count += 1;
        // Those that do not fit are only counted.
        let _ = affinities.push(affinity);
    }
    if count == 0 {
        return Err(Error::Missing("enabled processor in /cpus"));
    }
    Ok((affinities, count))
}

fn is_processor(node: FdtNode<'_>) -> bool {
    match node.property("device_type") {
        Some(kind) => kind.value_as::<&str>() == Ok("cpu"),
        None => node.name_without_address() == "cpu",
    }
}

fn affinity(node: FdtNode<'_>) -> Result<u64, Error> {
    let wrong = Error::BadProperty {
        node: "a processor",
        property: "reg",
        expected: "the affinity fields of its MPIDR_EL1 in one or two cells",
    };
    let first = node.reg().map_err(|_| wrong)?.and_then(|mut entries| entries.next());
    let affinity: u64 = first.ok_or(wrong)?.address().map_err(|_| wrong)?;
    if affinity & !AFFINITY == 0 { Ok(affinity) } else { Err(wrong) }
}

/// How PSCI is called.
pub(crate) fn psci(tree: &Tree<'_>) -> Result<Option<PsciMethod>, Error> {
    let Some(path) = tree.find_compatible(PSCI) else { return Ok(None) };
    let node = path.node();
    let method = node.property("method");
    match method.as_ref().and_then(|method| method.value_as::<&str>().ok()) {
        Some("hvc") => Ok(Some(PsciMethod::Hvc)),
        Some("smc") => Ok(Some(PsciMethod::Smc)),
        _ => Err(Error::BadProperty {
            node: "the PSCI node",
            property: "method",
            expected: "\"hvc\" or \"smc\"",
        }),
    }
}

/// The Raspberry Pi 5's power management block: from the tree, else where every board has it
/// (the tree of Linux 6.12 lacks the node).
pub(crate) fn power_management(tree: &Tree<'_>, board: Board) -> Option<Range<u64>> {
    if board != Board::RaspberryPi5 {
        return None;
    }
    let start = rpi5::POWER_MANAGEMENT_ADDRESS;
    let fixed = start..start + rpi5::POWER_MANAGEMENT_SIZE;
    let described = tree.find_compatible(POWER_MANAGEMENT).and_then(|path| path.registers(0));
    Some(described.unwrap_or(fixed))
}
