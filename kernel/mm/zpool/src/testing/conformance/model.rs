//! What a pool should hold, kept beside it.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::vec::Vec;

use super::super::HostEnv;
use super::{Capabilities, Random};
use crate::{AllocError, Granule, Handle, Owner, Owners, ZPool};

/// A pool together with what it should hold. Objects are numbered; the number is the owner.
pub(super) struct Model<'e, G> {
    env: &'e HostEnv<G>,
    pub(super) pool: &'e dyn ZPool,
    table: Table,
    sizes: HashMap<u32, usize>,
    next: u32,
    capabilities: Capabilities,
}

impl<'e, G: Granule> Model<'e, G> {
    pub(super) fn new(
        env: &'e HostEnv<G>,
        pool: &'e dyn ZPool,
        capabilities: Capabilities,
    ) -> Self {
        Self { env, pool, table: Table::default(), sizes: HashMap::new(), next: 0, capabilities }
    }

    /// Allocates and fills an object; its number.
    pub(super) fn malloc(&mut self, size: usize) -> Result<u32, AllocError> {
        let number = self.next;
        let handle = self.pool.malloc(size, Owner(number))?;
        self.next += 1;
        assert!(self.table.insert(number, handle), "{handle:?} names two live objects");
        self.sizes.insert(number, size);
        self.pool.write(handle, &pattern(number, size)).expect("writing a live object");
        Ok(number)
    }

    /// Checks the content of an object, frees it; the handle it had.
    pub(super) fn free(&mut self, number: u32) -> Handle {
        self.verify(number);
        let handle = self.table.remove(number);
        self.sizes.remove(&number);
        self.pool.free(handle).expect("freeing a live object");
        handle
    }

    pub(super) fn free_all(&mut self) {
        for number in self.numbers() {
            self.free(number);
        }
    }

    pub(super) fn handle(&self, number: u32) -> Handle {
        self.table.handles.borrow()[&number]
    }

    /// Numbers of the live objects, oldest first.
    pub(super) fn numbers(&self) -> Vec<u32> {
        let mut numbers: Vec<u32> = self.sizes.keys().copied().collect();
        numbers.sort_unstable();
        numbers
    }

    pub(super) fn len(&self) -> usize {
        self.sizes.len()
    }

    pub(super) fn verify(&self, number: u32) {
        let size = self.sizes[&number];
        let mut scratch = vec![0; size];
        let read = self.pool.read(self.handle(number), size, &mut scratch);
        let read = read.expect("reading a live object");
        assert!(*read == *pattern(number, size), "object {number} of {size} bytes has changed");
    }

    pub(super) fn verify_all(&self) {
        for number in self.numbers() {
            self.verify(number);
        }
    }

    /// The counters of the pool against the environment's and the model's.
    pub(super) fn verify_statistics(&self) {
        let statistics = self.pool.statistics();
        let (held, pool_bytes) = (self.env.pages(), statistics.pool_pages * G::SIZE);
        let live_bytes: usize = self.sizes.values().sum();
        assert_eq!(statistics.pool_pages, self.pool.total_pages(), "pool_pages and total_pages");
        assert_eq!(statistics.objects, self.len(), "live objects");
        assert!(statistics.pool_pages <= held, "{statistics:?} with {held} frames held");
        assert!(
            held * G::SIZE <= pool_bytes + statistics.metadata_bytes
                || !self.capabilities.accounts_for_frames,
            "{held} frames are held, accounted for are only {statistics:?}"
        );
        assert!(
            live_bytes + statistics.idle_bytes <= pool_bytes,
            "{live_bytes} live bytes and {statistics:?}"
        );
    }

    /// Lets the pool relocate; of the moves it asks for, about one in `one_in` is refused. How
    /// many were granted.
    pub(super) fn relocating(&self, one_in: usize, work: impl FnOnce(&dyn Owners)) -> usize {
        let movable = Movable {
            table: &self.table,
            one_in,
            random: RefCell::new(Random(7)),
            granted: Cell::new(0),
        };
        work(&movable);
        movable.granted.get()
    }
}

/// The bytes object `number` holds; no two objects have the same. The period is prime to the
/// steps in which back ends place objects, so that a shifted object differs.
pub(super) fn pattern(number: u32, size: usize) -> Vec<u8> {
    const PERIOD: usize = 61;
    let mut random = Random(u64::from(number) << 20 | size as u64);
    let mut bytes: Vec<u8> = (0..PERIOD).map(|_| random.next() as u8).collect();
    bytes = bytes.repeat(size.div_ceil(PERIOD));
    bytes.truncate(size);
    bytes
}

/// Handles by owner and the reverse.
#[derive(Default)]
struct Table {
    handles: RefCell<HashMap<u32, Handle>>,
    numbers: RefCell<HashMap<Handle, u32>>,
}

impl Table {
    fn insert(&self, number: u32, handle: Handle) -> bool {
        self.handles.borrow_mut().insert(number, handle);
        self.numbers.borrow_mut().insert(handle, number).is_none()
    }

    fn remove(&self, number: u32) -> Handle {
        let handle = self.handles.borrow_mut().remove(&number).expect("a live object");
        self.numbers.borrow_mut().remove(&handle);
        handle
    }
}

/// Owners that grant most moves.
struct Movable<'a> {
    table: &'a Table,
    one_in: usize,
    random: RefCell<Random>,
    granted: Cell<usize>,
}

impl Owners for Movable<'_> {
    fn relocated(&self, owner: Owner, old: Handle, new: Handle) -> bool {
        let known = self.table.handles.borrow().get(&owner.0).copied();
        assert_eq!(known, Some(old), "{owner:?} has another handle");
        assert_ne!(old, new, "a move to the same handle");
        if self.random.borrow_mut().below(self.one_in) == 0 {
            return false;
        }
        self.table.remove(owner.0);
        assert!(self.table.insert(owner.0, new), "{new:?} names two live objects");
        self.granted.set(self.granted.get() + 1);
        true
    }
}
