//! From EL2 to EL1.

use core::arch::naked_asm;

/// Returns to its caller at EL1 with everything masked and the MMU off, whether it was called at
/// EL2 or at EL1. Uses x0 to x3 and no stack.
///
/// At EL2 it sets what firmware may leave unset (on the Raspberry Pi 5 all of it): timers and
/// counters without traps or offset, no stage 2, no traps of FP/SIMD or of the PMU, the identity
/// of the CPU as it is, the GIC's system registers for EL1 where there are any.
#[unsafe(naked)]
#[unsafe(link_section = ".head.text")]
pub unsafe extern "C" fn drop_to_el1() {
    naked_asm!(
        "msr daifset, #0xf",
        "mrs x1, CurrentEL",
        "cmp x1, #(2 << 2)",
        "b.ne 2f",
        // HCR_EL2: EL1 is AArch64, nothing is trapped, no stage 2.
        "mov x1, #(1 << 31)",
        "msr hcr_el2, x1",
        "msr vttbr_el2, xzr",
        "msr hstr_el2, xzr",
        // CNTHCTL_EL2: EL1 reads the physical counter and uses the physical timer.
        "mov x1, #3",
        "msr cnthctl_el2, x1",
        "msr cntvoff_el2, xzr",
        // CPTR_EL2: its RES1 bits; FP/SIMD does not trap.
        "mov x1, #0x33ff",
        "msr cptr_el2, x1",
        // MDCR_EL2: all event counters (PMCR_EL0.N of them) belong to EL1, if there is a PMU.
        "mov x1, xzr",
        "mrs x2, id_aa64dfr0_el1",
        "ubfx x2, x2, #8, #4",
        "cbz x2, 1f",
        "cmp x2, #0xf",
        "b.eq 1f",
        "mrs x1, pmcr_el0",
        "ubfx x1, x1, #11, #5",
        "1:",
        "msr mdcr_el2, x1",
        "mrs x1, midr_el1",
        "msr vpidr_el2, x1",
        "mrs x1, mpidr_el1",
        "msr vmpidr_el2, x1",
        // ICC_SRE_EL2: system registers of the GIC, also for EL1. ICH_HCR_EL2: no virtual GIC.
        "mrs x1, id_aa64pfr0_el1",
        "ubfx x1, x1, #24, #4",
        "cbz x1, 1f",
        "mov x1, #0xf",
        "msr S3_4_C12_C9_5, x1",
        "isb",
        "msr S3_4_C12_C11_0, xzr",
        "1:",
        // SCTLR_EL1: its RES1 bits; MMU and caches off.
        "mov x1, #0x0800",
        "movk x1, #0x30d0, lsl #16",
        "msr sctlr_el1, x1",
        // EL1h, everything masked, back to the caller.
        "mov x1, #0x3c5",
        "msr spsr_el2, x1",
        "msr elr_el2, x30",
        "isb",
        "eret",
        "2:",
        "ret",
    )
}
