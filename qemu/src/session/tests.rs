use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
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

/// Everything shown until `source` ends.
fn watch(source: &Source) -> (Vec<Event>, Ending, Option<Verdict>) {
    let mut session = Session::new(None).unwrap();
    let mut shown = Vec::new();
    let stream = source.open().unwrap();
    let ending =
        session.run(stream, Keyboard::none(), Limits::default(), &mut |event| shown.push(event));
    (shown, ending, session.verdict)
}

fn watch_file(name: &str, bytes: &[u8]) -> (Vec<Event>, Ending, Option<Verdict>) {
    let path = std::env::temp_dir().join(format!("zlab-monitor-{}-{name}", std::process::id()));
    fs::write(&path, bytes).unwrap();
    let watched = watch(&Source::of_path(&path, 115_200));
    fs::remove_file(path).unwrap();
    watched
}

fn line(text: &str) -> Event {
    Event::Line(text.into())
}

fn expected() -> Vec<Event> {
    vec![
        line("zlab: info:  [0] 0.1.0 on a board"),
        line("zlab> --vm 1 --timeout 1"),
        Event::Progress("vm: 50%".into()),
        line("zlab: info:  [0] stressor vm"),
        Event::Report("{}".into()),
        Event::Verdict(Verdict { status: 0, text: "success".into() }),
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
        let kept = intact.iter().filter(|event| shown.contains(event)).count();
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

/// Reads what is typed up to the end of a line.
fn read_line(board: &mut TTYPort) -> Vec<u8> {
    let mut line = Vec::new();
    let mut byte = [0];
    while line.last() != Some(&b'\r') {
        board.read_exact(&mut byte).unwrap();
        line.push(byte[0]);
    }
    line
}

#[test]
fn serial_line_in_both_directions() {
    let (mut board, stream) = pseudo_terminal();
    let board = std::thread::spawn(move || {
        board.write_all(b"hello\r\nzlab> ").unwrap();
        let first = read_line(&mut board);
        board.write_all(&first).unwrap();
        // Not before the answer is complete.
        board.set_timeout(Duration::from_millis(200)).unwrap();
        assert!(board.read(&mut [0]).is_err());
        board.set_timeout(Duration::from_secs(10)).unwrap();
        board.write_all(b"\nanswer\r\nzlab> ").unwrap();
        let second = read_line(&mut board);
        board.write_all(&second).unwrap();
        board.write_all(b"\nzlab: info:  [0] this run: 3 no resource\r\n").unwrap();
        (board, first, second)
    });
    let mut shown = Vec::new();
    let mut session = Session::new(None).unwrap();
    let limits = Limits { after_verdict: Some(Duration::ZERO), answers: true, ..Limits::default() };
    let keyboard = Keyboard::lines(&["memory", "store"]);
    let ending = session.run(stream, keyboard, limits, &mut |event| shown.push(event));
    let (_board, first, second) = board.join().unwrap();
    assert_eq!((first, second), (b"memory\r".to_vec(), b"store\r".to_vec()));
    let verdict = Verdict { status: 3, text: "no resource".into() };
    let expected = [
        line("hello"),
        line("zlab> memory"),
        line("answer"),
        line("zlab> store"),
        line("zlab: info:  [0] this run: 3 no resource"),
    ];
    assert_eq!(shown, expected);
    assert_eq!((ending, session.verdict), (Ending::Closed, Some(verdict)));
}

/// A line that arrives in pieces, with noise between and among them.
#[test]
fn serial_line_with_damaged_bytes() {
    let intact = watch_file("line", RECORDING.as_bytes()).0;
    let (mut board, stream) = pseudo_terminal();
    let board = std::thread::spawn(move || {
        for (number, piece) in RECORDING.as_bytes().chunks(7).enumerate() {
            board.write_all(piece).unwrap();
            // In front of the report nothing but the lines that are hit suffers.
            if number == 3 || number == 9 {
                board.write_all(&[0xff, 0x80, 0x1b, 0xc3]).unwrap();
            }
        }
        // What was sent is lost when the last end of a pseudo-terminal closes.
        std::thread::sleep(Duration::from_millis(500));
        board
    });
    let mut shown = Vec::new();
    let mut session = Session::new(None).unwrap();
    let limits = Limits { after_verdict: Some(Duration::ZERO), ..Limits::default() };
    let ending = session.run(stream, Keyboard::none(), limits, &mut |event| shown.push(event));
    let _board = board.join().unwrap();
    assert_eq!(ending, Ending::Closed);
    assert_eq!(session.verdict.map(|verdict| verdict.status), Some(0));
    assert_eq!(shown.len(), intact.len(), "{shown:?}");
    let kept = intact.iter().filter(|event| shown.contains(event)).count();
    assert_eq!(kept, intact.len() - 2, "{shown:?}");
}

#[test]
fn adapter_that_is_pulled_out() {
    let (board, stream) = pseudo_terminal();
    drop(board);
    let start = Instant::now();
    let mut session = Session::new(None).unwrap();
    let ending = session.run(stream, Keyboard::none(), Limits::default(), &mut |_| {});
    assert!(matches!(ending, Ending::Failed(_) | Ending::Closed), "{ending:?}");
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn deadline() {
    let (_board, stream) = pseudo_terminal();
    let limits = Limits { deadline: Some(Instant::now()), ..Limits::default() };
    let mut session = Session::new(None).unwrap();
    assert_eq!(session.run(stream, Keyboard::none(), limits, &mut |_| {}), Ending::Timeout);
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
