//! Zstandard (RFC 8878), one frame for each page.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use structured_zstd::decoding::workspace::{
    DecodeLimits, StepState, WorkBudget, WorkspaceDecoder, workspace_bytes,
};
use structured_zstd::encoding::{CompressionLevel, FrameCompressor};

use super::{Algorithm, CompressError, Compressor, DecompressError, Levels};

pub(super) const ALGORITHM: Algorithm = Algorithm {
    name: "zstd",
    about: "Zstandard, a frame for each page, levels -7 to 9",
    levels: Some(Levels { least: -7, default: 3, most: 9 }),
    create: |page_size, level| Box::new(Zstd::new(page_size, level)),
};

struct Zstd {
    encoder: Encoder,
    /// What the encoder writes to; its room is for the longest frame of a page.
    frame: Vec<u8>,
    /// All memory of the decoder, which is made anew for each page: what a damaged page leaves
    /// behind is gone.
    workspace: Box<[u8]>,
    limits: DecodeLimits,
}

/// An encoder that may be lent to one thread after another.
struct Encoder(FrameCompressor);

// SAFETY: of its fields two are not `Send` by themselves: a pointer to the page of the running
// call, which the next call clears before it looks at it, and a producer of sequences, which this
// module never installs. All else is owned, and every method takes `&mut self`.
#[expect(unsafe_code, reason = "the library does not promise it")]
unsafe impl Send for Encoder {}

impl Zstd {
    fn new(page_size: usize, level: i32) -> Self {
        let limits = DecodeLimits::new(page_size as u64).with_max_output(page_size as u64);
        let bytes = workspace_bytes(limits.max_window_size).expect("a window of one page");
        let mut encoder = Encoder(FrameCompressor::new(CompressionLevel::Level(level)));
        let mut frame = Vec::with_capacity(2 * page_size);
        // The first page sizes the encoder's tables, which it keeps.
        encoder.0.compress_independent_frame_into(&sample(page_size), &mut frame);
        Self { encoder, frame, workspace: vec![0; bytes].into_boxed_slice(), limits }
    }
}

/// A page with matches and literals, so that every part of an encoder is used.
fn sample(page_size: usize) -> Vec<u8> {
    (0..page_size as u32).map(|index| (index.wrapping_mul(index >> 4) >> 7) as u8).collect()
}

impl Compressor for Zstd {
    fn compress(&mut self, page: &[u8], out: &mut [u8]) -> Result<usize, CompressError> {
        self.encoder.0.compress_independent_frame_into(page, &mut self.frame);
        let length = self.frame.len();
        if length > page.len() {
            return Err(CompressError::TooLong);
        }
        out.get_mut(..length).ok_or(CompressError::Failed)?.copy_from_slice(&self.frame);
        Ok(length)
    }

    fn decompress(&mut self, bytes: &[u8], page: &mut [u8]) -> Result<(), DecompressError> {
        let mut decoder = WorkspaceDecoder::new(&mut self.workspace, self.limits)
            .map_err(|_| DecompressError::Length)?;
        let progress = decoder
            .step(bytes, true, page, &mut WorkBudget::new(u64::MAX))
            .map_err(|_| DecompressError::Damaged)?;
        if progress.state != StepState::Done || progress.produced != page.len() {
            return Err(DecompressError::Length);
        }
        Ok(())
    }

    fn scratch_bytes(&self) -> usize {
        self.encoder.0.heap_size() + self.frame.capacity() + self.workspace.len()
    }
}
