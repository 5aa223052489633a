//! Fullness groups: twelve lists of zspages a class has.

/// How full a zspage is: 0 empty, 1 to 10 partly, 11 full.
pub(crate) type Group = usize;

/// Groups there are.
pub(crate) const GROUPS: usize = 12;
pub(crate) const EMPTY: Group = 0;
pub(crate) const FULL: Group = 11;
/// Groups whose zspages have both live and free objects, emptiest first.
pub(crate) const PARTIAL: core::ops::RangeInclusive<Group> = 1..=10;

/// The group of a zspage with `inuse` of `objects` objects live.
pub(crate) fn group(inuse: usize, objects: usize) -> Group {
    if inuse == 0 {
        EMPTY
    } else if inuse == objects {
        FULL
    } else {
        100 * inuse / objects / 10 + 1
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    #[test]
    fn groups_are_tenths() {
        let groups = |objects| (0..=objects).map(|inuse| group(inuse, objects)).collect::<Vec<_>>();
        assert_eq!(groups(15), [0, 1, 2, 3, 3, 4, 5, 5, 6, 7, 7, 8, 9, 9, 10, 11]);
        assert_eq!(groups(9), [0, 2, 3, 4, 5, 6, 7, 8, 9, 11]);
        let of_128 = [1, 12, 13, 25, 26, 115, 116, 127, 128].map(|inuse| group(inuse, 128));
        assert_eq!(of_128, [1, 1, 2, 2, 3, 9, 10, 10, 11]);
    }
}
