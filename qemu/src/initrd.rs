//! The initial RAM disk: a newc cpio archive of the files that are handed to the kernel.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::status::usage;

/// A file to hand over, and the name under which the kernel looks for it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// `corpus` or `job`.
    pub name: String,
    /// Where it is on the host.
    pub path: PathBuf,
}

/// Writes `entries` into the archive `out`. The archive depends on nothing but the names and the
/// bytes: times, owners and inode numbers are zero or counted.
///
/// # Errors
/// A file that cannot be read, or is too large for the format (4 GiB), is a usage error; failure to
/// write `out` is not.
pub fn write(entries: &[Entry], out: &Path) -> Result<()> {
    let context = || format!("cannot write {}", out.display());
    let mut archive = BufWriter::new(File::create(out).with_context(context)?);
    for (index, entry) in entries.iter().enumerate() {
        let unreadable =
            |error: io::Error| usage(format!("cannot read {}: {error}", entry.path.display()));
        let mut file = File::open(&entry.path).map_err(unreadable)?;
        let size = file.metadata().map_err(unreadable)?.len();
        let size = u32::try_from(size).map_err(|_| {
            usage(format!("{} is larger than 4 GiB, the archive's limit", entry.path.display()))
        })?;
        header(&mut archive, index + 1, REGULAR_FILE, size, &entry.name).with_context(context)?;
        let copied = io::copy(&mut file, &mut archive).map_err(unreadable)?;
        if copied != u64::from(size) {
            return Err(usage(format!("{} changed while it was read", entry.path.display())));
        }
        pad(&mut archive, copied as usize).with_context(context)?;
    }
    header(&mut archive, 0, 0, 0, "TRAILER!!!").with_context(context)?;
    archive.flush().with_context(context)
}

/// The archive of these names and contents, in memory; the same bytes as [`write()`] writes.
///
/// # Errors
/// A usage error if an entry is too large for the format (4 GiB).
pub fn bytes(entries: &[(&str, Vec<u8>)]) -> Result<Vec<u8>> {
    let mut archive = Vec::new();
    for (index, (name, contents)) in entries.iter().enumerate() {
        let size = u32::try_from(contents.len())
            .map_err(|_| usage(format!("the {name} is larger than 4 GiB, the archive's limit")))?;
        header(&mut archive, index + 1, REGULAR_FILE, size, name)?;
        archive.extend_from_slice(contents);
        pad(&mut archive, contents.len())?;
    }
    header(&mut archive, 0, 0, 0, "TRAILER!!!")?;
    Ok(archive)
}

/// File type and permissions (S_IFREG, rw-r--r--).
const REGULAR_FILE: u32 = 0o100_644;

/// The 110-byte header of the "newc" format: a magic number and thirteen fields of eight hex
/// digits, then the name with a NUL, then padding to four bytes.
fn header(
    out: &mut impl Write,
    inode: usize,
    mode: u32,
    size_bytes: u32,
    name: &str,
) -> io::Result<()> {
    let name_size = name.len() + 1;
    write!(out, "070701{inode:08x}{mode:08x}{:08x}{:08x}{:08x}{:08x}{size_bytes:08x}", 0, 0, 1, 0)?;
    write!(out, "{:08x}{:08x}{:08x}{:08x}{name_size:08x}{:08x}{name}\0", 0, 0, 0, 0, 0)?;
    pad(out, 110 + name_size)
}

fn pad(out: &mut impl Write, written: usize) -> io::Result<()> {
    out.write_all(&[0; 3][..written.next_multiple_of(4) - written])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archive_is_what_the_format_says() {
        let folder = std::env::temp_dir().join(format!("zlab-initrd-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let corpus = folder.join("some file");
        std::fs::write(&corpus, b"hello").unwrap();
        let out = folder.join("initrd");
        write(&[Entry { name: "corpus".into(), path: corpus }], &out).unwrap();
        let bytes = std::fs::read(&out).unwrap();
        let text = |range: std::ops::Range<usize>| std::str::from_utf8(&bytes[range]).unwrap();
        assert_eq!(text(0..6), "070701");
        assert_eq!(text(14..22), "000081a4", "mode");
        assert_eq!(text(54..62), "00000005", "file size");
        assert_eq!(text(94..102), "00000007", "name size");
        assert_eq!(&bytes[110..117], b"corpus\0");
        // 117 is padded to 120; the five bytes end at 125 and are padded to 128.
        assert_eq!(&bytes[120..128], b"hello\0\0\0");
        assert_eq!(&bytes[128 + 110..], b"TRAILER!!!\0\0\0\0");
        let entries = [("corpus", b"hello".to_vec())];
        assert_eq!(super::bytes(&entries).unwrap(), bytes);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn missing_file_is_a_usage_error() {
        let entry = Entry { name: "job".into(), path: "/nonexistent/job".into() };
        let out = std::env::temp_dir().join(format!("zlab-initrd-none-{}", std::process::id()));
        let error = write(&[entry], &out).unwrap_err();
        assert_eq!(crate::status::of(&error), crate::status::USAGE);
        std::fs::remove_file(out).unwrap();
    }
}
