//! Whether bytes are a device tree that can be read without failing.
//!
//! dtoolkit's readers rely on a valid tree. Its own validation is not used because it refuses
//! names of more than 31 characters, as the specification has it, while trees in use have
//! longer ones (`snps,parkmode-disable-fsls-quirk`). This one checks what the readers need, and
//! the depth as well. Layout: Devicetree Specification 0.4, chapter 5.

use core::str;

use super::MAX_DEPTH;
use crate::Error;

/// How many bytes of a tree [`tree_size`] looks at.
pub const HEADER_PREFIX: usize = 8;

const MAGIC: u32 = 0xd00d_feed;
const VERSION: u32 = 17;
const HEADER_SIZE: usize = 40;
const SMALLEST: u32 = (HEADER_SIZE + RESERVATION_SIZE) as u32;
/// The arm64 boot protocol of Linux allows no larger tree.
const LARGEST: u32 = 2 << 20;
const RESERVATION_SIZE: usize = 16;
/// Keeps the time to read a damaged tree proportional to its size.
const LONGEST_NAME: usize = 255;
const TOKEN_SIZE: usize = 4;

const BEGIN_NODE: u32 = 1;
const END_NODE: u32 = 2;
const PROPERTY: u32 = 3;
const NO_OPERATION: u32 = 4;
const END: u32 = 9;

/// The size in bytes of a tree, from its first bytes: how much of memory to map to read it.
///
/// # Errors
///
/// [`Error::NotATree`] if this is not the beginning of a tree, [`Error::BadSize`] if the size
/// is not between 56 bytes (a header and an empty reservation block) and 2 MiB (the limit of
/// the arm64 boot protocol).
pub const fn tree_size(header: &[u8; HEADER_PREFIX]) -> Result<usize, Error> {
    let [m0, m1, m2, m3, s0, s1, s2, s3] = *header;
    let magic = u32::from_be_bytes([m0, m1, m2, m3]);
    if magic != MAGIC {
        return Err(Error::NotATree(magic));
    }
    let size = u32::from_be_bytes([s0, s1, s2, s3]);
    if size < SMALLEST || size > LARGEST {
        return Err(Error::BadSize(size));
    }
    Ok(size as usize)
}

/// The bytes of the tree that `data` begins with, if all of it is sound.
pub(crate) fn check(data: &[u8]) -> Result<&[u8], Error> {
    let given = data.len();
    let Some(prefix) = data.first_chunk() else {
        return Err(Error::Truncated { size: SMALLEST as usize, given });
    };
    let size = tree_size(prefix)?;
    let data = data.get(..size).ok_or(Error::Truncated { size, given })?;
    let field = |index: usize| word(data, index * 4).unwrap_or(0) as usize;
    let (version, oldest) = (field(5) as u32, field(6) as u32);
    if version < VERSION || oldest > VERSION {
        return Err(Error::UnsupportedVersion { version, oldest });
    }
    check_reservations(data, field(4))?;
    let strings = block(data, field(3), field(8), "strings block")?;
    if !field(2).is_multiple_of(TOKEN_SIZE) {
        return Err(Error::BadBlock("structure block"));
    }
    block(data, field(2), field(9), "structure block")?;
    Structure { data: &data[..field(2) + field(9)], offset: field(2), strings }.check()?;
    Ok(data)
}

/// The block of this size at this offset.
fn block<'a>(
    data: &'a [u8],
    offset: usize,
    size: usize,
    name: &'static str,
) -> Result<&'a [u8], Error> {
    let inside = || data.get(offset..offset.checked_add(size)?);
    inside().filter(|_| offset >= HEADER_SIZE).ok_or(Error::BadBlock(name))
}

/// The reservation block ends with an entry of zeroes, inside the tree.
fn check_reservations(data: &[u8], offset: usize) -> Result<(), Error> {
    let block = data.get(offset..).filter(|_| offset >= HEADER_SIZE);
    block
        .and_then(|block| {
            block.chunks_exact(RESERVATION_SIZE).find(|entry| entry.iter().all(|byte| *byte == 0))
        })
        .map(|_| ())
        .ok_or(Error::BadBlock("memory reservation block"))
}

fn word(data: &[u8], offset: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*data.get(offset..)?.first_chunk()?))
}

/// A position in the structure block.
struct Structure<'a> {
    /// The tree up to the end of the structure block.
    data: &'a [u8],
    offset: usize,
    strings: &'a [u8],
}

impl Structure<'_> {
    /// One node with all below it, then the end token.
    fn check(mut self) -> Result<(), Error> {
        let mut depth = 0;
        // Properties come before child nodes.
        let mut property_expected = false;
        loop {
            let offset = self.offset;
            let token = self.token()?;
            let problem = match token {
                BEGIN_NODE if depth == MAX_DEPTH => "nodes nested more than 16 deep",
                BEGIN_NODE => {
                    self.node_name()?;
                    depth += 1;
                    property_expected = true;
                    continue;
                }
                PROPERTY if property_expected => {
                    self.property()?;
                    continue;
                }
                END_NODE if depth > 0 => {
                    depth -= 1;
                    property_expected = false;
                    if depth == 0 {
                        break;
                    }
                    continue;
                }
                NO_OPERATION if depth > 0 => continue,
                PROPERTY => "a property that is not at the beginning of a node",
                NO_OPERATION | END_NODE => "expected the root node",
                END => "the end inside of a node",
                _ => "no such token",
            };
            return Err(Error::Damaged { offset, problem });
        }
        let offset = self.offset;
        match self.token()? {
            END => Ok(()),
            _ => Err(Error::Damaged { offset, problem: "expected the end" }),
        }
    }

    fn token(&mut self) -> Result<u32, Error> {
        let token = word(self.data, self.offset).ok_or(self.cut_off())?;
        self.offset += TOKEN_SIZE;
        Ok(token)
    }

    fn node_name(&mut self) -> Result<(), Error> {
        let rest = self.data.get(self.offset..).ok_or(self.cut_off())?;
        let length = name_length(rest)
            .ok_or(Error::Damaged { offset: self.offset, problem: "a node without a name" })?;
        self.skip(length + 1)
    }

    fn property(&mut self) -> Result<(), Error> {
        let offset = self.offset;
        let (length, name) = (self.token()?, self.token()?);
        let named = self.strings.get(name as usize..).and_then(name_length);
        if named.is_none() {
            return Err(Error::Damaged { offset, problem: "a property without a name" });
        }
        self.skip(length as usize)
    }

    /// Goes on behind so many bytes and what aligns the next token.
    fn skip(&mut self, length: usize) -> Result<(), Error> {
        let end = (self.offset + length).next_multiple_of(TOKEN_SIZE);
        if end > self.data.len() {
            return Err(self.cut_off());
        }
        self.offset = end;
        Ok(())
    }

    fn cut_off(&self) -> Error {
        Error::Damaged { offset: self.offset, problem: "the structure block is cut off" }
    }
}

/// Length of the name that ends with the first zero byte; `None` if it is no text or too long.
fn name_length(bytes: &[u8]) -> Option<usize> {
    let length = bytes.iter().take(LONGEST_NAME + 1).position(|byte| *byte == 0)?;
    str::from_utf8(&bytes[..length]).ok().map(str::len)
}
