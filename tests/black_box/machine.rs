//! What the tests share: the image, machines that boot it, and what came of it.

use std::sync::{Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use report::{Document, StressorResult};
use zlab::image::Image;
use zlab::qemu_install::{self, Qemu};
use zlab::vm::{Machine, Outcome};

/// Page sizes as `granule=` takes them, and in bytes.
pub const GRANULES: [(&str, u64); 2] = [("4k", 4096), ("16k", 16384)];

/// Longest time a machine may take. The slowest takes about a tenth on an idle host.
const LIMIT: Duration = Duration::from_secs(120);

/// Machines that run at once.
const MOST: usize = 2;

/// QEMU, installed by whichever test comes first.
static QEMU: LazyLock<Result<Qemu, String>> =
    LazyLock::new(|| qemu_install::ensure().map_err(|error| format!("{error:#}")));

/// QEMU and the image, prepared by whichever test comes first.
static PREPARED: LazyLock<Result<(Qemu, Image), String>> = LazyLock::new(|| {
    let qemu = QEMU.clone()?;
    let image = Image::build().map_err(|error| format!("{error:#}"))?;
    Ok((qemu, image))
});

/// Sees to QEMU, for tests whose image is another one.
pub fn prepare_qemu() {
    if let Err(problem) = &*QEMU {
        panic!("the tests boot images under QEMU: {problem}");
    }
}

/// QEMU and the image.
pub fn prepared() -> (Qemu, Image) {
    match &*PREPARED {
        Ok(prepared) => prepared.clone(),
        Err(problem) => panic!("the tests boot the image under QEMU: {problem}"),
    }
}

/// A machine with so many cores, in real time.
pub fn cores(count: u8) -> Machine {
    let (qemu, image) = prepared();
    Machine::new(qemu, image).smp(count)
}

/// A machine with one core whose time is instructions executed.
pub fn machine() -> Machine {
    cores(1).icount(true)
}

/// Adds boot arguments, separated by blanks.
pub trait Words {
    /// The machine with these boot arguments.
    fn with(self, words: &str) -> Self;
}

impl Words for Machine {
    fn with(self, words: &str) -> Self {
        self.words(words.split_ascii_whitespace())
    }
}

/// Runs a machine to its end, when it is its turn.
pub fn run(machine: &Machine) -> Outcome {
    let _turn = turn();
    match machine.run(LIMIT) {
        Ok(outcome) => outcome,
        Err(error) => panic!("{error:#}"),
    }
}

/// [`run`], and the exit status has to be `status`.
#[track_caller]
pub fn expect(status: u8, machine: &Machine) -> Outcome {
    let outcome = run(machine);
    assert_eq!(outcome.status(), status, "{}\n{outcome}", machine.boot_arguments());
    assert!(outcome.damage.is_empty(), "{}\n{outcome}", machine.boot_arguments());
    outcome
}

/// [`expect`] success, and the report document.
#[track_caller]
pub fn succeed(machine: &Machine) -> (Document, Outcome) {
    let outcome = expect(0, machine);
    match outcome.document() {
        Ok(document) => (document, outcome),
        Err(error) => panic!("{error:#}\n{outcome}"),
    }
}

/// A turn to run a machine; ends when it is dropped.
pub fn turn() -> Turn {
    let mut running = running();
    while *running == MOST {
        running = FREED.wait(running).unwrap_or_else(PoisonError::into_inner);
    }
    *running += 1;
    Turn
}

/// See [`turn`].
pub struct Turn;

impl Drop for Turn {
    fn drop(&mut self) {
        *running() -= 1;
        FREED.notify_one();
    }
}

static RUNNING: Mutex<usize> = Mutex::new(0);
static FREED: Condvar = Condvar::new();

fn running() -> MutexGuard<'static, usize> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The stressor of that name in a document.
#[track_caller]
pub fn stressor<'a>(document: &'a Document, name: &str) -> &'a StressorResult {
    let found = document.stressors.iter().find(|stressor| stressor.name == name);
    found.unwrap_or_else(|| panic!("no {name} in {document:?}"))
}

/// Fails unless one of the lines has all the words.
#[track_caller]
pub fn assert_line(outcome: &Outcome, words: &[&str]) {
    let found = outcome.lines.iter().any(|line| words.iter().all(|word| line.contains(word)));
    assert!(found, "no line with {words:?} in\n{outcome}");
}

/// Bytes that no compressor makes smaller, from a 64-bit xorshift generator.
pub fn incompressible(bytes: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    };
    (0..bytes / 8).flat_map(|_| next().to_le_bytes()).collect()
}

/// A file of a test that goes with its owner.
pub struct TemporaryFile(std::path::PathBuf);

impl TemporaryFile {
    /// A file with these contents; `name` is the test's.
    pub fn new(name: &str, contents: &[u8]) -> Self {
        let path = std::env::temp_dir().join(format!("zlab-{}-{name}", std::process::id()));
        std::fs::write(&path, contents).expect("the folder for temporary files is writable");
        Self(path)
    }

    /// Where it is.
    pub fn path(&self) -> &std::path::Path {
        &self.0
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        // The test may have removed it.
        let _ = std::fs::remove_file(&self.0);
    }
}
