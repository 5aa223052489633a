//! Names for addresses in a backtrace.

use anyhow::Result;
use object::{Object, ObjectSymbol, SymbolKind};

/// The functions and statics of an image by address.
pub struct Symbols {
    /// Start, size in bytes (0: unknown) and raw name, ascending by start.
    symbols: Vec<(u64, u64, String)>,
}

/// How the kernel writes an address: its distance from the start of the image.
const PREFIX: &str = "image+0x";

impl Symbols {
    /// Reads the symbol table of `elf`, which is linked from address 0 or from the address of its
    /// `__image_start`.
    ///
    /// # Errors
    /// `elf` is not an ELF file.
    pub fn new(elf: &[u8]) -> Result<Self> {
        let file = object::File::parse(elf)?;
        let start = file.symbols().find(|symbol| symbol.name() == Ok("__image_start"));
        let start = start.map_or(0, |symbol| symbol.address());
        let is_named = |kind| matches!(kind, SymbolKind::Text | SymbolKind::Data);
        let mut symbols: Vec<_> = file
            .symbols()
            .filter(|symbol| is_named(symbol.kind()) && symbol.is_definition())
            .filter_map(|symbol| {
                let name = symbol.name().ok()?.to_owned();
                Some((symbol.address().checked_sub(start)?, symbol.size(), name))
            })
            .collect();
        symbols.sort();
        Ok(Self { symbols })
    }

    /// `name+0xOFFSET` for an address relative to the start of the image.
    pub fn resolve(&self, offset: u64) -> Option<String> {
        let index = self.symbols.partition_point(|(start, ..)| *start <= offset).checked_sub(1)?;
        let (start, size, name) = &self.symbols[index];
        let inside = offset - start;
        (*size == 0 || inside < *size)
            .then(|| format!("{:#}+{inside:#x}", rustc_demangle::demangle(name)))
    }

    /// Appends to `line` the names of the addresses in it (`image+0x1234`).
    pub fn annotate(&self, line: String) -> String {
        let names: Vec<String> = line
            .match_indices(PREFIX)
            .filter_map(|(at, _)| {
                let digits = &line[at + PREFIX.len()..];
                let end = digits.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(digits.len());
                self.resolve(u64::from_str_radix(&digits[..end], 16).ok()?)
            })
            .collect();
        if names.is_empty() { line } else { format!("{line} {}", names.join(", ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn symbols() -> Symbols {
        let function = |start, size, name: &str| (start, size, name.to_owned());
        Symbols {
            symbols: vec![
                function(0x40, 0x20, "_ZN4zlab4main17h0123456789abcdefE"),
                function(0x100, 0, "entry"),
            ],
        }
    }

    #[test]
    fn addresses_become_names() {
        let symbols = symbols();
        assert_eq!(symbols.resolve(0x44).as_deref(), Some("zlab::main+0x4"));
        assert_eq!(symbols.resolve(0x60), None, "past the end of main");
        assert_eq!(symbols.resolve(0x3f), None);
        assert_eq!(symbols.resolve(0x1000).as_deref(), Some("entry+0xf00"));
    }

    #[test]
    fn lines_are_annotated() {
        let symbols = symbols();
        let annotate = |line: &str| symbols.annotate(line.to_owned());
        assert_eq!(annotate("  #0 image+0x40"), "  #0 image+0x40 zlab::main+0x0");
        assert_eq!(
            annotate("pc image+0x48, lr image+0x100"),
            "pc image+0x48, lr image+0x100 zlab::main+0x8, entry+0x0"
        );
        for unchanged in ["nothing", "image+0x", "image+0xffffffffffffffffff", "image+0x1"] {
            assert_eq!(annotate(unchanged), unchanged);
        }
    }
}
