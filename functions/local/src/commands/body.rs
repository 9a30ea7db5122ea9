//! Bodies of requests, put together without touching the JSON that was given.

use std::collections::BTreeSet;
use std::io::Read as _;

use clap::Args;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use domain::strict::{Members, REPEATED, repeated_name, syntax};

use super::Failure;

/// Any field that has no flag of its own.
#[derive(Args)]
pub(crate) struct Fields {
    /// Any other field: --set 'retry={"delays":[1,5]}'; can be repeated
    #[arg(long, value_name = "FIELD=JSON")]
    set: Vec<String>,

    /// Fields from a JSON document, - for standard input; flags win over it
    #[arg(long, value_name = "FILE")]
    settings: Option<String>,
}

#[derive(Default)]
pub(super) struct Body {
    fields: Members,
    /// Those that a flag has given, which win over a document's.
    given: BTreeSet<String>,
}

impl Body {
    /// With what a document says, before any flag.
    pub(super) fn from(fields: &Fields) -> Result<Self, Failure> {
        let Some(name) = &fields.settings else { return Ok(Self::default()) };
        let text = read(name)?;
        let json: &RawValue = serde_json::from_str(&text).map_err(|error| usage("--settings", name, &error))?;
        let fields = serde_json::from_str::<Members>(json.get());
        fields.map(|fields| Self { fields, ..Self::default() }).map_err(|_| match repeated_name("", json.get()) {
            Some(field) => Failure::Usage(format!("--settings {name}: {field} {REPEATED}")),
            None => Failure::Usage(format!("--settings {name}: expected an object")),
        })
    }

    /// A field, if it was given.
    pub(super) fn add<T: Serialize>(&mut self, field: &str, value: Option<T>) -> &mut Self {
        if let Some(value) = value {
            let value = to_raw_value(&value).expect("texts, numbers and JSON can be written");
            self.fields.insert(field.to_owned(), value);
            self.given.insert(field.to_owned());
        }
        self
    }

    /// A list; given when it is not empty.
    pub(super) fn add_all(&mut self, field: &str, values: &[String]) -> &mut Self {
        self.add(field, (!values.is_empty()).then_some(values))
    }

    /// JSON in the words of the command line, see [`json`].
    pub(super) fn add_json(&mut self, flag: &str, field: &str, value: Option<&str>) -> Result<&mut Self, Failure> {
        let value = value.map(|value| json(flag, value)).transpose()?;
        Ok(self.add(field, value))
    }

    /// With what each `--set` says. All that is wrong with them is told at once.
    pub(super) fn finish(mut self, fields: &Fields) -> Result<Option<String>, Failure> {
        let mut mistakes = Vec::new();
        for setting in &fields.set {
            match setting_of(setting) {
                Ok((field, _)) if self.given.contains(&field) => {
                    mistakes.push(format!("--set {field}: {field} is given twice, by two flags"));
                }
                Ok((field, value)) => {
                    self.given.insert(field.clone());
                    self.fields.insert(field, value);
                }
                Err(mistake) => mistakes.push(mistake),
            }
        }
        if mistakes.is_empty() { Ok(Some(self.text())) } else { Err(Failure::Usage(mistakes.join("\n  "))) }
    }

    /// The same for a change, which has to change something.
    pub(super) fn finish_change(self, fields: &Fields) -> Result<Option<String>, Failure> {
        if self.fields.is_empty() && fields.set.is_empty() {
            let message = "nothing to change: give a flag, or --set FIELD=JSON; see --help";
            return Err(Failure::Usage(message.to_owned()));
        }
        self.finish(fields)
    }

    pub(super) fn text(&self) -> String {
        serde_json::to_string(&*self.fields).expect("JSON can be written")
    }
}

/// A field and its value, out of `FIELD=JSON`.
fn setting_of(setting: &str) -> Result<(String, Box<RawValue>), String> {
    let (field, value) = setting.split_once('=').ok_or_else(|| format!("--set {setting}: expected FIELD=JSON"))?;
    let json = RawValue::from_string(value.to_owned()).map_err(|error| not_json("--set", setting, &error))?;
    match field.split_once('.') {
        Some((whole, _)) => {
            let path = field.split('.').skip(1);
            let (open, close): (String, String) = path.map(|name| (format!("{{\"{name}\":"), "}")).unzip();
            Err(format!("--set {field}: give the whole of {whole}, such as --set '{whole}={open}{value}{close}'"))
        }
        None => Ok((field.to_owned(), json)),
    }
}

/// JSON as it is, from a file with `@file`, or from standard input with `-`.
pub(super) fn json(flag: &str, value: &str) -> Result<Box<RawValue>, Failure> {
    let text = match value.strip_prefix('@') {
        Some(name) => read(name)?,
        None if value == "-" => read(value)?,
        None => value.to_owned(),
    };
    RawValue::from_string(text).map_err(|error| usage(flag, value, &error))
}

/// A file's text, or that of standard input where the name is `-`.
pub(super) fn read(name: &str) -> Result<String, Failure> {
    let mut text = String::new();
    let result = match name {
        "-" => std::io::stdin().read_to_string(&mut text).map(|_| text),
        _ => std::fs::read_to_string(name),
    };
    result.map_err(|source| Failure::Input { name: name.to_owned(), source })
}

fn usage(flag: &str, value: &str, error: &serde_json::Error) -> Failure {
    Failure::Usage(not_json(flag, value, error))
}

fn not_json(flag: &str, value: &str, error: &serde_json::Error) -> String {
    let start: String = value.chars().take(60).collect();
    format!("{flag} {start}: not JSON: {}; a text needs double quotes", syntax(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_that_is_no_object_is_told_so() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("settings.json");
        for (text, why) in [("[1]", "expected an object"), ("nope", "not JSON: expected a value at line 1 column 2")] {
            std::fs::write(&file, text).unwrap();
            let fields = Fields { set: Vec::new(), settings: Some(file.display().to_string()) };
            let Err(Failure::Usage(said)) = Body::from(&fields) else { panic!("{text} was taken") };
            assert!(said.contains(why), "{said}");
        }
    }

    #[test]
    fn given_json_keeps_its_bytes() {
        let fields = Fields { set: vec![r#"a={"z": 1.50, "a":1e2}"#.to_owned()], settings: None };
        let body = Body::default().finish(&fields).unwrap().unwrap();
        assert_eq!(body, r#"{"a":{"z": 1.50, "a":1e2}}"#);
    }

    #[test]
    fn all_that_is_wrong_with_settings_is_told_at_once() {
        let set = ["retry.delays=[1]", "rate_limit", "name=x", "method=1", "url=1", "method=2"].map(str::to_owned);
        let fields = Fields { set: set.to_vec(), settings: None };
        let mut body = Body::default();
        body.add("url", Some("http://a"));
        let Err(Failure::Usage(said)) = body.finish(&fields) else { panic!("it was taken") };
        let said: Vec<&str> = said.lines().map(str::trim).collect();
        assert_eq!(said[0], r#"--set retry.delays: give the whole of retry, such as --set 'retry={"delays":[1]}'"#);
        assert_eq!(said[1], "--set rate_limit: expected FIELD=JSON");
        assert!(said[2].starts_with("--set name=x: not JSON"), "{}", said[2]);
        assert_eq!(
            said[3..],
            ["url", "method"].map(|field| format!("--set {field}: {field} is given twice, by two flags"))
        );
    }

    #[test]
    fn a_change_that_changes_nothing_is_refused() {
        let fields = Fields { set: Vec::new(), settings: None };
        assert!(Body::default().finish_change(&fields).is_err_and(|failure| failure.is_usage()));
    }
}
