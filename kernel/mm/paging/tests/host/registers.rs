//! Values of system registers, against ones put together by hand from the Arm ARM.

use paging::registers::{MAIR_EL1, hardware_access_flag, physical_bits, tcr_el1};
use paging::{Error, Granule4K, Granule16K, TranslationGranule};

/// ID_AA64MMFR0_EL1 and ID_AA64MMFR1_EL1 of a Cortex-A76.
const A76_MMFR0: u64 = 0x0010_1122;
const A76_MMFR1: u64 = 0x1021_2122;

#[test]
fn memory_attributes() {
    assert_eq!(MAIR_EL1, 0x04ff);
}

#[test]
fn translation_control_of_a_cortex_a76() {
    // T0SZ and T1SZ 16, IRGN0 and ORGN0 1, SH0 3, EPD1, IPS 40 bits, HA; TG0 and TG1 differ.
    assert_eq!(tcr_el1::<Granule4K>(A76_MMFR0, A76_MMFR1), Ok(0x82_8090_3510));
    assert_eq!(tcr_el1::<Granule16K>(A76_MMFR0, A76_MMFR1), Ok(0x82_4090_b510));
}

#[test]
fn translation_control_without_hardware_access_flag() {
    assert!(!hardware_access_flag(0x1021_2120));
    assert_eq!(tcr_el1::<Granule4K>(A76_MMFR0, 0x1021_2120), Ok(0x02_8090_3510));
}

#[test]
fn unsupported_granules_are_refused() {
    assert_eq!(Granule4K::check(A76_MMFR0), Ok(()));
    assert_eq!(Granule16K::check(A76_MMFR0), Ok(()));
    let none = 0xf000_0022;
    assert_eq!(Granule4K::check(none), Err(Error::GranuleUnsupported { granule: "4k" }));
    assert_eq!(Granule16K::check(none), Err(Error::GranuleUnsupported { granule: "16k" }));
    assert_eq!(tcr_el1::<Granule16K>(none, 0), Err(Error::GranuleUnsupported { granule: "16k" }));
    // With FEAT_LPA2.
    assert_eq!(Granule4K::check(0x1000_0000), Ok(()));
    assert_eq!(Granule16K::check(0x0020_0000), Ok(()));
}

#[test]
fn physical_address_sizes() {
    let bits: Vec<u32> = (0..8).map(physical_bits).collect();
    assert_eq!(bits, [32, 36, 40, 42, 44, 48, 48, 48]);
    let ips = tcr_el1::<Granule4K>(0x7, 0).unwrap() >> 32;
    assert_eq!(ips, 0b101, "52 bits and more are not used");
}
