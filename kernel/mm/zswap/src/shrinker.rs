//! How much of a store memory pressure may ask for: the dynamic shrinker of Linux's zswap.

/// Entries looked at in one call at most.
pub const BATCH: usize = 128;

/// Page frames that writing back may give, as the kernel estimates it: the entries of the list
/// less those that page-ins from the device protect, scaled by how well pages compress.
///
/// `swapins` are page-ins from the device since the last call; what protects now is taken off.
#[must_use]
pub const fn count(length: usize, swapins: &mut usize, pool_pages: usize, stored: usize) -> usize {
    if pool_pages == 0 || stored == 0 {
        return 0;
    }
    let protected = if length < *swapins { length } else { *swapins };
    *swapins -= protected;
    ((length - protected) as u128 * pool_pages as u128 / stored as u128) as usize
}

/// How many entries of `count` to look at, at this priority: 12 is the least pressure, 0 the most.
#[must_use]
pub const fn share(count: usize, priority: u32) -> usize {
    (count >> priority) * 4 / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_the_kernel() {
        for (length, before, pool_pages, stored, expected, after) in [
            (1000, 0, 300, 1000, 300, 0),
            (1000, 100, 300, 1000, 270, 0),
            (1000, 1500, 300, 1000, 0, 500),
            (1000, 1000, 300, 1000, 0, 0),
            (500, 20, 250, 1000, 120, 0),
            (500, 20, 0, 1000, 0, 20),
        ] {
            let mut swapins = before;
            assert_eq!(count(length, &mut swapins, pool_pages, stored), expected);
            assert_eq!(swapins, after);
        }
    }

    #[test]
    fn pressure_raises_the_share() {
        assert_eq!(
            (share(1000, 12), share(1000, 3), share(270, 2), share(100, 1)),
            (0, 250, 134, 100)
        );
    }
}
