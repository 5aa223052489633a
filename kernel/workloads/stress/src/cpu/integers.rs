//! Methods of `cpu` on integers.

use core::hint::black_box;

/// The Ackermann function of 2 and 9.
pub(super) fn ackermann() -> (u64, u64) {
    fn of(m: u64, n: u64) -> u64 {
        match (m, n) {
            (0, n) => n + 1,
            (m, 0) => of(m - 1, 1),
            (m, n) => of(m - 1, of(m, n - 1)),
        }
    }
    (of(2, black_box(9)), 2 * 9 + 3)
}

/// Bits reversed twice, and counted in two ways.
pub(super) fn bitops() -> (u64, u64) {
    let mut differ = 0;
    for number in 0..4096_u64 {
        let mixed = black_box(number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut reversed = 0;
        for bit in 0..64 {
            reversed |= (mixed >> bit & 1) << (63 - bit);
        }
        differ |= reversed ^ mixed.reverse_bits();
        let (mut rest, mut count) = (mixed, 0);
        while rest != 0 {
            rest &= rest - 1;
            count += 1;
        }
        differ |= u64::from(count ^ mixed.count_ones());
    }
    (differ, 0)
}

/// Steps of the Collatz sequence from 989,345,275,647.
pub(super) fn collatz() -> (u64, u64) {
    let (mut number, mut steps) = (black_box(989_345_275_647_u64), 0);
    while number != 1 {
        number = if number.is_multiple_of(2) { number / 2 } else { 3 * number + 1 };
        steps += 1;
    }
    (steps, 1348)
}

/// The check value of CRC-16/CCITT-FALSE, for "123456789".
pub(super) fn crc16() -> (u64, u64) {
    let mut crc = 0xffff_u16;
    for _ in 0..256 {
        crc = 0xffff;
        for &byte in black_box(b"123456789") {
            crc ^= u16::from(byte) << 8;
            for _ in 0..8 {
                crc = if crc & 0x8000 != 0 { crc << 1 ^ 0x1021 } else { crc << 1 };
            }
        }
    }
    (u64::from(crc), 0x29b1)
}

/// Bernstein's hash, with exclusive or, of "a" over and over.
pub(super) fn djb2a() -> (u64, u64) {
    let mut hash = 5381_u32;
    for _ in 0..1024 {
        hash = 5381;
        for &byte in black_box(b"a") {
            hash = hash.wrapping_mul(33) ^ u32::from(byte);
        }
    }
    (u64::from(hash), (5381 * 33) ^ 0x61)
}

/// The 90th Fibonacci number.
pub(super) fn fibonacci() -> (u64, u64) {
    let mut pair = (0_u64, 1_u64);
    for _ in 0..1024 {
        pair = (0, 1);
        for _ in 0..black_box(90) {
            pair = (pair.1, pair.0 + pair.1);
        }
    }
    (pair.0, 2_880_067_194_370_816_120)
}

/// The 32-bit hash FNV-1a of "foobar".
pub(super) fn fnv1a() -> (u64, u64) {
    let mut hash = 0;
    for _ in 0..1024 {
        hash = 0x811c_9dc5_u32;
        for &byte in black_box(b"foobar") {
            hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        }
    }
    (u64::from(hash), 0xbf9c_f968)
}

/// The sum of greatest common divisors of 1 to 1000 with 5040.
pub(super) fn gcd() -> (u64, u64) {
    let found: usize =
        (1..=1000).map(|number| crate::vm::greatest_common_divisor(black_box(number), 5040)).sum();
    // Sum over the divisors of 5040 of Euler's function times the multiples up to 1000.
    let of = |divisor: u64| {
        let coprime = (1..=divisor)
            .filter(|&n| crate::vm::greatest_common_divisor(n as usize, divisor as usize) == 1);
        coprime.count() as u64 * (1000 / divisor)
    };
    (found as u64, (1..=1000).filter(|&divisor| 5040 % divisor == 0).map(of).sum())
}

/// Neighbours in the Gray code differ in one bit, and decoding undoes coding.
pub(super) fn gray() -> (u64, u64) {
    let code = |number: u64| number ^ number >> 1;
    let mut wrong = 0;
    for number in 0..65_536 {
        let coded = code(black_box(number));
        wrong += u64::from((coded ^ code(number + 1)).count_ones() != 1);
        let mut decoded = coded;
        for shift in [1, 2, 4, 8, 16, 32] {
            decoded ^= decoded >> shift;
        }
        wrong += u64::from(decoded != number);
    }
    (wrong, 0)
}

/// Every error of one bit in a Hamming code of four bits in seven is corrected.
pub(super) fn hamming() -> (u64, u64) {
    let parity = |word: u64, mask: u64| u64::from((word & mask).count_ones()) & 1;
    let mut wrong = 0;
    for data in 0..16_u64 {
        // Data bits at the places 3, 5, 6, 7, counted from 1.
        let spread = (data & 1) << 2 | (data >> 1 & 7) << 4;
        let check = [(0x55, 0), (0x66, 1), (0x78, 3)];
        let word = check.iter().fold(spread, |word, &(mask, at)| word | parity(spread, mask) << at);
        for flip in 0..7 {
            let received = black_box(word) ^ 1 << flip;
            let place = check
                .iter()
                .enumerate()
                .fold(0, |place, (number, &(mask, _))| place | parity(received, mask) << number);
            wrong += u64::from(received ^ 1 << (place - 1) != word);
        }
    }
    (wrong, 0)
}

/// Moves of the Tower of Hanoi with 14 disks.
pub(super) fn hanoi() -> (u64, u64) {
    fn moves(disks: u32, from: u8, to: u8) -> u64 {
        if disks == 0 {
            return 0;
        }
        let other = 3 - from - to;
        moves(disks - 1, from, other)
            + u64::from(black_box(from) != to)
            + moves(disks - 1, other, to)
    }
    (moves(14, 0, 2), (1 << 14) - 1)
}

/// Parity in three ways.
pub(super) fn parity() -> (u64, u64) {
    let mut differ = 0;
    for number in 0..16_384_u64 {
        let word = black_box(number).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mut folded = word;
        for shift in [32, 16, 8, 4, 2, 1] {
            folded ^= folded >> shift;
        }
        let (mut rest, mut odd) = (word, 0);
        while rest != 0 {
            odd ^= 1;
            rest &= rest - 1;
        }
        differ |= (folded & 1) ^ odd | odd ^ u64::from(word.count_ones()) & 1;
    }
    (differ, 0)
}

/// Ways to put eight queens on a board.
pub(super) fn queens() -> (u64, u64) {
    fn ways(columns: u32, left: u32, right: u32) -> u64 {
        if columns == 0xff {
            return 1;
        }
        let mut free = !(columns | left | right) & 0xff;
        let mut found = 0;
        while free != 0 {
            let queen = free & free.wrapping_neg();
            free ^= queen;
            found += ways(columns | queen, (left | queen) << 1, (right | queen) >> 1);
        }
        found
    }
    (ways(black_box(0), 0, 0), 92)
}

/// Primes below 16,384, by the sieve of Eratosthenes.
pub(super) fn sieve() -> (u64, u64) {
    const LIMIT: usize = 16_384;
    let mut composite = [0_u64; LIMIT / 64];
    let mut count = 0;
    for number in 2..LIMIT {
        if black_box(composite[number / 64]) >> (number % 64) & 1 == 0 {
            count += 1;
            for multiple in (number * number..LIMIT).step_by(number) {
                composite[multiple / 64] |= 1 << (multiple % 64);
            }
        }
    }
    (count, 1900)
}
