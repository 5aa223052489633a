//! The compressors by themselves.

use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use super::{PAGE, noise, repeated, text};
use crate::{COMPRESSORS, CompressError, Context, DecompressError, find};

#[test]
fn names_are_distinct_and_found() {
    for (index, algorithm) in COMPRESSORS.iter().enumerate() {
        assert!(COMPRESSORS[..index].iter().all(|other| other.name != algorithm.name));
        assert_eq!(find(algorithm.name).unwrap().name, algorithm.name);
    }
    assert!(find("lz5").is_none());
}

#[test]
fn pages_survive_every_compressor() {
    for algorithm in COMPRESSORS {
        for page_size in [4096, 16384] {
            let mut context = Context::new(algorithm, page_size);
            for page in [text(1), text(2), noise(3), repeated(0), repeated(0x1234)] {
                let page = page.repeat(page_size / PAGE);
                match context.compressor.compress(&page, &mut context.output) {
                    Ok(length) => {
                        assert!((1..=page_size).contains(&length), "{}", algorithm.name);
                        let mut back = vec![0xee; page_size];
                        let bytes = &context.output[..length];
                        context.compressor.decompress(bytes, &mut back).unwrap();
                        assert_eq!(back, page, "{}", algorithm.name);
                    }
                    Err(error) => assert_eq!(error, CompressError::TooLong, "{}", algorithm.name),
                }
            }
        }
    }
}

#[test]
fn lz4_compresses_text_and_refuses_noise() {
    let mut context = Context::new(find("lz4").unwrap(), PAGE);
    let length = context.compressor.compress(&text(1), &mut context.output).unwrap();
    assert!(length < PAGE / 2, "{length}");
    let refused = context.compressor.compress(&noise(1), &mut context.output);
    assert_eq!(refused, Err(CompressError::TooLong));
}

#[test]
fn other_lengths_than_a_page_are_refused() {
    for name in ["lz4", "none"] {
        let mut context = Context::new(find(name).unwrap(), PAGE);
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
    let context = Context::new(find("lz4").unwrap(), PAGE);
    let buffers = context.output.len() + context.object.len();
    assert_eq!(Context::heap_bytes(find("lz4").unwrap(), PAGE), buffers + 8192);
    assert_eq!(Context::heap_bytes(find("none").unwrap(), 16384), 3 * 16384);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 3 } else { 256 }))]

    /// Bytes that no compressor made neither panic nor reach beyond the page.
    #[test]
    fn arbitrary_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        for algorithm in COMPRESSORS {
            let mut context = Context::new(algorithm, PAGE);
            let _either = context.compressor.decompress(&bytes, &mut vec![0; PAGE]);
        }
    }

    #[test]
    fn damaged_bytes_are_survived(
        seed in any::<u64>(),
        changes in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..4),
        cut in any::<usize>(),
    ) {
        let mut context = Context::new(find("lz4").unwrap(), PAGE);
        let length = context.compressor.compress(&text(seed), &mut context.output).unwrap();
        let mut bytes: Vec<u8> = context.output[..length].to_vec();
        for (place, byte) in changes {
            bytes[place % length] = byte;
        }
        let mut page = vec![0; PAGE];
        let _either = context.compressor.decompress(&bytes, &mut page);
        // What ends early cannot make a page.
        let whole = &context.output[..length];
        let result = context.compressor.decompress(&whole[..cut % length], &mut page);
        prop_assert!(result.is_err());
    }
}
