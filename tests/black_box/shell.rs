//! The prompt, as somebody at a serial line has it.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use report::Document;
use zlab::console::Event;
use zlab::session::{Ending, Keyboard, Limits, Session, Stream};
use zlab::vm::{KernelLog, Machine};

use crate::machine::{cores, turn};

/// What comes of typing `lines`, each at a prompt; the last one has to end the machine.
struct Typed {
    shown: Vec<Event>,
    ending: Ending,
    verdict: Option<u8>,
}

/// Kills QEMU when a test fails.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only when it is gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn session(machine: &Machine, lines: &[&str]) -> Typed {
    let _turn = turn();
    let mut command = machine.command(None);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut qemu = Running(command.spawn().expect("QEMU starts"));
    let stdout = qemu.0.stdout.take().expect("a pipe");
    let stdin = qemu.0.stdin.take().expect("a pipe");
    let stream = Stream::new(stdout, Some(Box::new(stdin)));
    let mut session = Session::new(None).expect("no file is read");
    let mut shown = Vec::new();
    let deadline = Some(Instant::now() + Duration::from_secs(120));
    let limits = Limits { deadline, ..Limits::default() };
    let ending =
        session.run(stream, Keyboard::lines(lines), limits, &mut |event| shown.push(event));
    Typed { shown, ending, verdict: session.verdict.map(|verdict| verdict.status) }
}

impl Typed {
    fn text(&self) -> String {
        let lines = self.shown.iter().filter_map(|event| match event {
            Event::Line(line) => Some(line.as_str()),
            _ => None,
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    fn documents(&self) -> Vec<Document> {
        let reports = self.shown.iter().filter_map(|event| match event {
            Event::Report(report) => Some(Document::from_json(report)),
            _ => None,
        });
        reports.collect::<Result<_, _>>().expect("documents of this version")
    }
}

/// A machine as a board starts: nobody waits for a status, the log is text.
fn board() -> Machine {
    cores(2).semihosting(false).log(KernelLog::Text)
}

#[test]
fn runs_in_a_row_count_apart() {
    let large = "--vm 1 --vm-bytes 4M --resident 1M --vm-method corpus -t1 --verify";
    let small = "--vm 1 --vm-bytes 256K --resident 100% --vm-keep --vm-method corpus -t1";
    let lines = [large, "--zswap 1 --timeout=100ms", small, "memory", "off"];
    let session = session(&board(), &lines);
    assert_eq!(
        (&session.ending, session.verdict),
        (&Ending::Closed, Some(0)),
        "{}",
        session.text()
    );
    let documents = session.documents();
    let [first, second, third] = documents.as_slice() else { panic!("{}", session.text()) };
    assert_eq!(first.settings.command, large);
    assert!(first.memory.paging.minor_faults >= 1024, "each page at least once");
    assert!(first.memory.paging.major_faults > 0 && first.memory.paging.loaded > 0);
    assert_eq!(second.stressors[0].name, "zswap");
    assert_eq!((second.memory.paging.minor_faults, second.memory.paging.loaded), (0, 0));
    assert_eq!(third.settings.command, small);
    assert_eq!((third.memory.paging.minor_faults, third.memory.paging.loaded), (64, 0));
    let faults = third.latencies.iter().find(|latency| latency.name == "minor fault");
    assert_eq!(faults.expect("there were some").count, 64);
    assert!(session.text().contains("free frames "), "{}", session.text());
}

#[test]
fn mistakes_are_explained_and_the_prompt_comes_back() {
    let lines =
        ["bogus", "--vm-bites 3", "--vm 1 zpool=zbud", "--timeout 1", "help", "store", "off"];
    let session = session(&board(), &lines);
    assert_eq!(session.verdict, Some(0));
    let text = session.text();
    for expected in [
        "there is no command `bogus`",
        "did you mean --vm-bytes?",
        "settled at boot",
        "no stressor in `--timeout 1`",
        "reboot ",
        "zpool zblock, compressor lz4",
    ] {
        assert!(text.contains(expected), "no {expected:?} in\n{text}");
    }
    assert!(session.documents().is_empty());
}

#[test]
fn keys_edit_and_recall() {
    // Left twice, two letters in the middle, one of them deleted; up twice; complete, abandon,
    // complete.
    let edited = "memry\x1b[D\x1b[Dox\x7f";
    let session = session(&board(), &[edited, "store", "\x1b[A\x1b[A", "sto\t\x03of\t"]);
    assert_eq!(session.verdict, Some(0), "{}", session.text());
    let text = session.text();
    assert_eq!(text.matches("page size     4 KiB").count(), 2, "typed and recalled\n{text}");
    assert_eq!(text.matches("stored_pages ").count(), 1, "typed, and abandoned\n{text}");
}

#[test]
fn a_word_gives_a_prompt_after_the_work() {
    let machine = board().words(["shell", "--vm", "1", "--vm-bytes", "4M", "--vm-ops", "64"]);
    let session = session(&machine, &["reboot"]);
    assert_eq!(session.documents().len(), 1, "{}", session.text());
    assert!(session.text().ends_with("zlab: info:  [0] rebooting"), "{}", session.text());
    assert_eq!((session.ending, session.verdict), (Ending::Closed, None));
}
