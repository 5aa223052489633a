//! The interrupt controller, and how it numbers the interrupts of devices.

use core::ops::Range;

use dtoolkit::{Node, Property};
use heapless::Vec;

use super::{Path, Tree};
use crate::{Error, Gic, Interrupt, MAX_REDISTRIBUTORS, Timer, Trigger};

const GIC_V2: &[&str] = &["arm,gic-400", "arm,cortex-a15-gic"];
const GIC_V3: &[&str] = &["arm,gic-v3"];
const TIMER: &[&str] = &["arm,armv8-timer"];

/// Entries of the timer's `interrupts` if it has no `interrupt-names`.
const TIMER_PHYSICAL: usize = 1;
const TIMER_VIRTUAL: usize = 2;

/// Each entry before the wanted one takes a search of the tree, so there is a limit.
const MAX_EXTENDED_INDEX: usize = 15;

/// The first enabled GIC.
pub(crate) fn gic(tree: &Tree<'_>) -> Result<Gic, Error> {
    let path = tree
        .find(|path| path.is_compatible(GIC_V2) || path.is_compatible(GIC_V3))
        .ok_or(Error::Missing("interrupt controller (arm,gic-400, cortex-a15-gic or gic-v3)"))?;
    let window = |index, expected| -> Result<Range<u64>, Error> {
        path.registers(index).ok_or(Error::BadProperty {
            node: "the GIC",
            property: "reg",
            expected,
        })
    };
    let distributor = window(0, "a distributor that all buses pass on")?;
    if path.is_compatible(GIC_V2) {
        let cpu_interface = window(1, "a CPU interface after the distributor")?;
        return Ok(Gic::V2 { distributor, cpu_interface });
    }
    let node = path.node();
    let regions = match node.property("#redistributor-regions") {
        Some(count) => count.value_as::<u32>().unwrap_or(0) as usize,
        None => 1,
    };
    if regions == 0 {
        return Err(Error::BadProperty {
            node: "the GIC",
            property: "#redistributor-regions",
            expected: "a number from 1 to 8",
        });
    }
    let mut redistributors: Vec<Range<u64>, MAX_REDISTRIBUTORS> = Vec::new();
    for region in 1..=regions {
        redistributors.push(window(region, "as many redistributor regions as it says")?).map_err(
            |_| Error::TooMany { what: "redistributor regions", limit: MAX_REDISTRIBUTORS },
        )?;
    }
    Ok(Gic::V3 { distributor, redistributors })
}

/// The interrupts of the generic timer.
pub(crate) fn timer(tree: &Tree<'_>) -> Result<Timer, Error> {
    let path = tree
        .find_compatible(TIMER)
        .ok_or(Error::Missing("timer (an enabled node compatible with arm,armv8-timer)"))?;
    let named = |name: &str, unnamed: usize| -> Result<Interrupt, Error> {
        let index = match path.node().property("interrupt-names") {
            Some(names) => {
                names.value().split(|byte| *byte == 0).position(|entry| entry == name.as_bytes())
            }
            None => Some(unnamed),
        };
        index.and_then(|index| interrupt(tree, &path, index)).ok_or(Error::BadProperty {
            node: "the timer",
            property: "interrupts",
            expected: "the secure, non-secure, virtual and hypervisor timers' GIC interrupts",
        })
    };
    Ok(Timer {
        physical: named("phys", TIMER_PHYSICAL)?,
        virtual_timer: named("virt", TIMER_VIRTUAL)?,
    })
}

/// A device's interrupt `index`; `None` if it has no such, or not one of the GIC's.
pub(crate) fn interrupt(tree: &Tree<'_>, path: &Path<'_>, index: usize) -> Option<Interrupt> {
    let node = path.node();
    if let Some(extended) = node.property("interrupts-extended") {
        return extended_interrupt(tree, extended.value(), index);
    }
    let parent = path.nodes().rev().find_map(|node| {
        node.property("interrupt-parent").and_then(|parent| parent.value_as::<u32>().ok())
    });
    let cells = gic_cells(&tree.find_phandle(parent?)?)?;
    let interrupts = node.property("interrupts")?;
    decode(interrupts.value().get(index.checked_mul(cells * 4)?..)?.get(..cells * 4)?)
}

/// Entry `index` of an `interrupts-extended` list, each of whose entries names its controller.
fn extended_interrupt(tree: &Tree<'_>, mut list: &[u8], index: usize) -> Option<Interrupt> {
    for entry in 0..=index.min(MAX_EXTENDED_INDEX) {
        let (phandle, rest) = list.split_first_chunk()?;
        let controller = tree.find_phandle(u32::from_be_bytes(*phandle))?;
        if entry == index {
            return decode(rest.get(..gic_cells(&controller)? * 4)?);
        }
        list = rest.get(interrupt_cells(&controller)?.checked_mul(4)?..)?;
    }
    None
}

/// How many cells describe an interrupt of a controller.
fn interrupt_cells(controller: &Path<'_>) -> Option<usize> {
    Some(controller.node().property("#interrupt-cells")?.value_as::<u32>().ok()? as usize)
}

/// How many cells describe an interrupt of a controller, if it is a GIC.
fn gic_cells(controller: &Path<'_>) -> Option<usize> {
    let is_gic = controller.is_compatible(GIC_V2) || controller.is_compatible(GIC_V3);
    interrupt_cells(controller).filter(|cells| is_gic && (3..=4).contains(cells))
}

/// An interrupt from the cells type, number and flags (Linux' binding `arm,gic`).
fn decode(specifier: &[u8]) -> Option<Interrupt> {
    let mut cells = specifier.as_chunks().0.iter().map(|cell| u32::from_be_bytes(*cell));
    let (kind, number, flags) = (cells.next()?, cells.next()?, cells.next()?);
    let intid = match (kind, number) {
        (0, 0..988) => 32 + number,
        (1, 0..16) => 16 + number,
        _ => return None,
    };
    let trigger = match flags & 0xf {
        1 | 2 => Trigger::Edge,
        _ => Trigger::Level,
    };
    Some(Interrupt { intid, trigger })
}
