//! Stored pages that are no longer what they were.

use zpool::{Handle, HandleError, Owner};

use super::pool::TestPool;
use super::{PAGE, contexts, noise, repeated, text};
use crate::{Keyed, LoadError, Reject, Settings, Store, Stored};
use zpool::testing::HostEnv;
use zpool::{Granule4K, ZPool};

#[test]
fn a_damaged_object_is_reported_and_not_shown() {
    let (pool, contexts) = (TestPool::default(), contexts("lz4"));
    let store = Store::new(&pool, &contexts, Settings::new(PAGE, 1000));
    let stored = store.put(&text(1), Owner::NONE).unwrap();
    // A literal run that is longer than the object.
    pool.damage(stored.handle().unwrap(), |bytes| bytes[..8].fill(0xff));
    let mut page = [7; PAGE];
    assert_eq!(store.get(stored, &mut page), Err(LoadError::Damaged));
    assert_eq!(page, [0; PAGE]);
    let counters = store.counters();
    assert_eq!((counters.decompress_fail, counters.zswpin, counters.stored_pages), (1, 0, 1));
    store.discard(stored).unwrap();
    assert_eq!(pool.total_pages(), 0);
}

#[test]
fn a_wrong_length_is_reported() {
    let (pool, contexts) = (TestPool::default(), contexts("lz4"));
    let store = Store::new(&pool, &contexts, Settings::new(PAGE, 1000));
    let Ok(Stored::Object { handle, length }) = store.put(&text(1), Owner::NONE) else {
        panic!("text compresses")
    };
    let mut page = [7; PAGE];
    let shorter = Stored::Object { handle, length: length - 1 };
    assert_eq!(store.get(shorter, &mut page), Err(LoadError::Damaged));
    for longer in [length + 1, PAGE as u32 + 1, u32::MAX] {
        let longer = Stored::Object { handle, length: longer };
        let refused = Err(LoadError::Handle(HandleError::Length));
        assert_eq!(store.get(longer, &mut page), refused);
    }
    store.get(Stored::Object { handle, length }, &mut page).unwrap();
    assert_eq!(page[..], text(1));
}

#[test]
fn a_handle_of_nothing_is_reported() {
    let (pool, contexts) = (TestPool::default(), contexts("lz4"));
    let store = Store::new(&pool, &contexts, Settings::new(PAGE, 1000));
    let handle = Handle::from_bits(77).unwrap();
    for stored in [Stored::Word(handle), Stored::Object { handle, length: 9 }] {
        let result = store.get(stored, &mut [0; PAGE]);
        assert_eq!(result, Err(LoadError::Handle(HandleError::Stale)));
        assert_eq!(store.discard(stored), Err(HandleError::Stale));
    }
    let counters = store.counters();
    assert_eq!((counters.free_fail, counters.stored_pages), (2, 0));
}

#[test]
fn a_damaged_page_leaves_the_table() {
    let (pool, contexts) = (TestPool::default(), contexts("none"));
    let store = Store::new(&pool, &contexts, Settings::new(PAGE, 1000));
    let keyed = Keyed::new(&store, HostEnv::<Granule4K>::new(), 10).unwrap();
    keyed.store(1, &text(1)).unwrap();
    let handle = (1..).find_map(Handle::from_bits).unwrap();
    pool.free(handle).unwrap();
    let gone = Err(LoadError::Handle(HandleError::Stale));
    assert_eq!(keyed.load(1, &mut [0; PAGE]), gone);
    assert_eq!(keyed.load(1, &mut [0; PAGE]), Ok(false));
    assert_eq!(store.counters().free_fail, 1);
}

/// Every bit of an object, with compressors that notice some of the damage by themselves and one that
/// notices none.
#[test]
fn a_checksum_notices_every_bit() {
    let word = 0x8123_4567_89ab_cdef;
    for name in ["lz4", "none"] {
        let (pool, contexts) = (TestPool::default(), contexts(name));
        let settings =
            Settings { checksum: true, word_fits: |_| false, ..Settings::new(PAGE, 1000) };
        let store = Store::new(&pool, &contexts, settings);
        for page in [text(1), repeated(word)] {
            let Ok(stored) = store.put(&page, Owner::NONE) else {
                assert_eq!(name, "none", "without compression there is no room for a checksum");
                continue;
            };
            let handle = stored.handle().unwrap();
            let length = match stored {
                Stored::Object { length, .. } => length as usize,
                _ => 12,
            };
            let (mut loaded, mut harmless) = ([7; PAGE], 0);
            for bit in 0..8 * length {
                let flip = |bytes: &mut [u8]| bytes[bit / 8] ^= 1 << (bit % 8);
                pool.damage(handle, flip);
                match store.get(stored, &mut loaded) {
                    Err(error) => assert_eq!((error, loaded), (LoadError::Damaged, [0; PAGE])),
                    // Another way to say the same.
                    Ok(()) => assert_eq!(loaded[..], page, "{name}: {bit}"),
                }
                harmless += usize::from(loaded[..] == page);
                pool.damage(handle, flip);
            }
            assert!(harmless < length, "{name}: {harmless} of {} bits", 8 * length);
            store.get(stored, &mut loaded).unwrap();
            assert_eq!(loaded[..], page, "{name}");
            store.discard(stored).unwrap();
        }
    }
}

#[test]
fn a_page_without_room_for_a_checksum_is_refused() {
    let (pool, contexts) = (TestPool::default(), contexts("lz4"));
    let settings = Settings { checksum: true, ..Settings::new(PAGE, 1000) };
    let store = Store::new(&pool, &contexts, settings);
    assert_eq!(store.put(&noise(1), Owner::NONE), Err(Reject::CompressFail));
    assert_eq!(store.counters().reject_compress_fail, 1);
    assert_eq!(pool.total_pages(), 0);
}
