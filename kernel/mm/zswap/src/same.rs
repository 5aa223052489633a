//! Pages that repeat one machine word.

/// The word that makes up all of the page. Looks at the last word first, since pages that start
/// uniformly and do not end so are common. A length that is not a multiple of a word, or zero,
/// has none.
pub(crate) fn repeated_word(page: &[u8]) -> Option<u64> {
    let (words, []) = page.as_chunks::<8>() else { return None };
    let (first, last) = (words.first()?, words.last()?);
    if first != last {
        return None;
    }
    let word = u64::from_ne_bytes(*first);
    // Eight words at a time, so that the comparison is not a branch for each.
    let (lines, rest) = words.as_chunks::<8>();
    let line_differs = |line: &[[u8; 8]; 8]| {
        line.iter().fold(0, |sum, other| sum | (u64::from_ne_bytes(*other) ^ word)) != 0
    };
    if lines.iter().any(line_differs) || rest.iter().any(|other| other != first) {
        return None;
    }
    Some(word)
}

/// Makes a page of one word.
pub(crate) fn fill(page: &mut [u8], word: u64) {
    page.as_chunks_mut::<8>().0.fill(word.to_ne_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_differing_byte_is_seen() {
        for word in [0, 1, u64::MAX, 0x0123_4567_89ab_cdef] {
            let mut page = [0; 4096];
            fill(&mut page, word);
            assert_eq!(repeated_word(&page), Some(word));
            let step = if cfg!(miri) { 509 } else { 1 };
            for byte in (0..page.len()).step_by(step) {
                page[byte] ^= 0x80;
                assert_eq!(repeated_word(&page), None, "byte {byte}");
                page[byte] ^= 0x80;
            }
        }
    }

    #[test]
    fn lengths_that_are_no_words_have_none() {
        assert_eq!(repeated_word(&[]), None);
        assert_eq!(repeated_word(&[0; 12]), None);
        assert_eq!(repeated_word(&[0; 8]), Some(0));
        assert_eq!(repeated_word(&[7; 72]), Some(0x0707_0707_0707_0707));
    }
}
