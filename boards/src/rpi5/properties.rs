//! What the VideoCore is asked through its mailbox: clocks, temperature, throttling.
//!
//! A question is a buffer of property tags; the answer comes in the same place. Layout and numbers
//! are those of the Raspberry Pi firmware's property interface.

/// Channel of property tags; the low four bits of what is sent through the mailbox.
pub const CHANNEL: u32 = 8;

/// Code of an answer that is complete.
const ANSWERED: u32 = 0x8000_0000;
/// Set in a tag's length by who has answered it.
const TAG_ANSWERED: u32 = 0x8000_0000;

/// Property tags.
const CLOCK_RATE: u32 = 0x0003_0002;
const CLOCK_RATE_MEASURED: u32 = 0x0003_0047;
const CLOCK_RATE_MAX: u32 = 0x0003_0004;
const TEMPERATURE: u32 = 0x0003_0006;
const THROTTLED: u32 = 0x0003_0046;
/// Number of the ARM cores' clock.
const CLOCK_ARM: u32 = 3;

/// Each tag with its argument, and which of its two words has the answer.
const TAGS: [(u32, u32, usize); 5] = [
    (CLOCK_RATE, CLOCK_ARM, 1),
    (CLOCK_RATE_MEASURED, CLOCK_ARM, 1),
    (CLOCK_RATE_MAX, CLOCK_ARM, 1),
    (TEMPERATURE, 0, 1),
    (THROTTLED, 0, 0),
];
/// Words of a tag: number, bytes of value, length of the question or answer, two words of value.
const TAG_WORDS: usize = 5;
/// Bytes of a tag's value.
const VALUE_BYTES: u32 = 8;
/// Bytes of a question: one word.
const QUESTION_BYTES: u32 = 4;

/// Words of a question and of its answer: size, code, tags, end mark.
pub const WORDS: usize = 2 + TAGS.len() * TAG_WORDS + 1;

/// What a board says of itself; what it leaves out is `None`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Properties {
    /// Rate of the ARM cores' clock as it is set, in hertz.
    pub clock_hz: Option<u32>,
    /// The same as measured, in hertz.
    pub clock_measured_hz: Option<u32>,
    /// The highest rate that may be set, in hertz.
    pub clock_max_hz: Option<u32>,
    /// Temperature of the chip in thousandths of a degree Celsius.
    pub temperature_millicelsius: Option<u32>,
    /// Bits 0 to 3: short of voltage, clock capped, throttled, soft temperature limit, each now; 16
    /// bits higher the same for "since boot".
    pub throttled: Option<u32>,
}

/// The question for everything that [`Properties`] has.
#[must_use]
pub fn question() -> [u32; WORDS] {
    let mut words = [0; WORDS];
    words[0] = size_of_val(&words) as u32;
    for (tag, words) in TAGS.iter().zip(words[2..].chunks_exact_mut(TAG_WORDS)) {
        words.copy_from_slice(&[tag.0, VALUE_BYTES, QUESTION_BYTES, tag.1, 0]);
    }
    words
}

impl Properties {
    /// What the answer to [`question`] says; `None` if it is none.
    #[must_use]
    pub fn of_answer(words: &[u32; WORDS]) -> Option<Self> {
        if words[1] != ANSWERED {
            return None;
        }
        let mut answers = [None; TAGS.len()];
        let tags = words[2..].chunks_exact(TAG_WORDS);
        for ((tag, words), answer) in TAGS.iter().zip(tags).zip(&mut answers) {
            let complete = words[0] == tag.0 && words[2] & TAG_ANSWERED != 0;
            *answer = complete.then_some(words[3 + tag.2]);
        }
        let [clock_hz, clock_measured_hz, clock_max_hz, temperature_millicelsius, throttled] =
            answers;
        Some(Self {
            clock_hz,
            clock_measured_hz,
            clock_max_hz,
            temperature_millicelsius,
            throttled,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers as the firmware does: the codes, the length, and in the value the number of the clock
    /// or sensor in front of the figure.
    fn answer(figures: [u32; 5]) -> [u32; WORDS] {
        let mut words = question();
        words[1] = 0x8000_0000;
        for (number, figure) in figures.into_iter().enumerate() {
            let tag = &mut words[2 + 5 * number..][..5];
            tag[2] = 0x8000_0008;
            tag[if tag[0] == 0x30046 { 3 } else { 4 }] = figure;
        }
        words
    }

    #[test]
    fn question_is_what_the_interface_says() {
        let words = question();
        assert_eq!(words[..7], [112, 0, 0x30002, 8, 4, 3, 0]);
        assert_eq!(words[12..17], [0x30004, 8, 4, 3, 0]);
        assert_eq!(words[17..], [0x30006, 8, 4, 0, 0, 0x30046, 8, 4, 0, 0, 0]);
    }

    #[test]
    fn answers_are_read() {
        let words = answer([2_400_000_000, 2_399_987_712, 2_400_000_000, 51_200, 0x5_0000]);
        let expected = Properties {
            clock_hz: Some(2_400_000_000),
            clock_measured_hz: Some(2_399_987_712),
            clock_max_hz: Some(2_400_000_000),
            temperature_millicelsius: Some(51_200),
            throttled: Some(0x5_0000),
        };
        assert_eq!(Properties::of_answer(&words), Some(expected));
    }

    #[test]
    fn what_is_not_answered_is_unknown() {
        let mut words = answer([1, 2, 3, 4, 5]);
        words[2 + 5 + 2] = 4;
        words[2 + 15] = 0;
        let properties = Properties::of_answer(&words).unwrap();
        assert_eq!((properties.clock_hz, properties.clock_measured_hz), (Some(1), None));
        assert_eq!((properties.temperature_millicelsius, properties.throttled), (None, Some(5)));
        // The question itself, and a refusal.
        assert_eq!(Properties::of_answer(&question()), None);
        words[1] = 0x8000_0001;
        assert_eq!(Properties::of_answer(&words), None);
    }
}
