//! Generators of pages, one a kind.

use crate::random::Random;

/// Where heaps lie in the address spaces imitated.
const HEAP: u64 = 0x0000_7f3a_0000_0000;

/// Objects of one heap span this many bytes around a page.
const HEAP_SPAN: usize = 1 << 20;

/// A record has at most this many words.
const RECORD_WORDS: usize = 12;

/// Records of one to four classes, one after the other: class pointer, reference count, flags,
/// length, links to other records nearby, inline text, padding.
pub(super) fn objects(random: &mut Random, page: &mut [u64]) {
    let heap = heap_base(random);
    let text_segment = 0x0000_5581_0000_0000 | (random.next() & 0xf_ffff) << 12;
    let mut classes = [[Field::Zero; RECORD_WORDS]; 4];
    let mut lengths = [0; 4];
    for (fields, length) in classes.iter_mut().zip(&mut lengths) {
        *length = 4 + random.below(RECORD_WORDS - 4 + 1);
        fields.fill_with(|| Field::draw(random));
    }
    let kinds = 1 + random.below(classes.len());

    let mut at = 0;
    let mut own = heap;
    while at < page.len() {
        let class = random.below(kinds);
        let length = lengths[class];
        let mut bits = random.next();
        for (place, word) in page[at..].iter_mut().take(length).enumerate() {
            *word = match (place, classes[class][place]) {
                (0, _) => text_segment + 0x140 * class as u64,
                (1, _) => 1 + u64::from(bits & 7 == 0),
                (_, Field::Zero) => 0,
                (_, Field::Same) => 0x10_0000_0001 * (place as u64 + 1),
                (_, Field::Next) => own + 8 * length as u64,
                (_, Field::Small) => bits >> 8 & 0x3f,
                (_, Field::Near) => heap + (bits >> 16 & 0xffff) * 16,
                (_, Field::Hash) => bits >> 24 & 0xffff_ffff,
            };
            bits = bits.rotate_left(19) ^ own;
        }
        at += length;
        own += 8 * length as u64;
    }
}

/// What a field of a record holds.
#[derive(Clone, Copy)]
enum Field {
    Zero,
    Same,
    Next,
    Small,
    Near,
    Hash,
}

impl Field {
    fn draw(random: &mut Random) -> Self {
        match random.below(16) {
            0..=4 => Self::Zero,
            5..=7 => Self::Same,
            8 => Self::Next,
            9..=11 => Self::Small,
            12..=14 => Self::Near,
            _ => Self::Hash,
        }
    }
}

/// Pointers into one heap, most of them to objects near the one before, some null.
pub(super) fn pointers(random: &mut Random, page: &mut [u64]) {
    let heap = heap_base(random);
    let null_of_16 = 2 + random.below(10) as u64;
    let spread = 1 << (2 + random.below(7));
    let mut pointer = heap;
    for word in page {
        let bits = random.next();
        *word = if bits & 15 < null_of_16 {
            0
        } else {
            let far = bits >> 4 & 15 == 0;
            let step = if far { bits >> 8 & 0xffff } else { bits >> 8 & (spread - 1) };
            pointer = heap + (pointer - heap + step * 16) % HEAP_SPAN as u64;
            pointer
        };
    }
}

/// Two integers a word, small ones or slowly rising ones, in runs of equal words.
pub(super) fn counters(random: &mut Random, page: &mut [u64]) {
    let rising = random.below(2) == 1;
    let mask = (1 << (2 + random.below(7))) - 1;
    let run = 1 + random.below(6) as u64;
    let mut count = random.next() & 0xf_ffff;
    let mut value = 0;
    for word in page {
        let bits = random.next();
        if bits & 7 >= run {
            count += bits >> 8 & mask & 0xf;
            value = if rising {
                count | (count + 1) << 32
            } else {
                (bits >> 8 & mask) | (bits >> 16 & mask & bits >> 24) << 32
            };
        }
        *word = value;
    }
}

/// Words by falling frequency, with the markup of a structured document in some pages.
pub(super) fn text(random: &mut Random, page: &mut [u8]) {
    let markup = random.below(2) == 1;
    let mut at = 0;
    let mut number = random.next() & 0xffff;
    while at < page.len() {
        let bits = random.next();
        // The product of two draws favours the front of the list, much as in language.
        let word = &PADDED[((bits & 127) as usize * (bits >> 7 & 127) as usize) >> 7];
        if markup {
            put(page, &mut at, b"{\"id\":");
            number += 1;
            put_number(page, &mut at, number);
            put(page, &mut at, b",\"name\":\"");
            put_word(page, &mut at, word);
            put(page, &mut at, b"\",\"size\":");
            put_number(page, &mut at, bits >> 20 & 0xfff);
            put(page, &mut at, b"},\n");
        } else {
            put_word(page, &mut at, word);
            let end = if bits >> 14 & 15 == 0 { b".\n" } else { b" " as &[u8] };
            put(page, &mut at, end);
        }
    }
}

/// Zeros with a few words.
pub(super) fn sparse(random: &mut Random, page: &mut [u64]) {
    page.fill(0);
    let words = 1 + random.below(page.len() / 16);
    for _ in 0..words {
        let at = random.below(page.len());
        page[at] = random.next() >> (8 * random.below(7));
    }
}

/// Zeros, or in one of four pages some other word throughout.
pub(super) fn same_filled(random: &mut Random, page: &mut [u64]) {
    let word = if random.below(4) == 0 { random.next() } else { 0 };
    page.fill(word);
}

fn heap_base(random: &mut Random) -> u64 {
    HEAP + random.below(1 << 12) as u64 * HEAP_SPAN as u64
}

fn put(page: &mut [u8], at: &mut usize, bytes: &[u8]) {
    let rest = &mut page[*at..];
    let length = bytes.len().min(rest.len());
    rest[..length].copy_from_slice(&bytes[..length]);
    *at += length;
}

/// Copies all 16 bytes of a word where there is room, which is faster than as many as it has.
fn put_word(page: &mut [u8], at: &mut usize, (bytes, length): &([u8; 16], usize)) {
    match page[*at..].first_chunk_mut() {
        Some(room) => *room = *bytes,
        None => return put(page, at, &bytes[..*length]),
    }
    *at += length;
}

fn put_number(page: &mut [u8], at: &mut usize, mut number: u64) {
    let mut digits = [0; 20];
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    put(page, at, &digits[first..]);
}

/// Words of English, the frequent ones first.
const WORDS: [&str; 128] = [
    "the",
    "of",
    "and",
    "to",
    "in",
    "a",
    "is",
    "that",
    "for",
    "it",
    "as",
    "was",
    "with",
    "be",
    "by",
    "on",
    "not",
    "he",
    "this",
    "are",
    "or",
    "his",
    "from",
    "at",
    "which",
    "but",
    "have",
    "an",
    "had",
    "they",
    "you",
    "were",
    "their",
    "one",
    "all",
    "we",
    "can",
    "her",
    "has",
    "there",
    "been",
    "if",
    "more",
    "when",
    "will",
    "would",
    "who",
    "so",
    "no",
    "out",
    "up",
    "into",
    "than",
    "them",
    "some",
    "could",
    "time",
    "these",
    "two",
    "may",
    "then",
    "do",
    "first",
    "any",
    "page",
    "memory",
    "value",
    "state",
    "system",
    "number",
    "after",
    "other",
    "people",
    "water",
    "little",
    "should",
    "because",
    "large",
    "between",
    "under",
    "never",
    "another",
    "while",
    "last",
    "might",
    "great",
    "where",
    "through",
    "back",
    "years",
    "much",
    "before",
    "right",
    "think",
    "also",
    "around",
    "without",
    "small",
    "found",
    "still",
    "world",
    "every",
    "house",
    "light",
    "family",
    "against",
    "country",
    "nothing",
    "together",
    "important",
    "children",
    "question",
    "business",
    "possible",
    "different",
    "development",
    "government",
    "information",
    "allocator",
    "pressure",
    "frequency",
    "interrupt",
    "temperature",
    "compression",
    "performance",
    "measurement",
    "environment",
    "architecture",
];

/// The words, each padded to 16 bytes, and their lengths.
static PADDED: [([u8; 16], usize); 128] = {
    let mut padded = [([0; 16], 0); 128];
    let mut number = 0;
    while number < WORDS.len() {
        let word = WORDS[number].as_bytes();
        let mut at = 0;
        while at < word.len() {
            padded[number].0[at] = word[at];
            at += 1;
        }
        padded[number].1 = word.len();
        number += 1;
    }
    padded
};
