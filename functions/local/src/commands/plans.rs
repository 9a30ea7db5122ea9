//! `hookline plans`, `hookline adjustments`, `hookline advise`

use clap::{Args, Subcommand};
use reqwest::Method;

use super::body::{Body, Fields};
use super::list::{Page, given};
use super::table::{self, Column};
use super::{Connection, Failure, Session};

const PLANS: &[Column] = &[
    ("ID", "id"),
    ("STATE", "state"),
    ("TITLE", "title"),
    ("CHANGES", "change.kind"),
    ("HOOK", "change.hook"),
    ("PROPOSED BY", "proposed_by"),
    ("SUBMITTED BY", "submitted_by"),
    ("CREATED", "created_at"),
    ("EXPIRES", "expires_at"),
];

const ADJUSTMENTS: &[Column] = &[
    ("ID", "id"),
    ("AT", "at"),
    ("CAUSE", "cause"),
    ("BY", "by"),
    ("KIND", "target.kind"),
    ("TARGET", "target.id"),
    ("PLAN", "plan_id"),
    ("REASON", "reason"),
];

#[derive(Subcommand)]
pub(crate) enum PlansCommand {
    /// Propose a change: --set 'change={"kind":"hook","hook":"hook_…","patch":{…}}'
    Propose {
        /// What is proposed, in a few words
        #[arg(long)]
        title: String,
        /// Who proposes it, for people; the key by default
        #[arg(long, value_name = "NAME")]
        proposed_by: Option<String>,
        /// When it expires if nobody decides, RFC 3339; in 30 days by default
        #[arg(long, value_name = "TIME")]
        expires_at: Option<String>,
        #[command(flatten)]
        fields: Fields,
    },
    /// List them, the newest first
    List {
        /// Only pending, approved, applied, failed, rejected or expired ones
        #[arg(long)]
        state: Option<String>,
        /// Only changes of a hook, hook_secret, tenant, event_type or external
        #[arg(long)]
        kind: Option<String>,
        /// Only changes of this hook
        #[arg(long)]
        hook: Option<String>,
        #[command(flatten)]
        page: Page,
    },
    /// Show one, with the data that led to it and what is expected
    Get { id: String },
    /// Approve one: what it proposes is applied at once, or if it is external by who proposed it
    Approve { id: String },
    /// Reject one
    Reject {
        id: String,
        /// Why
        #[arg(long)]
        reason: Option<String>,
    },
    /// Report that an approved external plan was applied
    Applied {
        id: String,
        /// What is now, as JSON, where that is not what the plan said
        #[arg(long, value_name = "JSON")]
        after: Option<String>,
    },
    /// Report that an approved external plan could not be applied
    Failed {
        id: String,
        /// Why
        #[arg(long)]
        reason: Option<String>,
    },
}

pub(crate) async fn run(session: &Session, command: PlansCommand) -> Result<(), Failure> {
    let decide = async |id: &str, how: &str, body: String| {
        let path = session.own(["plans", id, how])?;
        session.show(Method::POST, &path, Some(body)).await
    };
    let because = |reason: Option<String>| {
        let mut body = Body::default();
        body.add("reason", reason);
        body.text()
    };
    match command {
        PlansCommand::Propose { title, proposed_by, expires_at, fields } => {
            let mut body = Body::from(&fields)?;
            body.add("title", Some(title)).add("proposed_by", proposed_by).add("expires_at", expires_at);
            session.show(Method::POST, &session.own(["plans"])?, body.finish(&fields)?).await
        }
        PlansCommand::List { state, kind, hook, page } => {
            let query = given([("state", &state), ("kind", &kind), ("hook", &hook)]);
            session.list(&session.own(["plans"])?, query, page, PLANS).await
        }
        PlansCommand::Get { id } => session.get(&session.own(["plans", &id])?).await,
        PlansCommand::Approve { id } => approve(session, &id).await,
        PlansCommand::Reject { id, reason } => decide(&id, "reject", because(reason)).await,
        PlansCommand::Applied { id, after } => {
            let mut body = Body::default();
            body.add_json("--after", "after", after.as_deref())?;
            decide(&id, "applied", body.text()).await
        }
        PlansCommand::Failed { id, reason } => decide(&id, "failed", because(reason)).await,
    }
}

async fn approve(session: &Session, id: &str) -> Result<(), Failure> {
    let text = session.ask(Method::POST, &session.own(["plans", id, "approve"])?, &[], Some("{}".to_owned())).await?;
    let plan = session.read(&text)?;
    if session.json {
        session.print(&text)?;
    } else {
        table::details(&plan)?;
    }
    match plan.text("state").as_deref() {
        Some("failed") => {
            let reason = plan.text("reason").unwrap_or_else(|| "no reason was given".to_owned());
            Err(Failure::Shown(format!("the plan was approved and could not be applied: {}", table::shown(&reason))))
        }
        Some("approved") => session.note(&format!(
            "whoever proposed it applies it, and reports with `hookline plans applied {id}` or `hookline plans failed {id}`"
        )),
        _ => Ok(()),
    }
}

#[derive(Subcommand)]
pub(crate) enum AdjustmentsCommand {
    /// List what was changed automatically, the newest change first
    List {
        /// Only changes of a hook, tenant, event_type or external
        #[arg(long)]
        kind: Option<String>,
        /// Only changes of what has this id or name
        #[arg(long, value_name = "ID")]
        target: Option<String>,
        /// Only changes for this reason: plan, disable_after, gone, asked_by_endpoint or overlap_ended
        #[arg(long)]
        cause: Option<String>,
        /// Only what this one did: hookline, or who approved a plan
        #[arg(long)]
        by: Option<String>,
        /// Only what was done at this time or later, RFC 3339
        #[arg(long, value_name = "TIME")]
        since: Option<String>,
        /// Only what was done before this time, RFC 3339
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
        #[command(flatten)]
        page: Page,
    },
    /// Show one, with all there was before and after
    Get { id: String },
    /// Propose to take one back: it makes a plan, and changes nothing yet
    Revert { id: String },
}

pub(crate) async fn run_adjustments(session: &Session, command: AdjustmentsCommand) -> Result<(), Failure> {
    match command {
        AdjustmentsCommand::List { kind, target, cause, by, since, until, page } => {
            let query = given([
                ("kind", &kind),
                ("target", &target),
                ("cause", &cause),
                ("by", &by),
                ("since", &since),
                ("until", &until),
            ]);
            session.list(&session.own(["adjustments"])?, query, page, ADJUSTMENTS).await
        }
        AdjustmentsCommand::Get { id } => session.get(&session.own(["adjustments", &id])?).await,
        AdjustmentsCommand::Revert { id } => {
            let path = session.own(["adjustments", &id, "revert"])?;
            session.show(Method::POST, &path, None).await
        }
    }
}

#[derive(Args)]
pub(crate) struct AdviseOptions {
    #[command(flatten)]
    connection: Connection,
    /// Give no more advice of this kind, such as timeout; can be repeated
    #[arg(long, value_name = "KIND")]
    off: Vec<String>,
    /// Give advice of all kinds again
    #[arg(long, conflicts_with = "off")]
    all_on: bool,
}

/// With `--off` and `--all-on` it says what is looked for; else it looks now.
pub(crate) async fn advise(asked: AdviseOptions) -> Result<(), Failure> {
    let session = Session::new(asked.connection)?;
    if asked.all_on || !asked.off.is_empty() {
        let advisor = session.own(["advisor"])?;
        let mut off = asked.off;
        if !asked.all_on {
            // The API takes the whole list. Those that were given come first, as mistakes name their places.
            let text = session.ask(Method::GET, &advisor, &[], None).await?;
            let before = session.read(&text)?.raw("off");
            let before: Option<Vec<String>> = before
                .map(|kinds| serde_json::from_str(kinds.get()))
                .transpose()
                .map_err(|source| session.unreadable(source))?;
            let before = before.unwrap_or_default().into_iter().filter(|kind| !off.contains(kind)).collect::<Vec<_>>();
            off.extend(before);
        }
        let mut body = Body::default();
        body.add("off", Some(&off));
        return session.show(Method::PATCH, &advisor, Some(body.text())).await;
    }
    let path = session.own(["advice"])?;
    session.table(Method::POST, &path, ("plans", PLANS), "there is nothing new to propose").await
}
