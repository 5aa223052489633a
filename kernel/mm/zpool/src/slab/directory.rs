//! From the number of a frame to its address.

use alloc::boxed::Box;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU64, Ordering};

use buddy::Granule;

use crate::{Env, SpinLock};

/// Numbered frames, eight bytes a frame: the first few in a table on the heap, the others in
/// leaves, which are frames of their own.
///
/// Looking up takes at most two loads and no lock. Leaves stay until the directory is destroyed.
pub(super) struct Directory<G> {
    /// Entries of the first frames.
    direct: Box<[AtomicU64]>,
    /// Addresses of leaves; zero where there is none yet.
    root: Box<[AtomicU64]>,
    numbers: SpinLock<Numbers>,
    granule: core::marker::PhantomData<G>,
}

/// Frames that need no leaf.
const DIRECT_ENTRIES: usize = 1 << 8;
/// What a number of a frame needs at most: 2^10 leaves of at most 2^11 entries.
const ROOT_ENTRIES: usize = 1 << 10;
/// No number.
const NONE: u32 = u32::MAX;

struct Numbers {
    /// Withdrawn numbers, a chain through their entries.
    vacant: u32,
    /// Numbers below this were given out before.
    next: u32,
}

impl<G: Granule> Directory<G> {
    const LEAF_ENTRIES: usize = G::SIZE / 8;

    pub(super) fn new() -> Self {
        Self {
            direct: (0..DIRECT_ENTRIES).map(|_| AtomicU64::new(0)).collect(),
            root: (0..ROOT_ENTRIES).map(|_| AtomicU64::new(0)).collect(),
            numbers: SpinLock::new(Numbers { vacant: NONE, next: 0 }),
            granule: core::marker::PhantomData,
        }
    }

    /// The frame of that number, if it is published.
    pub(super) fn get(&self, number: u32) -> Option<NonNull<u8>> {
        // Entries of published frames are addresses, which are even and not zero.
        match self.entry(number)?.load(Ordering::SeqCst) {
            entry if entry & 1 == 0 => {
                NonNull::new(core::ptr::with_exposed_provenance_mut(entry as usize))
            }
            _ => None,
        }
    }

    /// A number for a frame that [`Directory::publish`] will then enter; `None` when there is no
    /// frame for a leaf, or no number left.
    pub(super) fn reserve<E: Env<Granule = G>>(&self, env: &E) -> Option<u32> {
        loop {
            let mut numbers = self.numbers.lock(env);
            if numbers.vacant != NONE {
                let number = numbers.vacant;
                let link = self.entry(number)?.load(Ordering::Relaxed);
                numbers.vacant = (link >> 1) as u32;
                return Some(number);
            }
            let number = numbers.next;
            if self.entry(number).is_some() {
                numbers.next += 1;
                return Some(number);
            }
            drop(numbers);
            let leaf = self.root.get(Self::leaf(number)?.0)?;
            let frame = env.alloc(0)?;
            // SAFETY: the frame was just handed out, whole and aligned, and zeros are entries.
            unsafe { frame.write_bytes(0, G::SIZE) };
            let address = frame.as_ptr().expose_provenance() as u64;
            if leaf.compare_exchange(0, address, Ordering::Release, Ordering::Relaxed).is_err() {
                // SAFETY: another CPU was faster; nobody has seen this frame.
                unsafe { env.free(frame, 0) };
            }
        }
    }

    /// Enters a frame under its number.
    pub(super) fn publish(&self, number: u32, frame: NonNull<u8>) {
        if let Some(entry) = self.entry(number) {
            entry.store(frame.as_ptr().expose_provenance() as u64, Ordering::SeqCst);
        }
    }

    /// From now on the number is not found.
    pub(super) fn withdraw(&self, number: u32) {
        if let Some(entry) = self.entry(number) {
            entry.store(1, Ordering::SeqCst);
        }
    }

    /// Gives a number up that was reserved and is not published.
    pub(super) fn release<E: Env<Granule = G>>(&self, env: &E, number: u32) {
        let mut numbers = self.numbers.lock(env);
        if let Some(entry) = self.entry(number) {
            entry.store(u64::from(numbers.vacant) << 1 | 1, Ordering::Relaxed);
            numbers.vacant = number;
        }
    }

    /// Takes every frame and every leaf out.
    pub(super) fn drain(&mut self, mut each: impl FnMut(NonNull<u8>)) {
        for number in 0..self.numbers.get_mut().next {
            if let Some(frame) = self.get(number) {
                self.withdraw(number);
                each(frame);
            }
        }
        self.numbers.get_mut().next = 0;
        for leaf in &mut self.root {
            let address = core::mem::take(leaf.get_mut()) as usize;
            if let Some(leaf) = NonNull::new(core::ptr::with_exposed_provenance_mut(address)) {
                each(leaf);
            }
        }
    }

    /// Every published frame.
    pub(super) fn frames(&mut self) -> impl Iterator<Item = NonNull<u8>> {
        let next = self.numbers.get_mut().next;
        (0..next).filter_map(|number| self.get(number))
    }

    fn entry(&self, number: u32) -> Option<&AtomicU64> {
        let Some((leaf, index)) = Self::leaf(number) else {
            return self.direct.get(number as usize);
        };
        let address = self.root.get(leaf)?.load(Ordering::Acquire) as usize;
        let leaf = NonNull::new(core::ptr::with_exposed_provenance_mut::<AtomicU64>(address))?;
        // SAFETY: a leaf is a whole frame of entries, and stays until the directory is drained,
        // which takes it exclusively.
        Some(unsafe { leaf.add(index).as_ref() })
    }

    /// Where the entry of a number is: which leaf, and which entry of it; `None` for direct ones.
    fn leaf(number: u32) -> Option<(usize, usize)> {
        let number = (number as usize).checked_sub(DIRECT_ENTRIES)?;
        Some((number / Self::LEAF_ENTRIES, number % Self::LEAF_ENTRIES))
    }
}
