//! The store behind the arenas, which can be exchanged while there are none.

use alloc::boxed::Box;
use core::ops::Deref;
use core::sync::atomic::{AtomicPtr, Ordering};

use zswap::Store;

/// The store in use. Reads like the store itself.
pub struct StoreCell(AtomicPtr<Store<'static>>);

impl StoreCell {
    /// A cell with this store.
    pub fn new(store: Store<'static>) -> Self {
        Self(AtomicPtr::new(Box::into_raw(Box::new(store))))
    }

    /// Puts another store in; what was there before. Somebody may still be looking at it.
    #[cfg(feature = "compare")]
    pub fn exchange(&self, store: &'static Store<'static>) -> &'static Store<'static> {
        let before = self.0.swap(core::ptr::from_ref(store).cast_mut(), Ordering::SeqCst);
        // SAFETY: the cell has a leaked store, or one that the caller of an earlier exchange keeps
        // for ever.
        unsafe { &*before }
    }
}

impl Deref for StoreCell {
    type Target = Store<'static>;

    fn deref(&self) -> &Store<'static> {
        // SAFETY: as for `exchange`; nobody has it exclusively.
        unsafe { &*self.0.load(Ordering::SeqCst) }
    }
}
