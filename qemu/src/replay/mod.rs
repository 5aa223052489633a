//! `replay`: an allocation trace through the allocators, on the host.
//!
//! The pools are the kernel's own crates; page frames come from the host's heap. What is measured
//! is space, which is the same here as on the target.

mod engine;
mod report;
mod table;
mod trace;

use std::path::PathBuf;

use anyhow::Result;
use clap::ValueEnum;
use zpool::testing::HostEnv;
use zpool::{Backend, Granule, Granule4K, Granule16K, find};

use crate::status::{SUCCESS, usage};
use engine::{Options, Outcome};
use report::{Document, Query, Run};
use trace::Trace;

/// What `replay --help` says last.
const EXAMPLES: &str = "\
A trace is text, one operation a line:
  a ID SIZE   allocate SIZE bytes under the number ID
  f ID        free it
  q           query: report what the pool holds now
  # ...       a comment; empty lines are skipped, too
An `a` that the allocator refuses leaves its ID dead; a later `f` of it is skipped.

Examples:
  cargo run -- replay trace.txt --zpool all
  cargo run -- replay trace.txt.xz --zpool zsmalloc --granule 16k --compact --json > out.json

docs/replay.md tells how to capture a trace from a running Linux machine.";

/// The arguments of `replay`.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The trace: text, or compressed text (.xz)
    pub trace: PathBuf,
    /// The allocator, or `all`
    #[arg(long, value_name = "NAME", default_value = backends::DEFAULT)]
    pub zpool: String,
    /// The page size
    #[arg(long, value_enum, default_value_t = PageSize::Small)]
    pub granule: PageSize,
    /// Compact to completion before each query
    #[arg(long)]
    pub compact: bool,
    /// Supply single page frames only, as if RAM were fragmented
    #[arg(long)]
    pub fragmented: bool,
    /// Fill every object and check its content when it is freed and at the end
    #[arg(long)]
    pub verify: bool,
    /// Print the queries as JSON
    #[arg(long)]
    pub json: bool,
}

/// A page size by its name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum PageSize {
    /// 4096 bytes
    #[value(name = "4k")]
    Small,
    /// 16384 bytes
    #[value(name = "16k")]
    Large,
}

/// Replays as the arguments say, prints the results; the exit status.
///
/// # Errors
/// A trace that cannot be read or is malformed, an unknown allocator, and a content that changed.
pub fn run(args: Args) -> Result<u8> {
    let trace = Trace::read(&args.trace)?;
    let runs = match args.granule {
        PageSize::Small => replay_all::<Granule4K>(&args, &trace)?,
        PageSize::Large => replay_all::<Granule16K>(&args, &trace)?,
    };
    if args.json {
        for run in &runs {
            eprintln!("{}", report::work(run));
        }
        println!("{}", serde_json::to_string(&Document { runs: &runs })?);
    } else {
        print!("{}", report::text(&runs));
    }
    Ok(SUCCESS)
}

/// What each allocator holds at the queries of a trace.
///
/// # Errors
/// As [`run`].
pub fn held(args: &Args) -> Result<Vec<(&'static str, Vec<Held>)>> {
    let trace = Trace::read(&args.trace)?;
    let runs = match args.granule {
        PageSize::Small => replay_all::<Granule4K>(args, &trace)?,
        PageSize::Large => replay_all::<Granule16K>(args, &trace)?,
    };
    let held = |query: &Query| Held {
        objects: query.live as u64,
        bytes: query.bytes as u64,
        pool_pages: query.pool_pages as u64,
        metadata_bytes: query.metadata_bytes as u64,
    };
    Ok(runs.iter().map(|run| (run.zpool, run.queries.iter().map(held).collect())).collect())
}

/// What a pool holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Held {
    /// Live objects.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Page frames.
    pub pool_pages: u64,
    /// Bytes it keeps elsewhere.
    pub metadata_bytes: u64,
}

fn replay_all<G: Granule>(args: &Args, trace: &Trace) -> Result<Vec<Run>> {
    let names: Vec<&str> = chosen::<G>(&args.zpool)?;
    names.into_iter().map(|name| replay_one::<G>(args, trace, name)).collect()
}

/// The names of the allocators that `--zpool` asks for.
fn chosen<G: Granule>(zpool: &str) -> Result<Vec<&'static str>> {
    let all = backends::all::<&HostEnv<G>>();
    let names: Vec<&'static str> = all.iter().map(|backend| backend.name).collect();
    if zpool == "all" {
        return Ok(names);
    }
    find(&all, zpool).map(|backend| vec![backend.name]).ok_or_else(|| {
        usage(format!("there is no allocator `{zpool}`: expected all, {}", names.join(", ")))
    })
}

fn replay_one<G: Granule>(args: &Args, trace: &Trace, name: &str) -> Result<Run> {
    let env = HostEnv::<G>::new();
    if args.fragmented {
        env.set_largest_order(0);
    }
    let all: Vec<Backend<'_, &HostEnv<G>>> = backends::all();
    let backend = find(&all, name).ok_or_else(|| usage(format!("there is no `{name}`")))?;
    let pool = (backend.create)(&env)?;
    let options = Options { page_size: G::SIZE, compact: args.compact, verify: args.verify };
    let Outcome { queries, summary } = engine::replay(&*pool, trace, options)?;
    Ok(Run {
        zpool: backend.name,
        granule: G::NAME,
        trace: args.trace.display().to_string(),
        compact: args.compact,
        fragmented: args.fragmented,
        queries,
        summary,
    })
}
