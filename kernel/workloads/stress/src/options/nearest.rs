//! Which accepted words are spelt much like a wrong one.

use alloc::vec::Vec;

/// At most three of `candidates` that are spelt much like `word`, nearest first: those that
/// start with it or differ by at most a third of its letters.
#[must_use]
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let limit = (word.len() / 3).max(1);
    let mut found: Vec<(usize, &str)> = candidates
        .into_iter()
        .map(|candidate| {
            let begins = word.len() > 2 && candidate.starts_with(word);
            (if begins { 1 } else { distance(word, candidate) }, candidate)
        })
        .filter(|&(distance, _)| distance <= limit)
        .collect();
    found.sort_by_key(|&(distance, _)| distance);
    found.truncate(3);
    found.into_iter().map(|(_, candidate)| candidate).collect()
}

/// Edit distance (Levenshtein) between the bytes of two words.
fn distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.bytes().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_edits() {
        for (left, right, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("kitten", "sitting", 3),
            ("--vm-byte", "--vm-bytes", 1),
            ("flaw", "lawn", 2),
        ] {
            assert_eq!(distance(left, right), expected, "{left} {right}");
            assert_eq!(distance(right, left), expected, "{right} {left}");
        }
    }

    #[test]
    fn nearest_first_and_nothing_far_away() {
        let words = ["--vm", "--vm-bytes", "--vm-keep", "--timeout"];
        assert_eq!(nearest("--vm-byts", words), ["--vm-bytes", "--vm-keep"][..1]);
        assert_eq!(nearest("--time", words), ["--timeout"]);
        assert!(nearest("--fork", words).is_empty());
    }
}
