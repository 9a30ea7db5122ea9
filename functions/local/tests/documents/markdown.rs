//! Reading documents: their code blocks, and what a comment before a block says
//! about it.

use std::path::{Path, PathBuf};

/// One fenced block.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    /// Where the fence stands, for messages: `README.md:12`.
    pub(crate) place: String,
    /// Such as `sh`, `json` or `text`.
    pub(crate) language: String,
    pub(crate) text: String,
    pub(crate) marker: Option<Marker>,
}

/// An HTML comment before a block, which readers do not see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Marker {
    /// `<!-- not run: REASON -->`
    NotRun,
    /// `<!-- terminal: NAME -->`: it runs until it is stopped, in a terminal of its own.
    Terminal(String),
    /// `<!-- printed in: NAME -->`: that terminal prints it.
    PrintedIn(String),
    /// `<!-- fails -->`: the command is refused, and the text says so.
    Fails,
}

impl Marker {
    fn parse(line: &str) -> Option<Self> {
        let text = line.trim().strip_prefix("<!--")?.strip_suffix("-->")?.trim();
        let (kind, value) = text.split_once(':').map_or((text, ""), |(kind, value)| (kind, value.trim()));
        let value = value.to_owned();
        Some(match kind {
            "not run" if !value.is_empty() => Self::NotRun,
            "terminal" if !value.is_empty() => Self::Terminal(value),
            "printed in" if !value.is_empty() => Self::PrintedIn(value),
            "fails" => Self::Fails,
            _ => panic!("no marker of blocks: {line}"),
        })
    }
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// A document by its path from the root of the repository.
pub(crate) fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// README and every page of `docs/` and its folders.
pub(crate) fn pages() -> Vec<String> {
    let mut pages = pages_below("docs");
    pages.push("README.md".to_owned());
    pages.sort();
    pages
}

fn pages_below(folder: &str) -> Vec<String> {
    let mut pages = Vec::new();
    for entry in std::fs::read_dir(root().join(folder)).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{folder}/{}", entry.file_name().into_string().unwrap());
        if entry.path().is_dir() {
            pages.extend(pages_below(&name));
        } else if Path::new(&name).extension().is_some_and(|extension| extension == "md") {
            pages.push(name);
        }
    }
    pages
}

pub(crate) fn blocks(name: &str) -> Vec<Block> {
    let text = read(name);
    let (mut blocks, mut open, mut marker): (Vec<Block>, Option<Block>, _) = (Vec::new(), None, None);
    for (n, line) in text.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (Some(block), None) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some(language)) => {
                let place = format!("{name}:{}", n + 1);
                open = Some(Block { place, language: language.to_owned(), text: String::new(), marker: marker.take() });
            }
            (None, None) => {
                assert!(marker.is_none(), "{name}:{}: a marker stands right before its block", n + 1);
                marker = Marker::parse(line);
            }
        }
    }
    assert!(open.is_none(), "{name}: a block has no end");
    blocks
}

/// The text without its code blocks.
pub(crate) fn prose(name: &str) -> String {
    let mut is_code = false;
    let text = read(name);
    let lines = text.lines().filter(|line| {
        let is_fence = line.starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    });
    lines.fold(String::new(), |all, line| all + line + "\n")
}

/// What stands between backticks in a line.
fn quoted_in(line: &str) -> impl Iterator<Item = String> {
    line.split('`').skip(1).step_by(2).map(str::to_owned)
}

/// What stands between backticks in the prose.
pub(crate) fn quoted(name: &str) -> Vec<String> {
    prose(name).lines().flat_map(quoted_in).collect()
}

/// What stands between backticks in the first two columns of tables: what the
/// rows are about.
pub(crate) fn rows(name: &str) -> Vec<String> {
    let prose = prose(name);
    let rows = prose.lines().filter_map(|line| line.strip_prefix("| "));
    rows.flat_map(|row| row.split(" | ").take(2).flat_map(quoted_in).collect::<Vec<_>>()).collect()
}
