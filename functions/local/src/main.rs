//! The `hookline` binary.

mod bench;
mod cli;
mod demo;
mod keys;
mod listen;
mod serve;

use std::process::ExitCode;

use clap::Parser as _;
use cli::{Cli, Command};
use shared::telemetry::{self, Format};

/// A fifth of the server's time went into the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Bad configuration; 1 is for everything that goes wrong later.
const EXIT_CONFIG: u8 = 2;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    telemetry::init(Format::Command);
    let result = match cli.command.unwrap_or(Command::Serve(cli.serve)) {
        Command::Serve(options) => serve::run(options).await,
        Command::Keys(command) => keys::run(command),
        Command::Listen(options) => listen::run(options).await,
        Command::Demo(options) => demo::run(options).await,
        Command::Bench(options) => bench::run(options).await,
        Command::BenchReceiver => bench::receive().await,
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            if error.is::<serve::BadConfig>() { ExitCode::from(EXIT_CONFIG) } else { ExitCode::FAILURE }
        }
    }
}
