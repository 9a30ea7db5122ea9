//! Commands that ask a deployment through its API.
//!
//! One file per resource says which request a command makes and which fields
//! of the answer people want to see. Answers are shown as they are: fields that
//! this binary has never heard of pass through.

pub(crate) mod audit;
pub(crate) mod backup;
mod body;
mod client;
mod confirmation;
pub(crate) mod console_link;
pub(crate) mod counts;
pub(crate) mod dead_letters;
pub(crate) mod deliveries;
pub(crate) mod doctor;
pub(crate) mod event_types;
pub(crate) mod events;
mod exchange;
pub(crate) mod explain;
pub(crate) mod expungements;
mod failure;
mod hints;
pub(crate) mod hooks;
pub(crate) mod identity;
pub(crate) mod keys;
mod list;
mod output;
pub(crate) mod plans;
pub(crate) mod portal;
pub(crate) mod profiles;
mod progress;
mod record;
pub(crate) mod replays;
mod session;
mod short_ids;
pub(crate) mod stats;
mod table;
pub(crate) mod tenants;

use clap::{Args, Subcommand};

pub(crate) use failure::Failure;
pub(crate) use hints::with_hints;
pub(crate) use output::Output;
pub(crate) use session::Session;

/// A resource's commands, and where to send them.
#[derive(Args)]
pub(crate) struct Remote<T: Subcommand> {
    #[command(flatten)]
    pub(crate) connection: Connection,
    #[command(subcommand)]
    pub(crate) command: T,
}

#[derive(Args)]
#[command(next_help_heading = "Deployment")]
pub(crate) struct Connection {
    /// Address of the API
    #[arg(long, global = true, env = "HOOKLINE_API", default_value = "http://127.0.0.1:8787", value_name = "URL")]
    api: String,

    /// The key to ask with: an operator's or a tenant's
    #[arg(long, global = true, env = "HOOKLINE_KEY", hide_env_values = true)]
    key: Option<String>,

    /// Whose hooks and events; a tenant's key says so by itself
    #[arg(long, global = true, env = "HOOKLINE_TENANT")]
    tenant: Option<String>,

    /// In which form answers are printed
    #[arg(long, global = true, value_enum, default_value_t = Output::Table, value_name = "FORM")]
    output: Output,

    /// Short for --output json; with --all, one entry a line
    #[arg(long, global = true, conflicts_with = "output")]
    json: bool,
}
