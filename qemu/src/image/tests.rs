use super::*;

/// A boot header followed by nothing.
fn boot_header(text_offset: u64, image_size: u64) -> Vec<u8> {
    let mut header = vec![0; 64];
    header[0x08..0x10].copy_from_slice(&text_offset.to_le_bytes());
    header[0x10..0x18].copy_from_slice(&image_size.to_le_bytes());
    header[0x38..0x3c].copy_from_slice(b"ARM\x64");
    header
}

/// An ELF file whose segments have the given physical address, bytes and size in memory.
fn elf(machine: u16, segments: &[(u64, &[u8], u64)]) -> Vec<u8> {
    let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    let mut data_offset = 64 + 56 * segments.len() as u64;
    for half in [3, machine] {
        file.extend(half.to_le_bytes());
    }
    file.extend(1_u32.to_le_bytes());
    for long in [0_u64, 64, 0] {
        file.extend(long.to_le_bytes());
    }
    file.extend(0_u32.to_le_bytes());
    for half in [64, 56, segments.len() as u16, 64, 0, 0] {
        file.extend(half.to_le_bytes());
    }
    for &(address, bytes, memory_size) in segments {
        file.extend(1_u32.to_le_bytes());
        file.extend(7_u32.to_le_bytes());
        let size = bytes.len() as u64;
        for long in [data_offset, 0xffff_0000 + address, address, size, memory_size, 0x1000] {
            file.extend(long.to_le_bytes());
        }
        data_offset += size;
    }
    for (_, bytes, _) in segments {
        file.extend(*bytes);
    }
    file
}

#[test]
fn segments_land_at_their_distances_without_bss() {
    let elf = elf(183, &[(0x8_1000, b"data", 0x9000), (0x8_0000, b"text", 4), (0x9_0000, b"", 99)]);
    let flat = flatten(&elf).unwrap();
    assert_eq!(flat.len(), 0x1004);
    assert_eq!(&flat[..5], b"text\0");
    assert_eq!(&flat[0x1000..], b"data");
}

#[test]
fn wrong_files_are_refused_in_words() {
    let refused = |elf: &[u8]| format!("{:#}", flatten(elf).unwrap_err());
    assert!(refused(b"MZ").contains("not a 64-bit ELF file"));
    assert!(refused(&elf(62, &[(0, b"x86", 3)])).contains("64-bit Arm"));
    assert!(refused(&elf(183, &[])).contains("no PT_LOAD"));
    assert!(refused(&elf(183, &[(0, b"a", 1), (1 << 40, b"b", 1)])).contains("apart"));
    let mut cut = elf(183, &[(0, b"some bytes", 10)]);
    cut.truncate(cut.len() - 1);
    assert!(refused(&cut).contains("exceeds the file"));
}

#[test]
fn header_is_checked() {
    let refused = |flat: &[u8]| check_header(flat).unwrap_err().to_string();
    check_header(&boot_header(0, 64)).unwrap();
    assert!(refused(&[0; 64]).contains("0x38"));
    assert!(refused(b"short").contains("0x38"));
    assert!(refused(&boot_header(0x8_0000, 64)).contains("text_offset"));
    assert!(refused(&boot_header(0, 63)).contains("image_size"));
}

#[test]
fn flat_file_is_written_beside_the_elf_file() {
    let folder = std::env::temp_dir().join(format!("zlab-image-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("kernel");
    let header = boot_header(0, 0x10_0000);
    fs::write(&path, elf(183, &[(0, &header, 0x10_0000)])).unwrap();
    let image = Image::from_file(&path).unwrap();
    assert_eq!(fs::read(&image.flat).unwrap(), header);
    let flat = Image::from_file(&image.flat).unwrap();
    assert_eq!((flat.flat, flat.elf), (image.flat, None));
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn executable_is_found_in_cargos_messages() {
    let messages = concat!(
        "{\"reason\":\"compiler-artifact\",\"executable\":null}\n",
        "not json\n",
        "{\"reason\":\"compiler-artifact\",\"executable\":\"/t/image/unikernel\"}\n",
        "{\"reason\":\"build-finished\",\"success\":true}\n"
    );
    assert_eq!(executable_in(messages), Some(PathBuf::from("/t/image/unikernel")));
    assert_eq!(executable_in(""), None);
}

#[test]
fn compressors_that_are_named_are_built_in() {
    let features = |words: &str| super::features_for(words.split_ascii_whitespace());
    assert_eq!(features("compressor=lz4 --vm 1"), [""; 0]);
    assert_eq!(features("compressor=zstd:1 --vm 1"), ["zstd"]);
    assert_eq!(features("compressor=deflate recompress=zstd"), ["zstd", "deflate"]);
    assert_eq!(features("compressor=lzo"), [""; 0]);
    assert_eq!(features("--zlib 2"), ["deflate"]);
    assert_eq!(features("--compare --quick"), ["compare", "zstd"]);
    assert_eq!(features("granule=16k compare compressor=zstd"), ["compare", "zstd"]);
}
