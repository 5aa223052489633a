//! Raw DEFLATE (RFC 1951), as zlib makes it.

use alloc::boxed::Box;

use miniz_oxide::DataFormat;
use miniz_oxide::deflate::core::{
    CompressionStrategy, CompressorOxide, TDEFLFlush, TDEFLStatus, compress,
};
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

use super::{Algorithm, CompressError, Compressor, DecompressError, Levels};

pub(super) const ALGORITHM: Algorithm = Algorithm {
    name: "deflate",
    about: "raw DEFLATE, levels 1 to 9",
    levels: Some(Levels { least: 1, default: 6, most: 9 }),
    create: |_, level| {
        let encoder = CompressorOxide::with_params(
            DataFormat::Raw,
            level as u8,
            CompressionStrategy::Default,
            WINDOW_BITS,
        );
        Box::new(Deflate { encoder, decoder: Box::default() })
    },
};

/// Binary logarithm of the largest distance of a match.
const WINDOW_BITS: u8 = 15;

/// What the encoder keeps on the heap: dictionary, chains, heads, codes, output and frequencies,
/// as its documentation and source have it.
const ENCODER_BYTES: usize = 320 << 10;

struct Deflate {
    encoder: CompressorOxide,
    decoder: Box<DecompressorOxide>,
}

impl Compressor for Deflate {
    fn compress(&mut self, page: &[u8], out: &mut [u8]) -> Result<usize, CompressError> {
        self.encoder.reset();
        match compress(&mut self.encoder, page, out, TDEFLFlush::Finish) {
            (TDEFLStatus::Done, _, length) if length <= page.len() => Ok(length),
            (TDEFLStatus::Done | TDEFLStatus::Okay, ..) => Err(CompressError::TooLong),
            _ => Err(CompressError::Failed),
        }
    }

    fn decompress(&mut self, bytes: &[u8], page: &mut [u8]) -> Result<(), DecompressError> {
        self.decoder.init();
        let flags = TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
        let (status, consumed, produced) = decompress(&mut self.decoder, bytes, page, 0, flags);
        match status {
            TINFLStatus::Done if consumed == bytes.len() && produced == page.len() => Ok(()),
            TINFLStatus::Done | TINFLStatus::HasMoreOutput => Err(DecompressError::Length),
            _ => Err(DecompressError::Damaged),
        }
    }

    fn scratch_bytes(&self) -> usize {
        ENCODER_BYTES + size_of::<DecompressorOxide>()
    }
}
