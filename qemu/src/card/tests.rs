use std::io::{Cursor, Read};
use std::path::PathBuf;
use std::process::Command;

use boards::Trigger;

use super::*;
use crate::status;

/// Stands for a kernel; contents do not matter.
fn kernel() -> Vec<u8> {
    (0..300_000_u32).flat_map(|word| word.wrapping_mul(0x9e37_79b9).to_le_bytes()).collect()
}

fn card(contents: &Contents<'_>) -> Card {
    Card::raspberry_pi_5(kernel(), contents).unwrap()
}

fn file<'a>(card: &'a Card, name: &str) -> &'a [u8] {
    &card.files.iter().find(|(each, _)| *each == name).unwrap().1
}

fn text<'a>(card: &'a Card, name: &str) -> &'a str {
    std::str::from_utf8(file(card, name)).unwrap()
}

fn temporary(name: &str, bytes: &[u8]) -> PathBuf {
    let path = std::env::temp_dir().join(format!("zlab-card-{}-{name}", std::process::id()));
    fs::write(&path, bytes).unwrap();
    path
}

fn word(image: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(*image[at..].first_chunk().unwrap())
}

/// Reads the structures where the specifications have them, without the crates that wrote them.
#[test]
fn partition_table_and_boot_sector() {
    let image = card(&Contents::default()).image().unwrap();
    assert!(image.len() >= 64 << 20);
    assert_eq!(image[510..512], [0x55, 0xaa]);
    // First entry: not active, FAT32 with LBA, from 1 MiB to the end; the others are empty.
    assert_eq!(image[446], 0);
    assert_eq!(image[450], 0x0c);
    let start = word(&image, 454);
    let sectors = word(&image, 458);
    assert_eq!(start, 2048);
    assert_eq!((start + sectors) as usize * 512, image.len());
    assert!(image[462..510].iter().all(|&byte| byte == 0));

    let partition = &image[1 << 20..];
    assert_eq!(partition[510..512], [0x55, 0xaa]);
    let half = |at: usize| u32::from(u16::from_le_bytes(*partition[at..].first_chunk().unwrap()));
    let (sector, per_cluster) = (half(11), u32::from(partition[13]));
    let (reserved, fats) = (half(14), u32::from(partition[16]));
    assert_eq!(sector, 512);
    assert_eq!(half(17), 0, "FAT32 has no fixed root directory");
    assert_eq!(half(22), 0, "FAT32 has its size elsewhere");
    assert_eq!(word(partition, 28), start, "hidden sectors");
    assert_eq!(word(partition, 32), sectors);
    let clusters = (sectors - reserved - fats * word(partition, 36)) / per_cluster;
    assert!(clusters >= 65_525, "{clusters} clusters are FAT16 to every reader");
    assert_eq!(&partition[82..90], b"FAT32   ");
    // The copy that readers turn to when the boot sector is damaged.
    assert_eq!(half(50), 6);
    assert_eq!(partition[..512], partition[6 * 512..7 * 512]);
}

#[test]
fn files_come_back() {
    let card = card(&Contents::default());
    let image = card.image().unwrap();
    let partition = Cursor::new(image[1 << 20..].to_vec());
    let system = fatfs::FileSystem::new(partition, fatfs::FsOptions::new()).unwrap();
    let mut names = Vec::new();
    for entry in system.root_dir().iter().map(Result::unwrap) {
        let mut bytes = Vec::new();
        entry.to_file().read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, file(&card, &entry.file_name()), "{}", entry.file_name());
        let date = entry.modified().date;
        assert_eq!((date.year, date.month, date.day), (1980, 1, 1));
        names.push(entry.file_name());
    }
    let expected =
        ["bcm2712-d-rpi-5-b.dtb", "bcm2712-rpi-5-b.dtb", "cmdline.txt", "config.txt", KERNEL];
    assert_eq!(names, expected);
    assert_eq!(file(&card, KERNEL), kernel());
}

#[test]
fn same_inputs_same_bytes() {
    let contents = Contents { arguments: "--vm 1 --timeout 5", ..Contents::default() };
    let first = card(&contents).image().unwrap();
    // FAT's clock has a resolution of two seconds at best.
    std::thread::sleep(std::time::Duration::from_millis(2100));
    assert!(card(&contents).image().unwrap() == first);
    assert!(card(&Contents::default()).image().unwrap() != first);
}

#[test]
fn boot_arguments() {
    let line = |arguments| {
        let contents = Contents { arguments, ..Contents::default() };
        text(&card(&contents), "cmdline.txt").to_owned()
    };
    assert_eq!(line(""), "log=text shell\n");
    assert_eq!(line("granule=16k"), "log=text granule=16k shell\n");
    assert_eq!(line("shell"), "log=text shell\n");
    assert_eq!(line(" --vm 4  --timeout 60\n"), "log=text --vm 4 --timeout 60\n");
    let wrong = Contents { arguments: "--vm-bites 4", ..Contents::default() };
    let error = Card::raspberry_pi_5(kernel(), &wrong).unwrap_err();
    assert_eq!(status::of(&error), status::USAGE);
    assert!(error.to_string().contains("--vm-bytes"), "{error}");
}

#[test]
fn job_file() {
    let path = temporary("job", b"timeout 5\nvm 1\n");
    let contents = Contents { job: Some(&path), ..Contents::default() };
    let with_job = card(&contents);
    assert_eq!(text(&with_job, "cmdline.txt"), "log=text\n", "the job is what to run, no prompt");
    assert!(text(&with_job, "config.txt").contains("\ninitramfs initramfs followkernel\n"));
    let archive = file(&with_job, INITRD);
    assert_eq!(archive, initrd::bytes(&[("job", fs::read(&path).unwrap())]).unwrap());
    fs::write(&path, "vm 1\nvm-bites 4\n").unwrap();
    let error = Card::raspberry_pi_5(kernel(), &contents).unwrap_err();
    assert_eq!(status::of(&error), status::USAGE);
    assert!(error.to_string().contains("line 2: unknown option --vm-bites"), "{error}");
    fs::remove_file(path).unwrap();
}

#[test]
fn configuration() {
    let lines = |contents: &Contents<'_>| -> Vec<String> {
        let config = text(&card(contents), "config.txt").to_owned();
        let setting = |line: &&str| !line.is_empty() && !line.starts_with('#');
        config.lines().filter(setting).map(str::to_owned).collect()
    };
    let settings = ["kernel=kernel_2712.img", "uart_2ndstage=1", "force_turbo=1"];
    assert_eq!(lines(&Contents::default()), settings);
    let header = Contents { header_console: true, ..Contents::default() };
    assert_eq!(lines(&header)[3..], ["enable_rp1_uart=1", "pciex4_reset=0"]);
    assert_eq!(text(&card(&header), "cmdline.txt"), "log=text console=header shell\n");
}

#[test]
fn corpus_is_an_archive_beside_the_kernel() {
    let path = temporary("corpus", &[7; 100_000]);
    let card = card(&Contents { corpus: Some(&path), ..Contents::default() });
    assert!(text(&card, "config.txt").ends_with("\ninitramfs initramfs followkernel\n"));
    assert!(file(&card, "initramfs").starts_with(b"070701"));
    assert_eq!(file(&card, "initramfs").len() / 1000, 100);
    fs::remove_file(path).unwrap();
}

#[test]
fn large_corpus_makes_a_larger_card() {
    let files = [("initramfs", vec![1; 300 << 20])];
    let image = disk::image(&files).unwrap();
    let partition = &image[1 << 20..];
    assert_eq!(partition[13], 8, "sectors of a cluster");
    let system = fatfs::FileSystem::new(Cursor::new(partition.to_vec()), fatfs::FsOptions::new());
    let system = system.unwrap();
    assert_eq!(system.fat_type(), fatfs::FatType::Fat32);
    assert_eq!(system.root_dir().iter().next().unwrap().unwrap().len(), 300 << 20);
}

/// What the kernel makes of our trees.
#[test]
fn trees_describe_the_board() {
    for (tree, interrupt) in OWN_TREES.into_iter().zip([153, 152]) {
        let machine = Machine::from_tree(tree).unwrap();
        assert_eq!(machine.board, Board::RaspberryPi5);
        assert_eq!(machine.processors, [0x000, 0x100, 0x200, 0x300]);
        assert_eq!(machine.console.registers.start, boards::rpi5::CONSOLE_ADDRESS);
        let found = machine.console.interrupt.unwrap();
        assert_eq!((found.intid, found.trigger), (interrupt, Trigger::Level));
        let power = boards::rpi5::POWER_MANAGEMENT_ADDRESS;
        assert_eq!(machine.power_management.unwrap().start, power);
        assert_eq!(machine.psci, Some(boards::PsciMethod::Smc));
        assert!(machine.reserved.iter().any(|entry| entry.no_map && entry.range == (0..0x8_0000)));
        match machine.gic {
            boards::Gic::V2 { distributor, cpu_interface } => {
                assert_eq!(distributor, 0x10_7fff_9000..0x10_7fff_a000);
                assert_eq!(cpu_interface, 0x10_7fff_a000..0x10_7fff_c000);
            }
            gic => panic!("{gic:?}"),
        }
    }
}

/// The trees are what `dtc` makes of their sources; says so when there is no `dtc` to ask.
#[test]
fn trees_agree_with_their_sources() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../boards/rpi5");
    for (name, tree) in TREES.into_iter().zip(OWN_TREES) {
        let source = Path::new(name).with_extension("dts");
        let mut dtc = Command::new("dtc");
        dtc.args(["-q", "-I", "dts", "-O", "dtb"]).arg(source).current_dir(&folder);
        match dtc.output() {
            Ok(output) => {
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
                assert!(output.stdout == tree, "{name} is not what its source says");
            }
            Err(error) => eprintln!("{name} was not compared: dtc: {error}"),
        }
    }
}

#[test]
fn other_trees_are_taken_or_refused() {
    let path = temporary("dtb", OWN_TREES[1]);
    let taken = card(&Contents { tree: Some(&path), ..Contents::default() });
    assert!(TREES.iter().all(|name| file(&taken, name) == OWN_TREES[1]));
    let virt = include_bytes!("../../../boards/tests/trees/virt-gicv2.dtb");
    for wrong in [&virt[..], b"no tree", &[]] {
        fs::write(&path, wrong).unwrap();
        let contents = Contents { tree: Some(&path), ..Contents::default() };
        let error = Card::raspberry_pi_5(kernel(), &contents).unwrap_err();
        assert_eq!(status::of(&error), status::USAGE, "{error}");
    }
    fs::remove_file(path).unwrap();
}

#[test]
fn files_into_a_folder() {
    let folder = std::env::temp_dir().join(format!("zlab-card-{}-folder", std::process::id()));
    let card = card(&Contents::default());
    card.write_into(&folder).unwrap();
    for (name, bytes) in &card.files {
        assert!(fs::read(folder.join(name)).unwrap() == *bytes, "{name}");
    }
    fs::remove_dir_all(folder).unwrap();
}
