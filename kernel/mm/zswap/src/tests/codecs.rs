//! The compressors by themselves.

use std::string::String;
use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use super::{PAGE, noise, repeated, text};
use crate::{
    ACCEPTED, COMPRESSORS, Choice, ChoiceError, CompressError, Context, DecompressError, Levels,
    OPTIONAL, find,
};

#[test]
fn names_are_distinct_and_found() {
    for (index, algorithm) in COMPRESSORS.iter().enumerate() {
        assert!(COMPRESSORS[..index].iter().all(|other| other.name != algorithm.name));
        assert_eq!(find(algorithm.name).unwrap().name, algorithm.name);
    }
    assert!(find("lz5").is_none());
}

/// Every compressor at its fastest, usual and strongest level.
fn choices() -> impl Iterator<Item = Choice> {
    COMPRESSORS.iter().flat_map(|algorithm| {
        let levels = match algorithm.levels {
            None => vec![0],
            Some(Levels { least, default, most }) => vec![least, default, most],
        };
        levels.into_iter().map(move |level| Choice { algorithm, level })
    })
}

/// Compresses and restores one page.
fn round_trip(context: &mut Context, page: &[u8], name: &str) {
    match context.compressor.compress(page, &mut context.output) {
        Ok(length) => {
            assert!((1..=page.len()).contains(&length), "{name}");
            let mut back = vec![0xee; page.len()];
            context.compressor.decompress(&context.output[..length], &mut back).unwrap();
            assert!(back == page, "{name}");
        }
        Err(error) => assert_eq!(error, CompressError::TooLong, "{name}"),
    }
}

#[test]
fn pages_survive_every_compressor() {
    for choice in choices() {
        for page_size in [4096, 16384] {
            let mut context = Context::new(choice, page_size);
            let scratch = context.heap_bytes();
            for page in [text(1), text(2), noise(3), repeated(0), repeated(0x1234)] {
                let page = page.repeat(page_size / PAGE);
                round_trip(&mut context, &page, choice.algorithm.name);
            }
            let grown = context.heap_bytes() - scratch;
            assert!(grown <= 4096, "{choice:?} grew by {grown} from {scratch}");
        }
    }
}

#[test]
fn choices_are_understood() {
    let level = |text: String| Choice::parse(&text).map(|choice| choice.level);
    assert_eq!(level("lz4".into()), Ok(0));
    assert_eq!(level("lz4:1".into()), Err(ChoiceError::NoLevels));
    assert_eq!(level("lzo".into()), Err(ChoiceError::Unknown));
    for name in OPTIONAL {
        let Some(algorithm) = find(name) else {
            assert_eq!(level((*name).into()), Err(ChoiceError::NotBuilt));
            continue;
        };
        let Some(levels) = algorithm.levels else {
            assert_eq!(level((*name).into()), Ok(0));
            continue;
        };
        let with = |number: i32| level(std::format!("{name}:{number}"));
        assert_eq!(level((*name).into()), Ok(levels.default));
        assert_eq!(with(levels.least), Ok(levels.least));
        assert_eq!(with(levels.most), Ok(levels.most));
        assert_eq!(with(levels.most + 1), Err(ChoiceError::Level(levels)));
        assert_eq!(level(std::format!("{name}:x")), Err(ChoiceError::Level(levels)));
    }
}

/// What is named when something else was asked for: every compressor of this build and of others, and
/// whether it has levels.
#[test]
fn what_can_be_asked_for_is_listed() {
    let words: Vec<&str> = ACCEPTED.split([',', ' ']).collect();
    for name in COMPRESSORS.iter().map(|algorithm| algorithm.name).chain(OPTIONAL.iter().copied()) {
        let leveled = std::format!("{name}[:LEVEL]");
        let listed = (words.contains(&name), words.contains(&leveled.as_str()));
        match find(name) {
            Some(algorithm) => assert_eq!(listed.1, algorithm.levels.is_some(), "{name}"),
            None => assert_ne!(listed.0, listed.1, "{name}"),
        }
        assert!(listed.0 || listed.1, "{name}");
    }
}

#[test]
fn lz4_compresses_text_and_refuses_noise() {
    let mut context = Context::new(Choice::parse("lz4").unwrap(), PAGE);
    let length = context.compressor.compress(&text(1), &mut context.output).unwrap();
    assert!(length < PAGE / 2, "{length}");
    let refused = context.compressor.compress(&noise(1), &mut context.output);
    assert_eq!(refused, Err(CompressError::TooLong));
}

#[test]
fn other_lengths_than_a_page_are_refused() {
    for choice in choices() {
        let name = choice.algorithm.name;
        let mut context = Context::new(choice, PAGE);
        let length = context.compressor.compress(&text(1), &mut context.output).unwrap();
        for size in [PAGE - 1, PAGE + 1, 2 * PAGE] {
            let mut page = vec![0; size];
            let result = context.compressor.decompress(&context.output[..length], &mut page);
            assert_eq!(result, Err(DecompressError::Length), "{name} {size}");
        }
    }
}

#[test]
fn heap_bytes_are_those_of_the_buffers() {
    let bytes =
        |name, page_size| Context::new(Choice::parse(name).unwrap(), page_size).heap_bytes();
    assert_eq!(bytes("lz4", PAGE), 3 * PAGE + 8192);
    assert_eq!(bytes("none", 16384), 3 * 16384);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 3 } else { 64 }))]

    /// Bytes that no compressor made neither panic nor reach beyond the page.
    #[test]
    fn arbitrary_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        for choice in choices() {
            let mut context = Context::new(choice, PAGE);
            let _either = context.compressor.decompress(&bytes, &mut vec![0; PAGE]);
        }
    }

    /// Pages of pieces that repeat, and of pieces that do not.
    #[test]
    fn mixed_pages_survive(
        pieces in proptest::collection::vec((1..400_usize, any::<u64>(), any::<bool>()), 1..40),
    ) {
        let mut page = Vec::new();
        for (length, seed, again) in pieces {
            let source = if again { text(seed % 4) } else { noise(seed) };
            page.extend_from_slice(&source[..length]);
        }
        page.resize(PAGE, 7);
        for choice in choices() {
            round_trip(&mut Context::new(choice, PAGE), &page, choice.algorithm.name);
        }
    }

    #[test]
    fn damaged_bytes_are_survived(
        seed in any::<u64>(),
        changes in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..4),
        cut in any::<usize>(),
    ) {
        for choice in choices() {
            let mut context = Context::new(choice, PAGE);
            let length = context.compressor.compress(&text(seed), &mut context.output).unwrap();
            let mut bytes: Vec<u8> = context.output[..length].to_vec();
            for &(place, byte) in &changes {
                bytes[place % length] = byte;
            }
            let mut page = vec![0; PAGE];
            let _either = context.compressor.decompress(&bytes, &mut page);
            // What ends early cannot make a page.
            let whole = &context.output[..length];
            let result = context.compressor.decompress(&whole[..cut % length], &mut page);
            prop_assert!(result.is_err(), "{}", choice.algorithm.name);
        }
    }
}
