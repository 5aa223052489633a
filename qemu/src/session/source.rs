//! Where the console's bytes come from: a serial port, a TCP connection, a file.

use std::fmt;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::status::usage;

/// Where a board is.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// A serial port with its rate in bits per second; 8 data bits, no parity, one stop bit.
    Serial(PathBuf, u32),
    /// A TCP server that passes a serial line on, as `HOST:PORT`.
    Tcp(String),
    /// A recording, or anything else that can be read to its end.
    File(PathBuf),
}

/// A console's bytes: an open [`Source`], or the output of an emulator.
pub struct Stream {
    /// What arrives; an error is the last.
    pub(super) pieces: Receiver<Result<Vec<u8>, String>>,
    /// The way back, if there is one.
    pub(super) writer: Option<Box<dyn Write + Send>>,
}

impl Stream {
    /// What can be read from `from`, which happens on a thread of its own that ends with it.
    pub fn new(from: impl Read + Send + 'static, writer: Option<Box<dyn Write + Send>>) -> Self {
        Self { pieces: read_pieces(from), writer }
    }

    /// Whether there is a way back.
    pub fn takes_input(&self) -> bool {
        self.writer.is_some()
    }
}

/// How long a read waits at a serial port before it looks again. Nobody notices.
const SERIAL_TIMEOUT: Duration = Duration::from_millis(200);

impl Source {
    /// A serial port if `path` is a device, a file otherwise.
    pub fn of_path(path: &Path, baud: u32) -> Self {
        let device = |metadata: std::fs::Metadata| metadata.file_type().is_char_device();
        // What cannot be looked at is most likely an adapter that is not plugged in.
        if path.metadata().map_or(path.starts_with("/dev"), device) {
            Self::Serial(path.to_owned(), baud)
        } else {
            Self::File(path.to_owned())
        }
    }

    /// Opens it.
    ///
    /// # Errors
    /// A usage error that says what to try if it cannot be opened.
    pub fn open(&self) -> Result<Stream> {
        match self {
            Self::Serial(path, baud) => serial(path, *baud),
            Self::Tcp(address) => {
                let stream = TcpStream::connect(address)
                    .map_err(|error| usage(format!("cannot connect to {address}: {error}")))?;
                let writer = stream.try_clone().context("cannot share the connection")?;
                Ok(Stream::new(stream, Some(Box::new(writer))))
            }
            Self::File(path) => {
                let file = File::open(path)
                    .map_err(|error| usage(format!("cannot read {}: {error}", path.display())))?;
                Ok(Stream::new(file, None))
            }
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Serial(path, baud) => write!(formatter, "{} at {baud} baud", path.display()),
            Self::Tcp(address) => formatter.write_str(address),
            Self::File(path) => path.display().fmt(formatter),
        }
    }
}

fn serial(path: &Path, baud: u32) -> Result<Stream> {
    let port = serialport::new(path.to_string_lossy(), baud).timeout(SERIAL_TIMEOUT).open();
    let port = port.map_err(|error| {
        let ports = serialport::available_ports().unwrap_or_default();
        let ports: Vec<_> = ports.into_iter().map(|port| port.port_name).collect();
        let hint = match (error.kind(), ports.as_slice()) {
            (serialport::ErrorKind::Io(ErrorKind::PermissionDenied), _) => {
                "; your user may have to be in the group `dialout`".to_owned()
            }
            (_, []) => "; there is no serial port".to_owned(),
            (_, ports) => format!("; serial ports: {}", ports.join(", ")),
        };
        usage(format!("cannot open {}: {error}{hint}", path.display()))
    })?;
    let writer = port.try_clone().context("cannot share the serial port")?;
    Ok(Stream::new(port, Some(Box::new(writer))))
}

/// Reads on a thread of its own. The channel is bounded: who prints faster than anyone reads waits.
fn read_pieces(mut from: impl Read + Send + 'static) -> Receiver<Result<Vec<u8>, String>> {
    let (sender, receiver) = sync_channel(16);
    std::thread::spawn(move || {
        let mut buffer = vec![0; 64 << 10];
        loop {
            let piece = match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => Ok(buffer[..length].to_vec()),
                Err(error)
                    if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Interrupted) =>
                {
                    continue;
                }
                Err(error) => Err(error.to_string()),
            };
            let last = piece.is_err();
            if sender.send(piece).is_err() || last {
                break;
            }
        }
    });
    receiver
}
