//! The machine descriptions of whole trees.

use boards::{Board, Console, Gic, Interrupt, Machine, PsciMethod, Reserved, Trigger};

fn machine(tree: &[u8]) -> Machine {
    Machine::from_tree(tree).unwrap()
}

fn level(intid: u32) -> Interrupt {
    Interrupt { intid, trigger: Trigger::Level }
}

fn edge(intid: u32) -> Interrupt {
    Interrupt { intid, trigger: Trigger::Edge }
}

#[test]
fn virt_with_gicv2() {
    let machine = machine(include_bytes!("trees/virt-gicv2.dtb"));
    assert_eq!(machine.board, Board::Virt);
    assert_eq!(machine.model, "linux,dummy-virt");
    assert_eq!(machine.memory.as_slice(), core::slice::from_ref(&(0x4000_0000..0x6000_0000)));
    assert_eq!(machine.reserved, []);
    assert_eq!(machine.boot_arguments, "granule=16k --vm 2");
    assert_eq!(machine.initrd, Some(0x4800_0000..0x4801_8000));
    assert_eq!(
        machine.console,
        Console {
            registers: 0x0900_0000..0x0900_1000,
            interrupt: Some(level(33)),
            clock_hz: Some(24_000_000),
            baud: Some(115_200),
        }
    );
    assert_eq!(
        machine.gic,
        Gic::V2 { distributor: 0x0800_0000..0x0801_0000, cpu_interface: 0x0801_0000..0x0802_0000 }
    );
    assert_eq!((machine.timer.physical, machine.timer.virtual_timer), (level(30), level(27)));
    assert_eq!(machine.psci, Some(PsciMethod::Hvc));
    assert_eq!(machine.processors, [0, 1, 3]);
    assert_eq!(machine.processor_count, 3);
    assert_eq!(machine.power_management, None);
}

#[test]
fn virt_with_gicv3() {
    let machine = machine(include_bytes!("trees/virt-gicv3.dtb"));
    assert_eq!(machine.memory.as_slice(), core::slice::from_ref(&(0x4000_0000..0x1_4000_0000)));
    assert_eq!(machine.boot_arguments, "");
    assert_eq!(machine.initrd, Some(0x1_0000_0000..0x1_0000_1000));
    assert_eq!(machine.console.baud, Some(9600));
    assert_eq!(machine.console.clock_hz, None);
    assert_eq!(machine.console.interrupt, Some(level(33)));
    let Gic::V3 { distributor, redistributors } = machine.gic else {
        panic!("expected GICv3: {:?}", machine.gic);
    };
    assert_eq!(distributor, 0x0800_0000..0x0801_0000);
    assert_eq!(redistributors, [0x080a_0000..0x0900_0000, 0x40_0000_0000..0x40_0400_0000]);
    assert_eq!((machine.timer.physical, machine.timer.virtual_timer), (level(30), level(27)));
    assert_eq!(machine.psci, Some(PsciMethod::Smc));
    assert_eq!(machine.processors, [0, 1, 0x100, 0x101, 0x1_0000, 0x1_0001, 1 << 32, 1 << 32 | 1]);
    assert_eq!(machine.processor_count, 10);
}

#[test]
fn raspberry_pi_5() {
    let machine = machine(include_bytes!("trees/rpi5.dtb"));
    assert_eq!(machine.board, Board::RaspberryPi5);
    assert_eq!(machine.model, "Raspberry Pi 5 Model B Rev 1.0");
    assert_eq!(machine.memory, [0..0x3fc0_0000, 0x4000_0000..0x2_0000_0000]);
    assert_eq!(
        machine.reserved,
        [
            Reserved { range: 0x3fc0_0000..0x4000_0000, no_map: false },
            Reserved { range: 0..0x8_0000, no_map: true },
        ]
    );
    assert!(machine.boot_arguments.ends_with(" --vm 1"));
    assert_eq!(machine.initrd, None);
    // UART10 although stdout-path names another, at its real clock, as firmware has set it up.
    assert_eq!(
        machine.console,
        Console {
            registers: 0x10_7d00_1000..0x10_7d00_1200,
            interrupt: Some(level(152)),
            clock_hz: Some(44_236_800),
            baud: None,
        }
    );
    assert_eq!(
        machine.gic,
        Gic::V2 {
            distributor: 0x10_7fff_9000..0x10_7fff_a000,
            cpu_interface: 0x10_7fff_a000..0x10_7fff_c000
        }
    );
    assert_eq!((machine.timer.physical, machine.timer.virtual_timer), (level(30), level(27)));
    assert_eq!(machine.psci, Some(PsciMethod::Smc));
    assert_eq!(machine.processors, [0, 0x100, 0x200, 0x300]);
    assert_eq!(machine.power_management, Some(0x10_7d20_0000..0x10_7d20_0604));
}

#[test]
fn raspberry_pi_5_with_16_gigabytes() {
    let machine = machine(include_bytes!("trees/rpi5-16g.dtb"));
    assert_eq!(machine.memory, [0..0x3f60_0000, 0x4000_0000..0x4_0000_0000]);
    assert_eq!(
        machine.reserved,
        [
            Reserved { range: 0x3f60_0000..0x4000_0000, no_map: false },
            // The tree does not say so.
            Reserved { range: 0..0x8_0000, no_map: true },
        ]
    );
    assert_eq!(machine.console.interrupt, Some(level(152)), "stepping D0");
    assert_eq!(machine.power_management, Some(0x10_7d20_0000..0x10_7d20_0604), "not in the tree");
}

#[test]
fn generic_board() {
    let machine = machine(include_bytes!("trees/generic.dtb"));
    assert_eq!(machine.board, Board::Generic);
    assert_eq!(machine.model, "");
    assert_eq!(
        machine.memory,
        [0x1000_0000..0x1200_0000, 0x2000_0000..0x2100_0000, 0x2800_0000..0x2880_0000]
    );
    assert_eq!(
        machine.reserved,
        [
            Reserved { range: 0x1000_0000..0x1000_4000, no_map: false },
            Reserved { range: 0xffff_ffff_ffff_f000..u64::MAX, no_map: false },
        ]
    );
    assert_eq!(
        machine.console,
        Console {
            registers: 0x9000_7100..0x9000_7200,
            interrupt: Some(edge(35)),
            clock_hz: None,
            baud: Some(57_600),
        }
    );
    assert_eq!(
        machine.gic,
        Gic::V2 { distributor: 0x9000_0000..0x9000_1000, cpu_interface: 0x9000_2000..0x9000_4000 }
    );
    assert_eq!((machine.timer.physical, machine.timer.virtual_timer), (level(30), edge(27)));
    assert_eq!(machine.psci, None);
    assert_eq!(machine.processors, [0xf00]);
}

#[test]
fn bytes_after_the_tree_do_not_matter() {
    let tree = include_bytes!("trees/generic.dtb");
    let mut longer = tree.to_vec();
    longer.extend_from_slice(&[0xff; 100]);
    assert_eq!(Machine::from_tree(&longer), Machine::from_tree(tree));
    assert_eq!(boards::tree_size(tree.first_chunk().unwrap()), Ok(tree.len()));
}

#[test]
fn console_without_a_tree() {
    let virt = Board::from_image_address(0x4020_0000).fallback_console().unwrap();
    assert_eq!(virt.registers.start, 0x0900_0000);
    let rpi5 = Board::from_image_address(0x8_0000).fallback_console().unwrap();
    assert_eq!((rpi5.registers.start, rpi5.baud), (0x10_7d00_1000, None));
    assert_eq!(Board::Generic.fallback_console(), None);
}
