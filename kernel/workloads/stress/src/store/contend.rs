//! The stressor `contend`: threads that use one pool at once.
//!
//! Each thread has a part of the places for objects, as many together as `--contend-bytes` has
//! pages, and fills it. Then it goes on as `--contend-pattern` says:
//!
//! - `random`: any place, whoever's; sizes as the stressor `zpool` has them;
//! - `one-size`: its own places, every object a quarter of a page;
//! - `hand-over`: it allocates in its own places and frees what the next thread allocated;
//! - `fill`: not at all.
//!
//! One bogo operation is one object allocated and written; the one before it in the place is read,
//! compared and freed. What is in an object is made of its handle. Those that live at the end are
//! compared, too.

use alloc::vec;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use zpool::{AllocError, Handle, HandleError, Owner, ZPool};

use super::zpool::{different_bits, is_hopeless, object_size};
use crate::Pool;
use crate::metrics::{Measure, Of};
use crate::options::{Kind, Setting};
use crate::random::Random;
use crate::stressors::{Memory, Stressor, always, class};
use crate::worker::Worker;

pub(crate) const STRESSOR: Stressor = Stressor {
    name: "contend",
    about: "use one pool from several threads at once: allocate, write, read back, free",
    classes: class::MEMORY,
    settings: &[
        Setting {
            name: "bytes",
            kind: Kind::Size(16 << 20),
            about: "pages whose objects are live, uncompressed",
        },
        Setting {
            name: "pattern",
            kind: Kind::Choice(&["random", "one-size", "hand-over", "fill"]),
            about: "what threads do once the pool is full",
        },
        Setting {
            name: "procs",
            kind: Kind::Number { default: 0, least: 1, most: 64 },
            about: "threads of each worker; one on each CPU unless given",
        },
    ],
    tick_shift: 0,
    memory: Memory::Stored("bytes"),
    checks: always,
    run,
    measures: &[
        Measure { name: "objects freed by another thread", of: Of::Total(HANDED) },
        Measure { name: "bytes written to objects", of: Of::Total(BYTES) },
        Measure { name: "allocations refused", of: Of::Total(REFUSED) },
    ],
};

/// Numbers of the counters among the worker's extras.
const HANDED: usize = 0;
const BYTES: usize = 1;
const REFUSED: usize = 2;

/// Bits of a handle; above them a place has the size of its object.
const HANDLE_BITS: u32 = 47;

fn run(worker: &Worker<'_>) {
    let Some(Pool { name, pool, .. }) = worker.machine.pool() else {
        return worker.no_resource(format_args!("this machine has no pool"));
    };
    let page_size = worker.machine.page_size();
    let threads = match worker.number("procs") as usize {
        0 => worker.machine.cpus(),
        threads => threads,
    };
    let part = (worker.share().unwrap_or(page_size) / page_size / threads).max(1);
    let mut places = Vec::new();
    if places.try_reserve_exact(part * threads).is_err() {
        return worker.no_resource(format_args!("no room for {} handles", part * threads));
    }
    places.resize_with(part * threads, || AtomicU64::new(0));
    let refused = AtomicBool::new(false);
    let ended = worker.threads(threads, &|thread, number| {
        let mut user = User::new(thread, pool, &places, part, number);
        if let Err(error) = user.work() {
            thread.failed(format_args!("pool {name}: {error}"));
            refused.store(true, Ordering::Relaxed);
        }
        thread.count(HANDED, user.handed);
        thread.count(BYTES, user.bytes);
        // Wraps where the thread has freed more than it has allocated; the sum does not.
        thread.counters.live_bytes.fetch_add(user.live_bytes, Ordering::Relaxed);
    });
    if !ended || refused.into_inner() {
        return;
    }
    let mut last = User::new(worker, pool, &places, part, 0);
    for place in &places {
        let Some((handle, size)) = object(place.load(Ordering::Relaxed)) else { continue };
        if let Err(error) = last.compare(handle, size) {
            return worker.failed(format_args!("pool {name}: reading: {error}"));
        }
    }
    drop(last);
    // The memory figures are taken while the objects live.
    worker.finish();
    for place in &places {
        let Some((handle, _)) = object(place.swap(0, Ordering::Relaxed)) else { continue };
        if let Err(error) = pool.free(handle) {
            return worker.failed(format_args!("pool {name}: freeing: {error}"));
        }
    }
}

/// What a place says, if there is an object in it.
fn object(place: u64) -> Option<(Handle, usize)> {
    let handle = Handle::from_bits(place & ((1 << HANDLE_BITS) - 1))?;
    Some((handle, (place >> HANDLE_BITS) as usize))
}

/// One thread.
struct User<'a> {
    worker: &'a Worker<'a>,
    pool: &'a dyn ZPool,
    places: &'a [AtomicU64],
    /// Places of each thread.
    part: usize,
    number: usize,
    random: Random,
    /// What is written, what it is compared with, and where it is read to.
    contents: Vec<u64>,
    scratch: Vec<u8>,
    handed: u64,
    bytes: u64,
    live_bytes: u64,
    refused_in_a_row: usize,
}

impl<'a> User<'a> {
    fn new(
        worker: &'a Worker<'a>,
        pool: &'a dyn ZPool,
        places: &'a [AtomicU64],
        part: usize,
        number: usize,
    ) -> Self {
        let page_size = worker.machine.page_size();
        Self {
            worker,
            pool,
            places,
            part,
            number,
            random: worker.random(number as u64),
            contents: vec![0; page_size / size_of::<u64>()],
            scratch: vec![0; page_size],
            handed: 0,
            bytes: 0,
            live_bytes: 0,
            refused_in_a_row: 0,
        }
    }

    fn work(&mut self) -> Result<(), HandleError> {
        let pattern = self.worker.choice("pattern");
        let one_size = pattern == "one-size";
        let (own, threads) = (self.number * self.part, self.places.len() / self.part);
        let next = (self.number + 1) % threads * self.part;
        for index in 0..self.part {
            self.put(own + index, one_size)?;
            if !self.worker.go_on() {
                return Ok(());
            }
        }
        if pattern == "fill" {
            return Ok(());
        }
        loop {
            let place = match pattern {
                "random" => self.random.below(self.places.len()),
                _ => own + self.random.below(self.part),
            };
            if pattern == "hand-over" {
                let other = next + self.random.below(self.part);
                let freed = self.clear(other)?;
                self.handed += u64::from(freed && next != own);
            }
            self.clear(place)?;
            self.put(place, one_size)?;
            if !self.worker.go_on() || is_hopeless(self.refused_in_a_row, self.places.len()) {
                return Ok(());
            }
        }
    }

    /// The bytes of an object.
    fn contents(&mut self, handle: Handle, size: usize) -> &mut [u8] {
        let word = handle.bits().wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.contents[..size.div_ceil(8)].fill(word);
        &mut bytemuck::cast_slice_mut(&mut self.contents)[..size]
    }

    /// Allocates and writes an object; another thread may have filled the place meanwhile.
    fn put(&mut self, place: usize, one_size: bool) -> Result<(), HandleError> {
        let page_size = self.worker.machine.page_size();
        let size = if one_size { page_size / 4 } else { object_size(&mut self.random, page_size) };
        let handle = match self.pool.malloc(size, Owner::NONE) {
            Ok(handle) => handle,
            Err(AllocError::NoMemory | AllocError::NoSpace | AllocError::Invalid) => {
                self.worker.count(REFUSED, 1);
                self.refused_in_a_row += 1;
                return Ok(());
            }
        };
        let pool = self.pool;
        pool.write(handle, self.contents(handle, size))?;
        self.bytes += size as u64;
        self.refused_in_a_row = 0;
        self.worker.tick(1);
        let object = handle.bits() | (size as u64) << HANDLE_BITS;
        let (done, free) = (Ordering::Release, Ordering::Relaxed);
        match self.places[place].compare_exchange(0, object, done, free) {
            Ok(_) => self.live_bytes = self.live_bytes.wrapping_add(size as u64),
            Err(_) => pool.free(handle)?,
        }
        Ok(())
    }

    /// Compares and frees what is in a place; whether there was something.
    fn clear(&mut self, place: usize) -> Result<bool, HandleError> {
        let Some((handle, size)) = object(self.places[place].swap(0, Ordering::Acquire)) else {
            return Ok(false);
        };
        self.compare(handle, size)?;
        self.live_bytes = self.live_bytes.wrapping_sub(size as u64);
        self.pool.free(handle)?;
        Ok(true)
    }

    /// Compares what is in an object with what was written.
    fn compare(&mut self, handle: Handle, size: usize) -> Result<(), HandleError> {
        let flipped = self.worker.injection() as u8;
        self.contents(handle, size)[size / 2] ^= flipped;
        let errors = {
            let read = self.pool.read(handle, size, &mut self.scratch)?;
            different_bits(&read, &bytemuck::cast_slice(&self.contents)[..size])
        };
        self.worker.checked(errors, format_args!("an object of {size} bytes"));
        Ok(())
    }
}
