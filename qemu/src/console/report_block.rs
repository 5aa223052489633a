//! The report document among the lines.
//!
//! It stands between `@report BEGIN LENGTH CRC32` and `@report END`: LENGTH bytes of JSON broken
//! into lines anywhere (the line ends are not part of it), CRC32 (ISO-HDLC, as in zip) in eight hex
//! digits.

/// What a line meant to the report.
pub enum Block {
    /// Not part of a report.
    Outside(String),
    /// Taken; the report goes on.
    Inside,
    /// The last line of a report that arrived whole.
    Complete(String),
    /// The report arrived damaged. The lines are what was taken for it.
    Damaged {
        /// What is wrong.
        reason: String,
        /// The lines in the order they came.
        lines: Vec<String>,
    },
}

/// Collects a report document.
#[derive(Default)]
pub struct ReportBlock {
    open: Option<Open>,
}

struct Open {
    /// Length in bytes and checksum, if the line that announced them was readable.
    announced: Option<(usize, u32)>,
    lines: Vec<String>,
}

impl ReportBlock {
    /// Takes a line.
    pub fn line(&mut self, line: String) -> Block {
        if let Some(announcement) = line.strip_prefix(report::BEGIN) {
            let before = self.open.replace(Open::new(announcement));
            return match before {
                None => Block::Inside,
                Some(open) => open.damaged("another one began inside it"),
            };
        }
        if line == report::END {
            return match self.open.take() {
                None => Block::Damaged { reason: "its begin is missing".into(), lines: Vec::new() },
                Some(open) => open.end(),
            };
        }
        match &mut self.open {
            None => Block::Outside(line),
            Some(open) => {
                open.lines.push(line);
                Block::Inside
            }
        }
    }

    /// Whether a report has begun and not ended.
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// No end will come, for the reason given; `None` if no report has begun.
    pub fn abandon(&mut self, reason: &str) -> Option<Block> {
        self.open.take().map(|open| open.damaged(reason))
    }
}

impl Open {
    fn new(announcement: &str) -> Self {
        let mut words = announcement.split_ascii_whitespace();
        let length = words.next().and_then(|word| word.parse().ok());
        let checksum = words.next().and_then(|word| u32::from_str_radix(word, 16).ok());
        Self { announced: length.zip(checksum), lines: Vec::new() }
    }

    fn end(self) -> Block {
        let Some((length, checksum)) = self.announced else {
            return self.damaged("its length or checksum is not readable");
        };
        let document = self.lines.concat();
        if document.len() != length {
            let reason = format!("{} bytes instead of {length}", document.len());
            return self.damaged(&reason);
        }
        let actual = crc32fast::hash(document.as_bytes());
        if actual != checksum {
            return self.damaged(&format!("checksum {actual:08x} instead of {checksum:08x}"));
        }
        Block::Complete(document)
    }

    fn damaged(self, reason: &str) -> Block {
        Block::Damaged { reason: reason.to_owned(), lines: self.lines }
    }
}
