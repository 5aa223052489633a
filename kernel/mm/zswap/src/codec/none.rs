//! No compression: pages as they are.

use alloc::boxed::Box;

use super::{Algorithm, CompressError, Compressor, DecompressError};

pub(super) const ALGORITHM: Algorithm = Algorithm {
    name: "none",
    about: "pages as they are",
    levels: Option::None,
    create: |_, _| Box::new(None),
};

struct None;

impl Compressor for None {
    fn compress(&mut self, page: &[u8], out: &mut [u8]) -> Result<usize, CompressError> {
        out.get_mut(..page.len()).ok_or(CompressError::TooLong)?.copy_from_slice(page);
        Ok(page.len())
    }

    fn decompress(&mut self, bytes: &[u8], page: &mut [u8]) -> Result<(), DecompressError> {
        if bytes.len() != page.len() {
            return Err(DecompressError::Length);
        }
        page.copy_from_slice(bytes);
        Ok(())
    }

    fn scratch_bytes(&self) -> usize {
        0
    }
}
