//! Flags. Every flag of `serve` can be given in the environment as well.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;
use services::runtime::config::switch;

use crate::commands::audit::AuditOptions;
use crate::commands::backup::BackupOptions;
use crate::commands::counts::CountsOptions;
use crate::commands::dead_letters::DeadLettersCommand;
use crate::commands::deliveries::DeliveriesCommand;
use crate::commands::event_types::EventTypes;
use crate::commands::events::EventsCommand;
use crate::commands::explain::ExplainOptions;
use crate::commands::expungements::ExpungementsCommand;
use crate::commands::hooks::HooksCommand;
use crate::commands::identity::IdentityCommand;
use crate::commands::keys::KeysCommand;
use crate::commands::plans::{AdjustmentsCommand, AdviseOptions, PlansCommand};
use crate::commands::portal::PortalCommand;
use crate::commands::profiles::ProfilesCommand;
use crate::commands::replays::ReplaysCommand;
use crate::commands::stats::StatsOptions;
use crate::commands::tenants::TenantsCommand;
use crate::commands::{Connection, Remote};
use crate::numbers::whole;
use crate::repair::RepairOptions;

pub(crate) fn address_and_port(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "expected an address and port such as 127.0.0.1:8787".to_owned())
}

/// A flag of a command as mistakes name it: with the variable that may have given
/// its value.
pub(crate) fn flag_of(command: &str, flag: &str) -> String {
    let cli = Cli::command();
    let argument = cli
        .find_subcommand(command)
        .and_then(|command| command.get_arguments().find(|argument| argument.get_long() == Some(flag)));
    match argument.and_then(|argument| argument.get_env()) {
        Some(variable) => format!("--{flag} ({})", variable.to_string_lossy()),
        None => format!("--{flag}"),
    }
}

/// Sends webhooks: publish events, and every matching hook gets a signed
/// request, retried until it lands or gives up.
#[derive(Parser)]
#[command(name = "hookline", version, args_conflicts_with_subcommands = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) serve: ServeOptions,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run the server (the default)
    Serve(ServeOptions),
    /// Receive webhooks for development: verify, print, and fail or be slow on demand
    Listen(ListenOptions),
    /// Convert a data directory of an older version
    ///
    /// Stop the server first. The old files stay in the folder format-1 of the
    /// directory; until everything was compared, nothing is changed.
    Migrate(MigrateOptions),
    /// Run a server with sample hooks and events, and print links to its pages
    Demo(DemoOptions),
    /// Tenants: whose hooks and events these are
    Tenants(Remote<TenantsCommand>),
    /// API keys of a tenant, and the master keys of a data directory
    Keys(Remote<KeysCommand>),
    /// Keys that the deployment itself signs requests with
    Identity(Remote<IdentityCommand>),
    /// A tenant's portal: let customers look after their hooks themselves
    Portal(Remote<PortalCommand>),
    /// Print a link that opens the console, once and within ten minutes
    ConsoleLink(Connection),
    /// Hooks: where to send, and what
    Hooks(Remote<HooksCommand>),
    /// Publish events and see what came of them
    Events(Remote<EventsCommand>),
    /// Say of each hook why an event went to it or did not, and what came of it
    Explain(ExplainOptions),
    /// The log: what was sent and what was answered
    Deliveries(Remote<DeliveriesCommand>),
    /// Who changed what, when, from where, and what it was before
    Audit(AuditOptions),
    /// Changes that are proposed, and wait for somebody to approve them
    Plans(Remote<PlansCommand>),
    /// What was changed automatically, with all there was before and after
    Adjustments(Remote<AdjustmentsCommand>),
    /// Look at what hooks need, and propose plans where something would help
    Advise(AdviseOptions),
    /// Delete the data of many events
    Expungements(Remote<ExpungementsCommand>),
    /// Attempts, failures and how long they took, by hour or day
    Counts(CountsOptions),
    /// How deliveries went, of a tenant or of a hook
    Stats(StatsOptions),
    /// Send many deliveries of a hook again
    Replays(Remote<ReplaysCommand>),
    /// Profiles: named settings of hooks
    Profiles(Remote<ProfilesCommand>),
    /// The catalogue of event types
    EventTypes(EventTypes),
    /// Look whether a deployment is sound, and say what to do
    Doctor(Connection),
    /// Copy the data directory of a running server, consistent and verified
    Backup(BackupOptions),
    /// Check every byte of a data directory that no server runs on, and change nothing
    Verify {
        #[arg(long, env = "HOOKLINE_DATA", default_value = "data", value_name = "DIR")]
        data: PathBuf,
    },
    /// Messages that could not be processed, of a server on one machine
    DeadLetters(Remote<DeadLettersCommand>),
    /// See what of a damaged data directory can be saved, and do it when told to
    ///
    /// Prints each file that is not as it was written, what it holds and what would be lost. With
    /// --apply, a new store is made of what can be read, and the old files move into a folder
    /// before-repair-1, or the next number, of the directory. Stop the server before.
    Repair(RepairOptions),
    /// Print a script that completes commands and flags in a shell
    Completions { shell: Shell },
    /// Write man pages, one for each command
    Man {
        /// The directory that they go to, such as ~/.local/share/man/man1
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
    },
}

#[derive(Args, Clone)]
pub(crate) struct ServeOptions {
    /// Address and port to serve the API on
    #[arg(long, env = "HOOKLINE_LISTEN", default_value = "127.0.0.1:8787")]
    pub(crate) listen: String,

    /// Address at which people reach this server, such as https://hooks.example.com:
    /// links to portals begin with it; http:// and --listen when absent
    #[arg(long, env = "HOOKLINE_PUBLIC_URL", value_name = "URL")]
    pub(crate) public_url: Option<String>,

    /// Directory that holds everything; one process at a time
    #[arg(long, env = "HOOKLINE_DATA", default_value = "data", value_name = "DIR")]
    pub(crate) data: PathBuf,

    /// Keep everything in a temporary directory that is gone at exit
    #[arg(long, conflicts_with = "data")]
    pub(crate) temporary: bool,

    /// The operator's key; made and printed once when absent
    #[arg(long, env = "HOOKLINE_OPERATOR_KEY", hide_env_values = true, value_name = "KEY")]
    pub(crate) operator_key: Option<String>,

    /// Let hooks use plain http, for development
    #[arg(long, env = "HOOKLINE_ALLOW_HTTP", value_parser = switch)]
    pub(crate) allow_http: bool,

    /// A network that hooks may point into although it is not public, on any
    /// port, such as 127.0.0.0/8; can be repeated
    #[arg(long, env = "HOOKLINE_ALLOW_NETWORKS", value_delimiter = ',', value_name = "CIDR")]
    pub(crate) allow_network: Vec<String>,

    /// A port that hooks may use beside 443 and 80, such as 8443; can be repeated
    #[arg(long, env = "HOOKLINE_ALLOW_PORTS", value_delimiter = ',', value_name = "PORT")]
    pub(crate) allow_port: Vec<String>,

    /// A file with certificate authorities (PEM) that are trusted beside the
    /// system's
    #[arg(long, env = "HOOKLINE_CA_FILE", value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,

    /// An HTTP proxy that every request to a hook goes through, by CONNECT, such as
    /// http://user:password@proxy.example.com:3128
    #[arg(long, env = "HOOKLINE_EGRESS_PROXY", hide_env_values = true, value_name = "URL")]
    pub(crate) egress_proxy: Option<String>,

    /// The profile of hooks whose tenants name none, such as standard
    #[arg(long, env = "HOOKLINE_PROFILE", default_value = "standard", value_name = "NAME")]
    pub(crate) profile: String,

    /// Days for which events and deliveries are kept, 1 to 3650
    #[arg(long, env = "HOOKLINE_RETENTION_DAYS", default_value = "30", value_name = "DAYS")]
    pub(crate) retention_days: String,

    /// Attempts under way at once in each lane, of first attempts and of later
    /// ones, 1 to 10000
    #[arg(long, env = "HOOKLINE_MAX_IN_FLIGHT", default_value = "2048", value_name = "N")]
    pub(crate) max_in_flight: String,

    /// Attempts under way at once for one hook in each lane, 1 to 10000
    #[arg(long, env = "HOOKLINE_MAX_IN_FLIGHT_PER_HOOK", default_value = "64", value_name = "N")]
    pub(crate) max_in_flight_per_hook: String,

    /// MiB that must be free on the disk of the data directory for events to be
    /// accepted; 0 for no such bound
    #[arg(long, env = "HOOKLINE_MIN_FREE_MIB", default_value = "256", value_name = "MIB")]
    pub(crate) min_free_mib: String,

    /// The clock is right up to the end of this day, in UTC, although it is far
    /// ahead of what is stored: rows may expire
    #[arg(long, env = "HOOKLINE_ACCEPT_CLOCK", value_name = "YYYY-MM-DD")]
    pub(crate) accept_clock: Option<String>,
}

#[derive(Args)]
pub(crate) struct MigrateOptions {
    /// The server's data directory
    #[arg(long, env = "HOOKLINE_DATA", default_value = "data", value_name = "DIR")]
    pub(crate) data: PathBuf,

    /// Go on where the old store ends in a write that was never finished, as
    /// after a power failure, and leave that write out
    #[arg(long)]
    pub(crate) accept_torn_tail: bool,
}

#[derive(Args)]
pub(crate) struct ListenOptions {
    /// Address and port to receive on
    #[arg(long, default_value = "127.0.0.1:9000", value_parser = address_and_port)]
    pub(crate) listen: SocketAddr,

    /// The hook's secret, or its public key (whpk_…): verify signatures with it
    /// and answer 401 to what does not verify; can be repeated
    #[arg(long, env = "HOOKLINE_SECRET", hide_env_values = true)]
    pub(crate) secret: Vec<String>,

    /// Verify as this profile signs: one that is built in, or a file with its document
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) profile: Option<String>,

    /// Verify this signature, beside or instead of the profile's: v1, v1a, stripe, any of
    /// them as SCHEME:HEADER, hmac_sha256:HEADER, or JSON as in a hook's `signatures`; can
    /// be repeated
    #[arg(long, value_name = "SCHEME")]
    pub(crate) signature: Vec<String>,

    /// Return this key in the body and in the verification header, as the handshake asks
    #[arg(long, value_name = "KEY", env = "HOOKLINE_VERIFICATION_KEY", hide_env_values = true)]
    pub(crate) verification_key: Option<String>,

    /// Answer with this JSON body
    #[arg(long, value_name = "JSON")]
    pub(crate) answer: Option<String>,

    /// Answer this many requests with 500 before answering well
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = whole::<u64>(0, u64::MAX))]
    pub(crate) fail: u64,

    /// Answer with this status instead of 200
    #[arg(long, default_value_t = 200, value_parser = whole::<u16>(200, 599))]
    pub(crate) status: u16,

    /// Wait this many milliseconds before each answer
    #[arg(long, default_value_t = 0, value_name = "MS", value_parser = whole::<u64>(0, u64::MAX))]
    pub(crate) slow: u64,

    /// Print nothing but count, for load tests
    #[arg(long)]
    pub(crate) quiet: bool,
}

#[derive(Args)]
pub(crate) struct DemoOptions {
    /// Sample events to publish
    #[arg(long, default_value_t = 5, value_name = "N", value_parser = whole::<u32>(1, 10_000))]
    pub(crate) events: u32,
}
