//! The launcher: see `zlab::cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(zlab::cli::main(std::env::args_os().skip(1)))
}
