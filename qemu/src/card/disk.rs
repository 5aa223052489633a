//! The card as bytes: a partition table and a FAT32 file system.

use std::io::{Cursor, Write};

use anyhow::{Context, Result, ensure};
use fatfs::{
    Date, DateTime, FatType, FileSystem, FormatVolumeOptions, FsOptions, Time, TimeProvider,
    format_volume,
};
use mbrman::{BOOT_INACTIVE, CHS, MBR, MBRPartitionEntry};

/// Bytes of a sector.
const SECTOR: usize = 512;
/// Where the partition begins: 1 MiB, where every erase block of a card does.
const PARTITION_START: usize = 1 << 20;
/// Smallest partition: below some 33 MiB a file system has too few clusters for FAT32, and what has
/// fewer is FAT16 whatever it says.
const PARTITION_MIN: usize = 64 << 20;
/// Largest partition with clusters of one sector; what the FAT specification proposes.
const SMALL_CLUSTERS_MAX: usize = 260 << 20;
/// Partition type: FAT32, addressed by sectors (LBA).
const FAT32_LBA: u8 = 0x0c;
/// Identifies the card in its partition table. Fixed, so that equal cards are equal to the bit.
const DISK_SIGNATURE: [u8; 4] = *b"zlab";
/// Serial number of the file system. Fixed, too.
const VOLUME_ID: u32 = 0x7a6c_6162;
const VOLUME_LABEL: [u8; 11] = *b"ZLAB       ";

/// A card with these files. Files bear the earliest time that FAT knows, 1980-01-01.
///
/// # Errors
/// The files do not fit FAT32.
pub fn image(files: &[(&str, Vec<u8>)]) -> Result<Vec<u8>> {
    let partition_bytes = partition_bytes(files);
    ensure!(partition_bytes < u32::MAX as usize, "the card would be larger than 4 GiB");
    let mut image = vec![0; PARTITION_START + partition_bytes];
    partition_table(&mut image, partition_bytes)?;
    file_system(&mut image[PARTITION_START..], files).context("cannot make the file system")?;
    Ok(image)
}

/// Files, a sixteenth for the tables, and room for a result or two; whole MiB.
fn partition_bytes(files: &[(&str, Vec<u8>)]) -> usize {
    let contents: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
    let wanted = contents + contents / 16 + (16 << 20);
    wanted.next_multiple_of(1 << 20).max(PARTITION_MIN)
}

fn partition_table(image: &mut [u8], partition_bytes: usize) -> Result<()> {
    let mut disk = Cursor::new(image);
    let mut table = MBR::new_from(&mut disk, SECTOR as u32, DISK_SIGNATURE)?;
    table[1] = MBRPartitionEntry {
        boot: BOOT_INACTIVE,
        // Nobody addresses this by cylinders.
        first_chs: CHS::empty(),
        sys: FAT32_LBA,
        last_chs: CHS::empty(),
        starting_lba: (PARTITION_START / SECTOR) as u32,
        sectors: (partition_bytes / SECTOR) as u32,
    };
    table.write_into(&mut disk).context("cannot make the partition table")
}

fn file_system(partition: &mut [u8], files: &[(&str, Vec<u8>)]) -> Result<()> {
    let mut options = FormatVolumeOptions::new()
        .fat_type(FatType::Fat32)
        .volume_id(VOLUME_ID)
        .volume_label(VOLUME_LABEL);
    if partition.len() <= SMALL_CLUSTERS_MAX {
        options = options.bytes_per_cluster(SECTOR as u32);
    }
    // Sectors before the partition; the crate leaves that field zero.
    let hidden = (PARTITION_START / SECTOR) as u32;
    format_volume(Cursor::new(&mut *partition), options)?;
    for boot_sector in [0, BACKUP_BOOT_SECTOR] {
        let at = boot_sector * SECTOR + HIDDEN_SECTORS_OFFSET;
        partition[at..at + 4].copy_from_slice(&hidden.to_le_bytes());
    }
    let options = FsOptions::new().time_provider(&Beginning);
    let file_system = FileSystem::new(Cursor::new(&mut *partition), options)?;
    for (name, bytes) in files {
        let mut file = file_system.root_dir().create_file(name)?;
        file.write_all(bytes).with_context(|| (*name).to_owned())?;
        file.flush()?;
    }
    // Counts free clusters, which the file system then notes for its readers.
    file_system.stats()?;
    file_system.unmount()?;
    Ok(())
}

/// The time of all files: the beginning of FAT's calendar.
#[derive(Debug)]
struct Beginning;

impl TimeProvider for Beginning {
    fn get_current_date(&self) -> Date {
        Date { year: 1980, month: 1, day: 1 }
    }

    fn get_current_date_time(&self) -> DateTime {
        let time = Time { hour: 0, min: 0, sec: 0, millis: 0 };
        DateTime { date: self.get_current_date(), time }
    }
}

/// Sector of the partition with a copy of the boot sector (FAT specification, BPB_BkBootSec).
const BACKUP_BOOT_SECTOR: usize = 6;
/// Where a boot sector has the number of sectors before the partition (BPB_HiddSec).
const HIDDEN_SECTORS_OFFSET: usize = 28;
