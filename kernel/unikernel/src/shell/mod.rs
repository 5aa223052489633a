//! The prompt: stressors with the options of the boot arguments, and a look at the machine.

mod line;

use alloc::format;
use alloc::string::String;

use line::Editor;
use report::{ANSWER, Status, Verdict};
use stress::options::BootOptions;
use stress::{Corpus, Options};

use crate::arch::clock;
use crate::memory::{heap, pager};
use crate::run::{self, Boot};
use crate::{board, dying, println, trace};

/// What the prompt has.
struct Shell<'a> {
    boot: &'static Boot,
    cpus: usize,
    corpus: &'a Corpus<'a>,
}

/// A command.
struct Command {
    name: &'static str,
    help: &'static str,
    run: fn(&Shell<'_>),
}

/// All commands but those that start with `-`.
const COMMANDS: [Command; 8] = [
    Command { name: "help", help: "this text", run: |_| help() },
    Command {
        name: "options",
        help: "what a line that starts with - understands",
        run: |_| println!("{}", stress::help()),
    },
    Command { name: "memory", help: "RAM, frames, heap", run: memory },
    Command { name: "store", help: "the compressed page store and its pool", run: store },
    Command {
        name: "compare",
        help: "every allocator on the same pages and operations; --quick for fewer",
        run: |shell| shell.stressors("--compare"),
    },
    Command { name: "board", help: "clocks, temperature, time since power-on", run: state },
    Command { name: "reboot", help: "start the machine anew", run: |_| reboot() },
    Command { name: "off", help: "switch the machine off", run: |_| run::finish(Status::Success) },
];

/// Whether a boot argument asks for the prompt.
pub fn is_word(word: &str) -> bool {
    word == "shell"
}

/// Whether the boot arguments want the prompt: by its word, or because on a board they want nothing
/// else and no job file does. The launcher, which says that it waits for an exit status, gets one.
pub fn is_wanted(options: &Options, job: bool) -> bool {
    let asked = options.ignored.iter().any(|word| is_word(word));
    asked || !job && !options.has_work() && !options.boot.exit_by_semihosting
}

/// Prompts for ever.
#[cold]
pub fn run(boot: &'static Boot, cpus: usize, corpus: &Corpus<'_>) -> ! {
    let shell = Shell { boot, cpus, corpus };
    println!("zlab: info:  [0] ready; `help` says what can be typed");
    let mut editor = Editor::new();
    loop {
        shell.line(editor.line().trim());
    }
}

impl Shell<'_> {
    fn line(&self, line: &str) {
        if line.is_empty() {
            return;
        }
        if line.starts_with('-') {
            return self.stressors(line);
        }
        match COMMANDS.iter().find(|command| command.name == line) {
            Some(command) => (command.run)(self),
            None => println!("zlab: error: there is no command `{line}`; `help` lists them"),
        }
    }

    fn stressors(&self, line: &str) {
        let options = match self.options(line) {
            Ok(options) => options,
            Err(problem) => {
                println!("zlab: error: {problem}");
                return;
            }
        };
        match options.text() {
            Some(text) => println!("{text}"),
            None if !options.has_work() => {
                println!("zlab: error: no stressor in `{line}`, such as --vm 1");
            }
            None => {
                let status = run::act(self.boot, &options, line, self.cpus, self.corpus);
                println!("{ANSWER}{}", Verdict::of(status));
            }
        }
    }

    /// The options of a line; what only boot can set is refused rather than ignored.
    fn options(&self, line: &str) -> Result<Options, String> {
        let mut options = Options::parse(line).map_err(|error| format!("{error}"))?;
        if let Some(word) = options.ignored.first() {
            return Err(format!("`{word}` is no option; `options` lists them"));
        }
        let default = Options::default();
        if options.boot != BootOptions::default()
            || options.max_pool_percent != default.max_pool_percent
            || options.accept_threshold_percent != default.accept_threshold_percent
        {
            return Err(String::from(
                "--max-pool-percent, --accept-threshold-percent and words like zpool=NAME are \
                 settled at boot: they belong into the boot arguments",
            ));
        }
        if trace::refuses(&options.latency, &self.boot.options.latency) {
            return Err(String::from(
                "--latency, --irqsoff, --latency-trace and --inject-delay need the same option among \
                 the boot arguments",
            ));
        }
        options.max_pool_percent = self.boot.options.max_pool_percent;
        options.accept_threshold_percent = self.boot.options.accept_threshold_percent;
        options.boot = self.boot.options.boot.clone();
        options.boot.injection = None;
        Ok(options)
    }
}

fn help() {
    println!("--STRESSOR N [OPTIONS]  run stressors, such as --vm 2 --vm-bytes 64M --timeout 5");
    for command in &COMMANDS {
        println!("{:<23} {}", command.name, command.help);
    }
    println!("Arrow keys recall and edit lines, Tab completes, Ctrl-C abandons a line.");
}

fn memory(shell: &Shell<'_>) {
    for ram in &shell.boot.machine.memory {
        println!("RAM           {:#014x}-{:#014x}", ram.start, ram.end);
    }
    for taken in &shell.boot.machine.reserved {
        let range = &taken.range;
        println!("reserved      {:#014x}-{:#014x}", range.start, range.end);
    }
    let Some(paging) = pager::get() else { return };
    let frames = paging.frames();
    let kib = |pages: usize| pages * (paging.page_size() >> 10);
    println!("page size     {} KiB", paging.page_size() >> 10);
    println!("frames        {} ({} KiB)", frames.total_frames, kib(frames.total_frames));
    println!("free frames   {} ({} KiB)", frames.free_frames, kib(frames.free_frames));
    println!("heap          {} KiB, {} KiB free", heap::bytes() >> 10, heap::free() >> 10);
}

fn store(shell: &Shell<'_>) {
    let Some(paging) = pager::get() else { return };
    let store = paging.store();
    let counters = store.counters();
    let pool = store.pool().statistics();
    let boot = &shell.boot.options.boot;
    println!("zpool {}, compressor {}", boot.zpool, boot.compressor);
    for (name, value) in [
        ("stored_pages", counters.stored_pages),
        ("same_filled_pages", counters.same_filled_pages),
        ("stored_bytes", counters.compressed_bytes),
        ("pool_total_size", counters.pool_total_size),
        ("pool_pages", pool.pool_pages as u64),
        ("metadata_bytes", pool.metadata_bytes as u64),
        ("zswpout", counters.zswpout),
        ("zswpin", counters.zswpin),
        ("pool_limit_hit", counters.pool_limit_hit),
        ("reject_compress_poor", counters.reject_compress_poor),
        ("reject_alloc_fail", counters.reject_alloc_fail),
    ] {
        println!("{name:<20} {value}");
    }
}

fn state(shell: &Shell<'_>) {
    let machine = &shell.boot.machine;
    let name = if machine.model.is_empty() { "an unnamed machine" } else { &machine.model };
    println!("{name}, {} CPUs, {} s since power-on", shell.cpus, clock::now_ns() / clock::NS_PER_S);
    board::state(machine);
}

fn reboot() {
    println!("zlab: info:  [0] rebooting");
    dying::restart();
    println!("zlab: error: firmware does not restart this machine");
}
