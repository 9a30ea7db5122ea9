//! Mappings made ready: the body as a tree, and which parts of `data` it needs,
//! so that rendering reads `data` once and each level of it only if needed.

use serde_json::value::RawValue;

use super::path::{Shown, Step, parse};
use super::source::{Origin, Source, escaped};
use super::template::{Fault, Session, TemplateFailure, Templates};
use super::{MAX_VALUE_BYTES, Mapping};
use crate::invalid::FieldError;
use crate::json::{self, Json};

/// A body in the making; fields appear in the order they are first mentioned.
pub(super) struct Plan {
    body: PlanNode,
    wanted: Wanted,
    slots: usize,
    templates: Templates,
}

/// What a body is made of while it is written.
struct Writing<'a> {
    source: &'a Source<'a>,
    found: Vec<Option<&'a RawValue>>,
    texts: Session<'a>,
}

enum PlanNode {
    /// Mentioned, but not yet filled.
    Empty,
    Object(Vec<Member>),
    Array(Vec<PlanNode>),
    Fixed(Json),
    Named {
        origin: Origin,
        default: Option<Json>,
    },
    /// The part of `data` found for this slot.
    Found {
        slot: usize,
        default: Option<Json>,
    },
    /// The text that a template writes.
    Text {
        template: usize,
        field: String,
        default: Option<Json>,
    },
}

struct Member {
    name: String,
    /// The name as it is written: escaped, quoted, and with its colon.
    head: Vec<u8>,
    node: PlanNode,
}

/// The parts of a value that are needed, by slot.
#[derive(Default)]
struct Wanted {
    slots: Vec<usize>,
    names: Vec<String>,
    /// What is wanted below each of `names`.
    members: Vec<Wanted>,
    positions: Vec<(usize, Wanted)>,
}

/// Why a field cannot be placed beside those before it.
#[derive(Debug, thiserror::Error)]
enum Clash {
    #[error("the body is an object, so expected a name first")]
    Root,
    #[error("an earlier mapping sets this field, or one that holds or is held by it")]
    Taken,
    #[error("expected the positions of an array in order and without a gap; the next is [{0}]")]
    Gap(usize),
}

impl Plan {
    /// Pushes what is wrong with each mapping, and goes on without it.
    pub(super) fn compile(mappings: &[Mapping], field: &str, errors: &mut Vec<FieldError>) -> Self {
        let (body, wanted) = (PlanNode::Object(Vec::new()), Wanted::default());
        let mut plan = Self { body, wanted, slots: 0, templates: Templates::default() };
        for (n, mapping) in mappings.iter().enumerate() {
            let mut wrong =
                |name: &str, message: String| errors.push(FieldError::new(format!("{field}[{n}]{name}"), message));
            let mut fits = true;
            for (name, json) in [(".default", &mapping.default), (".value", &mapping.value)] {
                if json.as_ref().is_some_and(|json| json.get().len() > MAX_VALUE_BYTES) {
                    wrong(name, format!("expected at most {MAX_VALUE_BYTES} bytes of JSON"));
                    fits = false;
                }
            }
            if mapping.from.is_none() && mapping.template.is_none() && mapping.default.is_some() {
                wrong(".default", "only a mapping with from or template has a default".to_owned());
                fits = false;
            }
            let node = match (&mapping.from, &mapping.value, &mapping.template) {
                (Some(from), None, None) => match Origin::parse(from) {
                    Ok(origin) => Some(plan.node(origin, mapping.default.clone())),
                    Err(invalid) => {
                        wrong(".from", invalid.to_string());
                        None
                    }
                },
                (None, Some(value), None) => Some(PlanNode::Fixed(value.clone())),
                (None, None, Some(text)) => match plan.templates.add(text) {
                    Ok(template) => {
                        let (field, default) = (mapping.field.clone(), mapping.default.clone());
                        Some(PlanNode::Text { template, field, default })
                    }
                    Err(reason) => {
                        wrong(".template", reason);
                        None
                    }
                },
                _ => {
                    wrong("", "expected exactly one of `from`, `value` and `template`".to_owned());
                    None
                }
            };
            match parse(&mapping.field) {
                Err(invalid) => wrong(".field", invalid.to_string()),
                // A field whose value is wrong still takes its place, so that
                // its neighbours are not blamed for a gap.
                Ok(steps) => {
                    if let Err(clash) =
                        plan.body.place_at_root(&steps, node.filter(|_| fits).unwrap_or(PlanNode::Empty))
                    {
                        wrong(".field", format!("{}: {clash}", Shown(&steps)));
                    }
                }
            }
        }
        plan
    }

    fn node(&mut self, origin: Origin, default: Option<Json>) -> PlanNode {
        match origin {
            Origin::Data(steps) if !steps.is_empty() => {
                let slot = self.slots;
                self.slots += 1;
                self.wanted.want(&steps, slot);
                PlanNode::Found { slot, default }
            }
            origin => PlanNode::Named { origin, default },
        }
    }

    pub(super) fn render(&self, source: &Source<'_>) -> Result<Vec<u8>, TemplateFailure> {
        let mut found = vec![None; self.slots];
        self.wanted.find(source.data, &mut found);
        let mut writing = Writing { source, found, texts: self.templates.session(source) };
        // Room for `data`, and for the rest of a common envelope.
        let mut out = Vec::with_capacity(source.data.get().len() + 256);
        self.body.write(&mut writing, &mut out)?;
        Ok(out)
    }
}

impl PlanNode {
    fn place_at_root(&mut self, steps: &[Step], node: Self) -> Result<(), Clash> {
        match steps.first() {
            Some(Step::Key(_)) => self.place(steps, node),
            _ => Err(Clash::Root),
        }
    }

    fn place(&mut self, steps: &[Step], node: Self) -> Result<(), Clash> {
        let Some((step, rest)) = steps.split_first() else {
            return match self {
                Self::Empty => {
                    *self = node;
                    Ok(())
                }
                _ => Err(Clash::Taken),
            };
        };
        if matches!(self, Self::Empty) {
            *self = match step {
                Step::Key(_) => Self::Object(Vec::new()),
                Step::Position(_) => Self::Array(Vec::new()),
            };
        }
        match (self, step) {
            (Self::Object(members), Step::Key(name)) => {
                let at = members.iter().position(|member| member.name == *name).unwrap_or_else(|| {
                    members.push(Member::new(name));
                    members.len() - 1
                });
                members[at].node.place(rest, node)
            }
            (Self::Array(elements), Step::Position(at)) => {
                if *at > elements.len() {
                    return Err(Clash::Gap(elements.len()));
                }
                if *at == elements.len() {
                    elements.push(Self::Empty);
                }
                elements[*at].place(rest, node)
            }
            _ => Err(Clash::Taken),
        }
    }

    /// Writes the value, or nothing and false where there is none.
    fn write(&self, writing: &mut Writing<'_>, out: &mut Vec<u8>) -> Result<bool, TemplateFailure> {
        match self {
            Self::Empty => return Ok(false),
            Self::Fixed(json) => out.extend_from_slice(json.get().as_bytes()),
            Self::Named { origin, default } => {
                if !origin.write(writing.source, out) {
                    return Ok(write_default(default.as_ref(), out));
                }
            }
            Self::Found { slot, default } => match writing.found[*slot] {
                Some(value) => out.extend_from_slice(value.get().as_bytes()),
                None => return Ok(write_default(default.as_ref(), out)),
            },
            Self::Text { template, field, default } => match (writing.texts.render(*template), default) {
                (Ok(text), _) => escaped(out, &text),
                (Err(Fault::Missing(_)), Some(default)) => out.extend_from_slice(default.get().as_bytes()),
                (Err(Fault::Missing(reason) | Fault::Failed(reason)), _) => {
                    return Err(TemplateFailure { field: field.clone(), reason });
                }
            },
            Self::Object(members) => {
                out.push(b'{');
                let start = out.len();
                for member in members {
                    let before = out.len();
                    if before > start {
                        out.push(b',');
                    }
                    out.extend_from_slice(&member.head);
                    if !member.node.write(writing, out)? {
                        out.truncate(before);
                    }
                }
                out.push(b'}');
            }
            Self::Array(elements) => {
                out.push(b'[');
                let start = out.len();
                for element in elements {
                    let before = out.len();
                    if before > start {
                        out.push(b',');
                    }
                    if !element.write(writing, out)? {
                        out.truncate(before);
                    }
                }
                out.push(b']');
            }
        }
        Ok(true)
    }
}

fn write_default(default: Option<&Json>, out: &mut Vec<u8>) -> bool {
    let Some(default) = default else { return false };
    out.extend_from_slice(default.get().as_bytes());
    true
}

impl Member {
    fn new(name: &str) -> Self {
        let mut head = Vec::new();
        escaped(&mut head, name);
        head.push(b':');
        Self { name: name.to_owned(), head, node: PlanNode::Empty }
    }
}

impl Wanted {
    fn want(&mut self, steps: &[Step], slot: usize) {
        match steps.split_first() {
            None => self.slots.push(slot),
            Some((Step::Key(name), rest)) => {
                let at = self.names.iter().position(|other| other == name).unwrap_or_else(|| {
                    self.names.push(name.clone());
                    self.members.push(Self::default());
                    self.names.len() - 1
                });
                self.members[at].want(rest, slot);
            }
            Some((Step::Position(position), rest)) => {
                let at = self.positions.iter().position(|(other, _)| other == position).unwrap_or_else(|| {
                    self.positions.push((*position, Self::default()));
                    self.positions.len() - 1
                });
                self.positions[at].1.want(rest, slot);
            }
        }
    }

    fn find<'a>(&self, value: &'a RawValue, found: &mut [Option<&'a RawValue>]) {
        for slot in &self.slots {
            found[*slot] = Some(value);
        }
        if !self.names.is_empty()
            && let Some(values) = json::pick(value, &self.names)
        {
            for (value, wanted) in values.into_iter().zip(&self.members) {
                if let Some(value) = value {
                    wanted.find(value, found);
                }
            }
        }
        if let Some(last) = self.positions.iter().map(|(position, _)| *position).max()
            && let Some(elements) = json::first_elements(value, last)
        {
            for (position, wanted) in &self.positions {
                if let Some(element) = elements.get(*position) {
                    wanted.find(element, found);
                }
            }
        }
    }
}
