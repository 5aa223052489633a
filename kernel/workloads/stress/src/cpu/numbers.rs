//! Methods of `cpu` on floating-point numbers. Results are compared after rounding.

use core::hint::black_box;

/// A number in units of 10^-9, rounded down.
fn billionths(number: f64) -> u64 {
    (number * 1e9) as u64
}

/// Euler's number by its series.
pub(super) fn euler() -> (u64, u64) {
    let (mut sum, mut term) = (1.0, 1.0);
    for _ in 0..1024 {
        (sum, term) = (1.0, 1.0);
        for number in 1..black_box(30) {
            term /= f64::from(number);
            sum += term;
        }
    }
    let _ = term;
    (billionths(sum), 2_718_281_828)
}

/// 20! in floating point, where it is exact.
pub(super) fn factorial() -> (u64, u64) {
    let mut product = 1.0;
    for _ in 0..1024 {
        product = (1..=black_box(20)).fold(1.0, |product, number| product * f64::from(number));
    }
    (product as u64, 2_432_902_008_176_640_000)
}

/// The trace of the product of two matrices of 32 rows.
pub(super) fn matrixprod() -> (u64, u64) {
    const SIDE: usize = 32;
    let left = |row: usize, column: usize| (row + column) as f64;
    let right = |row: usize, column: usize| (row * column) as f64;
    let mut product = [[0.0; SIDE]; SIDE];
    for (row, line) in product.iter_mut().enumerate() {
        for (column, place) in line.iter_mut().enumerate() {
            let terms = (0..SIDE).map(|at| left(row, black_box(at)) * right(at, column));
            *place = terms.sum();
        }
    }
    let trace: f64 = (0..SIDE).map(|at| product[at][at]).sum();
    // The sum over i and k of (i + k) k i, in integers.
    let expected = (0..SIDE as u64).map(|i| (0..SIDE as u64).map(|k| (i + k) * k * i).sum::<u64>());
    (trace as u64, expected.sum())
}

/// Square roots by Newton's method.
pub(super) fn nsqrt() -> (u64, u64) {
    let mut wrong = 0;
    for number in 1..512_u32 {
        let square = f64::from(black_box(number) * number);
        let mut root = square;
        for _ in 0..24 {
            root = (root + square / root) / 2.0;
        }
        wrong += u64::from((root + 0.5) as u32 != number);
    }
    (wrong, 0)
}

/// The golden ratio by neighbouring Fibonacci numbers.
pub(super) fn phi() -> (u64, u64) {
    let mut ratio = 0.0;
    for _ in 0..1024 {
        let mut pair = (1.0, 1.0);
        for _ in 0..black_box(60) {
            pair = (pair.1, pair.0 + pair.1);
        }
        ratio = pair.1 / pair.0;
    }
    (billionths(ratio), 1_618_033_988)
}

/// Pi by the series of Bailey, Borwein and Plouffe.
pub(super) fn pi() -> (u64, u64) {
    let mut sum = 0.0;
    for _ in 0..512 {
        let mut scale = 1.0;
        sum = 0.0;
        for number in 0..black_box(16) {
            let eight = f64::from(8 * number);
            sum += scale
                * (4.0 / (eight + 1.0)
                    - 2.0 / (eight + 4.0)
                    - 1.0 / (eight + 5.0)
                    - 1.0 / (eight + 6.0));
            scale /= 16.0;
        }
    }
    (billionths(sum), 3_141_592_653)
}
