//! Follows a document literally, in order, as somebody does who has just cloned.

use std::collections::HashMap;

use crate::binary::until;
use crate::markdown::{Block, Marker, blocks};
use crate::promise::{has_received, is_kept};
use crate::terminal::{Desk, Ran, Shell, Terminal};

/// What tells a command that changes something from one that can be repeated.
const CHANGES: [&str; 9] =
    [" -d ", " -X ", " create ", " update ", " publish ", " rotate ", " retry ", " delete ", " import "];

struct Walk {
    desk: Desk,
    shell: Shell,
    terminals: HashMap<String, Terminal>,
    /// The block whose output is told next.
    last: Option<(String, Ran)>,
}

impl Walk {
    async fn step(&mut self, Block { place, language, text, marker }: Block) {
        match (language.as_str(), marker) {
            ("sh", Some(Marker::NotRun)) => self.last = None,
            ("sh", Some(Marker::Terminal(name))) => {
                let terminal = Terminal::open(&self.desk, &name, &text).await;
                assert!(self.terminals.insert(name, terminal).is_none(), "{place}: this terminal is busy");
            }
            ("sh", marker @ (None | Some(Marker::Fails))) => {
                let ran = self.shell.run(&self.desk, &text).await;
                assert_eq!(ran.failed, marker.is_some(), "{place}: this came of it:\n{}", ran.output);
                self.last = Some((text, ran));
            }
            ("json" | "text", Some(Marker::PrintedIn(name))) => {
                let terminal = self.terminals.get(&name).unwrap_or_else(|| panic!("{place}: no terminal {name}"));
                let promise = self.desk.here(&text);
                until(&format!("{name} prints what {place} says"), || async {
                    has_received(&promise, &terminal.output())
                })
                .await;
            }
            ("json" | "text", None) => self.compare(&place, &text).await,
            ("python" | "javascript" | "go" | "rust", None) => {}
            (language, marker) => panic!("{place}: a block in {language} with {marker:?} cannot be followed"),
        }
    }

    /// Looks at the last output, and once more at what only takes its time.
    async fn compare(&mut self, place: &str, promise: &str) {
        let promise = self.desk.here(promise);
        let (text, mut ran) = self.last.take().unwrap_or_else(|| panic!("{place}: nothing was run before"));
        let is_reading = !CHANGES.iter().any(|change| text.contains(change));
        let deadline = tokio::time::Instant::now() + crate::binary::PATIENCE;
        while !is_kept(&promise, &ran.output) {
            let is_late = tokio::time::Instant::now() > deadline;
            assert!(is_reading && !is_late, "{place} promises\n{promise}\nand this came:\n{}", ran.output);
            ran = self.shell.run(&self.desk, &text).await;
        }
    }
}

async fn follow(name: &str, least: usize) {
    let desk = Desk::new();
    let mut walk = Walk { shell: Shell::open(&desk), desk, terminals: HashMap::new(), last: None };
    let blocks = blocks(name);
    let run = blocks.iter().filter(|block| block.language == "sh" && block.marker != Some(Marker::NotRun)).count();
    assert!(run >= least, "{name}: {run} blocks can be followed");
    for block in blocks {
        walk.step(block).await;
    }
}

#[tokio::test]
async fn the_readme_does_what_it_says_when_it_is_followed_in_order() {
    follow("README.md", 5).await;
}

#[tokio::test]
async fn the_page_about_portals_does_what_it_says_when_it_is_followed_in_order() {
    follow("docs/portal.md", 5).await;
}

#[tokio::test]
async fn the_tutorial_does_what_it_says_when_it_is_followed_in_order() {
    follow("docs/tutorial.md", 20).await;
}
