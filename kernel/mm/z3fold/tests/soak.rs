//! Threads, compaction and lasting reads at once. `SOAK_ROUNDS=1000000 cargo test -p z3fold
//! --release --test soak` runs for longer.

use z3fold::Z3fold;
use zpool::testing::soak;
use zpool::{Granule, Granule4K, Granule16K};

fn rounds() -> usize {
    let asked = std::env::var("SOAK_ROUNDS").ok().and_then(|rounds| rounds.parse().ok());
    asked.unwrap_or(if cfg!(miri) { 15 } else { 5_000 })
}

fn run<G: Granule>(largest: usize) {
    soak::<G>(|env| Ok(Box::new(Z3fold::new(env))), largest, rounds());
}

#[test]
fn soak_4k() {
    run::<Granule4K>(Granule4K::SIZE);
    run::<Granule4K>(Granule4K::SIZE / 3);
}

#[test]
fn soak_16k() {
    run::<Granule16K>(Granule16K::SIZE);
}
