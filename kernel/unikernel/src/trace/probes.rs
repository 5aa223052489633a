//! Probes armed: NOPs that have become calls of the tracer.
//!
//! Unless boot arms them a probe costs one NOP ([`zpool::probe`]). They are armed once, by the boot
//! CPU, while the first map is in use: it lets code be written to.

use alloc::vec::Vec;
use core::arch::{asm, naked_asm};
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use zpool::probe::mark;

use super::hook;
use crate::memory::map::Image;
use crate::sync::Once;

/// An armed probe.
pub struct Site {
    /// Address of what was a NOP.
    pub address: usize,
    /// Kind of the probe.
    pub kind: u32,
    /// Number of the register that holds its operand.
    pub register: u8,
    /// What it is about; `()` for nothing.
    pub name: fn() -> &'static str,
}

/// Armed probes by address.
static SITES: Once<Vec<Site>> = Once::new();

/// Cycles and instructions that a probe takes besides those that its hook counts itself.
static COST: AtomicU64 = AtomicU64::new(0);
static INSTRUCTIONS_COST: AtomicU32 = AtomicU32::new(0);

/// The probe that measures what probes cost; it does nothing else.
const CALIBRATION: u32 = 0x80;

const NOP: u32 = 0xd503_201f;
const BRANCH_WITH_LINK: u32 = 0x9400_0000;

/// Arms the probes of the kinds that `wanted` chooses. Alone, and while code can be written to.
///
/// # Errors
/// The image is larger than a branch reaches.
pub fn arm(wanted: impl Fn(u32) -> bool) -> Result<(), &'static str> {
    let hook = call_hook as *const () as usize;
    let mut sites = Vec::new();
    for entry in entries() {
        let address = entry.address();
        let kind = entry.kind();
        if kind != CALIBRATION && !wanted(kind) {
            continue;
        }
        let distance = (hook as isize - address as isize) >> 2;
        if distance.unsigned_abs() >= 1 << 25 {
            return Err("a probe is too far from the tracer");
        }
        let branch = BRANCH_WITH_LINK | (distance as u32 & 0x03ff_ffff);
        replace(address, branch);
        sites.push(Site { address, kind, register: entry.register(), name: entry.name() });
    }
    // SAFETY: instructions were written and cleaned; all CPUs fetch them anew from here on.
    unsafe { asm!("dsb ish", "ic ialluis", "dsb ish", "isb", options(nostack)) };
    super::sort(&mut sites, |one: &Site, other| one.address < other.address);
    SITES.set(alloc::boxed::Box::leak(alloc::boxed::Box::new(sites)));
    calibrate();
    Ok(())
}

/// Whether probes were armed.
pub fn armed() -> bool {
    SITES.get().is_some()
}

/// The armed probe at this address. As many steps as the number of probes has bits.
pub fn find(address: usize) -> Option<&'static Site> {
    let sites = SITES.get()?;
    let index = sites.binary_search_by_key(&address, |site| site.address).ok()?;
    sites.get(index)
}

/// Cycles of a probe that its hook does not see: saving and restoring registers.
#[inline]
pub fn cost() -> u64 {
    COST.load(Ordering::Relaxed)
}

/// Instructions likewise, where they are counted.
#[inline]
pub fn instructions_cost() -> u32 {
    INSTRUCTIONS_COST.load(Ordering::Relaxed)
}

/// An entry of the section `.probes`.
#[repr(C)]
struct Entry {
    /// From here to the NOP.
    distance: i32,
    /// `add x0, xN, #KIND`: N in bits 9:5, KIND in bits 21:10.
    operand: u32,
    /// From here to the function that says what the probe is about.
    name: i32,
}

impl Entry {
    fn address(&self) -> usize {
        core::ptr::from_ref(self).addr().wrapping_add_signed(self.distance as isize)
    }

    fn name(&self) -> fn() -> &'static str {
        let function =
            core::ptr::from_ref(&self.name).addr().wrapping_add_signed(self.name as isize);
        let function = core::ptr::with_exposed_provenance::<()>(function);
        // SAFETY: the entry was made by `zpool::probe`, with the distance to a function of this type.
        unsafe { core::mem::transmute::<*const (), fn() -> &'static str>(function) }
    }

    const fn kind(&self) -> u32 {
        (self.operand >> 10) & 0xfff
    }

    const fn register(&self) -> u8 {
        ((self.operand >> 5) & 0x1f) as u8
    }
}

fn entries() -> &'static [Entry] {
    unsafe extern "C" {
        static __probes_start: Entry;
        static __probes_end: Entry;
    }
    let (start, end) = (&raw const __probes_start, &raw const __probes_end);
    let count = (end.addr() - start.addr()) / size_of::<Entry>();
    // SAFETY: the linker script puts nothing but entries between the two symbols.
    unsafe { core::slice::from_raw_parts(start, count) }
}

/// Writes an instruction over a NOP.
fn replace(address: usize, instruction: u32) {
    let place = core::ptr::with_exposed_provenance_mut::<u32>(address);
    assert!(Image::running().text.contains(&address), "a probe outside of the code");
    // SAFETY: the address is of an instruction of the image, which the first map lets be written;
    // nothing else runs.
    unsafe {
        assert_eq!(place.read_volatile(), NOP, "a probe that is no NOP");
        place.write_volatile(instruction);
        asm!("dc cvau, {}", in(reg) address, options(nostack));
    }
}

/// Measures what a probe costs besides its hook.
fn calibrate() {
    const PROBES: u64 = 64;
    // Not a constant, or each would be a probe of its own.
    let count = core::hint::black_box(PROBES);
    let probes = || (0..count).for_each(|_| mark::<CALIBRATION>());
    let (start, stolen) = (hook::now(), hook::stolen());
    probes();
    let (all, counted) = (hook::now() - start, hook::stolen() - stolen);
    COST.store(all.saturating_sub(counted) / PROBES, Ordering::Relaxed);
    let (start, stolen) = (hook::instructions(), hook::stolen_instructions());
    probes();
    let all = hook::instructions().wrapping_sub(start);
    let counted = hook::stolen_instructions().wrapping_sub(stolen);
    let cost = all.saturating_sub(counted) / PROBES as u32;
    INSTRUCTIONS_COST.store(cost, Ordering::Relaxed);
}

/// What a probe calls: saves every register that a function may change, and all others that an
/// operand may be in, and calls the hook with their place.
#[unsafe(naked)]
extern "C" fn call_hook() {
    naked_asm!(
        "sub sp, sp, #640",
        "stp x0, x1, [sp]",
        "stp x2, x3, [sp, #16]",
        "stp x4, x5, [sp, #32]",
        "stp x6, x7, [sp, #48]",
        "stp x8, x9, [sp, #64]",
        "stp x10, x11, [sp, #80]",
        "stp x12, x13, [sp, #96]",
        "stp x14, x15, [sp, #112]",
        "stp x16, x17, [sp, #128]",
        "stp x18, x19, [sp, #144]",
        "stp x20, x21, [sp, #160]",
        "stp x22, x23, [sp, #176]",
        "stp x24, x25, [sp, #192]",
        "stp x26, x27, [sp, #208]",
        "stp x28, x29, [sp, #224]",
        "stp x30, xzr, [sp, #240]",
        "stp q0, q1, [sp, #256]",
        "stp q2, q3, [sp, #288]",
        "stp q4, q5, [sp, #320]",
        "stp q6, q7, [sp, #352]",
        "stp q16, q17, [sp, #384]",
        "stp q18, q19, [sp, #416]",
        "stp q20, q21, [sp, #448]",
        "stp q22, q23, [sp, #480]",
        "stp q24, q25, [sp, #512]",
        "stp q26, q27, [sp, #544]",
        "stp q28, q29, [sp, #576]",
        "stp q30, q31, [sp, #608]",
        "mov x0, sp",
        "bl {hook}",
        "ldp q0, q1, [sp, #256]",
        "ldp q2, q3, [sp, #288]",
        "ldp q4, q5, [sp, #320]",
        "ldp q6, q7, [sp, #352]",
        "ldp q16, q17, [sp, #384]",
        "ldp q18, q19, [sp, #416]",
        "ldp q20, q21, [sp, #448]",
        "ldp q22, q23, [sp, #480]",
        "ldp q24, q25, [sp, #512]",
        "ldp q26, q27, [sp, #544]",
        "ldp q28, q29, [sp, #576]",
        "ldp q30, q31, [sp, #608]",
        "ldp x0, x1, [sp]",
        "ldp x2, x3, [sp, #16]",
        "ldp x4, x5, [sp, #32]",
        "ldp x6, x7, [sp, #48]",
        "ldp x8, x9, [sp, #64]",
        "ldp x10, x11, [sp, #80]",
        "ldp x12, x13, [sp, #96]",
        "ldp x14, x15, [sp, #112]",
        "ldp x16, x17, [sp, #128]",
        "ldr x18, [sp, #144]",
        "ldr x30, [sp, #240]",
        "add sp, sp, #640",
        "ret",
        hook = sym hook::hook,
    )
}
