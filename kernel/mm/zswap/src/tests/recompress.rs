//! Cold pages compressed once more.

use std::boxed::Box;
use std::sync::mpsc::{Receiver, Sender, channel};

use zpool::testing::HostEnv;
use zpool::{Granule4K, Owner, ZPool};

use super::pool::TestPool;
use super::{Fake, PAGE, contexts, fakes, noise, page_of};
use crate::testing::HostContexts;
use crate::{
    CompressError, Compressor, DecompressError, Keyed, Leave, LoadError, Settings, Store, Stored,
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

#[test]
fn cold_pages_of_keys_are_recompressed() {
    let (pool, contexts) = (TestPool::default(), both());
    let store = Store::new(&pool, &contexts, settings(false));
    let keyed = Keyed::new(&store, HostEnv::<Granule4K>::new(), 100).unwrap();
    let (mut buffer, mut page) = ([0; PAGE], [1; PAGE]);
    for key in 0..10 {
        keyed.store(key, &page_of(1000, key as u8)).unwrap();
    }
    let mut turn = || keyed.recompress(keyed.entries(), 0, &mut buffer);
    turn();
    assert_eq!(store.counters().recompressed_pages, 0, "none is cold yet");
    // One is loaded, one is replaced, one goes.
    assert_eq!(keyed.read(3, &mut page), Ok(true));
    keyed.store(4, &page_of(1000, 44)).unwrap();
    assert!(keyed.invalidate(5));
    turn();
    let counters = store.counters();
    assert_eq!((counters.recompressed_pages, counters.recompress_saved_bytes), (7, 7 * 500));
    assert_eq!((counters.stored_pages, counters.compressed_bytes), (9, 2 * 1001 + 7 * 501));
    assert!(counters.balance(), "{counters:?}");
    turn();
    turn();
    assert_eq!(store.counters().recompressed_pages, 9);
    for key in (0..10).filter(|&key| key != 5) {
        assert_eq!(keyed.load(key, &mut page), Ok(true), "{key}");
        assert_eq!(page[..], page_of(1000, if key == 4 { 44 } else { key as u8 }), "{key}");
    }
    let counters = store.counters();
    assert!(counters.balance(), "{counters:?}");
    assert_eq!((pool.total_pages(), counters.stored_pages, counters.compressed_bytes), (0, 0, 0));
    assert_eq!((counters.loaded_pages, counters.invalidated_pages), (9, 2));
}

/// A second compressor that says when it is asked, and waits until it may go on.
struct Waiting {
    asked: Sender<()>,
    go_on: Receiver<()>,
}

impl Compressor for Waiting {
    fn compress(&mut self, page: &[u8], out: &mut [u8]) -> Result<usize, CompressError> {
        self.asked.send(()).unwrap();
        self.go_on.recv().unwrap();
        Stronger.compress(page, out)
    }

    fn decompress(&mut self, bytes: &[u8], page: &mut [u8]) -> Result<(), DecompressError> {
        Stronger.decompress(bytes, page)
    }

    fn scratch_bytes(&self) -> usize {
        0
    }
}

#[test]
fn a_page_that_goes_while_it_is_recompressed_is_gone() {
    let (asked, was_asked) = channel();
    let (let_go_on, go_on) = channel();
    let pool = TestPool::default();
    let contexts = fakes().with_second(PAGE, Box::new(Waiting { asked, go_on }));
    let store = Store::new(&pool, &contexts, settings(false));
    let keyed = Keyed::new(&store, HostEnv::<Granule4K>::new(), 10).unwrap();
    let mut recompressed = 0;
    // Forgotten, loaded with and without staying, replaced; the last is left alone.
    for (key, kept) in [(1, 0), (2, 0), (3, 1), (4, 1), (5, 1)] {
        keyed.store(key, &page_of(1000, key as u8)).unwrap();
        keyed.recompress(keyed.entries(), 0, &mut [0; PAGE]);
        std::thread::scope(|scope| {
            scope.spawn(|| keyed.recompress(keyed.entries(), 0, &mut [0; PAGE]));
            was_asked.recv().unwrap();
            let mut page = [0; PAGE];
            match key {
                1 => assert!(keyed.invalidate(key)),
                2 => assert_eq!(keyed.load(key, &mut page), Ok(true)),
                3 => assert_eq!(keyed.read(key, &mut page), Ok(true)),
                4 => keyed.store(key, &page_of(1000, key as u8)).unwrap(),
                _ => {}
            }
            let_go_on.send(()).unwrap();
        });
        // Who has read it by the time it is done is no reason to leave it.
        recompressed += u64::from([3, 5].contains(&key));
        let counters = store.counters();
        assert_eq!(counters.recompressed_pages, recompressed, "{key}");
        assert_eq!(counters.recompress_saved_bytes, 500 * recompressed, "{key}");
        assert_eq!((counters.stored_pages, pool.total_pages()), (kept, kept as usize), "{key}");
        assert!(counters.balance(), "{key}: {counters:?}");
        let mut page = [0; PAGE];
        assert_eq!(keyed.load(key, &mut page), Ok(kept > 0), "{key}");
        let expected = if kept > 0 { page_of(1000, key as u8) } else { std::vec![0; PAGE] };
        assert_eq!(page[..], expected, "{key}");
    }
}
