use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::{Duration, Instant};

use serialport::{SerialPort, TTYPort};

use super::*;

/// What a board says from its prompt to the end of a run, with a progress message.
const RECORDING: &str = "zlab: info:  [0] 0.1.0 on a board\r\n\
    zlab> --vm 1 --timeout 1\r\n\
    @progress vm: 50%\r\n\
    zlab: info:  [0] stressor vm\r\n\
    @report BEGIN 2 a3a6bf43\r\n{}\r\n@report END\r\n\
    zlab: verdict: 0 success\r\n";

/// A user who types nothing, at a terminal or not.
fn nobody(terminal: bool) -> (SyncSender<String>, Typed) {
    let (sender, lines) = sync_channel(16);
    (sender, Typed { lines, terminal })
}

/// Everything shown until `source` ends.
fn watch(source: &Source) -> (Vec<Output>, Ending, Option<Verdict>) {
    let mut monitor = Monitor::new(None).unwrap();
    let mut shown = Vec::new();
    let typed = nobody(false).1;
    let ending =
        monitor.run(source.open().unwrap(), &typed, false, &mut |output| shown.push(output));
    (shown, ending, monitor.verdict)
}

fn watch_file(name: &str, bytes: &[u8]) -> (Vec<Output>, Ending, Option<Verdict>) {
    let path = std::env::temp_dir().join(format!("zlab-monitor-{}-{name}", std::process::id()));
    fs::write(&path, bytes).unwrap();
    let watched = watch(&Source::of_path(&path, 115_200));
    fs::remove_file(path).unwrap();
    watched
}

fn line(text: &str) -> Output {
    Output::Event(Event::Line(text.into()))
}

fn expected() -> Vec<Output> {
    vec![
        line("zlab: info:  [0] 0.1.0 on a board"),
        line("zlab> --vm 1 --timeout 1"),
        Output::Event(Event::Progress("vm: 50%".into())),
        line("zlab: info:  [0] stressor vm"),
        Output::Event(Event::Report("{}".into())),
        Output::Event(Event::Verdict(Verdict { status: 0, text: "success".into() })),
    ]
}

#[test]
fn recording() {
    let (shown, ending, verdict) = watch_file("recording", RECORDING.as_bytes());
    assert_eq!(shown, expected());
    assert_eq!(ending, Ending::Closed);
    assert_eq!(verdict.unwrap().status, 0);
}

#[test]
fn damaged_recording() {
    let intact = watch_file("intact", RECORDING.as_bytes()).0;
    for seed in 1_u32..200 {
        let mut bytes = RECORDING.as_bytes().to_vec();
        // One byte changed, one lost, noise at both ends: a bad line, or one joined midway.
        let at = seed as usize * 7919 % bytes.len();
        bytes[at] = (seed * 151) as u8;
        bytes.remove(seed as usize * 104_729 % bytes.len());
        let mut noisy = vec![0xff, 0x00, (seed % 255) as u8, 0xfe, 0x00];
        noisy.append(&mut bytes);
        noisy.extend([0xff, 0x00, 0x80]);
        let (shown, ending, _) = watch_file("damaged", &noisy);
        assert_eq!(ending, Ending::Closed);
        let kept = intact.iter().filter(|output| shown.contains(output)).count();
        // Each damaged byte costs one of the six; two of them can be both ends of the report.
        assert!(kept >= 3, "seed {seed}: {shown:?}");
    }
}

#[test]
fn tcp() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let source = Source::Tcp(server.local_addr().unwrap().to_string());
    let board = std::thread::spawn(move || {
        let (mut connection, _) = server.accept().unwrap();
        connection.write_all(RECORDING.as_bytes()).unwrap();
    });
    let (shown, ending, _) = watch(&source);
    board.join().unwrap();
    assert_eq!((shown, ending), (expected(), Ending::Closed));
}

/// A pseudo-terminal: the board's end, and the other as the monitor sees it.
fn pseudo_terminal() -> (TTYPort, Stream) {
    let (mut board, host) = TTYPort::pair().unwrap();
    board.set_timeout(Duration::from_secs(10)).unwrap();
    let source = Source::Serial(host.name().unwrap().into(), 115_200);
    // It holds the line exclusively.
    drop(host);
    (board, source.open().unwrap())
}

#[test]
fn serial_line_in_both_directions() {
    let (mut board, stream) = pseudo_terminal();
    let (keyboard, typed) = nobody(true);
    let board = std::thread::spawn(move || {
        board.write_all(b"hello\r\nzlab> ").unwrap();
        let mut command = Vec::new();
        let mut byte = [0];
        while command.last() != Some(&b'\r') {
            board.read_exact(&mut byte).unwrap();
            command.push(byte[0]);
        }
        board.write_all(&command).unwrap();
        board.write_all(b"\nanswer\r\nzlab: verdict: 3 no resource\r\n").unwrap();
        (board, command)
    });
    let mut shown = Vec::new();
    let mut monitor = Monitor::new(None).unwrap();
    let ending = monitor.run(stream, &typed, true, &mut |output| {
        if output == Output::Partial("zlab> ".into()) {
            keyboard.send("memory".into()).unwrap();
        }
        shown.push(output);
    });
    let (_board, command) = board.join().unwrap();
    assert_eq!(command, b"memory\r");
    let verdict = Verdict { status: 3, text: "no resource".into() };
    let expected = [
        line("hello"),
        Output::Partial("zlab> ".into()),
        Output::Typed,
        line("answer"),
        Output::Event(Event::Verdict(verdict.clone())),
    ];
    assert_eq!(shown, expected);
    assert_eq!((ending, monitor.verdict), (Ending::Closed, Some(verdict)));
}

#[test]
fn adapter_that_is_pulled_out() {
    let (board, stream) = pseudo_terminal();
    let typed = nobody(false).1;
    drop(board);
    let start = Instant::now();
    let ending = Monitor::new(None).unwrap().run(stream, &typed, false, &mut |_| {});
    assert!(matches!(ending, Ending::Failed(_) | Ending::Closed), "{ending:?}");
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn what_cannot_be_opened_is_a_usage_error() {
    for source in [
        Source::of_path(Path::new("/dev/ttyNoSuchThing"), 115_200),
        Source::of_path(Path::new("/nonexistent/recording"), 115_200),
        Source::Tcp("127.0.0.1:1".into()),
    ] {
        let error = source.open().map(|_| ()).unwrap_err();
        assert_eq!(crate::status::of(&error), crate::status::USAGE, "{error}");
    }
    let device = Source::of_path(Path::new("/dev/ttyNoSuchThing"), 9600);
    assert_eq!(device, Source::Serial("/dev/ttyNoSuchThing".into(), 9600));
}
