//! Which bytes pages are filled from.

use stress::Corpus;

use super::Boot;
use super::initrd::Sections;
use crate::println;

/// The corpus that was handed over, or else one made of the kernel's own image and generators.
pub fn choose(boot: &Boot, sections: &Sections) -> Corpus<'static> {
    let seed = boot.options.seed;
    if let Some(file) = sections.corpus {
        match Corpus::of_file(file, seed) {
            Some(corpus) => {
                println!("zlab: info:  [0] corpus: {} KiB from the host", file.len() >> 10);
                return corpus;
            }
            None => println!("zlab: warning: the corpus is empty, generating one"),
        }
    }
    Corpus::generated(boot.constants, seed)
}
