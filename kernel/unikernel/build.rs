//! Links the image with its own script, as a position-independent executable.

fn main() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../linker/image.ld");
    println!("cargo:rerun-if-changed={script}");
    for argument in [
        &format!("-T{script}"),
        // The script that collects defmt's strings; defmt's build puts it on the search path.
        "-Tdefmt.x",
        "-pie",
        "--no-dynamic-linker",
        // Relocations are applied by the entry code, before anything is read-only.
        "-znotext",
        "-znorelro",
        // A relocation of a pointer takes a bit instead of 24 bytes.
        "-zpack-relative-relocs",
        "-zmax-page-size=65536",
        "--gc-sections",
    ] {
        println!("cargo:rustc-link-arg-bins={argument}");
    }
}
