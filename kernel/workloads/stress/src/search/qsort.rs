//! The stressor `qsort`: sort an array of integers, in reverse, and back.
//!
//! The array is sorted upwards, downwards, by the order of bytes, upwards again; then it is filled
//! anew. One bogo operation is 262,144 elements put on one side of another (stress-ng: all those
//! sorts). Every element is compared with its neighbour afterwards, and all must still be there, also
//! when time ran out.

use crate::options::{Kind, Setting};
use crate::stressors::{Memory, Stressor, class, under_verify};
use crate::worker::Worker;

pub(crate) const STRESSOR: Stressor = Stressor {
    name: "qsort",
    about: "quicksort integers upwards, downwards, by reversed bytes",
    classes: class::CPU | class::CPU_CACHE | class::MEMORY | class::SORT,
    settings: &[Setting {
        name: "size",
        kind: Kind::Number { default: 262_144, least: 2, most: 1 << 29 },
        about: "32-bit integers of each array",
    }],
    tick_shift: 18,
    memory: Memory::Each(|options| options.number("qsort", "size") * 4),
    checks: under_verify,
    run,
    measures: &[],
};

/// What orders the elements.
type Key = fn(u32) -> u32;

const ORDERS: [Key; 4] =
    [|element| element, |element| !element, u32::swap_bytes, |element| element];

fn run(worker: &Worker<'_>) {
    let Some(mut arena) = worker.map_share() else { return };
    let size = worker.number("size") as usize;
    let mut random = worker.random(0);
    let mut go_on = true;
    while go_on {
        let array: &mut [u32] = &mut bytemuck::cast_slice_mut(arena.words())[..size];
        let mut sum = 0_u64;
        for element in array.iter_mut() {
            *element = random.next() as u32;
            sum += u64::from(*element);
        }
        for key in ORDERS {
            go_on = sort(worker, array, key);
            if worker.verifies() {
                array[0] ^= worker.injection() as u32;
                if go_on {
                    let wrong = array.windows(2).filter(|pair| key(pair[0]) > key(pair[1])).count();
                    worker.checked(wrong as u64, format_args!("the order of the array"));
                }
                let found = array.iter().fold(0, |sum, &element| sum + u64::from(element));
                worker.expect(found, sum, "the sum of the array");
            }
            go_on = worker.go_on() && go_on;
            if !go_on {
                break;
            }
        }
        worker.note_resident(&*arena);
    }
    worker.finish();
}

/// Most parts that wait to be sorted: the larger one of two waits, so at most as many as a length
/// has bits.
const WAITING: usize = 64;

/// Sorts; answers false when time ran out before the end.
fn sort(worker: &Worker<'_>, array: &mut [u32], key: Key) -> bool {
    let mut waiting = [(0, 0); WAITING];
    let mut count = 1;
    waiting[0] = (0, array.len());
    while count > 0 {
        count -= 1;
        let (mut start, mut end) = waiting[count];
        while end - start > 1 {
            let (left, right) = split(&mut array[start..end], key);
            let (left, right) = (start + left, start + right);
            worker.tick((end - start) as u64);
            if end - start > 4096 && !worker.go_on() {
                return false;
            }
            let later = if left - start < end - right { (right, end) } else { (start, left) };
            (start, end) = if later == (right, end) { (start, left) } else { (right, end) };
            waiting[count] = later;
            count += 1;
        }
    }
    true
}

/// Puts smaller elements than the middle one to the front, larger ones to the back; answers where
/// the equal ones start and end.
fn split(array: &mut [u32], key: Key) -> (usize, usize) {
    let pivot = key(array[array.len() / 2]);
    let (mut low, mut at, mut high) = (0, 0, array.len());
    while at < high {
        match key(array[at]).cmp(&pivot) {
            core::cmp::Ordering::Less => {
                array.swap(low, at);
                low += 1;
                at += 1;
            }
            core::cmp::Ordering::Equal => at += 1,
            core::cmp::Ordering::Greater => {
                high -= 1;
                array.swap(at, high);
            }
        }
    }
    (low, high)
}
