//! A compressor whose operations are timed.

use alloc::boxed::Box;

use zpool::probe::{OPERATION_BEGIN, OPERATION_END, mark};
use zswap::{CompressError, Compressor, DecompressError};

use super::operations::{self, COMPRESS, DECOMPRESS};

/// `compressor` itself, or with its operations timed when operations are.
pub fn timed_compressor(compressor: Box<dyn Compressor>) -> Box<dyn Compressor> {
    if operations::timed() { Box::new(TimedCompressor(compressor)) } else { compressor }
}

struct TimedCompressor(Box<dyn Compressor>);

impl Compressor for TimedCompressor {
    fn compress(&mut self, page: &[u8], out: &mut [u8]) -> Result<usize, CompressError> {
        mark::<{ OPERATION_BEGIN + COMPRESS }>();
        let length = self.0.compress(page, out);
        mark::<{ OPERATION_END + COMPRESS }>();
        length
    }

    fn decompress(&mut self, bytes: &[u8], page: &mut [u8]) -> Result<(), DecompressError> {
        mark::<{ OPERATION_BEGIN + DECOMPRESS }>();
        let restored = self.0.decompress(bytes, page);
        mark::<{ OPERATION_END + DECOMPRESS }>();
        restored
    }

    fn scratch_bytes(&self) -> usize {
        self.0.scratch_bytes()
    }
}
