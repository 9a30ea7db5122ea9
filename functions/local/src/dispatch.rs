//! Which code a command runs, and what the process ends with.

use std::io::Write as _;
use std::process::ExitCode;

use crate::cli::{Cli, Command};
use crate::commands::backup::BackupOptions;
use crate::commands::keys::KeysCommand;
use crate::commands::with_hints;
use crate::commands::{
    Failure, Remote, Session, audit, backup, console_link, counts, dead_letters, deliveries, doctor, event_types,
    events, explain, expungements, hooks, plans, portal, profiles, replays, tenants,
};
use crate::{commands, demo, keys, listen, manual, migrate, repair, serve, verify};
use clap::CommandFactory as _;
use services::runtime::telemetry::{self, Format};
use tokio::runtime::Builder;

/// Bad configuration; 1 is for everything that goes wrong later.
const EXIT_CONFIG: u8 = 2;

/// Runs a command until it is done or stopped.
pub(crate) fn run(cli: Cli) -> ExitCode {
    telemetry::init(Format::Command);
    // A core is left to the threads of the store: with as many workers as cores,
    // two of them, an event took a fourth more CPU, to wake and to be moved.
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let workers = cores.saturating_sub(1).max(1);
    // One worker needs none of what lets several share their tasks, a twentieth of its time.
    let mut builder = if workers > 1 { Builder::new_multi_thread() } else { Builder::new_current_thread() };
    match builder.worker_threads(workers).enable_all().build() {
        Ok(runtime) => {
            let code = runtime.block_on(dispatch(cli));
            // What still waits for a bad disk is not waited for.
            runtime.shutdown_background();
            code
        }
        Err(error) => ended_by(&anyhow::Error::from(error).context("cannot start"), false),
    }
}

async fn dispatch(cli: Cli) -> ExitCode {
    let result = match cli.command.unwrap_or(Command::Serve(cli.serve)) {
        Command::Serve(options) => serve::run(options).await,
        Command::Listen(options) => listen::run(options).await,
        Command::Demo(options) => demo::run(options).await,
        Command::Migrate(options) => migrate::run(options).await,
        Command::Verify { data } => verify::run(&data),
        Command::Completions { shell } => manual::completions(shell),
        Command::Man { dir } => manual::man(&dir),
        Command::Keys(Remote { command: KeysCommand::Rotate { data }, .. }) => keys::rotate(&data),
        Command::Repair(options) => return repaired(repair::run(&options)),
        remote => return told(ask(remote).await),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => ended_by(&error, error.is::<serve::BadConfig>()),
    }
}

/// The commands that ask a deployment.
async fn ask(command: Command) -> Result<(), Failure> {
    match command {
        Command::Tenants(asked) => tenants::run(&Session::new(asked.connection)?, asked.command).await,
        Command::Identity(asked) => commands::identity::run(&Session::new(asked.connection)?, asked.command).await,
        Command::Keys(asked) => commands::keys::run(&Session::new(asked.connection)?, asked.command).await,
        Command::Portal(asked) => portal::run(&Session::new(asked.connection)?, asked.command).await,
        Command::ConsoleLink(connection) => console_link::run(&Session::new(connection)?).await,
        Command::Hooks(asked) => hooks::run(&Session::new(asked.connection)?, asked.command).await,
        Command::Events(asked) => events::run(&Session::new(asked.connection)?, asked.command).await,
        Command::Explain(options) => explain::run(options).await,
        Command::Deliveries(asked) => deliveries::run(&Session::new(asked.connection)?, asked.command).await,
        Command::Expungements(asked) => expungements::run(&Session::new(asked.connection)?, asked.command).await,
        Command::Audit(asked) => audit::run(asked).await,
        Command::Plans(asked) => plans::run(&Session::new(asked.connection)?, asked.command).await,
        Command::Adjustments(asked) => plans::run_adjustments(&Session::new(asked.connection)?, asked.command).await,
        Command::Advise(asked) => plans::advise(asked).await,
        Command::Counts(asked) => counts::run(asked).await,
        Command::Stats(asked) => commands::stats::run(asked).await,
        Command::Replays(asked) => replays::run(&Session::new(asked.connection)?, asked.command).await,
        Command::Profiles(asked) => profiles::run(&Session::new(asked.connection)?, asked.command).await,
        Command::EventTypes(asked) => {
            let Remote { connection, command } = asked.remote;
            event_types::run(&Session::new(connection)?, asked.shared, command).await
        }
        Command::Doctor(connection) => doctor::run(&Session::new(connection)?).await,
        Command::DeadLetters(asked) => dead_letters::run(&Session::new(asked.connection)?, asked.command).await,
        Command::Backup(BackupOptions { connection, to }) => backup::run(&Session::new(connection)?, &to).await,
        Command::Serve(_)
        | Command::Listen(_)
        | Command::Migrate(_)
        | Command::Repair(_)
        | Command::Demo(_)
        | Command::Completions { .. }
        | Command::Man { .. }
        | Command::Verify { .. } => Ok(()),
    }
}

fn repaired(result: anyhow::Result<ExitCode>) -> ExitCode {
    result.unwrap_or_else(|error| ended_by(&error, false))
}

fn told(result: Result<(), Failure>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) if failure.is_closed_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            let is_usage = failure.is_usage();
            let flags = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned());
            ended_by(&with_hints(failure, &Cli::command(), flags), is_usage)
        }
    }
}

/// What ends a command is told alike by all of them, for people at a prompt, who
/// read no log.
fn ended_by(error: &anyhow::Error, is_usage: bool) -> ExitCode {
    let _ = writeln!(anstream::stderr().lock(), "error: {error:#}");
    if is_usage { ExitCode::from(EXIT_CONFIG) } else { ExitCode::FAILURE }
}
