//! From a fault to a mapped page.
//!
//! fault → claim the entry → a frame (from the allowance, or from a victim: [`super::reclaim`]) →
//! zeros, or what the store has → map. Nobody else works on the page meanwhile: the entry is
//! busy, and whoever faults on it too tries again.

use paging::{Attributes, Claim, Entry, Fault, Page, TranslationGranule};
use zpool::probe::{OPERATION_BEGIN, OPERATION_END, mark, probe};
use zswap::Leave;

use super::arenas::{self, Pinned};
use super::counters::count;
use super::frames::Frame;
use super::pager::{self, Pager};
use super::swap;
use crate::arch::{clock, mmu};
use crate::sched::wait::Wait;
use crate::trace::operations::{LOAD, MAJOR_FAULT, MINOR_FAULT};
use crate::{println, sched};

/// Whether an address is where arenas are.
pub fn is_pageable(address: usize) -> bool {
    pager::get()
        .is_some_and(|paging| arenas::contains(address, paging.page_size().trailing_zeros()))
}

/// Serves a fault of the running thread. Returns true when the instruction can be tried again,
/// false when no arena is there. Does not return when the page cannot be supplied: the thread
/// ends then.
pub fn serve(address: usize) -> bool {
    let Some(paging) = pager::get() else { return false };
    let thread = sched::current();
    thread.enter_system();
    let served = paging.serve(address);
    thread.leave_system();
    served
}

/// Why a page cannot be supplied.
pub(super) enum Failure {
    /// No frame could be had.
    OutOfMemory,
    /// What the store has is damaged.
    Damaged,
    /// There is no such page.
    NoSuchPage,
}

/// [`serve`] with the granule known.
pub(super) fn serve_with<G: TranslationGranule>(pager: &Pager<G>, address: usize) -> bool {
    let start = clock::ticks();
    probe::<{ OPERATION_BEGIN + MINOR_FAULT }>(address);
    let failure = match pager.arenas.pin_address(address) {
        Some((pinned, page)) => match attempt(pager, &pinned, page) {
            Ok(kind) => {
                match kind {
                    FaultKind::Minor => mark::<{ OPERATION_END + MINOR_FAULT }>(),
                    FaultKind::Major => mark::<{ OPERATION_END + MAJOR_FAULT }>(),
                    FaultKind::Spurious => {}
                }
                pager.counters.record(kind, clock::ticks().saturating_sub(start));
                return true;
            }
            Err(failure) => failure,
        },
        None => Failure::NoSuchPage,
    };
    // Nothing is pinned or held here any more.
    let lost = match failure {
        Failure::OutOfMemory => false,
        Failure::Damaged => {
            println!("zlab: error: the store's copy of page {address:#x} is damaged");
            count(&pager.counters.damaged);
            true
        }
        Failure::NoSuchPage => return false,
    };
    count(&pager.counters.killed);
    sched::current().exit_killed(lost)
}

/// What a fault turned out to be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// First touch.
    Minor,
    /// From the store.
    Major,
    /// Present already, or made so by somebody else.
    Spurious,
}

fn attempt<G: TranslationGranule>(
    pager: &Pager<G>,
    pinned: &Pinned<'_, G>,
    page: usize,
) -> Result<FaultKind, Failure> {
    let mut wait = Wait::new();
    loop {
        let entry = pinned.entry(page).ok_or(Failure::NoSuchPage)?;
        match entry.fault() {
            Ok(Fault::Present(_)) => {
                mmu::publish_entry();
                return Ok(FaultKind::Spurious);
            }
            Ok(Fault::Wait) => wait.pause(),
            Ok(Fault::Claimed(claim)) => return supply(pager, pinned, page, claim),
            Err(error) => panic!("page-table entry of an arena: {error}"),
        }
    }
}

/// Finds a frame for the claimed page, fills it, maps it.
fn supply<G: TranslationGranule>(
    pager: &Pager<G>,
    pinned: &Pinned<'_, G>,
    page: usize,
    claim: Claim<'_>,
) -> Result<FaultKind, Failure> {
    let Some(frame) = pager.take_frame() else {
        claim.restore();
        return Err(Failure::OutOfMemory);
    };
    fill(pager, pinned, page, claim, frame)
}

/// Fills a frame that is counted as resident for the claimed page, maps it.
pub(super) fn fill<G: TranslationGranule>(
    pager: &Pager<G>,
    pinned: &Pinned<'_, G>,
    page: usize,
    claim: Claim<'_>,
    mut frame: Frame<G>,
) -> Result<FaultKind, Failure> {
    let kind = match swap::stored_of(claim.before()) {
        None => {
            frame.clear();
            FaultKind::Minor
        }
        Some(stored) => {
            mark::<{ OPERATION_BEGIN + LOAD }>();
            let loaded = pager.store.get(stored, frame.bytes());
            mark::<{ OPERATION_END + LOAD }>();
            if loaded.is_err() {
                claim.restore();
                pager.frames.give(frame);
                pager.residency.release();
                return Err(Failure::Damaged);
            }
            // The frame is the only copy from here on. A refusal is counted by the store.
            let _ = pager.store.release(stored, Leave::Loaded);
            FaultKind::Major
        }
    };
    pinned.add_resident(page);
    claim.publish(present(frame));
    mmu::publish_entry();
    Ok(kind)
}

fn present<G: TranslationGranule>(frame: Frame<G>) -> Entry {
    let page = Page::new(frame.into_address(), Attributes::DATA);
    Entry::Present(page.expect("frames are aligned and below 2^48"))
}
