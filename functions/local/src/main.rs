//! The `hookline` binary.

mod cli;
mod commands;
mod data_directory;
mod demo;
mod dispatch;
mod keys;
mod listen;
mod manual;
mod migrate;
mod numbers;
mod repair;
mod serve;
mod verify;

use clap::Parser as _;

/// A fifth of the server's time went into the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    dispatch::run(cli::Cli::parse())
}
