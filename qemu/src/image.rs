//! The kernel image: built by cargo as an ELF file, started as a flat file.
//!
//! The flat file is what is flashed and what QEMU gets: the loadable segments at their distances,
//! beginning with the arm64 boot header (Linux Documentation/arch/arm64/booting.rst).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, bail, ensure};
use object::Endianness;
use object::elf::{EM_AARCH64, FileHeader64, PT_LOAD};
use object::read::elf::{FileHeader, ProgramHeader};

use crate::toolchain;

/// The Rust target of the image.
pub const TARGET: &str = "aarch64-unknown-none";

/// Held from the start of a build until its result was copied.
static BUILDING: Mutex<()> = Mutex::new(());

/// A kernel image on disk.
#[derive(Clone, Debug)]
pub struct Image {
    /// The flat file.
    pub flat: PathBuf,
    /// The ELF file it was made from: symbols and log strings.
    pub elf: Option<PathBuf>,
}

impl Image {
    /// Builds the image with cargo, whose progress goes to standard error, copies the ELF file and
    /// writes the flat file beside it. When nothing has changed this takes a fraction of a second.
    ///
    /// # Errors
    /// The target cannot be prepared, the build fails, or the result is not a bootable image.
    pub fn build() -> Result<Self> {
        Self::build_with(&[])
    }

    /// [`Image::build`] with cargo features of the crate `unikernel`, and files of their own.
    ///
    /// # Errors
    /// As [`Image::build`].
    pub fn build_with(features: &[&str]) -> Result<Self> {
        toolchain::ensure_target()?;
        let _building = BUILDING.lock().unwrap_or_else(PoisonError::into_inner);
        let output = toolchain::cargo()
            .args(["build", "--package", "unikernel", "--profile", "image", "--target", TARGET])
            // rustc warns of a target feature that LLVM has and rustc does not name; who works on
            // the kernel sees all other warnings from clippy.
            .args(["--config", &format!("target.{TARGET}.rustflags=[\"-Awarnings\"]")])
            .args(["--features", &features.join(",")])
            .arg("--message-format=json-render-diagnostics")
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .context("cannot start cargo")?;
        ensure!(output.status.success(), "building the image failed");
        let elf = executable_in(&String::from_utf8_lossy(&output.stdout))
            .context("cargo built the image but named no executable")?;
        // A build with other features replaces cargo's file, also while this one is in use.
        let name = [&["zlab"], features].concat().join("-");
        let copy = elf.with_file_name(name + ".elf");
        let bytes = fs::read(&elf).with_context(|| format!("cannot read {}", elf.display()))?;
        replace(&copy, &bytes)?;
        Self::from_elf(&copy)
    }

    /// Builds the image that these boot arguments need: with the compressors they name, said so on
    /// standard error.
    ///
    /// # Errors
    /// As [`Image::build`].
    pub fn build_for<'a>(words: impl Iterator<Item = &'a str> + Clone) -> Result<Self> {
        let features = features_for(words);
        if !features.is_empty() {
            eprintln!("zlab: note: building the image with {}", features.join(" and "));
        }
        Self::build_with(&features)
    }

    /// Uses `path`, an ELF file (the flat file is written beside it) or a flat file.
    ///
    /// # Errors
    /// The file cannot be read or is not a bootable image.
    pub fn from_file(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        if bytes.starts_with(&object::elf::ELFMAG) {
            return Self::from_elf(path);
        }
        check_header(&bytes).with_context(|| path.display().to_string())?;
        Ok(Self { flat: path.to_owned(), elf: None })
    }

    fn from_elf(elf: &Path) -> Result<Self> {
        let bytes = fs::read(elf).with_context(|| format!("cannot read {}", elf.display()))?;
        let flat_bytes = flatten(&bytes).with_context(|| elf.display().to_string())?;
        check_header(&flat_bytes).with_context(|| elf.display().to_string())?;
        let flat = elf.with_extension("image");
        replace(&flat, &flat_bytes)?;
        Ok(Self { flat, elf: Some(elf.to_owned()) })
    }
}

/// Writes a file in one step, and only if it differs: another launcher may be starting it.
fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|present| present == bytes) {
        return Ok(());
    }
    let partial = path.with_extension(format!("partial.{}", std::process::id()));
    fs::write(&partial, bytes)
        .and_then(|()| fs::rename(&partial, path))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Features of the image for the compressors that boot arguments name, such as
/// `compressor=zstd:1`, for the stressor `zlib`, and for comparing, with lz4 and zstd.
fn features_for<'a>(words: impl Iterator<Item = &'a str> + Clone) -> Vec<&'static str> {
    let compares = words.clone().any(|word| ["compare", "--compare"].contains(&word));
    let zlib = words.clone().any(|word| word == "--zlib" || word.starts_with("--zlib="));
    let mut named: Vec<&str> = words
        .filter_map(|word| word.split_once('='))
        .filter(|(key, _)| ["compressor", "recompress"].contains(key))
        .map(|(_, value)| value.split_once(':').map_or(value, |(name, _)| name))
        .collect();
    // The stressor is built with the compressor of the same library.
    named.extend(zlib.then_some("deflate"));
    named.extend(compares.then_some("zstd"));
    let compressors = zswap::OPTIONAL.iter().copied().filter(|feature| named.contains(feature));
    compares.then_some("compare").into_iter().chain(compressors).collect()
}

/// The path of the last executable in cargo's JSON messages.
fn executable_in(messages: &str) -> Option<PathBuf> {
    messages
        .lines()
        .rev()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["reason"] == "compiler-artifact")
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
}

/// Larger images are taken for damaged ones: the real one is below one MiB.
const SIZE_LIMIT: u64 = 64 << 20;

/// The bytes that belong into memory from the lowest load address on; gaps are zero, and what
/// follows the last initialised byte (.bss) is left out.
///
/// # Errors
/// `elf` is not a 64-bit little-endian Arm ELF file with loadable segments of plausible size.
pub fn flatten(elf: &[u8]) -> Result<Vec<u8>> {
    let header = FileHeader64::<Endianness>::parse(elf).context("not a 64-bit ELF file")?;
    let endian = header.endian().context("not an ELF file")?;
    ensure!(
        header.e_machine(endian) == EM_AARCH64 && header.is_little_endian(),
        "not an ELF file for little-endian 64-bit Arm"
    );
    let segments: Vec<_> = header
        .program_headers(endian, elf)
        .context("damaged program headers")?
        .iter()
        .filter(|segment| segment.p_type(endian) == PT_LOAD)
        .collect();
    let start = segments.iter().map(|segment| segment.p_paddr(endian)).min();
    let start = start.context("nothing to load: no PT_LOAD segment")?;
    let mut flat = Vec::new();
    for segment in segments {
        let Ok(bytes) = segment.data(endian, elf) else { bail!("a segment exceeds the file") };
        let offset = segment.p_paddr(endian) - start;
        let end = offset.saturating_add(bytes.len() as u64);
        ensure!(end <= SIZE_LIMIT, "segments are {end:#x} bytes apart: not a kernel image");
        if !bytes.is_empty() {
            flat.resize(flat.len().max(end as usize), 0);
            flat[offset as usize..end as usize].copy_from_slice(bytes);
        }
    }
    Ok(flat)
}

/// Checks the arm64 boot header at the start of a flat image.
///
/// # Errors
/// Says which field is wrong.
pub fn check_header(flat: &[u8]) -> Result<()> {
    let field = |offset: usize| Some(u64::from_le_bytes(*flat.get(offset..)?.first_chunk()?));
    ensure!(
        flat.get(0x38..0x3c) == Some(b"ARM\x64"),
        "not a kernel image: no \"ARM\\x64\" at offset 0x38"
    );
    let (text_offset, image_size) = (field(0x08), field(0x10));
    ensure!(text_offset == Some(0), "the header's text_offset is not zero");
    ensure!(
        image_size.is_some_and(|size| size >= flat.len() as u64),
        "the header's image_size is smaller than the file ({} bytes)",
        flat.len()
    );
    Ok(())
}

#[cfg(test)]
mod tests;
