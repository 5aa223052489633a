//! The end, planned or not: the verdict line, and how the machine is left.
//!
//! Nothing here takes a lock or allocates: it runs when either may be broken.

use core::cell::Cell;
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use boards::PsciMethod;
use report::Status;

use crate::arch::exception::Syndrome;
use crate::arch::frame::TrapFrame;
use crate::arch::{firmware, semihosting};
use crate::console::{self, print_dying};
use crate::cpu;
use crate::memory::map::Image;
use crate::memory::stacks;

/// Most frames of a backtrace.
const BACKTRACE_FRAMES: usize = 32;

static SEMIHOSTING: AtomicBool = AtomicBool::new(false);
/// 0: firmware cannot be asked, 1: HVC, 2: SMC.
static FIRMWARE: AtomicU8 = AtomicU8::new(0);
static DYING: AtomicBool = AtomicBool::new(false);

/// How the machine is left: through firmware from now on.
pub fn set_firmware(method: Option<PsciMethod>) {
    let method = match method {
        None => 0,
        Some(PsciMethod::Hvc) => 1,
        Some(PsciMethod::Smc) => 2,
    };
    FIRMWARE.store(method, Ordering::Relaxed);
}

/// How the machine is left: with the status, by semihosting. The launcher says when.
pub fn set_semihosting() {
    SEMIHOSTING.store(true, Ordering::Relaxed);
}

/// Prints the verdict line and leaves.
pub fn leave(status: Status, text: &str) -> ! {
    console::drain_logs_dying();
    print_dying(format_args!("zlab: verdict: {} {text}\n", status.code()));
    if SEMIHOSTING.load(Ordering::Relaxed) {
        semihosting::exit(status.code());
    }
    match FIRMWARE.load(Ordering::Relaxed) {
        1 => firmware::system_off(PsciMethod::Hvc),
        2 => firmware::system_off(PsciMethod::Smc),
        _ => {}
    }
    cpu::halt()
}

/// Starts the machine anew; returns only if firmware cannot.
pub fn restart() {
    console::drain_logs_dying();
    match FIRMWARE.load(Ordering::Relaxed) {
        1 => firmware::system_reset(PsciMethod::Hvc),
        2 => firmware::system_reset(PsciMethod::Smc),
        _ => {}
    }
}

/// An exception that nobody can answer.
pub fn fault(what: &str, frame: &TrapFrame, syndrome: Syndrome, address: usize) -> ! {
    begin();
    print_dying(format_args!(
        "\nzlab: fault: {what} on CPU {}: {syndrome}\n  ESR {:#010x}  ELR {:#018x}  FAR {:#018x}\n",
        cpu::current().id,
        syndrome.0,
        frame.elr,
        address
    ));
    if stacks::is_guard(address) || is_boot_guard(address) {
        print_dying(format_args!("  the address is in the guard below a stack: stack overflow\n"));
    }
    print_dying(format_args!("  SPSR {:#010x}  SP {:#018x}\n", frame.spsr, frame.sp));
    for (index, value) in frame.x.iter().enumerate() {
        let end = if index % 4 == 3 { "\n" } else { "" };
        print_dying(format_args!("  x{index:<2} {value:#018x}{end}"));
    }
    print_dying(format_args!("\n"));
    backtrace(Some(frame.elr as usize), frame.x[30] as usize, frame.x[29] as usize);
    leave(Status::Panic, what)
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let (frame, link): (usize, usize);
    // SAFETY: copies two registers.
    unsafe {
        core::arch::asm!("mov {}, x29", "mov {}, x30", out(reg) frame, out(reg) link,
            options(nomem, nostack, preserves_flags));
    }
    begin();
    print_dying(format_args!("\nzlab: panic on CPU {}: {}\n", cpu::current().id, info.message()));
    if let Some(location) = info.location() {
        print_dying(format_args!("  at {location}\n"));
    }
    print_dying(format_args!("  x29 {frame:#018x}  x30 {link:#018x}\n"));
    backtrace(None, link, frame);
    leave(Status::Panic, "panic")
}

/// The first to get here goes on; whoever comes second, here or on another CPU, stops.
fn begin() {
    if DYING.swap(true, Ordering::AcqRel) {
        cpu::halt();
    }
}

fn is_boot_guard(address: usize) -> bool {
    let image = Image::running();
    (image.data.end..image.stack.start).contains(&address)
}

/// Bytes from a call to the address it returns to.
const CALL: usize = 4;

/// Prints where it happened, if that is known, and the calls that led there along the frame
/// pointers, as offsets into the image; the host knows the names. Calls, not return addresses:
/// what a function that never returns would return to belongs to some other function.
fn backtrace(at: Option<usize>, link: usize, frame_pointer: usize) {
    let image = Image::running();
    let depth = Cell::new(0);
    let print = |address: usize| {
        let number = depth.replace(depth.get() + 1);
        if image.text.contains(&address) {
            let offset = address - image.text.start;
            print_dying(format_args!("  #{number} image+{offset:#x}\n"));
        } else {
            print_dying(format_args!("  #{number} {address:#x}\n"));
        }
    };
    print_dying(format_args!("backtrace:\n"));
    if let Some(at) = at {
        print(at);
    }
    if image.text.contains(&link) {
        print(link - CALL);
    }
    let mut frame = frame_pointer;
    while depth.get() < BACKTRACE_FRAMES && is_stack(&image, frame) {
        let record = core::ptr::with_exposed_provenance::<[usize; 2]>(frame);
        // SAFETY: the record lies in a stack, which is mapped.
        let [next, address] = unsafe { record.read() };
        if address == 0 {
            break;
        }
        // A recursion is printed once.
        if address != link {
            print(address.wrapping_sub(CALL));
        }
        if next <= frame {
            break;
        }
        frame = next;
    }
}

fn is_stack(image: &Image, address: usize) -> bool {
    address.is_multiple_of(16)
        && (image.stack.contains(&address)
            || image.data.contains(&address)
            || stacks::is_mapped(address))
}
