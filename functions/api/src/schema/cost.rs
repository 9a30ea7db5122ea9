//! How much work a schema can make. References let a small schema look at the
//! same value again and again, twice as often with every level of it; such work
//! is counted beforehand, so that no publisher can occupy the process.

use serde_json::Value;

use super::at;
use super::graph::{Below, Graph};
use crate::problem::FieldError;

/// Steps that a check may take, and all checks of one request; at most about
/// 100 ms. A step is one keyword looking at one value, or at 32 bytes of a text.
pub(crate) const MAX_STEPS: u64 = 10_000_000;
const BYTES_PER_STEP: usize = 32;
/// Schemas that lead into each other while one value is checked. Each takes
/// stack, of which a thread has 2 MB.
const MAX_CHAIN: u64 = 400;
/// The deepest data: what serde_json reads.
const MAX_DATA_DEPTH: usize = 128;
/// Data as deep as this must be possible to check.
const LEAST_DEPTH: usize = 4;

/// Steps for a value at each depth of the data, zero being the whole of it. It
/// ends where checking deeper data would take too much.
pub(super) struct Cost(Vec<u64>);

impl Cost {
    /// Also refuses what must not be in a schema: references to elsewhere or in
    /// circles, and names for its parts.
    pub(super) fn of(schema: &Value) -> Result<Self, FieldError> {
        let graph = Graph::of(schema)?;
        let cost = steps(&graph, &graph.inner_first()?);
        if cost.len() < LEAST_DEPTH {
            return Err(at("", "takes too much work to check: too many parts refer to each other"));
        }
        Ok(Self(cost))
    }

    /// An upper bound of the steps that checking `data` takes.
    pub(super) fn of_data(&self, data: &Value) -> Result<u64, String> {
        let steps = self.sum(data, 0)?;
        if steps > MAX_STEPS {
            return Err("is too large to be checked against its schema".to_owned());
        }
        Ok(steps)
    }

    fn sum(&self, value: &Value, depth: usize) -> Result<u64, String> {
        let Some(steps) = self.0.get(depth) else {
            return Err(format!("is nested too deeply for its schema: expected at most {} levels", self.0.len() - 1));
        };
        let own = |bytes: usize| steps.saturating_mul(1 + (bytes / BYTES_PER_STEP) as u64);
        match value {
            Value::String(text) => Ok(own(text.len())),
            Value::Array(items) => {
                items.iter().try_fold(own(0), |sum, item| Ok(sum.saturating_add(self.sum(item, depth + 1)?)))
            }
            Value::Object(members) => members.iter().try_fold(own(0), |sum, (name, item)| {
                let below = self.sum(item, depth + 1)?;
                // Names are looked at from above, by patterns, and as values.
                let as_value = self.0[depth + 1].saturating_mul((name.len() / BYTES_PER_STEP) as u64);
                Ok(sum.saturating_add(own(name.len())).saturating_add(as_value).saturating_add(below))
            }),
            _ => Ok(own(0)),
        }
    }
}

/// For each depth of data, the steps that one value there takes at most.
fn steps(graph: &Graph<'_>, order: &[usize]) -> Vec<u64> {
    let count = graph.parts.len();
    let mut heights = vec![1_u64; count];
    for part in order {
        let inner = graph.parts[*part].same.iter().map(|inner| heights[*inner]).max();
        heights[*part] = 1 + inner.unwrap_or(0);
    }
    let mut below = vec![(0_u64, 0_u64); count];
    let mut found = Vec::new();
    for depth in 0..MAX_DATA_DEPTH {
        // Steps and longest chain, for an object and for an array.
        let mut here = vec![[(0_u64, 0_u64); 2]; count];
        for id in order {
            let part = &graph.parts[*id];
            let times = 1 + part.again * heights[*id];
            for (kind, children) in [&part.members, &part.items].into_iter().enumerate() {
                let (mut steps, mut chain) = if depth == 0 { (part.own, 0) } else { children.among(&below) };
                for inner in &part.same {
                    let (more, longer) = here[*inner][kind];
                    steps = steps.saturating_add(more.saturating_mul(times));
                    chain = chain.max(longer);
                }
                here[*id][kind] = (steps, chain.saturating_add(1));
            }
        }
        below = here.iter().map(|[object, array]| (object.0.max(array.0), object.1.max(array.1))).collect();
        if below[0].0 > MAX_STEPS || below[0].1 > MAX_CHAIN {
            break;
        }
        found.push(below[0].0);
    }
    found
}

impl Below {
    fn among(&self, below: &[(u64, u64)]) -> (u64, u64) {
        let either = self.either.iter().map(|id| below[*id].0).max().unwrap_or(0);
        let steps = self.every.iter().map(|id| below[*id].0).fold(either, u64::saturating_add);
        let chain = self.either.iter().chain(&self.every).map(|id| below[*id].1).max().unwrap_or(0);
        (steps, chain)
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::super::Schema;

    #[test]
    fn trees_of_any_depth_are_checked() {
        let value = r##"{"anyOf":[{"type":["null","number","string"]},{"type":"object","additionalProperties":{"$ref":"#"}},
            {"type":"array","items":{"$ref":"#"}}]}"##;
        let tree = r##"{"properties":{"left":{"$ref":"#"},"right":{"$ref":"#"}}}"##;
        let named = r##"{"$dynamicAnchor":"node","properties":{"children":{"items":{"$dynamicRef":"#node"}}}}"##;
        for (schema, data) in [
            (value, format!("{}1{}", "[".repeat(100), "]".repeat(100))),
            (tree, format!("{}1{}", r#"{"left":"#.repeat(100), "}".repeat(100))),
            (named, format!("{}{{}}{}", r#"{"children":["#.repeat(50), "]}".repeat(50))),
        ] {
            let checked = Schema::compile(schema).unwrap().check("data", &data);
            assert_eq!(checked, Ok(()), "{schema}");
        }
    }

    #[test]
    fn circles_are_refused() {
        for schema in [
            r##"{"$ref":"#"}"##,
            r##"{"allOf":[{"$ref":"#/$defs/a"}],"$defs":{"a":{"not":{"$ref":"#/$defs/a"}}}}"##,
            r##"{"$anchor":"me","if":{"$ref":"#me"}}"##,
        ] {
            let error = Schema::compile(schema).err().unwrap();
            assert!(error[0].message.contains("refers to itself"), "{schema}: {}", error[0].message);
        }
    }

    #[test]
    fn work_that_doubles_with_every_reference_is_refused() {
        let mut schema = r##"{"$ref":"#/$defs/a0","$defs":{"##.to_owned();
        for n in 0..40 {
            let _ =
                write!(schema, r##""a{n}":{{"allOf":[{{"$ref":"#/$defs/a{0}"}},{{"$ref":"#/$defs/a{0}"}}]}},"##, n + 1);
        }
        let error = Schema::compile(&format!(r#"{schema}"a40":true}}}}"#)).err().unwrap();
        assert!(error[0].message.contains("too much work"), "{}", error[0].message);
    }

    #[test]
    fn data_that_doubles_the_work_with_every_level_is_refused_where_it_is_too_deep() {
        let schema = r##"{"items":{"allOf":[{"$ref":"#"},{"$ref":"#"}]}}"##;
        let schema = Schema::compile(schema).unwrap();
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert_eq!(schema.check("data", &nested(8)), Ok(()));
        let error = schema.check("data", &nested(60)).unwrap_err();
        assert!(error[0].message.contains("nested too deeply"), "{}", error[0].message);
    }

    #[test]
    fn what_is_checked_does_not_exhaust_the_stack() {
        for (length, above) in
            [(1, "items"), (2, "prefixItems"), (10, "contains"), (100, "items"), (380, "unevaluatedItems")]
        {
            let links: Vec<_> = (0..length)
                .map(|n| format!(r##""a{n}":{{"anyOf":[false,{{"$ref":"#/$defs/a{}"}}]}}"##, n + 1))
                .collect();
            let again = r##"{"$ref":"#/$defs/a0"}"##;
            let again = if above == "prefixItems" { format!("[{again}]") } else { again.to_owned() };
            let links = links.join(",");
            let schema = format!(r##"{{"{above}":{again},"$defs":{{{links},"a{length}":{{"{above}":{again}}}}}}}"##);
            let Ok(schema) = Schema::compile(&schema) else { continue };
            for levels in 1..127 {
                let _ = schema.check("data", &format!("{}1{}", "[".repeat(levels), "]".repeat(levels)));
            }
        }
    }

    #[test]
    fn a_text_counts_by_its_length() {
        let patterns: Vec<_> = (0..60).map(|n| format!(r#"{{"pattern":"x{n}$"}}"#)).collect();
        let schema = Schema::compile(&format!(r#"{{"anyOf":[{},{{"enum":[0]}}]}}"#, patterns.join(","))).unwrap();
        assert!(schema.check("data", &format!(r#""{}x1""#, "y".repeat(1_000))).is_ok());
        let error = schema.check("data", &format!(r#""{}""#, "x".repeat(1_000_000))).unwrap_err();
        assert!(error[0].message.contains("too large"), "{}", error[0].message);
    }
}
