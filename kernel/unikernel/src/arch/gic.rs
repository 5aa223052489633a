//! The interrupt controller: GICv2 by its registers, GICv3 by the CPU's.

use core::ptr::NonNull;
use core::sync::atomic::{AtomicU8, AtomicU32, AtomicUsize, Ordering};

use arm_gic::gicv2::registers::{Gicc, Gicd as GicdV2};
use arm_gic::gicv2::{GicV2, SgiTarget, SgiTargetListFilter};
use arm_gic::gicv3::registers::{Gicd as GicdV3, GicrSgi};
use arm_gic::gicv3::{GicCpuInterface, GicV3, SgiTarget as SgiTargetV3, SgiTargetGroup};
use arm_gic::{IntId, InterruptGroup, Trigger};
use boards::{Gic, Machine};
use safe_mmio::UniqueMmioPointer;
use safe_mmio::fields::{ReadPure, ReadPureWrite};
use zpool::probe::{self, probe};

use super::clock;
use crate::{cpu, sched, warning};

/// The interrupt another CPU sends to make this one look at its queue.
const RESCHEDULE: IntId = IntId::sgi(0);

static VERSION: AtomicU8 = AtomicU8::new(0);
static DISTRIBUTOR: AtomicUsize = AtomicUsize::new(0);
/// CPU interface of a GICv2, redistributors of a GICv3.
static SECOND: AtomicUsize = AtomicUsize::new(0);
/// Raw number of the timer's interrupt.
static TIMER: AtomicU32 = AtomicU32::new(0);
/// Processors of the machine, used or not: a GICv3 has a redistributor for each.
static PROCESSORS: AtomicUsize = AtomicUsize::new(0);
/// Address of the register that says which of a CPU's own interrupts are pending.
static PENDING: [AtomicUsize; cpu::MAX_CPUS] = [const { AtomicUsize::new(0) }; cpu::MAX_CPUS];
/// Which bit of a GICv2 target list is which CPU.
static V2_TARGET: [AtomicU8; cpu::MAX_CPUS] = [const { AtomicU8::new(0) }; cpu::MAX_CPUS];

/// Takes note of the controller and of the timer's interrupt, and sets up what CPUs share.
pub fn init(machine: &Machine) {
    TIMER.store(machine.timer.virtual_timer.intid, Ordering::Relaxed);
    PROCESSORS.store(machine.processor_count, Ordering::Relaxed);
    let (version, distributor, second) = match &machine.gic {
        Gic::V2 { distributor, cpu_interface } => (2, distributor.start, cpu_interface.start),
        Gic::V3 { distributor, redistributors } => {
            let first = redistributors.first().map_or(0, |region| region.start);
            (3, distributor.start, first)
        }
    };
    DISTRIBUTOR.store(distributor as usize, Ordering::Relaxed);
    SECOND.store(second as usize, Ordering::Relaxed);
    VERSION.store(version, Ordering::Release);
}

/// Sets up this CPU's interface and unmasks the timer and the reschedule interrupt at it. The
/// boot CPU calls it first and alone.
pub fn init_cpu() {
    let timer = timer();
    if VERSION.load(Ordering::Acquire) == 2 {
        let mut gic = v2();
        // Without the Security Extensions interrupts are in group 0. With them we are non-secure,
        // see group 1 alone, and the same bit of the non-secure register enables it. (The
        // driver's own `setup` writes group registers that the implementation may not have.)
        gic.enable_group0(true);
        gic.set_priority_mask(0xff);
        enable_cpu_interface();
        // An SGI that cannot be disabled answers "cannot enable" on some implementations.
        let _ = gic.enable_interrupt(RESCHEDULE, true);
        let _ = gic.enable_interrupt(timer, true);
        // GICD_ISPENDR0, banked per CPU.
        note_pending(DISTRIBUTOR.load(Ordering::Relaxed) + 0x200);
        V2_TARGET[cpu::current().id].store(own_target(), Ordering::Relaxed);
    } else {
        let mut gic = v3();
        let index = redistributor_index(&mut gic);
        // GICR_ISPENDR0, in the second frame of 64 KiB of this CPU's redistributor.
        let redistributors = SECOND.load(Ordering::Relaxed);
        note_pending(redistributors + index * size_of::<GicrSgi>() + 0x1_0200);
        if cpu::current().id == 0 {
            gic.setup(index);
        } else {
            gic.init_cpu(index);
            GicCpuInterface::enable_group1(true);
        }
        for interrupt in [RESCHEDULE, timer] {
            if gic.enable_interrupt(interrupt, Some(index), true).is_err()
                || gic.set_interrupt_priority(interrupt, Some(index), 0x80).is_err()
            {
                warning!("GIC: interrupt {} cannot be enabled", interrupt.raw_value());
            }
        }
        let _ = gic.set_trigger(timer, Some(index), Trigger::Level);
        GicCpuInterface::set_priority_mask(0xff);
    }
}

fn note_pending(register: usize) {
    PENDING[cpu::current().id].store(register, Ordering::Relaxed);
}

/// Makes CPU `id` look at its queue.
pub fn send_reschedule(id: usize) {
    // What the other CPU is going to look at is written before the interrupt arrives.
    // SAFETY: a barrier.
    unsafe { core::arch::asm!("dsb ishst", options(nostack)) };
    if VERSION.load(Ordering::Relaxed) == 2 {
        v2().send_sgi(
            RESCHEDULE,
            SgiTarget::List {
                target_list_filter: SgiTargetListFilter::CPUTargetList,
                target_list: u16::from(V2_TARGET[id].load(Ordering::Relaxed)),
            },
        );
    } else {
        let affinity = cpu::get(id).affinity.load(Ordering::Relaxed);
        let _ = GicCpuInterface::send_sgi(
            RESCHEDULE,
            SgiTargetV3::List {
                affinity3: (affinity >> 32) as u8,
                affinity2: (affinity >> 16) as u8,
                affinity1: (affinity >> 8) as u8,
                target_list: 1 << (affinity & 0xf),
            },
            SgiTargetGroup::CurrentGroup1,
        );
    }
}

/// Answers the first pending interrupt of this CPU; others interrupt again. Interrupts are masked.
pub fn dispatch() {
    if VERSION.load(Ordering::Relaxed) == 2 {
        let mut gic = v2();
        if let Some(interrupt) = gic.get_and_acknowledge_interrupt(InterruptGroup::Group0) {
            // An SGI is ended with the number of its sender, in the same word.
            handle(interrupt.raw_value() & 0x3ff);
            gic.end_interrupt(interrupt, InterruptGroup::Group0);
        }
    } else if let Some(interrupt) =
        GicCpuInterface::get_and_acknowledge_interrupt(InterruptGroup::Group1)
    {
        handle(interrupt.raw_value());
        GicCpuInterface::end_interrupt(interrupt, InterruptGroup::Group1);
    }
}

/// Which of this CPU's own interrupts are pending: bit n for interrupt n, below 32.
pub fn pending() -> u32 {
    let register = PENDING[cpu::current().id].load(Ordering::Relaxed);
    let register = core::ptr::with_exposed_provenance_mut::<ReadPure<u32>>(register);
    let Some(register) = NonNull::new(register) else { return 0 };
    // SAFETY: the register is mapped as device memory and reading it has no effect; `init_cpu`
    // noted its address.
    unsafe { UniqueMmioPointer::new(register) }.read()
}

fn handle(interrupt: u32) {
    probe::<{ probe::INTERRUPT }>(interrupt as usize);
    if interrupt == TIMER.load(Ordering::Relaxed) {
        // The level stays up until the alarm is set anew or off.
        clock::clear_alarm();
        sched::timer_tick();
    } else if interrupt == RESCHEDULE.raw_value() {
        sched::look_again();
    } else {
        warning!("interrupt {} that nobody asked for", interrupt);
    }
}

fn timer() -> IntId {
    IntId::ppi(TIMER.load(Ordering::Relaxed) - 16)
}

/// GICC_CTLR: signals interrupts to this CPU, EOI ends them as well. The driver has no method.
fn enable_cpu_interface() {
    let control = core::ptr::with_exposed_provenance_mut::<ReadPureWrite<u32>>(
        SECOND.load(Ordering::Relaxed),
    );
    // SAFETY: GICC_CTLR is the first register of the CPU interface, mapped as device memory and
    // banked: nobody else writes this CPU's.
    let mut control = unsafe { UniqueMmioPointer::new(NonNull::new_unchecked(control)) };
    control.write(1);
}

/// This CPU's bit in target lists: what GICD_ITARGETSR0 reads as (Arm IHI 0048, 4.3.12). Zero on
/// a uniprocessor.
fn own_target() -> u8 {
    /// Offset of GICD_ITARGETSR0.
    const TARGETS: usize = 0x800;
    let address = DISTRIBUTOR.load(Ordering::Relaxed) + TARGETS;
    let targets = core::ptr::with_exposed_provenance_mut::<ReadPureWrite<u32>>(address);
    // SAFETY: the register is in the distributor, mapped as device memory; it is only read, and
    // banked per CPU.
    let targets = unsafe { UniqueMmioPointer::new(NonNull::new_unchecked(targets)) };
    (targets.read() as u8).max(1)
}

fn v2() -> GicV2<'static> {
    let distributor = DISTRIBUTOR.load(Ordering::Relaxed);
    let interface = SECOND.load(Ordering::Relaxed);
    // SAFETY: the device tree says that the registers are there, and they are mapped as device
    // memory. Each CPU has an instance of its own: the CPU interface and the first 32 interrupts
    // are banked per CPU, and of the shared registers only those are used that set what is
    // written as one (enable, generate SGI) or that every CPU writes with the same value.
    unsafe {
        GicV2::new(
            core::ptr::with_exposed_provenance_mut::<GicdV2>(distributor),
            core::ptr::with_exposed_provenance_mut::<Gicc>(interface),
        )
    }
}

fn v3() -> GicV3<'static> {
    let distributor = DISTRIBUTOR.load(Ordering::Relaxed);
    let redistributors = SECOND.load(Ordering::Relaxed);
    let distributor = core::ptr::with_exposed_provenance_mut::<GicdV3>(distributor);
    let redistributors = core::ptr::with_exposed_provenance_mut::<GicrSgi>(redistributors);
    // SAFETY: as for `v2`; a CPU touches the distributor only in `setup`, on the boot CPU before
    // the others start, and of the redistributors its own.
    let gic = unsafe {
        GicV3::new(
            UniqueMmioPointer::new(NonNull::new_unchecked(distributor)),
            NonNull::new_unchecked(redistributors),
            PROCESSORS.load(Ordering::Relaxed),
        )
    };
    gic.expect("the redistributors are of a known version")
}

/// Which redistributor is this CPU's: the one with its affinity.
fn redistributor_index(gic: &mut GicV3<'static>) -> usize {
    let mine = cpu::current().affinity.load(Ordering::Relaxed);
    for index in 0..PROCESSORS.load(Ordering::Relaxed) {
        match gic.gicr_typer(index) {
            Ok(typer) if typer.core_mpidr() == mine => return index,
            Ok(typer) if typer.last_redistributor() => break,
            Ok(_) => {}
            Err(_) => break,
        }
    }
    cpu::current().id
}
