//! Into a tenant's portal: a link for the customer, or at once as the operator.

use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::shown::{COPY, ago, ago_or_never, mistakes_besides, unreadable};
use super::tenant::{address_of, around, load, title};
use crate::api::{Entry, List, Tenant};
use crate::components::code;
use crate::components::field::{self, Field, Mistakes};
use crate::components::listing::{self, Column, path};
use crate::failure::Failure;
use crate::page::{Answer, Page, see_other};
use crate::same_origin::Form;
use crate::visit::OperatorVisit;

const CAPABILITIES: [(&str, &str); 7] = [
    ("view", "see hooks, their log, events and the catalogue"),
    ("manage", "create, change, pause and delete hooks"),
    ("test", "send test events"),
    ("send_again", "send deliveries again"),
    ("rotate", "replace a secret"),
    ("reveal_secret", "see a secret at any time"),
    ("approve", "approve and reject plans, and ask for adjustments to be taken back"),
];
/// Of a link that says nothing else.
const USUAL: [&str; 4] = ["view", "manage", "test", "send_again"];
/// Whom the audit trail names for what is done in a portal that was opened from here.
const OPERATOR: &str = "An operator, from the console";
const FIELDS: [&str; 4] = ["capabilities", "user", "landing", "session_expires_in"];

#[derive(Deserialize)]
struct Link {
    link: String,
    code: String,
    expires_at: String,
}

/// A tenant may have 1,000.
const MOST_SHOWN: usize = 100;

#[derive(Clone, Deserialize)]
struct Session {
    id: String,
    user: Option<String>,
    capabilities: Vec<String>,
    created_at: String,
    last_used_at: Option<String>,
}

pub(crate) async fn page(visit: OperatorVisit, Path(tenant): Path<String>) -> Answer {
    let tenant = load(&visit, &tenant).await?;
    shown(&visit, &tenant, &Form::default(), &Mistakes::default(), None).await
}

async fn shown(
    visit: &OperatorVisit,
    tenant: &Tenant,
    form: &Form,
    mistakes: &Mistakes,
    made: Option<&Link>,
) -> Answer {
    let sessions: List<Session> = visit.api().get(&["v1", "tenants", &tenant.id, "portal-sessions"], &[]).await?;
    let is_new = !form.has("user");
    let is_chosen =
        |name: &str| if is_new { USUAL.contains(&name) } else { form.all("capabilities").any(|one| one == name) };
    let value = |name| form.get(name).unwrap_or_default();
    let link_form = html! {
        (mistakes_besides(mistakes, &FIELDS))
        fieldset class=[mistakes.at("capabilities").map(|_| "wrong")] {
            legend { "May" }
            @if let Some(mistake) = mistakes.at("capabilities") { p.mistake { (mistake) } }
            @for (name, help) in CAPABILITIES {
                label.choice { input type="checkbox" name="capabilities" value=(name) checked[is_chosen(name)]; span { code { (name) } " " span.help { (help) } } }
            }
        }
        (Field::new("user", "For whom").help("Shown in sessions and in the audit trail.").mistakes(mistakes).input("text", value("user")))
        (Field::new("landing", "First page").help("A path below /portal, such as /executions.").mistakes(mistakes).input("text", value("landing")))
        (Field::new("session_expires_in", "Seconds that the session lasts").help("8 hours when absent.").mistakes(mistakes).input("text", value("session_expires_in")))
        button.button.primary { "Make a link" }
    };
    let inner = html! {
        @if let Some(made) = made { (link(visit, made)) }
        h2 { "A link for the customer" }
        p { "It can be opened once, within ten minutes. Whoever has it may do what is ticked here, for the hooks of this tenant." }
        (field::form(&address_of(&tenant.id, "portal"), &visit.form_token, &link_form))
        h2 { "Who is in" }
        @if sessions.items.is_empty() { p { "Nobody." } } @else {
            (table(visit, tenant, &sessions))
            @if sessions.items.len() > MOST_SHOWN { p { "And " (sessions.items.len() - MOST_SHOWN) " more: " code { "hookline portal sessions" } } }
        }
    };
    Ok(around(visit, &tenant.id, "portal", title(tenant), &inner))
}

fn link(visit: &OperatorVisit, made: &Link) -> Markup {
    html! {
        section #made {
            (code::block("Link", &made.link, COPY))
            p.help { "It is shown once, and ends " (ago(visit, &made.expires_at)) "." }
        }
    }
}

fn table(visit: &OperatorVisit, tenant: &Tenant, sessions: &List<Session>) -> Markup {
    let columns = ["Whom", "May", "Began", "Last seen", "End it"].map(Column::text);
    listing::table(
        "Portal sessions",
        &columns,
        &html! {
            @for entry in sessions.items.iter().take(MOST_SHOWN) {
                @match entry {
                    Entry::Unreadable { id, unreadable: why } => (unreadable(id, why, columns.len())),
                    Entry::Fine(session) => tr {
                        td { (session.user.as_deref().unwrap_or("–")) }
                        td { (session.capabilities.join(", ")) }
                        td { (ago(visit, &session.created_at)) }
                        td { (ago_or_never(visit, session.last_used_at.as_deref())) }
                        td { (field::form(&path(&["console", "tenants", &tenant.id, "portal", "end"]), &visit.form_token, &html! {
                            input type="hidden" name="session" value=(session.id);
                            button.button { "End" }
                        })) }
                    },
                }
            }
        },
    )
}

/// Shown as the answer to a form, so that it stands in no history.
pub(crate) async fn create(visit: OperatorVisit, Path(tenant): Path<String>, form: Form) -> Result<Response, Failure> {
    let tenant = load(&visit, &tenant).await?;
    let capabilities: Vec<_> = form.all("capabilities").collect();
    let mut body = Map::from_iter([("capabilities".to_owned(), json!(capabilities))]);
    for name in ["user", "landing"] {
        if let Some(value) = form.typed(name) {
            body.insert(name.to_owned(), json!(value));
        }
    }
    if let Some(seconds) = form.typed("session_expires_in") {
        // What is no number is told by the API.
        let value = seconds.parse::<u64>().map_or_else(|_| json!(seconds), |seconds| json!(seconds));
        body.insert("session_expires_in".to_owned(), value);
    }
    let made = visit.api().post::<Link>(&["v1", "tenants", &tenant.id, "portal-links"], &Value::Object(body)).await;
    let page: Page = match made {
        Ok(link) => shown(&visit, &tenant, &form, &Mistakes::default(), Some(&link)).await?,
        Err(refusal) => shown(&visit, &tenant, &form, &Mistakes::of_refusal(refusal)?, None).await?.with_mistakes(),
    };
    Ok(page.into_response())
}

/// To the page that takes the code, on this very host. The code stands behind the `#`.
pub(crate) async fn open(visit: OperatorVisit, Path(tenant): Path<String>) -> Result<Response, Failure> {
    let all: Vec<_> = CAPABILITIES.iter().map(|(name, _)| *name).filter(|name| *name != "reveal_secret").collect();
    let body = json!({ "capabilities": all, "user": OPERATOR, "link_expires_in": 60, "session_expires_in": 3_600 });
    let link: Link = visit.api().post(&["v1", "tenants", &tenant, "portal-links"], &body).await?;
    Ok(see_other(&format!("/portal/enter#{}", link.code)))
}

pub(crate) async fn end(visit: OperatorVisit, Path(tenant): Path<String>, form: Form) -> Result<Response, Failure> {
    let session = form.get("session").unwrap_or_default();
    visit.api().delete(&["v1", "tenants", &tenant, "portal-sessions", session]).await?;
    Ok(see_other(&address_of(&tenant, "portal")))
}
