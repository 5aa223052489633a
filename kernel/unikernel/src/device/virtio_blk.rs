//! A virtio disk behind a memory-mapped transport, polled.

use alloc::alloc::{Layout, alloc_zeroed, dealloc};
use alloc::boxed::Box;
use core::ptr::NonNull;

use boards::Machine;
use virtio_drivers::device::blk::{BlkReq, BlkResp, RespStatus, SECTOR_SIZE, VirtIOBlk};
use virtio_drivers::transport::mmio::MmioTransport;
use virtio_drivers::transport::{DeviceType, Transport};
use virtio_drivers::{BufferDirection, Hal, PAGE_SIZE, PhysAddr};
use zswap::{Tier, TierError};

use crate::memory::stacks;
use crate::sched::{sleep_lock::SleepLock, wait::Wait};

/// The first virtio disk of the machine that has room for a page and can be written.
pub fn find(machine: &Machine, page_size: usize) -> Option<Disk> {
    machine.virtio.iter().find_map(|registers| {
        let header = core::ptr::with_exposed_provenance_mut(registers.start as usize);
        let size = (registers.end - registers.start) as usize;
        // SAFETY: the registers of a virtio transport, mapped as device memory for good; nobody
        // else uses them.
        let transport = unsafe { MmioTransport::new(NonNull::new(header)?, size) }.ok()?;
        if transport.device_type() != DeviceType::Block {
            return None;
        }
        let mut device = VirtIOBlk::new(transport).ok()?;
        device.disable_interrupts();
        let slots = (device.capacity() as usize).checked_mul(SECTOR_SIZE)? / page_size;
        if device.readonly() || slots == 0 {
            return None;
        }
        let (request, response) = (BlkReq::default(), BlkResp::default());
        let queue = SleepLock::new(Box::new(Queue { device, request, response }));
        Some(Disk { queue, slots, page_sectors: page_size / SECTOR_SIZE })
    })
}

/// A disk of pages. One request at a time.
pub struct Disk {
    /// Whoever has it may sleep: it is no lock of the kind that is held with interrupts masked.
    queue: SleepLock<Box<Queue>>,
    slots: usize,
    page_sectors: usize,
}

/// What the device reads and writes lies on the heap, at its physical address.
struct Queue {
    device: VirtIOBlk<Identity, MmioTransport<'static>>,
    request: BlkReq,
    response: BlkResp,
}

impl Tier for Disk {
    fn slots(&self) -> usize {
        self.slots
    }

    fn read(&self, slot: usize, page: &mut [u8]) -> Result<(), TierError> {
        check_buffer(page)?;
        let queue = &mut **self.queue.lock();
        let Queue { device, request, response } = queue;
        // SAFETY: all three stay where they are and are not touched until the request is
        // completed below, with the same ones.
        let result = unsafe {
            device.read_blocks_nb(slot * self.page_sectors, request, page, response).and_then(
                |token| {
                    wait(device, token);
                    device.complete_read_blocks(token, request, page, response)
                },
            )
        };
        finish(result, response)
    }

    fn write(&self, slot: usize, page: &[u8]) -> Result<(), TierError> {
        check_buffer(page)?;
        let queue = &mut **self.queue.lock();
        let Queue { device, request, response } = queue;
        // SAFETY: as above.
        let result = unsafe {
            device.write_blocks_nb(slot * self.page_sectors, request, page, response).and_then(
                |token| {
                    wait(device, token);
                    device.complete_write_blocks(token, request, page, response)
                },
            )
        };
        finish(result, response)
    }
}

/// The device takes addresses for physical: frames and the heap are where they are, stacks and
/// arenas are not.
fn check_buffer(page: &[u8]) -> Result<(), TierError> {
    if page.as_ptr().addr() < stacks::BASE { Ok(()) } else { Err(TierError) }
}

/// Waits until the device has done the request. Others run meanwhile.
fn wait(device: &mut VirtIOBlk<Identity, MmioTransport<'static>>, token: u16) {
    let mut wait = Wait::new();
    while device.peek_used() != Some(token) {
        wait.pause();
    }
}

fn finish(result: virtio_drivers::Result, response: &BlkResp) -> Result<(), TierError> {
    match (result, response.status()) {
        (Ok(()), RespStatus::OK) => Ok(()),
        _ => Err(TierError),
    }
}

/// Physical addresses are those of the identity map, and the device sees what the caches hold: on
/// QEMU's `virt` its memory accesses are coherent.
struct Identity;

// SAFETY: 1. `dma_alloc` gives zeroed heap memory, aligned as asked for, until `dma_dealloc`.
// 2. The heap is one block of RAM that is mapped where it is. 3. `check_buffer` keeps other
// addresses than those of the identity map away from `share`, and the rest of what is shared lies
// in a `Box`.
unsafe impl Hal for Identity {
    fn dma_alloc(pages: usize, _: BufferDirection) -> (PhysAddr, NonNull<u8>) {
        // SAFETY: the layout is not empty: the driver asks for one page or more.
        let memory = unsafe { alloc_zeroed(layout(pages)) };
        match NonNull::new(memory) {
            Some(memory) => (memory.as_ptr().expose_provenance() as PhysAddr, memory),
            // An address of zero says that there is no memory.
            None => (0, NonNull::dangling()),
        }
    }

    unsafe fn dma_dealloc(_: PhysAddr, memory: NonNull<u8>, pages: usize) -> i32 {
        // SAFETY: the caller gives back what `dma_alloc` gave.
        unsafe { dealloc(memory.as_ptr(), layout(pages)) };
        0
    }

    unsafe fn mmio_phys_to_virt(address: PhysAddr, _: usize) -> NonNull<u8> {
        // Only the PCI transport asks.
        NonNull::new(core::ptr::with_exposed_provenance_mut(address as usize))
            .unwrap_or(NonNull::dangling())
    }

    unsafe fn share(buffer: NonNull<[u8]>, _: BufferDirection) -> PhysAddr {
        buffer.as_ptr().cast::<u8>().expose_provenance() as PhysAddr
    }

    unsafe fn unshare(_: PhysAddr, _: NonNull<[u8]>, _: BufferDirection) {}
}

/// So many pages of the driver's size.
fn layout(pages: usize) -> Layout {
    let bytes = pages.max(1) * PAGE_SIZE;
    Layout::from_size_align(bytes, PAGE_SIZE).expect("a few pages are no overflow")
}
