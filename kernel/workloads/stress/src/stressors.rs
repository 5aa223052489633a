//! The stressors there are.

use crate::metrics::Measure;
use crate::options::{Options, Setting};
use crate::worker::Worker;
use crate::{cpu, cyclic, heap, memory, scheduler, search, store, vm};

/// Most instances of a stressor.
pub(crate) const INSTANCE_LIMIT: u32 = 1024;

/// A stressor: what it is called and what it does.
pub struct Stressor {
    /// The name, as in `--NAME`.
    pub name: &'static str,
    /// One line for people; what is an approximation of stress-ng says so here.
    pub about: &'static str,
    /// Its classes: bits by their place in `CLASSES`.
    pub classes: u16,
    /// Its options besides `--NAME-ops`.
    pub settings: &'static [Setting],
    /// One bogo operation is two to this power ticks.
    pub(crate) tick_shift: u32,
    /// What it works on.
    pub(crate) memory: Memory,
    /// Whether a run with these options checks what it reads.
    pub(crate) checks: fn(&Options) -> bool,
    /// Runs one instance.
    pub(crate) run: fn(&Worker<'_>),
    /// Its miscellaneous metrics.
    pub(crate) measures: &'static [Measure],
}

/// What the instances of a stressor work on.
#[derive(Clone, Copy)]
pub(crate) enum Memory {
    /// Nothing to speak of.
    None,
    /// Demand-paged memory, as much as this setting says, divided among the instances.
    Shared(&'static str),
    /// Demand-paged memory, so many bytes each.
    Each(fn(&Options) -> u64),
    /// Pages in a pool or store, as much as this setting says, divided among the instances.
    Stored(&'static str),
}

impl Stressor {
    /// Bytes all instances work on together, with `memory` bytes of RAM.
    pub(crate) fn bytes(&self, options: &Options, memory: u64, instances: usize) -> u64 {
        match self.memory {
            Memory::None => 0,
            Memory::Shared(setting) | Memory::Stored(setting) => {
                options.bytes(self.name, setting, memory)
            }
            Memory::Each(bytes) => bytes(options).saturating_mul(instances as u64),
        }
    }

    /// Whether those bytes are demand-paged.
    pub(crate) fn is_paged(&self) -> bool {
        matches!(self.memory, Memory::Shared(_) | Memory::Each(_))
    }
}

/// Names of the classes that `--class` accepts, as stress-ng has them.
pub(crate) const CLASSES: [&str; 12] = [
    "compute",
    "cpu",
    "cpu-cache",
    "integer",
    "interrupt",
    "memory",
    "os",
    "scheduler",
    "search",
    "sort",
    "tlb",
    "vm",
];

/// The same for people.
pub(crate) const CLASS_NAMES: &str =
    "compute, cpu, cpu-cache, integer, interrupt, memory, os, scheduler, search, sort, tlb, vm";

/// Bits of the classes.
pub(crate) mod class {
    pub const COMPUTE: u16 = 1 << 0;
    pub const CPU: u16 = 1 << 1;
    pub const CPU_CACHE: u16 = 1 << 2;
    pub const INTEGER: u16 = 1 << 3;
    pub const INTERRUPT: u16 = 1 << 4;
    pub const MEMORY: u16 = 1 << 5;
    pub const OS: u16 = 1 << 6;
    pub const SCHEDULER: u16 = 1 << 7;
    pub const SEARCH: u16 = 1 << 8;
    pub const SORT: u16 = 1 << 9;
    pub const TLB: u16 = 1 << 10;
    pub const VM: u16 = 1 << 11;
}

/// For [`Stressor::checks`].
pub(crate) fn always(_: &Options) -> bool {
    true
}

/// For [`Stressor::checks`].
pub(crate) fn under_verify(options: &Options) -> bool {
    options.verify
}

/// Every stressor, in the order in which they run one after the other.
pub static STRESSORS: &[Stressor] = &[
    cpu::atomic::STRESSOR,
    vm::bigheap::STRESSOR,
    vm::brk::STRESSOR,
    search::bsearch::STRESSOR,
    memory::cache::STRESSOR,
    scheduler::clock::STRESSOR,
    store::contend::STRESSOR,
    cpu::load::STRESSOR,
    cyclic::STRESSOR,
    vm::fault::STRESSOR,
    heap::STRESSOR,
    search::hsearch::STRESSOR,
    vm::madvise::STRESSOR,
    memory::malloc::STRESSOR,
    cpu::matrix::STRESSOR,
    memory::memcpy::STRESSOR,
    memory::memrate::STRESSOR,
    memory::memthrash::STRESSOR,
    vm::mmap::STRESSOR,
    vm::mremap::STRESSOR,
    scheduler::mutex::STRESSOR,
    vm::pageswap::STRESSOR,
    search::qsort::STRESSOR,
    memory::randlist::STRESSOR,
    vm::remap::STRESSOR,
    scheduler::sem::STRESSOR,
    memory::stream::STRESSOR,
    vm::swap::STRESSOR,
    scheduler::switch::STRESSOR,
    scheduler::timer::STRESSOR,
    vm::tlb_invalidate::STRESSOR,
    search::tree::STRESSOR,
    vm::patterns::STRESSOR,
    vm::addresses::STRESSOR,
    #[cfg(feature = "zlib")]
    memory::zlib::STRESSOR,
    store::zpool::STRESSOR,
    store::zswap::STRESSOR,
];

/// Stressors of stress-ng that are not here: they need processes, files, devices, a network, or
/// a processor of another kind.
pub(crate) const MISSING: &str = "access acl affinity af-alg aio aiol alarm bad-altstack \
    bind-mount branch cap cgroup chattr chdir chmod chown chroot clone close context \
    copy-file daemon dccp dekker dentry dev dev-shm dfp dir dirdeep dirmany dnotify dup dynlib \
    efivar endian enosys env epoll eventfd exec exit-group factor fallocate fanotify fcntl fiemap \
    fifo file-ioctl filename flock fork fp-error fpunch fractal fstat full funccall funcret futex \
    get getdent getrandom gpu handle hdd heapsort hrtimers icache icmp-flood idle-page inode-flags \
    inotify io iomix ioport ioprio io-uring itimer jpeg judy kcmp key kill klog kvm l1cache \
    landlock lease led link list loadavg locka lockbus lockf lockofd longjmp loop lsearch lsm \
    matrix-3d mcontend membarrier memfd memhotplug mergesort metamix \
    mincore min-nanosleep misaligned mknod mlock mlockmany mmapaddr mmapcow mmapfiles mmapfixed \
    mmapfork mmaphuge mmapmany mmaptorture module mprotect mpfr mq mseal msg msync msyncmany \
    munmap nanosleep netdev netlink-proc netlink-task nice nop null numa oom-pipe opcode open \
    pagemove pci personality peterson physpage physmmap pidfd ping-sock pipe pipeherd pkey \
    plugin poll prctl prefetch prio-inv priv-instr procfs pseek pthread ptr-chase ptrace pty \
    quota radixsort ramfs rawdev rawpkt rawsock rawudp rdrand readahead reboot regex regs \
    rename resched resources revio ring-pipe rlimit rmap rotate rseq rtc sched schedmix \
    schedpolicy sctp seal seccomp secretmem seek sendfile session set shellsort shm shm-sysv \
    sigabrt sigbus sigchld sigfd sigfpe sighup sigill sigio sigiostat sigkill siglongjmp sigmmap \
    signal signest sigpending sigpipe sigq sigrt sigsegv sigsuspend sigtrap sigurg sigvtalrm \
    sigxcpu sigxfsz skiplist sleep smi sock sockabuse sockdiag sockfd sockmany sockpair \
    softlockup sparsematrix spawn spinmem splice stack stackmmap statmount str symlink \
    sync-file syncload sysbadaddr syscall sysfs sysinfo sysinval tee timerfd time-warp tlb-shootdown \
    tmpfs touch trig tsc tsearch tun udp udp-flood umask umount uname unlink unshare uprobe \
    urandom userfaultfd usersyscall utime vdso vecfp vecmath vecshuf vecwide veccmp verity vfork \
    vforkmany vma vm-rw vm-segv vm-splice vnni wait waitcpu watchdog wcs workload x86cpuid \
    x86syscall xattr yield zero zombie";

/// What an image without the feature has not.
#[cfg(not(feature = "zlib"))]
pub(crate) const NOT_BUILT: &str = "zlib";
#[cfg(feature = "zlib")]
pub(crate) const NOT_BUILT: &str = "";

/// The stressor of that name.
pub(crate) fn find(name: &str) -> Option<&'static Stressor> {
    STRESSORS.iter().find(|stressor| stressor.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_once_and_the_text_has_the_classes() {
        assert_eq!(CLASSES.join(", "), CLASS_NAMES);
        for (index, stressor) in STRESSORS.iter().enumerate() {
            let name = stressor.name;
            assert!(STRESSORS[..index].iter().all(|other| other.name != name), "{name}");
            assert!(MISSING.split_ascii_whitespace().all(|missing| missing != name), "{name}");
            assert!(stressor.classes != 0, "{name}");
        }
    }
}
