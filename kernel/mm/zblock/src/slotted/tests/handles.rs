//! Handles that cannot lie.

use std::vec::Vec;

use zpool::testing::HostEnv;
use zpool::{Budget, Granule, Granule4K, Handle, HandleError, NoOwners, Owner, ZPool};

use super::super::Slotted;
use super::super::stamp::GENERATION_BITS;

fn pool<G: Granule>(env: &HostEnv<G>) -> Slotted<&HostEnv<G>> {
    Slotted::new(env).unwrap()
}

#[test]
fn each_lie_has_its_name() {
    let env = HostEnv::<Granule4K>::new();
    let pool = pool(&env);
    for size in [100, 3000, 4096] {
        let handle = pool.malloc(size, Owner::NONE).unwrap();
        let keeps = pool.malloc(size, Owner::NONE).unwrap();
        assert_eq!(pool.write(handle, &vec![0; size + 1]), Err(HandleError::Length));
        let mut scratch = [0; 5000];
        assert_eq!(pool.read(handle, size + 1, &mut scratch).map(drop), Err(HandleError::Length));
        pool.free(handle).unwrap();
        assert_eq!(pool.free(handle), Err(HandleError::Stale));
        let again = pool.malloc(size, Owner::NONE).unwrap();
        assert_eq!(pool.free(handle), Err(HandleError::Stale), "the place was used again");
        pool.free(again).unwrap();
        pool.free(keeps).unwrap();
        assert_eq!(pool.free(again), Err(HandleError::Stale), "the block is empty");
        pool.compact(&NoOwners);
        assert_eq!(pool.free(again), Err(HandleError::Stale), "the block is gone");
    }
    let forged = Handle::from_bits(1 << 31).unwrap();
    assert_eq!(pool.free(forged), Err(HandleError::Invalid));
}

#[test]
fn pools_with_the_same_history_refuse_each_others_handles() {
    let env = HostEnv::<Granule4K>::new();
    let (first, second) = (pool(&env), pool(&env));
    for size in [100, 2000, 4096] {
        let handle = first.malloc(size, Owner::NONE).unwrap();
        second.malloc(size, Owner::NONE).unwrap();
        assert_eq!(second.free(handle), Err(HandleError::Stale));
    }
}

/// Mutated handles are accepted no more often than chance gives a generation.
#[test]
fn mutated_handles_are_refused() {
    let env = HostEnv::<Granule4K>::new();
    let pool = pool(&env);
    let objects = if cfg!(miri) { 50 } else { 2000 };
    let mut live: Vec<Handle> = (0..objects)
        .map(|number| pool.malloc(1 + number * 37 % 4096, Owner::NONE).unwrap())
        .collect();
    live.sort_unstable();
    let rounds: u64 = if cfg!(miri) { 200 } else { 300_000 };
    let mut state = 1u64;
    let mut accepted = 0;
    for _ in 0..rounds {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let original = live[(state >> 40) as usize % live.len()].bits();
        // The number of a block that exists, any entry, any generation.
        let bits = original ^ (state >> 20 & 0x7fff_001f_ffff) >> (state >> 60);
        let Some(forged) = Handle::from_bits(bits & ((1 << 47) - 1)) else { continue };
        if live.binary_search(&forged).is_err() && pool.read(forged, 1, &mut [0]).is_ok() {
            accepted += 1;
        }
    }
    let chance = rounds >> GENERATION_BITS;
    assert!(accepted <= 2 * chance + 2, "{accepted} of {rounds} accepted, {chance} by chance");
}

#[test]
fn a_move_makes_the_old_handle_stale_and_a_read_prevents_it() {
    struct Last(std::cell::Cell<Option<(Handle, Handle)>>);
    impl zpool::Owners for Last {
        fn relocated(&self, _: Owner, old: Handle, new: Handle) -> bool {
            self.0.set(Some((old, new)));
            true
        }
    }
    let env = HostEnv::<Granule4K>::new();
    let pool = pool(&env);
    let handles: Vec<Handle> =
        (0..200).map(|number| pool.malloc(900, Owner(number)).unwrap()).collect();
    for (number, &handle) in handles.iter().enumerate() {
        pool.write(handle, &[number as u8; 900]).unwrap();
        if number % 2 == 0 {
            pool.free(handle).unwrap();
        }
    }
    let owners = Last(std::cell::Cell::new(None));
    let mut moves = 0;
    while pool.maintain(Budget { bytes: 8192, objects: 1 }, &owners).more {
        let Some((old, new)) = owners.0.take() else { continue };
        moves += 1;
        assert_eq!(pool.read(old, 1, &mut [0]).map(drop), Err(HandleError::Stale));
        assert_eq!(pool.read(new, 900, &mut [0; 900]).map(|read| read.len()), Ok(900));
    }
    assert!(moves > 0, "nothing was moved");

    let pinned: Vec<Handle> =
        (0..20).map(|number| pool.malloc(3000, Owner(number)).unwrap()).collect();
    let mut scratch = [0; 3000];
    let guard = pool.read(pinned[7], 3000, &mut scratch).unwrap();
    for (number, &handle) in pinned.iter().enumerate() {
        if number != 7 {
            pool.free(handle).unwrap();
        }
    }
    let before = guard.as_ptr();
    pool.compact(&owners);
    let mut scratch = [0; 3000];
    let again = pool.read(pinned[7], 3000, &mut scratch).unwrap();
    assert_eq!(before, again.as_ptr(), "a pinned object has moved");
}
