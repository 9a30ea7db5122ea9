//! What documents refer to is there.

use std::collections::HashSet;
use std::path::Path;

use crate::markdown::{pages, prose, quoted, read, root};

const README_BYTES: usize = 8 * 1024;
/// Files of the repository end like this, and little else between backticks does.
const ENDINGS: [&str; 8] = [".rs", ".md", ".json", ".yaml", ".toml", ".py", ".txt", ".svg"];

/// The targets of `[text](target)` and `![text](target)`.
fn targets(page: &str) -> Vec<String> {
    let prose = prose(page);
    let links = prose.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    links.map(|(target, _)| target.to_owned()).collect()
}

/// As GitHub names what a heading can be reached by.
fn anchors(page: &str) -> HashSet<String> {
    let prose = prose(page);
    let headings = prose.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    let is_kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    headings.map(|text| text.to_lowercase().chars().filter(is_kept).collect::<String>().replace(' ', "-")).collect()
}

#[test]
fn the_readme_is_read_in_one_sitting() {
    let size = read("README.md").len();
    assert!(size <= README_BYTES, "README.md has {size} bytes, and {README_BYTES} is what it may have");
}

#[test]
fn every_link_within_the_documents_leads_somewhere() {
    let mut broken = Vec::new();
    for page in pages() {
        let folder = Path::new(&page).parent().unwrap();
        for target in targets(&page).iter().filter(|target| !target.contains("://")) {
            let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
            let file = if path.is_empty() { Path::new(&page).to_owned() } else { folder.join(path) };
            let leads =
                root().join(&file).exists() && (anchor.is_empty() || anchors(file.to_str().unwrap()).contains(anchor));
            if !leads {
                broken.push(format!("{page}: {target}"));
            }
        }
    }
    assert!(broken.is_empty(), "these lead nowhere: {broken:#?}");
}

#[test]
fn every_page_can_be_reached_from_the_readme() {
    let linked: HashSet<String> = targets("README.md").into_iter().collect();
    let missing: Vec<String> =
        pages().into_iter().filter(|page| page != "README.md" && !linked.contains(page)).collect();
    assert!(missing.is_empty(), "README.md does not link to {missing:?}");
}

#[test]
fn every_file_that_contributing_names_exists() {
    let is_file = |text: &String| {
        let is_path = text.chars().all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c)) && !text.starts_with('/');
        is_path && (text.contains('/') || ENDINGS.iter().any(|ending| text.ends_with(ending)))
    };
    let named: Vec<String> = quoted("docs/contributing.md").into_iter().filter(is_file).collect();
    assert!(named.len() >= 40, "only {} files are named: {named:?}", named.len());
    let missing: Vec<&String> = named.iter().filter(|name| !root().join(name).exists()).collect();
    assert!(missing.is_empty(), "docs/contributing.md names {missing:?}");
}
