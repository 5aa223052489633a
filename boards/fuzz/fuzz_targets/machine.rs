//! Any bytes: an error or a machine whose ranges are in order.
#![no_main]

use boards::Machine;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(machine) = Machine::from_tree(data) else { return };
    assert!(machine.memory.iter().all(|range| range.start < range.end));
    assert!(machine.memory.windows(2).all(|pair| pair[0].end < pair[1].start));
    assert!(machine.reserved.iter().all(|entry| entry.range.start < entry.range.end));
    assert!(machine.initrd.is_none_or(|range| range.start < range.end));
    assert!(machine.processors.len() <= machine.processor_count);
});
