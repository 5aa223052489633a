//! Entries come, are read, move and go.

use super::*;

const PAGE: Stored = Stored::Same(0);

fn live(shard: &mut Shard, key: u64) {
    let index = shard.reserve(key, 0).unwrap();
    assert!(shard.publish(index, 0, PAGE).is_none());
}

fn removed(shard: &mut Shard, key: u64) -> Option<Stored> {
    shard.remove(key, 0)?.stored
}

#[test]
fn an_entry_takes_40_bytes() {
    assert_eq!(size_of::<Entry>(), 40);
}

#[test]
fn chains_are_bounded() {
    let mut shard = Shard::new(64).unwrap();
    (0..MAX_CHAIN as u64).for_each(|key| live(&mut shard, key));
    assert_eq!(shard.reserve(99, 0), None);
    assert!(shard.reserve(99, 1).is_some(), "another chain");
    assert_eq!(removed(&mut shard, 7), Some(PAGE));
    live(&mut shard, 99);
    for key in (0..MAX_CHAIN as u64).filter(|&key| key != 7).chain([99]) {
        assert_eq!(removed(&mut shard, key), Some(PAGE), "{key}");
    }
}

#[test]
fn reserved_entries_are_not_found() {
    let mut shard = Shard::new(4).unwrap();
    let index = shard.reserve(5, 0).unwrap();
    assert_eq!(shard.begin(5, 0, false), None);
    assert_eq!(shard.remove(5, 0), None);
    shard.cancel(index, 0);
    // All four are free again.
    (0..4).for_each(|key| live(&mut shard, key));
    assert_eq!(shard.reserve(4, 0), None);
}

#[test]
fn the_last_reader_discards_what_went_meanwhile() {
    let mut shard = Shard::new(4).unwrap();
    live(&mut shard, 5);
    let (first, _) = shard.begin(5, 0, false).unwrap();
    let (second, _) = shard.begin(5, 0, true).unwrap();
    assert_eq!(first, second);
    assert_eq!(shard.begin(5, 0, false), None);
    live(&mut shard, 5);
    assert_eq!(shard.end(first), None);
    assert_eq!(shard.end(second), Some(PAGE));
    assert_eq!(removed(&mut shard, 5), Some(PAGE));
}

#[test]
fn objects_that_are_read_do_not_move() {
    let handle = |bits| Handle::from_bits(bits).unwrap();
    let (old, new) = (handle(1), handle(2));
    let mut shard = Shard::new(4).unwrap();
    let index = shard.reserve(5, 0).unwrap();
    assert!(!shard.relocate(index, old, new), "not stored yet");
    shard.publish(index, 0, Stored::Object { handle: old, length: 9 });
    let (reader, _) = shard.begin(5, 0, false).unwrap();
    assert!(!shard.relocate(index, old, new), "being read");
    assert_eq!(shard.end(reader), None);
    assert!(!shard.relocate(index, new, old), "another object");
    assert!(!shard.relocate(4, old, new), "no such entry");
    assert!(shard.relocate(index, old, new));
    let moved = Stored::Object { handle: new, length: 9 };
    assert_eq!(removed(&mut shard, 5), Some(moved));
    assert!(!shard.relocate(index, new, old), "gone");
}

#[test]
fn a_page_is_cold_once_and_not_after_a_load() {
    let mut shard = Shard::new(4).unwrap();
    let handle = |bits| Handle::from_bits(bits).unwrap();
    let object = |bits| Stored::Object { handle: handle(bits), length: 9 };
    let index = shard.reserve(5, 0).unwrap();
    assert_eq!(shard.begin_if_cold(index), None, "not stored yet");
    shard.publish(index, 0, object(1));
    assert_eq!(shard.begin_if_cold(index), None, "seen for the first time");
    let (reader, _) = shard.begin(5, 0, false).unwrap();
    assert_eq!(shard.begin_if_cold(index), None, "being loaded");
    assert_eq!(shard.end(reader), None);
    let (reader, _) = shard.begin(5, 0, false).unwrap();
    assert_eq!(shard.end(reader), None);
    assert_eq!(shard.begin_if_cold(index), None, "loaded since");
    assert_eq!(shard.begin_if_cold(index), Some(object(1)));
    assert!(!shard.relocate(index, handle(1), handle(3)), "being recompressed");
    assert!(shard.replace(index, object(2)));
    assert_eq!(shard.begin_if_cold(index), None, "not twice");
    assert!(shard.relocate(index, handle(2), handle(3)));
    assert_eq!(removed(&mut shard, 5), Some(object(3)));
    // The next page in this entry begins anew.
    let again = shard.reserve(6, 0).unwrap();
    assert_eq!(again, index);
    shard.publish(index, 0, object(1));
    assert_eq!(shard.begin_if_cold(index), None);
    assert_eq!(shard.begin_if_cold(index), Some(object(1)));
    let (reader, _) = shard.begin(6, 0, true).unwrap();
    assert!(!shard.replace(index, object(2)), "gone meanwhile");
    assert_eq!(shard.end(index), None);
    assert_eq!(shard.end(reader), Some(object(1)));
}
