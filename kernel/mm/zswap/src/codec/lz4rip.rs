//! LZ4 block format by another library: no clearing between pages, faster decoding, a little longer
//! results.

use alloc::boxed::Box;

use lz4rip::block::{self, Compressor as Encoder, decompress_into, get_maximum_output_size};

use super::{Algorithm, CompressError, Compressor, DecompressError};

pub(super) const ALGORITHM: Algorithm = Algorithm {
    name: "lz4rip",
    about: "LZ4 block format by another library, made for speed",
    levels: None,
    create: |page_size, _| {
        assert!(get_maximum_output_size(page_size) <= 2 * page_size, "page of {page_size} bytes");
        Box::new(Lz4Rip(Encoder::new()))
    },
};

struct Lz4Rip(Encoder);

impl Compressor for Lz4Rip {
    fn compress(&mut self, page: &[u8], out: &mut [u8]) -> Result<usize, CompressError> {
        let length = self.0.compress_into(page, out).map_err(|_| CompressError::Failed)?;
        if length > page.len() {
            return Err(CompressError::TooLong);
        }
        Ok(length)
    }

    fn decompress(&mut self, bytes: &[u8], page: &mut [u8]) -> Result<(), DecompressError> {
        match decompress_into(bytes, page) {
            Ok(length) if length == page.len() => Ok(()),
            Ok(_) | Err(block::DecompressError::OutputTooSmall { .. }) => {
                Err(DecompressError::Length)
            }
            Err(_) => Err(DecompressError::Damaged),
        }
    }

    fn scratch_bytes(&self) -> usize {
        size_of::<Encoder>()
    }
}
