//! Applications are tenants.

use api_client::{Calls, Refusal};
use axum::Json;
use axum::extract::Path;
use axum::response::Response;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::access::Access;
use super::answer::{Refused, made_or};
use super::fields::{Body, Fields, Given, NAME, Query, is_name};
use super::ids::{app_id, app_uid, found, tenant_of, tenant_of_uid};
use super::page::{List, Page, Source};

/// Tenants that are gone through for a list that begins with the last one.
const MOST_BACKWARDS: usize = 10_000;
const KNOWN: &str = "name, uid, metadata, throttleRate, rateLimit";

/// A tenant, as far as it is shown here.
#[derive(Deserialize)]
pub(crate) struct Tenant {
    pub(crate) id: String,
    name: String,
    rate_limit: Option<u32>,
    metadata: Value,
    created_at: String,
    updated_at: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Application {
    #[serde(skip_serializing_if = "Option::is_none")]
    uid: Option<String>,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate_limit: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    throttle_rate: Option<u32>,
    pub(crate) id: String,
    created_at: String,
    updated_at: String,
    metadata: Value,
}

impl From<Tenant> for Application {
    fn from(tenant: Tenant) -> Self {
        let rate = tenant.rate_limit.filter(|rate| *rate > 0);
        Self {
            uid: app_uid(&tenant.id),
            id: app_id(&tenant.id),
            name: tenant.name,
            rate_limit: rate,
            throttle_rate: rate,
            created_at: tenant.created_at,
            updated_at: tenant.updated_at,
            metadata: tenant.metadata,
        }
    }
}

/// What is said of an application.
pub(crate) struct ApplicationIn {
    pub(crate) uid: Given<String>,
    name: Given<String>,
    rate: Given<u16>,
    metadata: Given<Map<String, Value>>,
}

impl ApplicationIn {
    pub(crate) fn take(body: &mut Fields) -> Self {
        let taken = Self {
            uid: body.text("uid"),
            name: body.text("name"),
            rate: body.either("throttleRate", "rateLimit", "a number from 1 to 65535, or null"),
            metadata: body.read("metadata", "names and texts"),
        };
        if let Given::Value(uid) = &taken.uid {
            if !is_name(uid) {
                body.refuse("uid", NAME);
            } else if uid.starts_with("app_") {
                body.refuse("uid", "cannot begin with app_, as ids do");
            } else if tenant_of_uid(uid).is_none() {
                body.refuse(
                    "uid",
                    "is too long: expected at most 64 characters, or 59 with dots, of which - and . count twice",
                );
            }
        }
        if matches!(&taken.name, Given::Value(name) if name.is_empty()) || taken.name == Given::Null {
            body.refuse("name", "Application names must be at least one character");
        }
        if taken.rate == Given::Value(0) {
            body.refuse("throttleRate", "Application throttle rate must be at least one if set");
        }
        taken
    }

    /// All of it, as where an application is made or replaced.
    pub(crate) fn whole(body: &mut Fields) -> Self {
        let taken = Self::take(body);
        if taken.name == Given::Absent {
            body.refuse("name", "is required");
        }
        taken
    }

    /// As the API has it. What is absent is left out, or as it was in the beginning.
    fn body(self, whole: bool) -> Map<String, Value> {
        let mut fields = Map::new();
        let mut set = |name: &str, value: Value| fields.insert(name.to_owned(), value);
        if let Given::Value(name) = self.name {
            set("name", name.into());
        }
        match self.rate {
            Given::Value(rate) => drop(set("rate_limit", rate.into())),
            Given::Absent if !whole => {}
            Given::Absent | Given::Null => drop(set("rate_limit", Value::Null)),
        }
        match self.metadata {
            Given::Value(metadata) => drop(set("metadata", metadata.into())),
            Given::Absent if !whole => {}
            Given::Absent | Given::Null => drop(set("metadata", json!({}))),
        }
        fields
    }
}

pub(crate) async fn list(access: Access, Query(mut query): Query) -> Result<Json<List<Application>>, Refused> {
    let page = Page::read(&mut query);
    let descending = descending(&mut query, false);
    query.end("limit, iterator, order")?;
    let tenants = Source::new(&access, &["v1", "tenants"]);
    if descending {
        let all = tenants.all::<Tenant>(MOST_BACKWARDS + 1).await?;
        let mut all: Vec<Application> = all.into_iter().map(Application::from).collect();
        if all.len() > MOST_BACKWARDS {
            let message = format!("descending is for up to {MOST_BACKWARDS} applications; there are more");
            return Err(Refused::of(&["query", "order"], message));
        }
        all.reverse();
        return page.of(all, |application| application.id.clone()).map(Json);
    }
    let (rows, next) = tenants.walk::<Tenant>(page.limit, page.iterator, |_| true).await?;
    Ok(Json(List::new(rows.into_iter().map(Application::from).collect(), next)))
}

/// `order`.
pub(crate) fn descending(query: &mut Fields, usual: bool) -> bool {
    match query.text("order").value().as_deref() {
        None => usual,
        Some("ascending") => false,
        Some("descending") => true,
        Some(_) => {
            query.refuse("order", "expected ascending or descending");
            usual
        }
    }
}

pub(crate) async fn create(access: Access, Query(mut query): Query, Body(mut body): Body) -> Result<Response, Refused> {
    let if_exists = query.flag("get_if_exists").unwrap_or(false);
    query.end("get_if_exists")?;
    let given = ApplicationIn::whole(&mut body);
    body.end(KNOWN)?;
    let uid = match &given.uid {
        Given::Value(uid) => Some(uid.clone()),
        Given::Absent | Given::Null => None,
    };
    match make(access.once(), given).await {
        Ok(tenant) => Ok(made_or(true, Application::from(tenant))),
        Err(refusal) if refusal.is_taken() => match uid {
            Some(uid) if if_exists => Ok(made_or(false, Application::from(get_tenant(&access, &uid).await?))),
            _ => Err(Refused::conflict("An application with that id or uid already exists")),
        },
        Err(refusal) => Err(refusal.into()),
    }
}

/// The tenant that an application becomes.
async fn make(calls: Calls<'_>, given: ApplicationIn) -> Result<Tenant, Refusal> {
    let uid = match &given.uid {
        Given::Value(uid) => tenant_of_uid(uid),
        Given::Absent | Given::Null => None,
    };
    let mut body = given.body(false);
    body.extend(uid.map(|uid| ("id".to_owned(), uid.into())));
    calls.post(&["v1", "tenants"], &body).await
}

async fn get_tenant(access: &Access, app: &str) -> Result<Tenant, Refused> {
    Ok(access.api().get(&["v1", "tenants", &tenant_of(app)?], &[]).await?)
}

pub(crate) async fn get(
    access: Access,
    Path(app): Path<String>,
    Query(query): Query,
) -> Result<Json<Application>, Refused> {
    query.end("none")?;
    Ok(Json(get_tenant(&access, &app).await?.into()))
}

/// The tenant of an application that is there, or is made of what a request says of it.
pub(crate) async fn get_or_make(access: &Access, app: &str, given: Option<ApplicationIn>) -> Result<String, Refused> {
    let tenant = tenant_of(app)?;
    let Some(given) = given else { return Ok(tenant) };
    if found(access.api().get::<Tenant>(&["v1", "tenants", &tenant], &[]).await)?.is_some() {
        return Ok(tenant);
    }
    let place = ["body", "application", "uid"];
    match &given.uid {
        Given::Value(uid) if uid == app => {}
        Given::Value(_) => return Err(Refused::of(&place, "Application UID in the path and body must match")),
        Given::Absent | Given::Null => return Err(Refused::of(&place, "Application UID not set in body")),
    }
    // The key is that of what is asked beside it. A uid makes one application with or without.
    match make(access.api(), given).await {
        Ok(tenant) => Ok(tenant.id),
        // By another request, at the same time.
        Err(refusal) if refusal.is_taken() => Ok(tenant),
        Err(refusal) => Err(refusal.into()),
    }
}

pub(crate) async fn update(access: Access, Path(app): Path<String>, Body(mut body): Body) -> Result<Response, Refused> {
    let given = ApplicationIn::whole(&mut body);
    body.end(KNOWN)?;
    let tenant = tenant_of(&app)?;
    if found(access.api().get::<Tenant>(&["v1", "tenants", &tenant], &[]).await)?.is_some() {
        return change(&access, &tenant, given, true).await.map(|application| made_or(false, application));
    }
    match make(access.once(), given).await {
        Ok(tenant) => Ok(made_or(true, Application::from(tenant))),
        Err(refusal) if refusal.is_taken() => Err(Refused::conflict("An application with that uid already exists")),
        Err(refusal) => Err(refusal.into()),
    }
}

pub(crate) async fn patch(
    access: Access,
    Path(app): Path<String>,
    Body(mut body): Body,
) -> Result<Json<Application>, Refused> {
    let given = ApplicationIn::take(&mut body);
    body.end(KNOWN)?;
    change(&access, &tenant_of(&app)?, given, false).await.map(Json)
}

async fn change(access: &Access, tenant: &str, given: ApplicationIn, whole: bool) -> Result<Application, Refused> {
    let present = app_uid(tenant);
    let stays = match &given.uid {
        Given::Absent => true,
        Given::Null => present.is_none() || whole,
        Given::Value(uid) => present.as_ref() == Some(uid),
    };
    if !stays {
        let message = "an application's uid cannot be changed: it is the tenant's id";
        return Err(Refused::of(&["body", "uid"], message));
    }
    let body = given.body(whole);
    Ok(access.api().patch::<Tenant>(&["v1", "tenants", tenant], &body).await?.into())
}

pub(crate) async fn delete(access: Access, Path(app): Path<String>) -> Result<StatusCode, Refused> {
    access.api().delete(&["v1", "tenants", &tenant_of(&app)?]).await?;
    Ok(StatusCode::NO_CONTENT)
}
