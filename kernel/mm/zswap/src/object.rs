//! What an object holds besides a compressed page: behind it, a checksum and which compressor it is
//! from, each where the store is told to keep them.

use crate::Settings;

/// Bytes of a checksum.
const SUM: usize = 4;

/// Which compressor made an object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Codec {
    /// The store's.
    First,
    /// The one for cold pages.
    Second,
}

/// Which of them objects end with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trailer {
    checksum: bool,
    codec: bool,
}

/// An object, taken apart.
pub(crate) struct Parts<'a> {
    /// The compressed page.
    pub body: &'a [u8],
    /// What made it.
    pub codec: Codec,
    /// Checksum of the page.
    pub sum: Option<u32>,
}

impl Trailer {
    pub const fn of(settings: &Settings) -> Self {
        Self { checksum: settings.checksum, codec: settings.recompress }
    }

    /// Bytes of it.
    pub const fn length(self) -> usize {
        if self.checksum { SUM + self.codec as usize } else { self.codec as usize }
    }

    /// Puts it behind `length` bytes of `out` that `page` was compressed to; bytes of the object.
    /// `None` when `out` ends before.
    pub fn append(self, out: &mut [u8], length: usize, page: &[u8], codec: Codec) -> Option<usize> {
        let mut rest = out.get_mut(length..length + self.length())?;
        if self.checksum {
            let (sum, after) = rest.split_first_chunk_mut()?;
            *sum = checksum(page).to_le_bytes();
            rest = after;
        }
        if self.codec {
            *rest.first_mut()? = codec as u8;
        }
        Some(length + self.length())
    }

    /// Takes an object apart; `None` when it cannot be one.
    pub fn split(self, mut object: &[u8]) -> Option<Parts<'_>> {
        let mut parts = Parts { body: &[], codec: Codec::First, sum: None };
        if self.codec {
            let (codec, before) = object.split_last()?;
            parts.codec = match codec {
                0 => Codec::First,
                1 => Codec::Second,
                _ => return None,
            };
            object = before;
        }
        if self.checksum {
            let (before, sum) = object.split_last_chunk()?;
            parts.sum = Some(u32::from_le_bytes(*sum));
            object = before;
        }
        parts.body = object;
        Some(parts)
    }

    /// The object of a page that repeats a word: the word, and its checksum.
    pub fn word(self, word: u64) -> ([u8; 8 + SUM], usize) {
        let mut object = [0; 8 + SUM];
        let bytes = word.to_le_bytes();
        object[..8].copy_from_slice(&bytes);
        object[8..].copy_from_slice(&checksum(&bytes).to_le_bytes());
        (object, self.word_length())
    }

    /// Bytes of such an object.
    pub const fn word_length(self) -> usize {
        if self.checksum { 8 + SUM } else { 8 }
    }

    /// The word of such an object; `None` when it is damaged.
    pub fn read_word(self, object: &[u8]) -> Option<u64> {
        let (bytes, rest) = object.split_first_chunk::<8>()?;
        if self.checksum && *rest != checksum(bytes).to_le_bytes() {
            return None;
        }
        Some(u64::from_le_bytes(*bytes))
    }
}

/// CRC-32 of bytes. Differs whenever one bit, or any run of up to 32 bits, does.
pub(crate) fn checksum(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksum_of_known_bytes() {
        assert_eq!(checksum(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn objects_come_apart_as_they_were_put_together() {
        for (checksum, codec) in [(false, false), (true, false), (false, true), (true, true)] {
            let trailer = Trailer { checksum, codec };
            for made_by in [Codec::First, Codec::Second] {
                let mut out = [7; 20];
                let length = trailer.append(&mut out, 9, b"page", made_by).unwrap();
                assert_eq!(length, 9 + 4 * usize::from(checksum) + usize::from(codec));
                let parts = trailer.split(&out[..length]).unwrap();
                assert_eq!(parts.body, [7; 9]);
                assert_eq!(parts.codec, if codec { made_by } else { Codec::First });
                assert_eq!(parts.sum, checksum.then(|| super::checksum(b"page")));
            }
            assert_eq!(
                trailer.append(&mut [0; 9], 9, b"", Codec::First).is_some(),
                !checksum && !codec
            );
            let (object, length) = trailer.word(0x0123_4567_89ab_cdef);
            assert_eq!(trailer.read_word(&object[..length]), Some(0x0123_4567_89ab_cdef));
        }
        let trailer = Trailer { checksum: true, codec: true };
        for too_short in 0..trailer.length() {
            assert!(trailer.split(&[0; 5][..too_short]).is_none());
        }
        assert!(trailer.split(&[2; 9]).is_none());
    }
}
