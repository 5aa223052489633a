//! The tour: what `cargo run` shows someone who has typed nothing else.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use report::Document;

use crate::image::Image;
use crate::screen::Screen;
use crate::vm::{Ending, Machine};
use crate::{interrupt, qemu_install, status};

/// The workload: three times as much as may be resident, and every page checked.
const WORKLOAD: &[&str] = &[
    "--vm",
    "2",
    "--vm-method",
    "corpus",
    "--vm-bytes",
    "192M",
    "--resident",
    "33%",
    "--verify",
    "--metrics",
    "--timeout",
    "8",
];

/// Longest time one machine may take; on two cores it takes about a quarter.
const LIMIT: Duration = Duration::from_secs(60);

/// Runs the tour; gives the exit status.
///
/// # Errors
/// QEMU or the image cannot be prepared, or a run gives no results.
pub fn run() -> Result<u8> {
    println!(
        "zlab: a tour of about half a minute. It builds a kernel image for 64-bit Arm (the first \
         time: some minutes),\nboots it under QEMU with 4 KiB and then with 16 KiB pages, and works \
         on memory three times as large as\nits allowance: cold pages are compressed into zblock. \
         Every page that comes back is checked.\n\
         Your own run: cargo run -- run --vm 2 --vm-bytes 256M --resident 64M --timeout 5 --metrics\n\
         All options:  cargo run -- run --help"
    );
    let qemu = qemu_install::ensure()?;
    let image = Image::build()?;
    interrupt::install()?;
    let mut results = Vec::new();
    for granule in ["4k", "16k"] {
        println!("\nzlab: {granule} pages: {}", WORKLOAD.join(" "));
        let machine = Machine::new(qemu.clone(), image.clone())
            .words([format!("granule={granule}"), "selftest=1".to_owned()])
            .words(WORKLOAD.iter().copied());
        let mut screen = Screen::new();
        let ending =
            machine.start()?.run(Some(Instant::now() + LIMIT), &mut |event| screen.show(event))?;
        screen.finish();
        if !matches!(ending, Ending::Verdict(_)) {
            eprintln!("zlab: error: {ending}");
        }
        if ending.status() != status::SUCCESS {
            return Ok(ending.status());
        }
        match (&screen.report, &screen.damaged_report) {
            (Some(report), _) => results.push(Document::from_json(report)?),
            (None, Some(reason)) => bail!("the report document arrived damaged: {reason}"),
            (None, None) => bail!("the guest sent no report document"),
        }
    }
    println!("\n{}", table(&results));
    Ok(status::SUCCESS)
}

/// The runs side by side.
fn table(documents: &[Document]) -> String {
    let mut text = format!(
        "{:<10} {:>14} {:>14} {:>14} {:>14}\n",
        "page size", "bogo ops/s", "pages stored", "pages loaded", "pool density"
    );
    for document in documents {
        let page_size = document.machine.page_size;
        let rate: f64 = document.stressors.iter().map(|stressor| stressor.rate_real()).sum();
        let density = document.memory.pool.map_or(0.0, |pool| pool.density(page_size));
        let paging = document.memory.paging;
        text.push_str(&format!(
            "{:<10} {rate:>14.2} {:>14} {:>14} {:>13.1}%\n",
            format!("{} KiB", page_size >> 10),
            paging.stored,
            paging.loaded,
            100.0 * density
        ));
    }
    text.push_str("pool density: compressed bytes / all bytes the pool holds, metadata included");
    text
}
