//! The kernel's own map: RAM and devices where they are, the image with separate permissions.

use core::ops::Range;

use boards::{Gic, Machine};
use heapless::Vec;
use paging::{Attributes, Error, PhysicalAddress, Tables, TranslationGranule};

use super::frames::TableFrames;
use crate::board;

/// Most holes in RAM, and most device ranges.
const MOST: usize = 64;

/// Where the parts of the image are.
#[derive(Clone, Debug)]
pub struct Image {
    /// Code.
    pub text: Range<usize>,
    /// Constants and relocations.
    pub rodata: Range<usize>,
    /// Data and zeroed data.
    pub data: Range<usize>,
    /// The boot stack; between the data and it lies the guard.
    pub stack: Range<usize>,
}

impl Image {
    /// The running image.
    pub fn running() -> Self {
        unsafe extern "C" {
            static __image_start: u8;
            static __rodata_start: u8;
            static __data_start: u8;
            static __boot_guard: u8;
            static __boot_stack_bottom: u8;
            static __image_end: u8;
        }
        // Addresses of symbols of the linker script; nothing is read.
        let text = (&raw const __image_start).expose_provenance();
        let rodata = (&raw const __rodata_start).expose_provenance();
        let data = (&raw const __data_start).expose_provenance();
        let guard = (&raw const __boot_guard).expose_provenance();
        let stack = (&raw const __boot_stack_bottom).expose_provenance();
        let end = (&raw const __image_end).expose_provenance();
        Self { text: text..rodata, rodata: rodata..data, data: data..guard, stack: stack..end }
    }

    /// All of it.
    pub fn range(&self) -> Range<usize> {
        self.text.start..self.stack.end
    }

    /// The bytes of code and constants, as an example of what real memory holds.
    pub fn constant_bytes(&self) -> &'static [u8] {
        let range = self.text.start..self.rodata.end;
        // SAFETY: both parts are mapped readable and never change after relocation.
        unsafe {
            core::slice::from_raw_parts(
                core::ptr::with_exposed_provenance(range.start),
                range.len(),
            )
        }
    }
}

/// Builds the tables.
///
/// RAM is data, never executable, except where the image is; what firmware reserved without a
/// mapping is not mapped. Of devices only those that the kernel uses are.
#[cold]
pub fn build<G: TranslationGranule>(
    memory: TableFrames<G>,
    machine: &Machine,
    image: &Image,
    physical_bits: u32,
) -> Result<Tables<TableFrames<G>>, Error> {
    let mut tables = Tables::new(memory, physical_bits)?;
    let mut holes: Vec<Range<u64>, MOST> = Vec::new();
    let mut note = |range: Range<u64>| {
        // As many as there can be: 32 reserved ranges and the image.
        let _ = holes.push(outwards::<G>(&range));
    };
    note(image.range().start as u64..image.range().end as u64);
    for reserved in machine.reserved.iter().filter(|reserved| reserved.no_map) {
        note(reserved.range.clone());
    }
    holes.sort_unstable_by_key(|hole| hole.start);
    for ram in &machine.memory {
        let ram = inwards::<G>(ram);
        let mut at = ram.start;
        for hole in &holes {
            let end = hole.start.min(ram.end);
            map(&mut tables, at..end, Attributes::DATA)?;
            at = at.max(hole.end);
        }
        map(&mut tables, at..ram.end, Attributes::DATA)?;
    }
    for (range, attributes) in [
        (&image.text, Attributes::TEXT),
        (&image.rodata, Attributes::RODATA),
        (&image.data, Attributes::DATA),
        (&image.stack, Attributes::DATA),
    ] {
        map(&mut tables, range.start as u64..range.end as u64, attributes)?;
    }
    for device in devices::<G>(machine) {
        map(&mut tables, device, Attributes::DEVICE)?;
    }
    Ok(tables)
}

fn map<G: TranslationGranule>(
    tables: &mut Tables<TableFrames<G>>,
    range: Range<u64>,
    attributes: Attributes,
) -> Result<(), Error> {
    if range.start >= range.end {
        return Ok(());
    }
    let physical = PhysicalAddress(range.start);
    tables.map(range.start as usize..range.end as usize, physical, attributes)
}

/// Device registers, rounded to pages, those that touch merged: neighbours share pages of 16 KiB.
fn devices<G: TranslationGranule>(machine: &Machine) -> Vec<Range<u64>, MOST> {
    let mut found: Vec<Range<u64>, MOST> = Vec::new();
    let mut note = |range: &Range<u64>| {
        let _ = found.push(outwards::<G>(range));
    };
    note(&machine.console.registers);
    match &machine.gic {
        Gic::V2 { distributor, cpu_interface } => {
            note(distributor);
            note(cpu_interface);
        }
        Gic::V3 { distributor, redistributors } => {
            note(distributor);
            redistributors.iter().for_each(&mut note);
        }
    }
    if let Some(registers) = &machine.power_management {
        note(registers);
    }
    machine.virtio.iter().for_each(&mut note);
    board::registers(machine).for_each(|range| note(&range));
    found.sort_unstable_by_key(|range| range.start);
    let mut merged: Vec<Range<u64>, MOST> = Vec::new();
    for range in found {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => {
                let _ = merged.push(range);
            }
        }
    }
    merged
}

fn outwards<G: TranslationGranule>(range: &Range<u64>) -> Range<u64> {
    let page = G::SIZE as u64;
    range.start & !(page - 1)..range.end.next_multiple_of(page)
}

fn inwards<G: TranslationGranule>(range: &Range<u64>) -> Range<u64> {
    let page = G::SIZE as u64;
    range.start.next_multiple_of(page)..range.end & !(page - 1)
}
