//! What documents refer to is there.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use domain::signature::Scheme;

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

/// The files that contributing names in this section.
fn files_of(section: &str) -> Vec<String> {
    let page = read("docs/contributing.md");
    let (_, rest) = page.split_once(&format!("## {section}\n")).unwrap();
    let rows = rest.lines().take_while(|line| !line.starts_with("## ")).filter(|line| line.starts_with("| "));
    rows.flat_map(|row| row.split('`').skip(1).step_by(2))
        .filter(|text| text.contains('/'))
        .map(str::to_owned)
        .collect()
}

/// The Rust files below a folder, from the root of the repository.
fn sources(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root().join(folder)).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(path.to_str().unwrap()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

#[test]
fn no_other_file_than_contributing_names_knows_the_kinds_of_destination_and_signature() {
    let destination = files_of("Add a destination");
    assert!(destination.len() <= 4, "a destination touches {destination:?}");
    for (section, marks) in [
        ("Add a destination", vec!["Destination::Http".to_owned()]),
        ("Add a signature scheme", Scheme::ALL.iter().map(|scheme| format!("Scheme::{scheme:?}")).collect()),
    ] {
        let named = files_of(section);
        for source in ["functions", "shared"].into_iter().flat_map(sources) {
            let path = source.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
            let text = std::fs::read_to_string(&source).unwrap();
            let is_named = path.contains("/tests/") || named.iter().any(|name| path.starts_with(name.as_str()));
            assert!(is_named || !marks.iter().any(|mark| text.contains(mark)), "{path}: see {section}");
        }
    }
}
