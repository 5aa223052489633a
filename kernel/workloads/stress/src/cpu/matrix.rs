//! The stressor `matrix`: operations on square matrices of floating-point numbers.
//!
//! One bogo operation is one method on a whole matrix. The first row of the result, and another one,
//! are computed anew and compared.

use crate::options::{Kind, Setting};
use crate::stressors::{Memory, Stressor, class, under_verify};
use crate::worker::Worker;

pub(crate) const STRESSOR: Stressor = Stressor {
    name: "matrix",
    about: "operations on matrices: add, copy, multiply, transpose and others",
    classes: class::CPU | class::CPU_CACHE | class::MEMORY | class::COMPUTE,
    settings: &[
        Setting {
            name: "size",
            kind: Kind::Number { default: 128, least: 16, most: 8192 },
            about: "rows and columns",
        },
        Setting { name: "method", kind: Kind::Choice(NAMES), about: "the operation" },
    ],
    tick_shift: 0,
    memory: Memory::Each(|options| {
        let size = options.number("matrix", "size");
        3 * 8 * size * size
    }),
    checks: under_verify,
    run,
    measures: &[],
};

const NAMES: &[&str] = &[
    "all", "add", "copy", "div", "hadamard", "identity", "mean", "mult", "negate", "prod",
    "square", "sub", "trans", "zero",
];

/// Two matrices by rows.
struct Operands<'a> {
    size: usize,
    left: &'a [f64],
    right: &'a [f64],
}

/// The element of the result at a row and a column.
type Method = fn(&Operands<'_>, usize, usize) -> f64;

/// In the order of [`NAMES`], without the first.
const METHODS: [Method; 13] = [
    |of, row, column| of.left(row, column) + of.right(row, column),
    |of, row, column| of.left(row, column),
    |of, row, column| of.left(row, column) / of.right(row, column),
    |of, row, column| of.left(row, column) * of.right(row, column),
    |_, row, column| f64::from(u8::from(row == column)),
    |of, row, column| (of.left(row, column) + of.right(row, column)) / 2.0,
    |of, row, column| of.left(row, column) * of.right[0],
    |of, row, column| -of.left(row, column),
    |of, row, column| of.product(of.right, row, column),
    |of, row, column| of.product(of.left, row, column),
    |of, row, column| of.left(row, column) - of.right(row, column),
    |of, row, column| of.left(column, row),
    |_, _, _| 0.0,
];

impl Operands<'_> {
    fn left(&self, row: usize, column: usize) -> f64 {
        self.left[row * self.size + column]
    }

    fn right(&self, row: usize, column: usize) -> f64 {
        self.right[row * self.size + column]
    }

    fn product(&self, right: &[f64], row: usize, column: usize) -> f64 {
        let row = &self.left[row * self.size..][..self.size];
        let column = right[column..].iter().step_by(self.size);
        row.iter().zip(column).fold(0.0, |sum, (left, right)| sum + left * right)
    }
}

fn run(worker: &Worker<'_>) {
    let Some(mut arena) = worker.map_share() else { return };
    let size = worker.number("size") as usize;
    let chosen = NAMES.iter().position(|&name| name == worker.choice("method")).unwrap_or(0);
    let mut random = worker.random(0);
    let numbers: &mut [f64] = &mut bytemuck::cast_slice_mut(arena.words())[..3 * size * size];
    let (operands, result) = numbers.split_at_mut(2 * size * size);
    for number in operands.iter_mut() {
        *number = 1.0 + random.below(1000) as f64;
    }
    let (left, right) = operands.split_at(size * size);
    let of = Operands { size, left, right };
    let methods = METHODS.iter().enumerate().filter(|(at, _)| chosen == 0 || at + 1 == chosen);
    for (at, method) in methods.cycle() {
        if !compute(worker, &of, *method, result) {
            break;
        }
        if worker.verifies() {
            result[0] = f64::from_bits(result[0].to_bits() ^ worker.injection());
            for row in [0, random.below(size)] {
                let errors = (0..size).map(|column| {
                    let found = result[row * size + column].to_bits();
                    u64::from((found ^ method(&of, row, column).to_bits()).count_ones())
                });
                worker.checked(errors.sum(), format_args!("row {row} of {}", NAMES[at + 1]));
            }
        }
        if !worker.step(1) {
            break;
        }
    }
    worker.note_resident(&*arena);
    worker.finish();
}

/// Answers whether it came to the end.
fn compute(worker: &Worker<'_>, of: &Operands<'_>, method: Method, result: &mut [f64]) -> bool {
    for (row, line) in result.chunks_exact_mut(of.size).enumerate() {
        for (column, place) in line.iter_mut().enumerate() {
            *place = method(of, row, column);
        }
        if !worker.go_on() {
            return false;
        }
    }
    true
}
