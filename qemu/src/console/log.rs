//! Log frames: defmt sends numbers, the strings are in the ELF file.

use std::fmt;

use anyhow::Result;
use defmt_decoder::{Locations, Table};

/// One decoded log record.
#[derive(Clone, Debug, PartialEq)]
pub struct LogRecord {
    /// `TRACE`, `DEBUG`, `INFO`, `WARN`, `ERROR`, or empty.
    pub level: String,
    /// Guest time as the kernel formats it, if it does.
    pub timestamp: Option<String>,
    /// The message.
    pub message: String,
    /// Source file, below its crate's `src`, and line of the log call, if the ELF file has debug information.
    pub location: Option<String>,
}

impl fmt::Display for LogRecord {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:5} ", self.level)?;
        if let Some(timestamp) = &self.timestamp {
            write!(formatter, "{timestamp} ")?;
        }
        formatter.write_str(&self.message)?;
        match &self.location {
            Some(location) => write!(formatter, " ({location})"),
            None => Ok(()),
        }
    }
}

/// The strings and places of the log calls of one image.
pub struct LogDecoder {
    table: Table,
    locations: Locations,
}

impl LogDecoder {
    /// Reads the strings from the ELF file of the image; `None` if it logs nothing.
    ///
    /// # Errors
    /// `elf` is not an ELF file, or was made with an incompatible version of defmt.
    pub fn new(elf: &[u8]) -> Result<Option<Self>> {
        let Some(table) = Table::parse(elf)? else { return Ok(None) };
        let locations = table.get_locations(elf)?;
        Ok(Some(Self { table, locations }))
    }

    /// Decodes the bytes of one frame; `None` if they are no frame of this image.
    pub fn decode(&self, frame: &[u8]) -> Option<LogRecord> {
        let mut decoder = self.table.new_stream_decoder();
        decoder.received(frame);
        decoder.received(&[0]);
        let frame = decoder.decode().ok()?;
        let level = frame.level().map(|level| level.as_str().to_ascii_uppercase());
        let location = self.locations.get(&frame.index());
        Some(LogRecord {
            level: level.unwrap_or_default(),
            timestamp: frame.display_timestamp().map(|timestamp| timestamp.to_string()),
            message: frame.display_message().to_string(),
            location: location.map(|place| {
                let file = place.file.to_string_lossy();
                let file = file.rsplit_once("src/").map_or(&*file, |(_, below)| below);
                format!("{file}:{}", place.line)
            }),
        })
    }
}
