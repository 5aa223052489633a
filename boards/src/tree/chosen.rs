//! What the loader chose: `/chosen`.

use core::ops::Range;

use dtoolkit::{Node, Property};
use heapless::String;

use super::{Path, Tree};
use crate::{Error, MAX_BOOT_ARGUMENTS};

/// `/chosen/bootargs` up to its first zero byte; empty if there is none.
pub(crate) fn boot_arguments(tree: &Tree<'_>) -> Result<String<MAX_BOOT_ARGUMENTS>, Error> {
    let wrong = Error::BadProperty {
        node: "/chosen",
        property: "bootargs",
        expected: "text in UTF-8 that ends with a zero byte",
    };
    let Some(property) = text_property(tree, "bootargs", wrong)? else {
        return Ok(String::new());
    };
    String::try_from(property).map_err(|_| Error::BootArgumentsTooLong {
        length: property.len(),
        limit: MAX_BOOT_ARGUMENTS,
    })
}

/// Where the initial RAM disk is.
pub(crate) fn initrd(tree: &Tree<'_>) -> Result<Option<Range<u64>>, Error> {
    let start = address(tree, "linux,initrd-start")?;
    let end = address(tree, "linux,initrd-end")?;
    match (start, end) {
        (None, None) => Ok(None),
        (Some(start), Some(end)) if start == end => Ok(None),
        (Some(start), Some(end)) if start < end => Ok(Some(start..end)),
        _ => Err(Error::BadProperty {
            node: "/chosen",
            property: "linux,initrd-end",
            expected: "an address not below that of linux,initrd-start, or neither of them",
        }),
    }
}

/// The device that `stdout-path` names, if it is enabled, and the line's rate if it has one.
///
/// The path may begin with an alias, and have options after a colon such as `115200n8`.
pub(crate) fn standard_output<'a>(
    tree: &Tree<'a>,
) -> Result<Option<(Path<'a>, Option<u32>)>, Error> {
    let wrong = Error::BadProperty {
        node: "/chosen",
        property: "stdout-path",
        expected: "text in UTF-8 that ends with a zero byte",
    };
    let Some(value) = text_property(tree, "stdout-path", wrong)? else { return Ok(None) };
    let (name, options) = value.split_once(':').unwrap_or((value, ""));
    let path = if name.starts_with('/') { Some(name) } else { alias(tree, name) };
    Ok(path.and_then(|path| tree.find_path(path)).map(|path| (path, rate(options))))
}

/// The path that an alias stands for.
fn alias<'a>(tree: &Tree<'a>, name: &str) -> Option<&'a str> {
    let aliases = tree.top("aliases")?;
    aliases.properties().find(|property| property.name() == name)?.value_as().ok()
}

/// The number that serial options begin with.
fn rate(options: &str) -> Option<u32> {
    let digits = options.find(|character: char| !character.is_ascii_digit());
    options[..digits.unwrap_or(options.len())].parse().ok().filter(|rate| *rate > 0)
}

/// A property of `/chosen` up to its first zero byte.
fn text_property<'a>(tree: &Tree<'a>, name: &str, wrong: Error) -> Result<Option<&'a str>, Error> {
    let Some(chosen) = tree.top("chosen") else { return Ok(None) };
    let Some(property) = chosen.properties().find(|property| property.name() == name) else {
        return Ok(None);
    };
    let value: &'a str = property.value_as().map_err(|_| wrong)?;
    Ok(value.split('\0').next())
}

/// A property of `/chosen` that is an address of one or two cells.
fn address(tree: &Tree<'_>, name: &'static str) -> Result<Option<u64>, Error> {
    let Some(chosen) = tree.top("chosen") else { return Ok(None) };
    let Some(property) = chosen.property(name) else { return Ok(None) };
    let value = property.value_as::<u64>();
    value.or_else(|_| property.value_as::<u32>().map(u64::from)).map(Some).map_err(|_| {
        Error::BadProperty {
            node: "/chosen",
            property: name,
            expected: "an address of one or two cells",
        }
    })
}
