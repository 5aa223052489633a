//! Which board this is.

use crate::{Console, rpi5, virt};

/// A board that something particular is known about, or any other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Board {
    /// QEMU's `virt` machine (`linux,dummy-virt`).
    Virt,
    /// A Raspberry Pi 5 (`raspberrypi,5-model-b` or `brcm,bcm2712`).
    RaspberryPi5,
    /// A board of which only the tree is known.
    Generic,
}

impl Board {
    /// The board whose `compatible` list has this entry; [`Generic`](Self::Generic) if none has.
    #[must_use]
    pub fn from_compatible(compatible: &str) -> Self {
        match compatible {
            virt::COMPATIBLE => Self::Virt,
            rpi5::COMPATIBLE_BOARD | rpi5::COMPATIBLE_CHIP => Self::RaspberryPi5,
            _ => Self::Generic,
        }
    }

    /// The board that an image runs on, guessed from an address inside the image.
    ///
    /// For when the tree is damaged or missing and there is nothing else to go by. RAM of
    /// `virt` begins at 1 GiB, and its loader puts the image near that; the Pi's firmware loads
    /// an image into the first few MiB.
    #[must_use]
    pub fn from_image_address(address: u64) -> Self {
        if address >= virt::RAM_START { Self::Virt } else { Self::RaspberryPi5 }
    }

    /// The UART at the place where this board has it, for a message without a device tree.
    ///
    /// `None` for a generic board.
    #[must_use]
    pub fn fallback_console(self) -> Option<Console> {
        match self {
            Self::Virt => Some(virt::fallback_console()),
            Self::RaspberryPi5 => Some(rpi5::fallback_console()),
            Self::Generic => None,
        }
    }
}
