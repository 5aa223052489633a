//! Pages of the corpus: the same each time, different from each other, compressible as intended.

use std::collections::HashSet;

use stress::Corpus;

fn page(corpus: &Corpus<'_>, index: u64, size: usize) -> Vec<u8> {
    let mut page = vec![0; size / 8];
    corpus.page(index, &mut page);
    page.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn is_same_filled(page: &[u8]) -> bool {
    page.chunks_exact(8).all(|word| word == &page[..8])
}

/// Bytes that look a little like a program: this test's own executable.
fn image() -> Vec<u8> {
    let mut bytes = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    bytes.truncate(1 << 20);
    bytes
}

#[test]
fn pages_are_a_function_of_number_and_seed() {
    let image = image();
    let (one, other) = (Corpus::generated(&image, 1), Corpus::generated(&image, 2));
    for index in 0..200 {
        assert_eq!(page(&one, index, 4096), page(&one, index, 4096));
        let both = (page(&one, index, 4096), page(&other, index, 4096));
        assert!(both.0 != both.1 || is_same_filled(&both.0), "{index}");
    }
}

#[test]
fn pages_differ_from_each_other() {
    let image = image();
    let corpus = Corpus::generated(&image, 0);
    let mut seen = HashSet::new();
    let mut same_filled = 0;
    for index in 0..8000 {
        let page = page(&corpus, index, 4096);
        if is_same_filled(&page) {
            same_filled += 1;
        } else {
            assert!(seen.insert(page), "page {index} repeats an earlier one");
        }
    }
    assert!((240..=400).contains(&same_filled), "{same_filled} of 8000");
}

#[test]
fn a_file_is_read_in_order_and_then_shifted() {
    let file: Vec<u8> = (0..20_000_u32).flat_map(u32::to_le_bytes).collect();
    let corpus = Corpus::of_file(&file, 0).unwrap();
    assert_eq!(page(&corpus, 3, 4096), file[3 * 4096..4 * 4096]);
    let pages = (file.len() as u64).div_ceil(4096);
    assert_eq!(page(&corpus, pages, 4096), file[1373..1373 + 4096]);
    let last = page(&corpus, pages - 1, 4096);
    let rest = file.len() % 4096;
    assert_eq!(last[..rest], file[file.len() - rest..]);
    assert_eq!(last[rest..], file[..4096 - rest]);
    assert!(Corpus::of_file(&[], 0).is_none());
    // A file shorter than a page.
    assert_eq!(page(&Corpus::of_file(b"abc", 0).unwrap(), 0, 16), b"abcabcabcabcabca");
}

/// The figures of the README; run with `--nocapture` to see them.
#[test]
fn it_compresses_like_the_memory_of_programs() {
    let image = image();
    for (name, corpus) in
        [("image", Corpus::generated(&image, 0)), ("no image", Corpus::generated(&[], 0))]
    {
        for size in [4096, 16384] {
            let mut lengths: Vec<usize> = (0..2000)
                .map(|index| page(&corpus, index, size))
                .filter(|page| !is_same_filled(page))
                .map(|page| lz4_flex::block::compress_into(&page, &mut vec![0; 2 * size]).unwrap())
                .collect();
            lengths.sort_unstable();
            let sum: usize = lengths.iter().sum();
            let ratio = (size * lengths.len()) as f64 / sum as f64;
            let at = |percent: usize| lengths[lengths.len() * percent / 100];
            let poor = lengths.iter().filter(|&&length| length >= size).count();
            println!(
                "{name} {size}: same-filled {}, ratio {ratio:.2}, p10/50/90 {}/{}/{}, >= page {poor}",
                2000 - lengths.len(),
                at(10),
                at(50),
                at(90),
            );
            assert!((2.2..4.0).contains(&ratio), "{name} {size}: {ratio}");
            assert!((size / 5..size / 2).contains(&at(50)), "{name} {size}: {}", at(50));
        }
    }
}
