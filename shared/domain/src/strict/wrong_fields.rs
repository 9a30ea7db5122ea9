//! All that is wrong with a JSON text, found in one go: what is wrong at one
//! place is noted and repaired, and the text is read again to get further.

use std::collections::VecDeque;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_path_to_error::{Path, Segment};

use super::Strict;
use super::edit::{Edit, Step, edit};
use super::translate::{Fault, Kind, UNKNOWN_FIELD, syntax, translate};
use crate::invalid::{FieldError, join};

/// The most that is told of one text.
pub const MAX_FOUND: usize = 32;
/// Repairing one place may uncover another below it, which is not told.
const MAX_ROUNDS: usize = 2 * MAX_FOUND;
/// What may be read again while looking: this many bytes, and this many times the text.
const WORK: usize = 512 * 1024;
const WORK_TIMES: usize = 16;
/// What a text as a whole is called.
const WHOLE: &str = "body";

/// What stands in for a value that is missing or cannot be used. It is never
/// kept: a text with anything wrong is refused.
const STAND_INS: [&str; 6] = ["null", r#""a""#, "1", "[]", "{}", "false"];

const ANY_ULID: &str = "00000000000000000000000000";

/// How a text is read that is to be refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    Strict,
    /// Fields and names of newer versions pass.
    Tolerant,
}

/// Why a text is no JSON, and where.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotJson(String);

/// What a text says.
#[derive(Debug)]
pub struct Read<T> {
    /// With stand-ins for what is wrong; none where nothing could be made of it.
    pub value: Option<T>,
    pub wrong: WrongFields,
}

/// Fields that are missing, unknown, or of another type, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WrongFields {
    found: Vec<FieldError>,
    /// Entries that were taken out of lists, by list and position as given.
    removed: Vec<(String, usize)>,
}

/// Reads what strangers write, and tells all that is wrong with it. A text that
/// is right is read once.
pub fn read<T: DeserializeOwned>(json: &[u8]) -> Result<Read<T>, NotJson> {
    Reader::Strict.read(json)
}

impl Reader {
    pub fn read<T: DeserializeOwned>(self, json: &[u8]) -> Result<Read<T>, NotJson> {
        let read = match self {
            Self::Strict => super::from_slice(json),
            Self::Tolerant => serde_json::from_slice(json),
        };
        match read {
            Ok(value) => Ok(Read { value: Some(value), wrong: WrongFields::default() }),
            Err(_) => Ok(Search::new(self, json)?.run()),
        }
    }

    fn attempt<T: DeserializeOwned>(self, json: &RawValue) -> Result<T, Located> {
        let mut text = serde_json::Deserializer::from_str(json.get());
        let read = match self {
            Self::Strict => serde_path_to_error::deserialize(Strict(&mut text)),
            Self::Tolerant => serde_path_to_error::deserialize(&mut text),
        };
        read.map_err(|error| Located::new(error.path(), translate(error.inner())))
    }
}

/// Something wrong, and where.
struct Located {
    place: Vec<Step>,
    fault: Fault,
}

impl Located {
    fn new(path: &Path, fault: Fault) -> Self {
        let mut place = Vec::new();
        let mut is_name = false;
        for segment in path {
            is_name = matches!(segment, Segment::Enum { .. });
            match segment {
                Segment::Seq { index } => place.push(Step::Index(*index)),
                Segment::Map { key } | Segment::Enum { variant: key } => place.push(Step::Name(key.clone())),
                Segment::Unknown => break,
            }
        }
        match &fault.kind {
            // The name of a variant is the value itself.
            Kind::Value => place.truncate(place.len() - usize::from(is_name)),
            Kind::Missing(name) | Kind::Repeated(name) => place.push(Step::Name(name.clone())),
            Kind::Unknown(name) | Kind::OfAnotherType(name) => {
                let is_named = matches!(place.last(), Some(Step::Name(last)) if last == name);
                place.extend((!is_named).then(|| Step::Name(name.clone())));
            }
        }
        Self { place, fault }
    }

    /// The first of the names that are expected, or an example, as JSON.
    fn example(&self) -> Option<String> {
        let message = &self.fault.message;
        let name = message.split('`').nth(1).or_else(|| message.split("such as ").nth(1)?.split([' ', ',']).next())?;
        // Ids are shown by their beginning.
        Some(serde_json::Value::from(name.replace("01J…", ANY_ULID)).to_string())
    }
}

fn path_of(place: &[Step]) -> String {
    place.iter().fold(String::new(), |path, step| match step {
        Step::Name(name) => join(&path, name),
        Step::Index(index) => format!("{path}[{index}]"),
    })
}

struct Search {
    reader: Reader,
    json: Box<RawValue>,
    wrong: WrongFields,
    work: usize,
}

type Attempt<T> = Result<T, Located>;

impl Search {
    fn new(reader: Reader, json: &[u8]) -> Result<Self, NotJson> {
        let work = WORK + WORK_TIMES * json.len();
        let json = serde_json::from_slice(json).map_err(|error| NotJson(syntax(&error)))?;
        Ok(Self { reader, json, wrong: WrongFields::default(), work })
    }

    fn run<T: DeserializeOwned>(mut self) -> Read<T> {
        let mut attempt = self.reader.attempt(&self.json);
        for _ in 0..MAX_ROUNDS {
            let located = match attempt {
                Ok(value) => return Read { value: Some(value), wrong: self.wrong },
                Err(located) => located,
            };
            let path = path_of(&located.place);
            let field = if path.is_empty() { WHOLE } else { &path };
            // What it does not go with may be a stand-in.
            let is_certain = match (&located.fault.kind, located.place.split_last()) {
                (Kind::OfAnotherType(_), Some((_, object))) => !self.wrong.has(&join(&path_of(object), "type")),
                _ => true,
            };
            if is_certain {
                self.wrong.note(FieldError::new(field, &located.fault.message));
            }
            match self.repair(&located) {
                Some(next) if self.wrong.found.len() < MAX_FOUND => attempt = next,
                _ => break,
            }
        }
        Read { value: None, wrong: self.wrong }
    }

    /// Repairs one place so that nothing is wrong with it any more, or at least
    /// less; or else takes away what it is part of.
    fn repair<T: DeserializeOwned>(&mut self, located: &Located) -> Option<Attempt<T>> {
        let place = &located.place;
        match &located.fault.kind {
            Kind::Repeated(_) => return self.change(place, &Edit::KeepFirst),
            Kind::Unknown(_) | Kind::OfAnotherType(_) => return self.change(place, &Edit::Remove),
            // What follows moves up, and may be as wrong.
            Kind::Value if matches!(place.last(), Some(Step::Index(_))) => return self.take_out(place),
            Kind::Value | Kind::Missing(_) => {}
        }
        let before = self.json.clone();
        if matches!(located.fault.kind, Kind::Value)
            && let Some(attempt) = self.change(place, &Edit::Remove)
            && !within(&attempt, place)
        {
            return Some(attempt);
        }
        let mut partly = None;
        let mut queue: VecDeque<String> = STAND_INS.map(str::to_owned).into();
        queue.extend(located.example());
        let mut tried_example = false;
        while let Some(value) = queue.pop_front() {
            self.json.clone_from(&before);
            let Some(attempt) = self.change(place, &Edit::Put(&value)) else { break };
            match &attempt {
                Err(again) if again.place == *place => {
                    if let Some(example) = again.example().filter(|_| !tried_example) {
                        tried_example = true;
                        queue.push_front(example);
                    }
                }
                Err(again) if again.place.starts_with(place) => partly = Some((self.json.clone(), attempt)),
                _ => return Some(attempt),
            }
        }
        if let Some((json, attempt)) = partly {
            self.json = json;
            return Some(attempt);
        }
        (1..place.len()).rev().find_map(|len| {
            self.json.clone_from(&before);
            let is_entry = matches!(place[len - 1], Step::Index(_));
            self.take_out(&place[..len]).filter(|attempt| is_entry || !within(attempt, &place[..len]))
        })
    }

    fn take_out<T: DeserializeOwned>(&mut self, place: &[Step]) -> Option<Attempt<T>> {
        let attempt = self.change(place, &Edit::Remove)?;
        if let Some((Step::Index(index), list)) = place.split_last() {
            self.wrong.remove(&path_of(list), *index);
        }
        Some(attempt)
    }

    /// None when there is no such place, or no work left.
    fn change<T: DeserializeOwned>(&mut self, place: &[Step], change: &Edit<'_>) -> Option<Attempt<T>> {
        let next = edit(&self.json, place, change)?;
        self.work = self.work.checked_sub(next.get().len() + 32)?;
        self.json = next;
        Some(self.reader.attempt(&self.json))
    }
}

fn within<T>(attempt: &Attempt<T>, place: &[Step]) -> bool {
    attempt.as_ref().is_err_and(|again| again.place.starts_with(place))
}

impl WrongFields {
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Whether a field is wrong, or something in it: nothing that follows from
    /// its value can be told.
    pub fn has(&self, field: &str) -> bool {
        self.told(&self.as_given(field))
    }

    fn told(&self, field: &str) -> bool {
        self.found.iter().any(|wrong| covers(field, &wrong.field) || covers(&wrong.field, field))
    }

    /// Adds to what is said of fields of unknown names, on the top level.
    pub fn hint_at_unknown(&mut self, hint: &str) {
        let unknown =
            |error: &&mut FieldError| error.message.starts_with(UNKNOWN_FIELD) && !error.field.contains(['.', '[']);
        self.found.iter_mut().filter(unknown).for_each(|error| error.message.push_str(hint));
    }

    /// Says of a field on the top level, instead of that it is unknown, that it is
    /// there and stays as it is.
    pub fn cannot_change(&mut self, field: &str) {
        let unknown = |error: &&mut FieldError| error.field == field && error.message.starts_with(UNKNOWN_FIELD);
        self.found.iter_mut().filter(unknown).for_each(|error| "cannot be changed".clone_into(&mut error.message));
    }

    /// With those of another part of the same text.
    pub fn extend(&mut self, other: Self) {
        self.found.extend(other.found);
        self.removed.extend(other.removed);
    }

    /// With what is wrong with the values. What stands in for a value says
    /// nothing: of a field that is among them already, and of what it is part
    /// of, no more is told.
    #[must_use]
    pub fn and(self, errors: impl IntoIterator<Item = FieldError>) -> Vec<FieldError> {
        let mut all = self.found.clone();
        for error in errors {
            let field = self.as_given(&error.field);
            if !self.told(&field) && all.iter().all(|told| told.field != field) {
                all.push(FieldError { field, ..error });
            }
        }
        all
    }

    fn note(&mut self, error: FieldError) {
        let field = self.as_given(&error.field);
        if !self.told(&field) {
            self.found.push(FieldError { field, ..error });
        }
    }

    fn remove(&mut self, list: &str, index: usize) {
        let entry = self.as_given(&format!("{list}[{index}]"));
        if let Some((list, index)) = entry.strip_suffix(']').and_then(|entry| entry.rsplit_once('['))
            && let Ok(index) = index.parse()
        {
            self.removed.push((list.to_owned(), index));
            // Outer lists first, and in each the first entry.
            self.removed.sort_by(|a, b| (a.0.len(), &a.0, a.1).cmp(&(b.0.len(), &b.0, b.1)));
        }
    }

    /// A field by its positions before any entry was removed.
    fn as_given(&self, field: &str) -> String {
        let mut field = field.to_owned();
        for (list, removed) in &self.removed {
            let Some(rest) = field.strip_prefix(list.as_str()).and_then(|rest| rest.strip_prefix('[')) else {
                continue;
            };
            let Some((index, rest)) = rest.split_once(']') else { continue };
            if let Ok(index) = index.parse::<usize>()
                && *removed <= index
            {
                field = format!("{list}[{}]{rest}", index + 1);
            }
        }
        field
    }
}

/// Whether a field is another one, or a part of it.
fn covers(whole: &str, part: &str) -> bool {
    part.strip_prefix(whole).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[', '/']))
}

#[cfg(test)]
mod tests;
