//! Patterns and events, drawn from a seed so that they meet often.

use std::collections::BTreeSet;

use fastrand::Rng;

/// A feature by which Hookline and Amazon's library are documented to differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Feature {
    Absence,
    ArrayOfContainers,
    NumberOrAddress,
    TwoWays,
    PathTwice,
    InexactNumber,
    Quote,
    PlainAddress,
    Network,
    OddAddress,
    CaseBeyondAscii,
    WildcardAndCase,
    EmptyName,
    UpperBoundFirst,
    EqualBounds,
    Mixture,
    EmptyAffix,
    SingleAddress,
    ReservedName,
}

/// A JSON text, with what is special about it.
#[derive(Default)]
pub(crate) struct Drawn {
    pub(crate) text: String,
    pub(crate) features: BTreeSet<Feature>,
    paths: Vec<String>,
}

const NAMES: [&str; 7] = ["a", "b", "c", "a", "b", "a.b", "b.c"];
const TEXTS: [&str; 5] = ["", "x", "xy", "X", "xyx"];
const NUMBERS: [&str; 9] = ["0", "-0", "1", "1.0", "2", "1e0", "-1.5", "0.1", "9007199254740992"];

/// The plain ones leave out every feature by which results may differ, apart
/// from those of shape.
pub(crate) struct Draw<'r> {
    pub(crate) rng: &'r mut Rng,
    pub(crate) plain: bool,
}

impl Draw<'_> {
    fn one<'s>(&mut self, some: &[&'s str]) -> &'s str {
        some[self.rng.usize(..some.len())]
    }

    fn rarely(&mut self) -> bool {
        !self.plain && self.rng.u8(..12) == 0
    }

    fn name(&mut self, drawn: &mut Drawn, inside_or: bool) -> String {
        if self.rarely() {
            drawn.features.insert(Feature::EmptyName);
            return self.one(&["", ".", "a.", ".b"]).to_owned();
        }
        if inside_or && self.rarely() {
            drawn.features.insert(Feature::ReservedName);
            return "prefix".to_owned();
        }
        self.one(&NAMES).to_owned()
    }

    fn number(&mut self, drawn: &mut Drawn) -> String {
        if self.rarely() {
            drawn.features.insert(Feature::InexactNumber);
            return self.one(&["9007199254740993", "0.10000000000000000001", "1e400"]).to_owned();
        }
        self.one(&NUMBERS).to_owned()
    }

    fn quoted(&mut self, drawn: &mut Drawn, texts: &[&str]) -> String {
        let mut text = self.one(texts).to_owned();
        if self.rarely() {
            drawn.features.insert(Feature::Quote);
            text = self.one(&["x\"", "\"x", "\""]).to_owned();
        }
        format!("{text:?}")
    }

    pub(crate) fn event(&mut self) -> Drawn {
        let mut drawn = Drawn::default();
        drawn.text = self.object(&mut drawn, 0);
        drawn
    }

    fn object(&mut self, drawn: &mut Drawn, depth: usize) -> String {
        let mut members: Vec<(String, String)> = Vec::new();
        for _ in 0..self.rng.usize(1..5) {
            let name = self.name(drawn, false);
            let value = self.value(drawn, depth + 1);
            if members.iter().all(|(other, _)| *other != name) {
                members.push((name, value));
            }
        }
        let has = |name: &str| members.iter().any(|(other, _)| other == name);
        if (has("a") && has("a.b")) || (has("b") && has("b.c")) {
            drawn.features.insert(Feature::TwoWays);
        }
        let members: Vec<_> = members.into_iter().map(|(name, value)| format!("{name:?}:{value}")).collect();
        format!("{{{}}}", members.join(","))
    }

    fn value(&mut self, drawn: &mut Drawn, depth: usize) -> String {
        let kind = self.rng.u8(..if depth > 4 { 6 } else { 12 });
        match kind {
            0..3 => self.quoted(drawn, &TEXTS),
            3..5 => {
                drawn.features.insert(Feature::NumberOrAddress);
                self.number(drawn)
            }
            5 if self.rarely() => {
                drawn.features.insert(Feature::OddAddress);
                self.one(&[r#""::ffff:10.0.0.1""#, r#""::ffff:a00:1""#, r#""10.0.0.01""#, r#""2001:DB8:0::1""#])
                    .to_owned()
            }
            5 if self.rng.bool() => {
                drawn.features.insert(Feature::NumberOrAddress);
                self.one(&[r#""10.0.0.1""#, r#""10.0.1.7""#, r#""2001:db8::1""#]).to_owned()
            }
            5 => self.one(&["true", "false", "null", "{}", "[]", r#""Ü""#]).to_owned(),
            6..9 => self.object(drawn, depth),
            _ => {
                let elements: Vec<_> = (0..self.rng.usize(..4)).map(|_| self.value(drawn, depth + 1)).collect();
                if elements.iter().any(|one| one.starts_with(['{', '['])) {
                    drawn.features.insert(Feature::ArrayOfContainers);
                }
                format!("[{}]", elements.join(","))
            }
        }
    }

    pub(crate) fn pattern(&mut self) -> Drawn {
        let mut drawn = Drawn::default();
        drawn.text = self.fields(&mut drawn, "", 0, false);
        drawn
    }

    fn fields(&mut self, drawn: &mut Drawn, path: &str, depth: usize, inside_or: bool) -> String {
        let mut members: Vec<(String, String)> = Vec::new();
        for _ in 0..self.rng.usize(1..3) {
            let name = self.name(drawn, inside_or);
            if members.iter().any(|(other, _)| *other == name) {
                continue;
            }
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            let value = match self.rng.u8(..5) {
                0 if depth < 3 => self.fields(drawn, &path, depth + 1, inside_or),
                _ => self.rules(drawn, path),
            };
            members.push((name, value));
        }
        let or = self.rng.u8(..5) == 0 && depth < 3;
        let mut members: Vec<_> = members.into_iter().map(|(name, value)| format!("{name:?}:{value}")).collect();
        if or {
            let before = drawn.paths.clone();
            let mut alternatives = Vec::new();
            for _ in 0..self.rng.usize(2..4) {
                let mut own = Drawn::default();
                alternatives.push(self.fields(&mut own, path, depth + 1, true));
                if own.paths.iter().any(|path| before.contains(path)) {
                    drawn.features.insert(Feature::PathTwice);
                }
                drawn.features.extend(own.features);
                drawn.paths.extend(own.paths);
            }
            let place = self.rng.usize(..=members.len());
            members.insert(place, format!("\"$or\":[{}]", alternatives.join(",")));
        }
        format!("{{{}}}", members.join(","))
    }

    fn rules(&mut self, drawn: &mut Drawn, path: String) -> String {
        if drawn.paths.contains(&path) {
            drawn.features.insert(Feature::PathTwice);
        }
        drawn.paths.push(path);
        let rules: Vec<_> = (0..self.rng.usize(1..3)).map(|_| self.rule(drawn)).collect();
        let rules = format!("[{}]", rules.join(","));
        if rules.contains("wildcard") && rules.contains("equals-ignore-case") {
            drawn.features.insert(Feature::WildcardAndCase);
        }
        rules
    }

    fn rule(&mut self, drawn: &mut Drawn) -> String {
        match self.rng.u8(..16) {
            0..3 => self.quoted(drawn, &TEXTS),
            3..5 => self.number(drawn),
            5 => self.one(&["true", "false", "null"]).to_owned(),
            6 => format!(r#"{{"exists":{}}}"#, self.exists(drawn)),
            7 => format!(
                r#"{{"{}":{}}}"#,
                self.one(&["prefix", "suffix", "exactly"]).to_owned(),
                self.quoted(drawn, &TEXTS)
            ),
            8 => format!(r#"{{"{}":{}}}"#, "equals-ignore-case", self.any_case(drawn)),
            9 => format!(
                r#"{{"{}":{{"equals-ignore-case":{}}}}}"#,
                self.one(&["prefix", "suffix"]).to_owned(),
                self.any_case(drawn)
            ),
            10 => format!(
                r#"{{"wildcard":{}}}"#,
                self.one(&[r#""x*""#, r#""*""#, r#""*y*""#, r#""x""#, r#""x*x""#, r#""\\*""#])
            ),
            11..13 => format!(r#"{{"anything-but":{}}}"#, self.excluded(drawn)),
            13..15 => format!(r#"{{"numeric":{}}}"#, self.bounds(drawn)),
            _ if self.rarely() => {
                drawn.features.insert(Feature::PlainAddress);
                self.one(&[r#""10.0.0.1""#, r#""2001:db8::1""#]).to_owned()
            }
            _ => format!(r#"{{"cidr":{}}}"#, self.network(drawn)),
        }
    }

    fn exists(&mut self, drawn: &mut Drawn) -> bool {
        let exists = self.rng.bool();
        if !exists {
            drawn.features.insert(Feature::Absence);
        }
        exists
    }

    fn any_case(&mut self, drawn: &mut Drawn) -> String {
        if self.rarely() {
            drawn.features.insert(Feature::CaseBeyondAscii);
            return self.one(&["\"ß\"", "\"ü\"", "\"ǅ\"", "\"😀\"", "\"ς\""]).to_owned();
        }
        self.quoted(drawn, &["x", "X", "Xy", "xYx", "z"])
    }

    fn network(&mut self, drawn: &mut Drawn) -> String {
        drawn.features.insert(Feature::Network);
        if self.rarely() {
            drawn.features.insert(Feature::SingleAddress);
            return self.one(&[r#""10.0.0.1""#, r#""10.0.0.1/32""#, r#""2001:db8::1/128""#]).to_owned();
        }
        self.one(&[r#""10.0.0.0/24""#, r#""10.0.0.7/23""#, r#""2001:db8::/32""#, r#""0.0.0.0/0""#, r#""::/0""#])
            .to_owned()
    }

    fn excluded(&mut self, drawn: &mut Drawn) -> String {
        if self.rarely() {
            drawn.features.insert(Feature::Mixture);
            return r#"["x",1]"#.to_owned();
        }
        if self.rarely() {
            drawn.features.insert(Feature::EmptyAffix);
            return r#"{"prefix":["x",""]}"#.to_owned();
        }
        match self.rng.u8(..6) {
            0 => self.quoted(drawn, &TEXTS),
            1 => self.number(drawn),
            2 => format!("[{},{}]", self.quoted(drawn, &TEXTS), self.quoted(drawn, &TEXTS)),
            3 => format!("[{},{}]", self.number(drawn), self.number(drawn)),
            4 => {
                let operator = self.one(&["prefix", "suffix", "equals-ignore-case"]);
                let texts = &["x", "y", "xy"];
                format!(r#"{{"{operator}":[{},{}]}}"#, self.quoted(drawn, texts), self.quoted(drawn, texts))
            }
            _ => r#"{"wildcard":["x*","*z"]}"#.to_owned(),
        }
    }

    fn bounds(&mut self, drawn: &mut Drawn) -> String {
        if self.rarely() {
            drawn.features.insert(Feature::UpperBoundFirst);
            return r#"["<",2,">=",0]"#.to_owned();
        }
        if self.rarely() {
            drawn.features.insert(Feature::EqualBounds);
            return r#"[">=",1,"<=",1.0]"#.to_owned();
        }
        match self.rng.bool() {
            true => format!(r#"["{}",{}]"#, self.one(&["=", "<", "<=", ">", ">="]).to_owned(), self.number(drawn)),
            false => self.one(&[r#"[">",0,"<=",1]"#, r#"[">=",-1.5,"<",2]"#, r#"[">",0.1,"<",1e300]"#]).to_owned(),
        }
    }
}
