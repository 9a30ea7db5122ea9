//! One command's way to the API and back to the caller.

use std::io::Write as _;

use reqwest::Method;

use super::client::Client;
use super::record::Record;
use super::{Connection, Failure, Output, table};

pub(crate) struct Session {
    client: Client,
    tenant: Option<String>,
    pub(super) json: bool,
    /// One entry of a list a line.
    pub(super) jsonl: bool,
}

/// Where a request goes, below `/v1`.
pub(super) type Path = Vec<String>;

pub(super) fn path<const N: usize>(segments: [&str; N]) -> Path {
    segments.map(str::to_owned).to_vec()
}

impl Session {
    pub(crate) fn new(connection: Connection) -> Result<Self, Failure> {
        let Connection { api, key, tenant, output, json } = connection;
        let (json, jsonl) = (json || matches!(output, Output::Json | Output::Jsonl), output == Output::Jsonl);
        output.choose();
        let key = key
            .filter(|key| !key.is_empty())
            .ok_or_else(|| Failure::Usage("no key: give --key or HOOKLINE_KEY".to_owned()))?;
        let tenant = tenant.filter(|tenant| !tenant.is_empty()).or_else(|| tenant_of(&key).map(str::to_owned));
        Ok(Self { client: Client::new(&api, key)?, tenant, json, jsonl })
    }

    pub(super) fn tenant(&self) -> Result<&str, Failure> {
        let message = "no tenant: this key is no tenant's, so give --tenant or HOOKLINE_TENANT";
        self.tenant.as_deref().ok_or_else(|| Failure::Usage(message.to_owned()))
    }

    /// A path of the tenant's.
    pub(super) fn own<const N: usize>(&self, segments: [&str; N]) -> Result<Path, Failure> {
        let mut whole = path(["tenants", self.tenant()?]);
        whole.extend(segments.map(str::to_owned));
        Ok(whole)
    }

    pub(super) async fn ask(
        &self,
        method: Method,
        path: &Path,
        query: &[(&str, String)],
        body: Option<String>,
    ) -> Result<String, Failure> {
        let whole = self.whole_path(path).await?;
        let (path, query): (Vec<&str>, _) =
            (whole.iter().map(String::as_str).collect(), self.whole_query(query).await?);
        // Any of these would name something else, such as the list of all.
        if let Some(segment) = path.iter().find(|segment| matches!(**segment, "" | "." | "..")) {
            return Err(Failure::Usage(format!("`{segment}` is no id")));
        }
        self.client.send(method, &path, &query, body).await
    }

    pub(super) fn read(&self, text: &str) -> Result<Record, Failure> {
        Record::parse(text).map_err(|source| self.unreadable(source))
    }

    pub(super) fn unreadable(&self, source: serde_json::Error) -> Failure {
        Failure::Answer { address: self.client.address().to_owned(), source }
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Asks, and shows the one thing that is answered.
    pub(super) async fn show(&self, method: Method, path: &Path, body: Option<String>) -> Result<(), Failure> {
        let text = self.ask(method, path, &[], body).await?;
        if self.json {
            return self.print(&text);
        }
        let mut record = self.read(&text)?;
        self.warn(&mut record)?;
        Ok(table::details(&record)?)
    }

    /// Prints the warnings of an answer beside it.
    fn warn(&self, record: &mut Record) -> Result<(), Failure> {
        let warnings = record.records("warnings");
        record.0.retain(|(name, _)| name != "warnings");
        for warning in warnings {
            let text = |name: &str| warning.text(name).unwrap_or_default();
            self.note(&format!("warning: {} {}", text("field"), text("message")))?;
        }
        Ok(())
    }

    /// Begins what goes on by itself, and says with which command to look at it.
    pub(super) async fn begin(&self, path: &Path, body: String, again: impl Fn(&str) -> String) -> Result<(), Failure> {
        let text = self.ask(Method::POST, path, &[], Some(body)).await?;
        if self.json {
            return self.print(&text);
        }
        let record = self.read(&text)?;
        table::details(&record)?;
        self.note(&format!("how far it is: {}", again(&record.text("id").unwrap_or_default())))
    }

    /// Changes something, and shows of the answer its id, what was asked for, and
    /// what was made meanwhile.
    pub(super) async fn change(&self, method: Method, path: &Path, body: Option<String>) -> Result<(), Failure> {
        let asked = body.as_deref().and_then(|body| Record::parse(body).ok()).unwrap_or_default();
        let text = self.ask(method, path, &[], body).await?;
        if self.json {
            return self.print(&text);
        }
        let mut record = self.read(&text)?;
        self.warn(&mut record)?;
        let is_shown = |name: &str| matches!(name, "id" | "secret") || asked.0.iter().any(|(given, _)| given == name);
        record.0.retain(|(name, _)| is_shown(name));
        Ok(table::details(&record)?)
    }

    pub(super) async fn get(&self, path: &Path) -> Result<(), Failure> {
        self.show(Method::GET, path, None).await
    }

    /// Asks, and says `done` unless there is an answer to print.
    pub(super) async fn remove(&self, path: &Path, done: &str) -> Result<(), Failure> {
        let text = self.ask(Method::DELETE, path, &[], None).await?;
        match (self.json, text.is_empty()) {
            (true, true) => Ok(()),
            (true, false) => self.print(&text),
            (false, _) => self.print(done),
        }
    }

    pub(super) fn print(&self, text: &str) -> Result<(), Failure> {
        // What is no answer has no place in a file of columns.
        if Output::is_csv() {
            return self.note(text);
        }
        Ok(writeln!(anstream::stdout().lock(), "{text}")?)
    }

    /// For what is no table, nor one thing with fields.
    pub(super) fn refuse_csv(&self) -> Result<(), Failure> {
        match Output::is_csv() {
            true => {
                Err(Failure::Usage("--output csv is for lists and things with fields; take --output json".to_owned()))
            }
            false => Ok(()),
        }
    }

    /// What goes beside the output proper.
    pub(super) fn note(&self, text: &str) -> Result<(), Failure> {
        Ok(writeln!(anstream::stderr().lock(), "{text}")?)
    }
}

/// A tenant's key is `hl_<tenant>.<key id>…`; the operator's is any text.
fn tenant_of(key: &str) -> Option<&str> {
    let (tenant, _) = key.strip_prefix("hl_")?.split_once('.')?;
    Some(tenant)
}
