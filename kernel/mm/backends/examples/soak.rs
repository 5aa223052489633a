//! Soaks a back end: threads replace, read and overwrite each other's objects, every byte checked.
//!
//! `cargo run --release -p backends --example soak -- --threads 2,4,8 --operations 1e9`

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use zpool::testing::{HostEnv, Soak, Soaked};
use zpool::{Granule, Granule4K, Granule16K};

/// Soak a back end: threads replace, read and overwrite each other's objects, every byte checked.
#[derive(Parser)]
#[command(after_help = "Example: soak --threads 2,4,8 --operations 1e9 --minutes 30")]
struct Arguments {
    /// Back end.
    #[arg(long, default_value = backends::DEFAULT)]
    zpool: String,
    /// Page size: 4k or 16k.
    #[arg(long, default_value = "4k", value_parser = ["4k", "16k"])]
    granule: String,
    /// Threads that use the pool; one run for each number.
    #[arg(long, default_value = "2,4,8", value_delimiter = ',')]
    threads: Vec<usize>,
    /// Places for objects, of all threads together.
    #[arg(long, default_value_t = 4096)]
    places: usize,
    /// Calls of malloc, free, read and write, of all runs together.
    #[arg(long, default_value = "1e7", value_parser = count)]
    operations: u64,
    /// Minutes after which the runs end in any case, of all runs together.
    #[arg(long)]
    minutes: Option<f64>,
    /// The back end cannot tell that a handle was freed.
    #[arg(long)]
    trust_handles: bool,
}

fn count(text: &str) -> Result<u64, String> {
    let number: f64 = text.parse().map_err(|_| format!("{text} is no number"))?;
    if number >= 1.0 { Ok(number as u64) } else { Err(format!("{text} is too small")) }
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    match arguments.granule.as_str() {
        "16k" => run::<Granule16K>(&arguments),
        _ => run::<Granule4K>(&arguments),
    }
}

fn run<G: Granule>(arguments: &Arguments) -> Result<()> {
    let name = &arguments.zpool;
    let known = zpool::find(&backends::all::<&HostEnv<G>>(), name).is_some();
    ensure!(known, "there is no back end {name}");
    ensure!(arguments.threads.iter().all(|&threads| threads > 0), "at least one thread");
    let limit = arguments.minutes.map_or(Duration::MAX, |minutes| {
        Duration::try_from_secs_f64(minutes * 60.0).unwrap_or(Duration::MAX)
    });
    let runs = arguments.threads.len();
    let start = Instant::now();
    let mut operations = 0;
    for (index, &threads) in arguments.threads.iter().enumerate() {
        let left = (runs - index) as u32;
        let soak = Soak {
            threads,
            places: arguments.places,
            largest: if name == "zbud" { G::SIZE / 64 * 62 } else { G::SIZE },
            operations: arguments.operations.saturating_sub(operations) / u64::from(left),
            limit: limit.saturating_sub(start.elapsed()) / left,
            pause: Duration::from_millis(200),
            checks_handles: !arguments.trust_handles,
        };
        let mut told = Instant::now();
        let soaked = soak.run::<G>(
            |env| {
                let all = backends::all::<&HostEnv<G>>();
                (zpool::find(&all, name).expect("a name that is known").create)(env)
            },
            |soaked| {
                if told.elapsed() >= Duration::from_secs(10) {
                    told = Instant::now();
                    tell(threads, soaked);
                }
            },
        );
        tell(threads, &soaked);
        operations += soaked.operations;
    }
    println!(
        "{operations} operations in {:.0} s, all contents right",
        start.elapsed().as_secs_f64()
    );
    let reached = operations >= arguments.operations;
    reached.then_some(()).context("time was up before all operations were made")
}

fn tell(threads: usize, soaked: &Soaked) {
    let seconds = soaked.elapsed.as_secs_f64();
    println!(
        "{threads} threads, {seconds:.0} s: {} operations ({:.0} per second), {} relocated, \
         {} MiB copied, density {:.3} now, {:.3} in the mean",
        soaked.operations,
        soaked.operations as f64 / seconds,
        soaked.relocated,
        soaked.copied >> 20,
        soaked.density(),
        soaked.mean_density(),
    );
}
