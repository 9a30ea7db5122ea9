//! The templates of one payload, compiled once, and written event by event.
//!
//! Whoever wrote a template is not trusted: its size, its work (fuel, which bounds
//! its memory as well) and its text are bounded, and it sees one event only. There
//! is nothing to load, include or import.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use minijinja::machinery::{Token, tokenize};
use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, Value};

use super::{Fault, MAX_TEMPLATE_BYTES, MAX_TEXT_BYTES, filters, values};
use crate::payload::source::{ROOTS, Source};

/// What one template may do: about as many steps, or 64 times as many bytes. It is
/// a few milliseconds.
const FUEL: u64 = 20_000;
/// What all templates of one body may do together, as far as it is known before the
/// next one.
const BODY_FUEL: u64 = 100_000;
/// How much of a reason is told, in characters.
const MAX_REASON_CHARS: usize = 300;
/// Names that a template can use besides what it is told.
const FUNCTIONS: [&str; 3] = ["range", "dict", "namespace"];

#[derive(Default)]
pub(in crate::payload) struct Templates {
    /// Only where there is a template.
    engine: Option<Environment<'static>>,
    known: usize,
}

fn engine() -> Environment<'static> {
    let mut engine = Environment::new();
    engine.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    // What is written becomes a string of JSON, which is escaped as a whole.
    engine.set_auto_escape_callback(|_| AutoEscape::None);
    engine.set_formatter(values::print);
    engine.set_fuel(Some(FUEL));
    // It tells which value is missing.
    engine.set_debug(true);
    // It would show all there is, also what is beyond `data`.
    engine.remove_global("debug");
    filters::register(&mut engine);
    engine
}

impl Templates {
    /// Compiles it, or says what is wrong and where.
    pub(in crate::payload) fn add(&mut self, source: &str) -> Result<usize, String> {
        if source.len() > MAX_TEMPLATE_BYTES {
            return Err(format!("expected at most {MAX_TEMPLATE_BYTES} bytes, got {}", source.len()));
        }
        let name = self.known.to_string();
        let engine = self.engine.get_or_insert_with(engine);
        engine.add_template_owned(name.clone(), source.to_owned()).map_err(|error| told(&error))?;
        let template = engine.get_template(&name).map_err(|error| told(&error))?;
        let mut unknown: Vec<String> = template.undeclared_variables(false).into_iter().collect();
        unknown.retain(|name| !ROOTS.contains(&name.as_str()) && !FUNCTIONS.contains(&name.as_str()));
        unknown.sort_unstable();
        if let Some(name) = unknown.first() {
            return Err(format!("there is no `{name}`; expected one of {}", ROOTS.join(", ")));
        }
        check_names(engine, source)?;
        self.known += 1;
        Ok(self.known - 1)
    }

    /// Writes texts of one event.
    pub(in crate::payload) fn session<'a>(&'a self, source: &'a Source<'a>) -> Session<'a> {
        Session { templates: self, source, context: None, compared: Arc::default(), fuel: BODY_FUEL }
    }
}

/// The engine asks for filters and tests only where it comes by them.
fn check_names(engine: &Environment<'_>, source: &str) -> Result<(), String> {
    let mut state = engine.empty_state();
    let mut knows = |kind: &str, name: &str| state.perform_test(kind, &[Value::from(name)]).unwrap_or_default();
    let mut before: Vec<&str> = Vec::new();
    for token in tokenize(source, false, SyntaxConfig::default()) {
        let (token, span) = token.map_err(|error| told(&error))?;
        let word = match token {
            Token::Ident(name) => name,
            Token::Pipe => "|",
            Token::BlockStart => "{%",
            _ => "",
        };
        let kind = match before.as_slice() {
            _ if word.is_empty() || word == "|" || word == "{%" => None,
            [.., "|"] | [.., "{%", "filter"] => Some("filter"),
            [.., "is"] if word != "not" => Some("test"),
            [.., "is", "not"] => Some("test"),
            _ => None,
        };
        let line = span.start_line;
        match kind {
            Some("filter") if !knows("filter", word) => {
                return Err(format!("line {line}: there is no filter `{word}`"));
            }
            Some("test") if !knows("test", word) => {
                return Err(format!("line {line}: there is no test `{word}`"));
            }
            _ => before.push(word),
        }
    }
    Ok(())
}

pub(in crate::payload) struct Session<'a> {
    templates: &'a Templates,
    source: &'a Source<'a>,
    /// Made when the first template asks for it.
    context: Option<Value>,
    /// Something was compared that is kept as its text.
    compared: Arc<AtomicBool>,
    fuel: u64,
}

impl Session<'_> {
    pub(in crate::payload) fn render(&mut self, template: usize) -> Result<String, Fault> {
        let fail = |error: Error| Fault::Failed(told(&error));
        if self.fuel == 0 {
            return Err(Fault::Failed("the templates of this payload take too many steps together".to_owned()));
        }
        let unknown = || Fault::Failed("there is no such template".to_owned());
        let engine = self.templates.engine.as_ref().ok_or_else(unknown)?;
        let template = engine.get_template(&template.to_string()).map_err(fail)?;
        let context = self.context.get_or_insert_with(|| values::context(self.source, &self.compared)).clone();
        let mut text = Text { bytes: Vec::new(), is_full: false };
        self.compared.store(false, Ordering::Relaxed);
        let written = template.render_captured_to(context, &mut text).map(|done| done.state().fuel_levels());
        // What ran out took all it had.
        let used = written.as_ref().ok().and_then(|levels| *levels).map_or(FUEL, |(used, _)| used);
        self.fuel = self.fuel.saturating_sub(used.max(1));
        if self.compared.load(Ordering::Relaxed) {
            return Err(Fault::Failed(values::COMPARED.to_owned()));
        }
        match written {
            _ if text.is_full => Err(Fault::Failed(format!("the text would have more than {MAX_TEXT_BYTES} bytes"))),
            Err(error) if error.kind() == ErrorKind::UndefinedError => Err(Fault::Missing(told(&error))),
            Err(error) => Err(Fault::Failed(told(&error))),
            Ok(_) => String::from_utf8(text.bytes).map_err(|error| Fault::Failed(error.to_string())),
        }
    }
}

/// What is wrong, on which line, and nothing of the engine's own names.
fn told(error: &Error) -> String {
    let what = match (error.kind(), error.detail()) {
        (ErrorKind::OutOfFuel, _) => "it takes too many steps".to_owned(),
        (ErrorKind::UndefinedError, None) => "a value is missing".to_owned(),
        (ErrorKind::UndefinedError, Some(detail)) => {
            let name = detail.strip_prefix('`').and_then(|rest| rest.split_once("` is undefined"));
            format!("a value is missing: {}", name.map_or(detail, |(name, _)| name))
        }
        (_, Some(detail)) => detail.to_owned(),
        (kind, None) => kind.to_string(),
    };
    let what: String = what.chars().take(MAX_REASON_CHARS).collect();
    match error.line() {
        Some(line) => format!("line {line}: {what}"),
        None => what,
    }
}

/// What was written so far.
struct Text {
    bytes: Vec<u8>,
    is_full: bool,
}

impl io::Write for Text {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > MAX_TEXT_BYTES {
            self.is_full = true;
            return Err(io::Error::other("the text is too long"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
