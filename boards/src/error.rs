//! What is wrong with a device tree.

/// Why a device tree was refused. Says what was found and what is accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The data does not begin with the magic number of a flattened device tree.
    #[error("no device tree: the first word is {0:#010x}, expected 0xd00dfeed")]
    NotATree(u32),
    /// The header's total size cannot be that of a device tree.
    #[error("the device tree claims {0} bytes, 56 to 2097152 are accepted")]
    BadSize(u32),
    /// Fewer bytes were given than the header says.
    #[error("the device tree is cut off: {given} of {size} bytes")]
    Truncated {
        /// Bytes that the header asks for.
        size: usize,
        /// Bytes that there are.
        given: usize,
    },
    /// The format is too new or too old.
    #[error("device tree format {version}, compatible down to {oldest}; version 17 is read")]
    UnsupportedVersion {
        /// Version of the format.
        version: u32,
        /// The oldest version whose readers understand it.
        oldest: u32,
    },
    /// A block that the header points to is not inside the tree.
    #[error("the device tree's {0} is misplaced or reaches beyond its end")]
    BadBlock(&'static str),
    /// The structure block is damaged.
    #[error("the device tree is damaged at byte {offset:#x}: {problem}")]
    Damaged {
        /// Where, in bytes from the beginning of the tree.
        offset: usize,
        /// What is not as it should be.
        problem: &'static str,
    },
    /// Something a machine cannot do without is not in the tree.
    #[error("the device tree has no {0}")]
    Missing(&'static str),
    /// A property has a value that cannot be used.
    #[error("device tree: property {property} of {node} is wrong, expected {expected}")]
    BadProperty {
        /// The node, or what it is for.
        node: &'static str,
        /// Name of the property.
        property: &'static str,
        /// What is accepted.
        expected: &'static str,
    },
    /// More of something than a [`Machine`](crate::Machine) has room for.
    #[error("the device tree has more than {limit} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there may be.
        limit: usize,
    },
    /// The boot arguments are longer than a [`Machine`](crate::Machine) has room for.
    #[error("the boot arguments have {length} bytes, at most {limit} are accepted")]
    BootArgumentsTooLong {
        /// Their length in bytes.
        length: usize,
        /// How long they may be, in bytes.
        limit: usize,
    },
}
