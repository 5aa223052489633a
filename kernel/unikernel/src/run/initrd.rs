//! The initial RAM disk: a newc cpio archive with what the launcher hands over.

use boards::Machine;

use crate::println;

/// What an archive may hold.
#[derive(Clone, Copy, Default)]
pub struct Sections {
    /// Bytes that pages are filled from.
    pub corpus: Option<&'static [u8]>,
    /// A job file.
    pub job: Option<&'static [u8]>,
}

/// Bytes of a newc header.
const HEADER: usize = 110;
/// Its magic number.
const MAGIC: &[u8] = b"070701";
/// Name of the last entry.
const TRAILER: &[u8] = b"TRAILER!!!";

impl Sections {
    /// The sections of the machine's initial RAM disk; none when it has none.
    pub fn of(machine: &Machine) -> Result<Self, &'static str> {
        let Some(range) = &machine.initrd else { return Ok(Self::default()) };
        if !machine.memory.iter().any(|ram| ram.start <= range.start && range.end <= ram.end) {
            return Err("it is outside of RAM");
        }
        let start = core::ptr::with_exposed_provenance::<u8>(range.start as usize);
        // SAFETY: the range is RAM, mapped, and reserved since boot: nobody writes to it.
        let bytes =
            unsafe { core::slice::from_raw_parts(start, (range.end - range.start) as usize) };
        Self::parse(bytes)
    }

    fn parse(mut bytes: &'static [u8]) -> Result<Self, &'static str> {
        const CUT: &str = "the cpio archive is cut off";
        let mut sections = Self::default();
        loop {
            if !bytes.starts_with(MAGIC) {
                return Err("not a cpio archive in newc format (070701)");
            }
            let size = field(bytes, 6).ok_or(CUT)?;
            let name_size = field(bytes, 11).ok_or(CUT)?;
            let name_end = HEADER.checked_add(name_size).ok_or(CUT)?;
            let name = bytes.get(HEADER..name_end).ok_or(CUT)?;
            let name = name.strip_suffix(b"\0").unwrap_or(name);
            let start = name_end.next_multiple_of(4);
            let end = start.checked_add(size).ok_or(CUT)?;
            let contents = bytes.get(start..end).ok_or(CUT)?;
            match name {
                TRAILER => return Ok(sections),
                b"corpus" => sections.corpus = Some(contents),
                b"job" => sections.job = Some(contents),
                name => {
                    let name = core::str::from_utf8(name).unwrap_or("(not text)");
                    println!("zlab: warning: nothing uses {name} of the initial RAM disk yet");
                }
            }
            bytes = bytes.get(end.next_multiple_of(4)..).ok_or(CUT)?;
        }
    }
}

/// Field number `index` of a header, eight hexadecimal digits.
fn field(bytes: &[u8], index: usize) -> Option<usize> {
    let start = MAGIC.len() + index * 8;
    let digits = core::str::from_utf8(bytes.get(start..start + 8)?).ok()?;
    usize::from_str_radix(digits, 16).ok()
}
