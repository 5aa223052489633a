//! Separates text lines from log frames.
//!
//! A frame is `FF 00`, any number of further `00`, its bytes (none of them `00`), `00`. `FF` occurs
//! in no UTF-8 text, so the two share one wire; it may occur inside a frame.

/// What a byte completed.
pub enum Item {
    /// The bytes of a text line, without its line feed.
    Line(Vec<u8>),
    /// The bytes of a log frame, without marker and end.
    Frame(Vec<u8>),
}

/// The longest line that is waited for, in bytes; a longer one is handed out in pieces.
const LINE_LIMIT: usize = 64 << 10;
/// The longest frame that is waited for, in bytes. The kernel's are a few tens.
const FRAME_LIMIT: usize = 2048;

#[derive(Default)]
enum State {
    #[default]
    Text,
    Marker,
    Frame,
}

/// The state machine.
#[derive(Default)]
pub struct Splitter {
    state: State,
    line: Vec<u8>,
    frame: Vec<u8>,
}

impl Splitter {
    /// Takes one byte.
    pub fn push(&mut self, byte: u8) -> Option<Item> {
        match (&self.state, byte) {
            (State::Text, 0xff) => self.state = State::Marker,
            (State::Text, _) => return self.text(byte),
            (State::Marker, 0x00) => self.state = State::Frame,
            (State::Marker, _) => {
                // A lone FF is damage: it shows in the line as U+FFFD.
                self.line.push(0xff);
                if byte != 0xff {
                    self.state = State::Text;
                    return self.text(byte);
                }
            }
            (State::Frame, 0x00) if self.frame.is_empty() => {}
            (State::Frame, 0x00) => return Some(self.end_of_frame()),
            (State::Frame, _) => {
                self.frame.push(byte);
                if self.frame.len() == FRAME_LIMIT {
                    return Some(self.end_of_frame());
                }
            }
        }
        None
    }

    /// The line whose end has not come yet.
    pub fn partial_line(&self) -> &[u8] {
        &self.line
    }

    /// What is left at the end of the stream.
    pub fn finish(&mut self) -> Option<Item> {
        if !self.frame.is_empty() {
            return Some(self.end_of_frame());
        }
        (!self.line.is_empty()).then(|| Item::Line(self.end_of_line()))
    }

    /// `frame` turned out not to be a log frame: gives the text lines it swallowed because its end
    /// was lost. Recognised by being printable and having at least one end of line. If instead the
    /// end of `frame` is the marker of the next frame, that one starts now.
    pub fn recover(&mut self, frame: &[u8]) -> Vec<Vec<u8>> {
        let frame = match frame.split_last() {
            Some((0xff, rest)) => {
                self.state = State::Frame;
                rest
            }
            _ => frame,
        };
        let printable = |byte: &&u8| matches!(byte, b'\n' | b'\r' | b'\t' | 0x20..=0x7e);
        let text = &frame[frame.len() - frame.iter().rev().take_while(printable).count()..];
        let Some(end) = text.iter().rposition(|&byte| byte == b'\n') else { return Vec::new() };
        self.line.extend_from_slice(&text[end + 1..]);
        text[..end].split(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect()
    }

    fn text(&mut self, byte: u8) -> Option<Item> {
        match byte {
            b'\n' => return Some(Item::Line(self.end_of_line())),
            // The end of a frame whose marker was lost, or an empty frame.
            0x00 => {}
            _ => self.line.push(byte),
        }
        (self.line.len() == LINE_LIMIT).then(|| Item::Line(self.end_of_line()))
    }

    fn end_of_line(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.line)
    }

    fn end_of_frame(&mut self) -> Item {
        self.state = State::Text;
        Item::Frame(std::mem::take(&mut self.frame))
    }
}

/// `line` as text: without carriage return at its end, everything undisplayable replaced.
pub fn displayable(line: &[u8]) -> String {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let text = String::from_utf8_lossy(line);
    let replace =
        |c: char| if c.is_control() && c != '\t' { char::REPLACEMENT_CHARACTER } else { c };
    text.chars().map(replace).collect()
}
