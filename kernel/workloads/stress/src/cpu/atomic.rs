//! The stressor `atomic`: threads change the same words by atomic operations.
//!
//! One bogo operation is a script over words of 8, 16, 32 and 64 bits, which increases each by one:
//! add, subtract, compare and exchange; and flips bits of another word twice. At the end each word has
//! been increased by every operation, or an update was lost.

use core::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering::SeqCst};

use crate::stressors::{Memory, Stressor, always, class};
use crate::worker::Worker;

pub(crate) const STRESSOR: Stressor = Stressor {
    name: "atomic",
    about: "atomic operations of two threads on shared words of four sizes",
    classes: class::CPU | class::MEMORY,
    settings: &[],
    tick_shift: 0,
    memory: Memory::None,
    checks: always,
    run,
    measures: &[],
};

const THREADS: usize = 2;

/// Scripts between two looks at the clock; each is an operation.
const SCRIPTS: u64 = 64;

#[derive(Default)]
struct Words {
    byte: AtomicU8,
    half: AtomicU16,
    word: AtomicU32,
    double: AtomicU64,
    flipped: AtomicU64,
}

/// Increases a word by 1 in the end.
macro_rules! script {
    ($word:expr) => {
        $word.fetch_add(3, SeqCst);
        $word.fetch_sub(3, SeqCst);
        let mut found = $word.load(SeqCst);
        while let Err(now) =
            $word.compare_exchange_weak(found, found.wrapping_add(1), SeqCst, SeqCst)
        {
            found = now;
        }
    };
}

fn run(worker: &Worker<'_>) {
    let words = Words::default();
    let scripts = AtomicU64::new(0);
    let ended = worker.threads(THREADS, &|thread, _| {
        loop {
            for _ in 0..SCRIPTS {
                script!(words.byte);
                script!(words.half);
                script!(words.word);
                script!(words.double);
                words.flipped.fetch_xor(0x55, SeqCst);
                words.flipped.fetch_xor(0x55, SeqCst);
            }
            scripts.fetch_add(SCRIPTS, SeqCst);
            if !thread.step(SCRIPTS) {
                break;
            }
        }
    });
    if ended {
        let expected = scripts.into_inner();
        let found = words.double.into_inner() ^ worker.injection();
        worker.expect(found, expected, "the word of 64 bits");
        worker.expect(u64::from(words.word.into_inner()), expected & 0xffff_ffff, "that of 32");
        worker.expect(u64::from(words.half.into_inner()), expected & 0xffff, "that of 16");
        worker.expect(u64::from(words.byte.into_inner()), expected & 0xff, "that of 8");
        worker.expect(words.flipped.into_inner(), 0, "that of flipped bits");
        worker.finish();
    }
}
