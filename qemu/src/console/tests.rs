use super::*;

fn lines(events: &[Event]) -> Vec<&str> {
    events
        .iter()
        .filter_map(|event| match event {
            Event::Line(line) => Some(line.as_str()),
            _ => None,
        })
        .collect()
}

/// All events of a stream, pushed whole and byte by byte: both must say the same.
fn events(stream: &[u8]) -> Vec<Event> {
    let mut whole = Console::new(None);
    let mut expected = whole.push(stream);
    expected.extend(whole.finish());
    let mut bytewise = Console::new(None);
    let mut found: Vec<Event> =
        stream.iter().flat_map(|byte| bytewise.push(std::slice::from_ref(byte))).collect();
    found.extend(bytewise.finish());
    assert_eq!(expected, found);
    expected
}

fn report(document: &str, length: usize, checksum: u32) -> String {
    format!("@report BEGIN {length} {checksum:08x}\n{document}\n@report END\n")
}

#[test]
fn text_with_either_line_end_and_an_unfinished_line() {
    let events = events(b"one\r\ntwo\n\nthree");
    assert_eq!(lines(&events), ["one", "two", "", "three"]);
}

#[test]
fn frames_stand_between_text_even_inside_a_line() {
    let events = events(b"be\xff\x00\x00\x01\x02\xff\x03\x00fore\nafter\n");
    assert_eq!(events[0], Event::DamagedLog(4), "no decoder here; the FF inside belongs to it");
    assert_eq!(lines(&events), ["before", "after"]);
}

#[test]
fn damaged_bytes_show_and_harm_nothing_else() {
    let events = events(b"a\xffb\x1b[31m\n\xff\xff\x00\x01\x00\x00c\xc3\n");
    assert_eq!(events[0], Event::Line("a\u{fffd}b\u{fffd}[31m".into()));
    assert_eq!(events[1], Event::DamagedLog(1));
    assert_eq!(events[2], Event::Line("\u{fffd}c\u{fffd}".into()));
}

#[test]
fn text_swallowed_by_a_frame_without_end_is_recovered() {
    let events =
        events(b"\xff\x00\x01\x81panic: lost\nzlab: verdict: 101 panic\nha\xff\x00\x05\x00lf\n");
    assert_eq!(lines(&events), ["panic: lost", "half"]);
    assert!(events.contains(&Event::Verdict(Verdict { status: 101, text: "panic".into() })));
    assert_eq!(events.iter().filter(|event| matches!(event, Event::DamagedLog(_))).count(), 2);
}

#[test]
fn endless_frame_is_given_up() {
    let mut stream = b"\xff\x00".to_vec();
    stream.extend([0x81; 5000]);
    stream.extend(b"\nstill here\n");
    let events = events(&stream);
    assert_eq!(events[0], Event::DamagedLog(2048));
    assert_eq!(lines(&events).last(), Some(&"still here"));
}

/// The pieces of prompt lines, and everything else, of a stream that comes in these pieces.
fn live(pieces: &[&[u8]]) -> (String, Vec<Event>) {
    let mut console = Console::new(None);
    console.show_prompts(true);
    let mut events = Vec::new();
    for piece in pieces {
        events.extend(console.push(piece));
        events.extend(console.idle());
    }
    events.extend(console.finish());
    let prompts = events.iter().filter_map(|event| match event {
        Event::Prompt(piece) => Some(piece.as_str()),
        _ => None,
    });
    let prompts = prompts.collect();
    events.retain(|event| !matches!(event, Event::Prompt(_)));
    (prompts, events)
}

#[test]
fn prompts_show_as_they_come() {
    // The editor's way of moving the cursor arrives, and an answer is a line of its own.
    let (prompts, rest) = live(&[b"zlab> ", b"mem", b"\x1b[D", b"o\r\nanswer\r\nzlab> "]);
    assert_eq!(prompts, "zlab> mem\x1b[Do\nzlab> \n");
    assert_eq!(rest, [Event::Line("answer".into())]);
    // Frames among the keys are not the terminal's business, reports neither.
    let (prompts, rest) =
        live(&[b"zlab> a\xff\x00\x05\x00b", b"\n@report BEGIN 2 ", b"a3a6bf43\n{}"]);
    assert_eq!(prompts, "zlab> ab\n");
    assert_eq!(rest[0], Event::DamagedLog(1));
    assert!(matches!(rest[1], Event::DamagedReport(_)), "{rest:?}");
    // Another line that hangs is shown without what could harm the terminal.
    let (prompts, rest) = live(&[b"log", b"in:\x1b[2J", b" x\nmore\n"]);
    assert_eq!(prompts, "login:\u{fffd}[2J x\n");
    assert_eq!(rest, [Event::Line("more".into())]);
}

#[test]
fn progress_and_verdict() {
    let events = events(b"@progress vm 50%\nzlab: verdict: 3 no memory for pool\n");
    let verdict = Verdict { status: 3, text: "no memory for pool".into() };
    assert_eq!(verdict.to_string(), "zlab: verdict: 3 no memory for pool");
    assert_eq!(events, [Event::Progress("vm 50%".into()), Event::Verdict(verdict)]);
    assert_eq!(Verdict::parse("zlab: verdict: 256 too large"), None);
    assert_eq!(Verdict::parse("zlab: verdict: ok"), None);
    assert_eq!(Verdict::parse("zlab: verdict: 0").unwrap().to_string(), "zlab: verdict: 0");
}

#[test]
fn report_in_several_lines() {
    let document = r#"{"a":1}"#;
    // The checksum of {"a":1} by zlib's crc32.
    let events = events(report("{\"a\"\n:1}", 7, 0x561b_acaf).as_bytes());
    assert_eq!(events, [Event::Report(document.into())]);
    assert_eq!(crc32fast::hash(b"123456789"), 0xcbf4_3926, "ISO-HDLC's check value");
}

#[test]
fn damaged_reports_say_how_and_lose_no_line() {
    let reason = |stream: &str| {
        let events = events(stream.as_bytes());
        let Some(Event::DamagedReport(reason)) = events.first() else { panic!("{events:?}") };
        (reason.clone(), lines(&events).join("|"))
    };
    let checksum = crc32fast::hash(b"{}");
    let (text, shown) = reason(&report("{", 2, checksum));
    assert_eq!((text.as_str(), shown.as_str()), ("1 bytes instead of 2", "{"));
    assert!(reason(&report("{]", 2, checksum)).0.starts_with("checksum "));
    assert!(reason("@report END\nx\n").0.contains("begin is missing"));
    assert!(reason("@report BEGIN 2\n{}\n@report END\n").0.contains("not readable"));
    assert!(reason("@report BEGIN 2 00000000\n{").0.contains("stream ended"));
    let twice = format!("@report BEGIN 9 00000000\n{{\n{}", report("{}", 2, checksum));
    assert!(events(twice.as_bytes()).contains(&Event::Report("{}".into())));
    let (text, shown) =
        reason("@report BEGIN 99 00000000\n{\npanic: x\nzlab: verdict: 101 panic\n");
    assert_eq!(text, "the verdict came before its end");
    assert_eq!(shown, "{|panic: x");
}

#[test]
fn no_bytes_make_it_fail() {
    // A fixed linear congruential sequence, rich in the bytes that steer the console.
    let mut state = 1_u32;
    let bytes: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let random = (state >> 16) as u8;
        [0xff, 0x00, b'\n', b'@', random, random, random, random][usize::from(random >> 5)]
    })
    .take(100_000)
    .collect();
    assert!(!events(&bytes).is_empty());
}
