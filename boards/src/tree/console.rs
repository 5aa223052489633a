//! The UART to talk through.

use dtoolkit::{Node, Property};

use super::chosen::standard_output;
use super::interrupts::interrupt;
use super::{Path, Tree};
use crate::{Board, Console, Error, rpi5, virt};

const PL011: &[&str] = &["arm,pl011"];

/// The board's console, else the tree's, else the place where the board has one.
pub(crate) fn console(tree: &Tree<'_>, board: Board) -> Result<Console, Error> {
    match board {
        Board::RaspberryPi5 => Ok(raspberry_pi_5(tree)),
        Board::Virt => {
            let console = by_tree(tree)?.unwrap_or_else(virt::fallback_console);
            Ok(Console { baud: console.baud.or(Some(virt::CONSOLE_BAUD)), ..console })
        }
        Board::Generic => {
            by_tree(tree)?.ok_or(Error::Missing("console (an enabled arm,pl011 UART)"))
        }
    }
}

/// UART10, whatever `stdout-path` says; only its interrupt, which differs between steppings of
/// the chip, comes from the tree.
fn raspberry_pi_5(tree: &Tree<'_>) -> Console {
    let uart = tree.find(|path| {
        path.is_compatible(PL011)
            && path.registers(0).is_some_and(|range| range.start == rpi5::CONSOLE_ADDRESS)
    });
    let interrupt = uart.and_then(|path| interrupt(tree, &path, 0));
    Console { interrupt, ..rpi5::fallback_console() }
}

/// The PL011 that `stdout-path` names, else the first that is enabled.
fn by_tree(tree: &Tree<'_>) -> Result<Option<Console>, Error> {
    if let Some((path, baud)) = standard_output(tree)?
        && path.is_compatible(PL011)
        && let Some(console) = describe(tree, &path, baud)
    {
        return Ok(Some(console));
    }
    let first = tree.find(|path| path.is_compatible(PL011) && path.registers(0).is_some());
    Ok(first.and_then(|path| describe(tree, &path, None)))
}

fn describe(tree: &Tree<'_>, path: &Path<'_>, baud: Option<u32>) -> Option<Console> {
    Some(Console {
        registers: path.registers(0)?,
        interrupt: interrupt(tree, path, 0),
        clock_hz: fixed_clock(tree, path),
        baud,
    })
}

/// The frequency of the first of a device's clocks in hertz, if that clock is a fixed one.
fn fixed_clock(tree: &Tree<'_>, path: &Path<'_>) -> Option<u32> {
    let node = path.node();
    let clocks = node.property("clocks")?;
    let phandle = u32::from_be_bytes(*clocks.value().first_chunk()?);
    let clock = tree.find_phandle(phandle).filter(|clock| clock.is_compatible(&["fixed-clock"]))?;
    let frequency = clock.node().property("clock-frequency")?.value_as::<u32>().ok()?;
    (frequency > 0).then_some(frequency)
}
