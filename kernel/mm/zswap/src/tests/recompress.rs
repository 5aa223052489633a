//! Cold pages compressed once more.

use std::boxed::Box;

use zpool::{Owner, ZPool};

use super::pool::TestPool;
use super::{Fake, PAGE, contexts, fakes, noise, page_of};
use crate::testing::HostContexts;
use crate::{
    CompressError, Compressor, DecompressError, Leave, LoadError, Settings, Store, Stored,
};

/// A compressor that makes half as much of what [`Fake`] does, and marks it.
struct Stronger;

impl Compressor for Stronger {
    fn compress(&mut self, page: &[u8], out: &mut [u8]) -> Result<usize, CompressError> {
        let length = Fake.compress(page, out)? / 2;
        out[3] = 0xaa;
        Ok(length.max(4))
    }

    fn decompress(&mut self, bytes: &[u8], page: &mut [u8]) -> Result<(), DecompressError> {
        let [low, high, tag, 0xaa, ..] = *bytes else { return Err(DecompressError::Damaged) };
        page.fill(tag);
        page[..2].copy_from_slice(&[low, high]);
        Ok(())
    }

    fn scratch_bytes(&self) -> usize {
        0
    }
}

fn both() -> HostContexts {
    fakes().with_second(PAGE, Box::new(Stronger))
}

fn settings(checksum: bool) -> Settings {
    Settings { recompress: true, checksum, ..Settings::new(PAGE, 1000) }
}

#[test]
fn a_cold_page_becomes_smaller_and_comes_back() {
    for checksum in [false, true] {
        let (pool, contexts) = (TestPool::default(), both());
        let store = Store::new(&pool, &contexts, settings(checksum));
        let (mut buffer, mut page) = ([0; PAGE], [1; PAGE]);
        let stored = store.put(&page_of(1000, 7), Owner::NONE).unwrap();
        let again = store.recompress(stored, Owner::NONE, 0, &mut buffer).unwrap();
        store.release(stored, Leave::Recompressed).unwrap();
        let trailer = 1 + 4 * u32::from(checksum);
        let Stored::Object { length, .. } = again else { panic!("{again:?}") };
        assert_eq!(length, 500 + trailer);

        let counters = store.counters();
        assert_eq!((counters.recompressed_pages, counters.recompress_saved_bytes), (1, 500));
        assert_eq!((counters.stored_pages, counters.compressed_pages), (1, 1));
        assert_eq!((counters.compressed_bytes, counters.zswpout), (u64::from(length), 1));
        assert!(counters.balance(), "{counters:?}");

        store.get(again, &mut page).unwrap();
        assert_eq!(page[..], page_of(1000, 7));
        // Not twice.
        assert_eq!(store.recompress(again, Owner::NONE, 0, &mut buffer), None);
        // Written back like any other.
        store.release(again, Leave::Loaded).unwrap();
        assert_eq!((pool.total_pages(), store.counters().compressed_bytes), (0, 0));
        assert!(store.counters().balance());
    }
}

#[test]
fn what_gains_little_stays() {
    let (pool, contexts) = (TestPool::default(), both());
    let store = Store::new(&pool, &contexts, settings(false));
    let mut buffer = [0; PAGE];
    // 64 bytes are a 64th of a page: 126 / 2 are saved here, 63.
    let little = store.put(&page_of(126, 1), Owner::NONE).unwrap();
    assert_eq!(store.recompress(little, Owner::NONE, 0, &mut buffer), None);
    assert_eq!(store.counters().recompress_poor, 1);
    let enough = store.put(&page_of(128, 1), Owner::NONE).unwrap();
    assert_eq!(
        store.recompress(enough, Owner::NONE, 130, &mut buffer),
        None,
        "below the threshold"
    );
    assert_eq!(store.counters().recompress_poor, 1);
    assert!(store.recompress(enough, Owner::NONE, 129, &mut buffer).is_some());
    let same = store.put(&[3; PAGE], Owner::NONE).unwrap();
    assert_eq!(store.recompress(same, Owner::NONE, 0, &mut buffer), None);
}

#[test]
fn a_page_kept_as_it_is_may_still_become_smaller() {
    struct Halves;
    impl Compressor for Halves {
        fn compress(&mut self, page: &[u8], out: &mut [u8]) -> Result<usize, CompressError> {
            out[..PAGE / 2].copy_from_slice(&page[..PAGE / 2]);
            Ok(PAGE / 2)
        }
        fn decompress(&mut self, bytes: &[u8], page: &mut [u8]) -> Result<(), DecompressError> {
            page[..PAGE / 2].copy_from_slice(bytes);
            page[PAGE / 2..].copy_from_slice(bytes);
            Ok(())
        }
        fn scratch_bytes(&self) -> usize {
            0
        }
    }
    let (pool, contexts) =
        (TestPool::default(), contexts("lz4").with_second(PAGE, Box::new(Halves)));
    let store = Store::new(&pool, &contexts, settings(false));
    let whole = store.put(&noise(3), Owner::NONE).unwrap();
    assert_eq!(store.counters().stored_incompressible_pages, 1);
    let mut buffer = [0; PAGE];
    let again = store.recompress(whole, Owner::NONE, 0, &mut buffer).unwrap();
    store.release(whole, Leave::Recompressed).unwrap();
    assert_eq!(store.counters().stored_incompressible_pages, 0);
    store.get(again, &mut buffer).unwrap();
    assert_eq!(buffer[..PAGE / 2], noise(3)[..PAGE / 2]);
}

#[test]
fn without_a_second_compressor_nothing_happens() {
    let (pool, first) = (TestPool::default(), fakes());
    let store = Store::new(&pool, &first, settings(false));
    let stored = store.put(&page_of(1000, 7), Owner::NONE).unwrap();
    assert_eq!(store.recompress(stored, Owner::NONE, 0, &mut [0; PAGE]), None);
    let (pool, both) = (TestPool::default(), both());
    let store = Store::new(&pool, &both, Settings::new(PAGE, 1000));
    let stored = store.put(&page_of(1000, 7), Owner::NONE).unwrap();
    assert_eq!(store.recompress(stored, Owner::NONE, 0, &mut [0; PAGE]), None);
    let Stored::Object { length, .. } = stored else { panic!("{stored:?}") };
    assert_eq!(length, 1000, "no byte for the compressor");
}

#[test]
fn an_object_of_no_compressor_is_damaged() {
    let (pool, contexts) = (TestPool::default(), both());
    let store = Store::new(&pool, &contexts, settings(false));
    let stored = store.put(&page_of(1000, 7), Owner::NONE).unwrap();
    pool.damage(stored.handle().unwrap(), |bytes| bytes[1000] = 9);
    assert_eq!(store.get(stored, &mut [0; PAGE]), Err(LoadError::Damaged));
    assert_eq!(store.recompress(stored, Owner::NONE, 0, &mut [0; PAGE]), None);
}
