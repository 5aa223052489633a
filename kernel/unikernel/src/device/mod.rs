//! Devices that hold pages behind the compressed store.

mod faulty;
mod ram;
mod virtio_blk;

use alloc::boxed::Box;
use alloc::string::String;

use boards::{Board, Machine};
use paging::TranslationGranule;
use report::Status;
use stress::options::{BootOptions, SwapRam};
use zswap::Tier;

use crate::memory::frames::Frames;
use crate::println;

/// Part of RAM that is a second tier on boards without a driver for a disk: one of so many.
const DEFAULT_RAM_SHARE: u64 = 16;

/// The second tier that the boot arguments ask for: a reserved part of RAM if they say so,
/// otherwise a virtio disk if there is one.
#[cold]
pub fn second_tier<G: TranslationGranule>(
    machine: &Machine,
    options: &BootOptions,
    frames: &'static Frames<G>,
) -> Result<Option<&'static dyn Tier>, (Status, String)> {
    let ram: u64 = machine.memory.iter().map(|ram| ram.end - ram.start).sum();
    let reserved = match options.swap_ram {
        SwapRam::Bytes(amount) => Some(amount.bytes_of(ram)),
        SwapRam::Default if machine.board == Board::RaspberryPi5 => Some(ram / DEFAULT_RAM_SHARE),
        SwapRam::Default | SwapRam::Off => None,
    };
    let tier: Box<dyn Tier> = if let Some(bytes) = reserved {
        let Some(tier) = ram::RamTier::new(frames, bytes) else {
            let problem = alloc::format!("swap-ram: there are not {bytes} bytes of RAM to reserve");
            return Err((Status::NoResource, problem));
        };
        println!("zlab: info:  [0] second tier: {} MiB of RAM", bytes >> 20);
        Box::new(tier)
    } else if let Some(disk) = virtio_blk::find(machine, G::SIZE) {
        let mebibytes = (disk.slots() * G::SIZE) >> 20;
        println!("zlab: info:  [0] second tier: virtio disk of {mebibytes} MiB");
        Box::new(disk)
    } else {
        return Ok(None);
    };
    Ok(Some(match options.fail_disk {
        Some(point) => Box::leak(Box::new(faulty::Faulty::new(tier, point))),
        None => Box::leak(tier),
    }))
}
