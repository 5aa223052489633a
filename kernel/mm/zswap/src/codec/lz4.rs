//! LZ4 block format, without a frame and without a length.

use alloc::boxed::Box;

use lz4_flex::block::{
    CompressTable, compress_into_with_table, decompress_into, get_maximum_output_size,
};

use super::{Algorithm, CompressError, Compressor, DecompressError};

pub(super) const ALGORITHM: Algorithm = Algorithm {
    name: "lz4",
    about: "LZ4 block format, match table of 4096 positions",
    levels: None,
    create: |page_size, _| {
        assert!(get_maximum_output_size(page_size) <= 2 * page_size, "page of {page_size} bytes");
        Box::new(Lz4 { table: CompressTable::small() })
    },
};

/// The small table: 4096 positions of 16 bits, enough for pages below 64 KiB - 1.
const TABLE_BYTES: usize = 4096 * 2;

struct Lz4 {
    /// Cleared by the library before each page.
    table: CompressTable,
}

impl Compressor for Lz4 {
    fn compress(&mut self, page: &[u8], out: &mut [u8]) -> Result<usize, CompressError> {
        let length = compress_into_with_table(page, out, &mut self.table)
            .map_err(|_| CompressError::Failed)?;
        if length > page.len() {
            return Err(CompressError::TooLong);
        }
        Ok(length)
    }

    fn decompress(&mut self, bytes: &[u8], page: &mut [u8]) -> Result<(), DecompressError> {
        match decompress_into(bytes, page) {
            Ok(length) if length == page.len() => Ok(()),
            Ok(_) | Err(lz4_flex::block::DecompressError::OutputTooSmall { .. }) => {
                Err(DecompressError::Length)
            }
            Err(_) => Err(DecompressError::Damaged),
        }
    }
    fn scratch_bytes(&self) -> usize {
        TABLE_BYTES
    }
}
