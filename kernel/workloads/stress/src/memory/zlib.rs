//! The stressor `zlib`: deflate a block, inflate it, compare.
//!
//! One bogo operation is one block of 64 KiB of the corpus deflated, inflated and compared. stress-ng
//! has two processes with a pipe between them; here one thread does both. The buffers and the state of
//! the compressor are on the kernel's heap: nothing is paged.

use alloc::boxed::Box;
use alloc::vec;

use miniz_oxide::deflate::core::{
    CompressorOxide, TDEFLFlush, TDEFLStatus, compress, create_comp_flags_from_zip_params,
};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress, inflate_flags};

use crate::metrics::{MB_PER_SECOND, Measure, Of};
use crate::options::{Kind, Setting};
use crate::store::zpool::different_bits;
use crate::stressors::{Memory, Stressor, always, class};
use crate::worker::Worker;

pub(crate) const STRESSOR: Stressor = Stressor {
    name: "zlib",
    about: "deflate, inflate and compare blocks of the corpus, in one thread instead of two",
    classes: class::CPU | class::CPU_CACHE | class::MEMORY,
    settings: &[Setting {
        name: "level",
        kind: Kind::Number { default: 6, least: 0, most: 9 },
        about: "level of compression",
    }],
    tick_shift: 0,
    memory: Memory::None,
    checks: always,
    run,
    measures: &[
        Measure { name: "MB per sec deflated", of: Of::Quotient(BYTES, DEFLATE_NS, MB_PER_SECOND) },
        Measure { name: "% compression ratio", of: Of::Quotient(DEFLATED, BYTES, 100.0) },
    ],
};

const BYTES: usize = 0;
const DEFLATED: usize = 1;
const DEFLATE_NS: usize = 2;

const BLOCK: usize = 64 << 10;

/// What does not compress becomes a little larger.
const ROOM: usize = BLOCK + BLOCK / 8;

fn run(worker: &Worker<'_>) {
    let mut block = vec![0_u64; BLOCK / 8];
    let (mut deflated, mut inflated) = (vec![0_u8; ROOM], vec![0_u8; BLOCK]);
    let flags = create_comp_flags_from_zip_params(worker.number("level") as i32, 15, 0);
    let mut compressor = Box::new(CompressorOxide::new(flags));
    let mut decompressor = Box::<DecompressorOxide>::default();
    let page_words = worker.page_words();
    let pages = BLOCK / 8 / page_words;
    for number in 0_u64.. {
        let first = ((worker.instance as u64) << 32) | (number * pages as u64);
        for (at, page) in block.chunks_exact_mut(page_words).enumerate() {
            worker.corpus.page(first + at as u64, page);
        }
        let bytes: &[u8] = bytemuck::cast_slice(&block);
        compressor.reset();
        let start_ns = worker.machine.now_ns();
        let (status, _, length) =
            compress(&mut compressor, bytes, &mut deflated, TDEFLFlush::Finish);
        worker.count(DEFLATE_NS, worker.machine.now_ns().saturating_sub(start_ns));
        if status != TDEFLStatus::Done {
            return worker.failed(format_args!("block {number} could not be deflated"));
        }
        worker.count(BYTES, BLOCK as u64);
        worker.count(DEFLATED, length as u64);
        decompressor.init();
        let flags = inflate_flags::TINFL_FLAG_PARSE_ZLIB_HEADER
            | inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
        let (_, _, found) =
            decompress(&mut decompressor, &deflated[..length], &mut inflated, 0, flags);
        inflated[0] ^= worker.injection() as u8;
        worker.checked(
            different_bits(&inflated[..found], bytes),
            format_args!("block {number} inflated"),
        );
        if !worker.step(1) {
            break;
        }
    }
    worker.finish();
}
