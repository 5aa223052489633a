//! The prompt, as somebody at a serial line has it.

use std::io::Read;
use std::process::{Child, Stdio};
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use report::Document;
use zlab::console::Event;
use zlab::monitor::{Ending, Monitor, Output, Stream, Typed};
use zlab::vm::{KernelLog, Machine};

use crate::machine::{cores, turn};

/// What comes of typing `lines`, each at a prompt; the last one has to end the machine.
struct Session {
    shown: Vec<Output>,
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

fn session(machine: &Machine, lines: &[&str]) -> Session {
    let _turn = turn();
    let mut command = machine.command(None);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut qemu = Running(command.spawn().expect("QEMU starts"));
    let (pieces, receiver) = sync_channel(16);
    let mut stdout = qemu.0.stdout.take().expect("a pipe");
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = stdout.read(&mut buffer) {
            let _ = pieces.send(Ok(buffer[..length].to_vec()));
        }
    });
    let stdin = qemu.0.stdin.take().expect("a pipe");
    let stream = Stream { pieces: receiver, writer: Some(Box::new(stdin)) };
    let (keyboard, typed) = sync_channel(lines.len().max(1));
    // As on a terminal: only then prompts are shown as they come.
    let typed = Typed { lines: typed, terminal: true };
    let mut monitor = Monitor::new(None).expect("no file is read");
    let (mut shown, mut rest) = (Vec::new(), lines.iter());
    let limit = Instant::now() + Duration::from_secs(120);
    let ending = monitor.run(stream, &typed, false, &mut |output| {
        assert!(Instant::now() < limit, "{shown:#?}");
        if output == Output::Partial("zlab> ".into())
            && let Some(line) = rest.next()
        {
            keyboard.send((*line).to_owned()).expect("the monitor listens");
        }
        shown.push(output);
    });
    Session { shown, ending, verdict: monitor.verdict.map(|verdict| verdict.status) }
}

impl Session {
    fn text(&self) -> String {
        let lines = self.shown.iter().filter_map(|output| match output {
            Output::Event(Event::Line(line)) => Some(line.as_str()),
            _ => None,
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    fn documents(&self) -> Vec<Document> {
        let reports = self.shown.iter().filter_map(|output| match output {
            Output::Event(Event::Report(report)) => Some(Document::from_json(report)),
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
