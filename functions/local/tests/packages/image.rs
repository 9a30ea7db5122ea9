//! The Dockerfile. No container is made here: its steps are run as far as they are ours.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use crate::binary::{binary, listening};
use crate::tools::{hadolint, passes, read, root};

const BINARY: &str = env!("CARGO_BIN_EXE_hookline");

/// Its instructions, a line each.
fn instructions() -> Vec<(String, String)> {
    let joined = read("infra/Dockerfile").replace("\\\n", " ");
    let lines = joined.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines.map(|line| line.split_once(' ').map(|(name, rest)| (name.to_owned(), rest.to_owned())).unwrap()).collect()
}

fn all(name: &str) -> Vec<String> {
    instructions().into_iter().filter(|(found, _)| found == name).map(|(_, rest)| rest).collect()
}

fn words(json: &str) -> Vec<String> {
    serde_json::from_str(json).unwrap()
}

#[tokio::test]
async fn the_dockerfile_passes_its_linter() {
    let Some(hadolint) = hadolint().await else { return };
    let mut command = Command::new(hadolint);
    command.arg("infra/Dockerfile").current_dir(root());
    assert_eq!(passes(command).await, "");
}

#[test]
fn the_image_is_of_pinned_bases_and_does_not_run_as_root() {
    let bases = all("FROM");
    assert_eq!(bases.len(), 2, "one builds, the other one runs");
    for base in &bases {
        let (_, tag) = base.split(' ').next().unwrap().split_once(':').unwrap_or_else(|| panic!("{base} has no tag"));
        assert!(tag.matches('.').count() >= 1, "{base} moves with each release");
    }
    let minimum = read("Cargo.toml");
    let minimum = minimum.lines().find_map(|line| line.strip_prefix("rust-version = \"")?.strip_suffix('"')).unwrap();
    assert!(bases[0].starts_with(&format!("rust:{minimum}.")), "{} is not the oldest Rust that is supported", bases[0]);
    let users = all("USER");
    assert!(users.last().unwrap().split(':').all(|id| id.parse::<u32>().unwrap() > 0), "{users:?}");
}

/// The files of this workspace that its libraries and this binary were made of, as the compiler noted.
fn sources() -> BTreeSet<String> {
    let notes = std::fs::read_dir(Path::new(BINARY).with_file_name("deps")).unwrap();
    let notes =
        notes.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|kind| kind == "d"));
    let mut sources = BTreeSet::new();
    for note in notes {
        let text = std::fs::read_to_string(note).unwrap();
        // Of tests there are notes as well, which name no library.
        let is_part = text.lines().any(|line| line.contains(".rlib:"))
            || text.split_whitespace().any(|path| path == "functions/local/src/main.rs");
        let files = text.lines().filter(|_| is_part).filter_map(|line| line.strip_suffix(':'));
        sources.extend(files.filter(|file| Path::new(file).is_relative()).map(plain));
    }
    // A note of an earlier build may name what is no longer there.
    sources.retain(|file| root().join(file).is_file());
    sources
}

/// Without `..`.
fn plain(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            ".." => parts.truncate(parts.len().saturating_sub(1)),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// What the builder copies, less what is ignored, has every file that this binary was made of.
#[test]
fn the_context_of_the_build_has_every_source_of_the_binary() {
    let copies = all("COPY");
    let copied = copies.iter().filter(|line| !line.starts_with("--")).flat_map(|line| {
        let mut names: Vec<&str> = line.split_whitespace().collect();
        names.pop();
        names
    });
    let copied: Vec<&str> = copied.collect();
    let ignored = read("infra/Dockerfile.dockerignore");
    let allowed: Vec<&str> = ignored.lines().filter_map(|line| line.strip_prefix('!')).collect();
    assert_eq!(copied, allowed, "what is copied is what is sent to the builder");

    let manifest = read("Cargo.toml");
    let (_, members) = manifest.split_once("members = [").unwrap();
    let members = members.split_once(']').unwrap().0.split('"').filter(|part| part.contains(char::is_alphabetic));
    let sources = sources();
    assert!(sources.contains("functions/local/src/main.rs") && sources.contains("shared/profiles/standard.json"));
    let settings = [".cargo/config.toml", "Cargo.toml", "Cargo.lock"];
    for needed in sources.iter().map(String::as_str).chain(members).chain(settings) {
        let has = |name: &&str| needed == *name || needed.starts_with(&format!("{name}/"));
        assert!(copied.iter().any(has), "{needed} is not copied");
        assert!(!needed.contains("/target/") && !needed.contains("/node_modules/"), "{needed} is ignored");
    }
}

#[tokio::test]
async fn the_binary_is_built_and_put_into_the_image_by_the_steps_of_the_dockerfile() {
    let steps = all("RUN").join(" && ");
    let steps: Vec<&str> = steps.split("&&").map(str::trim).collect();
    let build = steps.iter().find_map(|step| step.split_once("cargo build ")).unwrap().1;
    let name = Path::new(BINARY).file_name().unwrap().to_str().unwrap();
    assert_eq!(build, format!("--locked --profile dist --package {} --bin {name}", env!("CARGO_PKG_NAME")));

    let image = tempfile::tempdir().unwrap();
    for step in steps.iter().filter(|step| step.starts_with("install -D ")) {
        let here = step.replace("target/dist/hookline", BINARY);
        let mut shell = Command::new("sh");
        shell.args(["-c", &here.replace(" /image", &format!(" {}", image.path().display()))]);
        passes(shell).await;
    }
    assert!(image.path().join("etc/ssl/certs/ca-certificates.crt").is_file());

    let entry = image.path().join("usr/local/bin").join(&words(&all("ENTRYPOINT")[0])[0]);
    let mut command = Command::new(&entry);
    command.arg("--version");
    let version = passes(command).await;
    assert!(version.contains(env!("CARGO_PKG_VERSION")), "{version}");
    let mut command = Command::new(&entry);
    command.args(words(&all("CMD")[0])).arg("--help");
    passes(command).await;
}

#[tokio::test]
async fn the_image_keeps_its_data_in_the_volume_that_its_user_owns() {
    let variables = all("ENV").join(" ");
    let variables: Vec<(&str, &str)> = variables.split_whitespace().filter_map(|pair| pair.split_once('=')).collect();
    let of = |name: &str| variables.iter().find(|(found, _)| *found == name).unwrap().1;
    let data = of("HOOKLINE_DATA");
    assert_eq!(all("VOLUME"), [data]);
    let (user, port) = (all("USER")[0].clone(), all("EXPOSE")[0].clone());
    let (user, group) = user.split_once(':').unwrap();
    assert!(all("RUN").contains(&format!("install -d -m 0700 -o {user} -g {group} {data}")));
    assert_eq!(of("HOOKLINE_LISTEN"), format!("0.0.0.0:{port}"));

    let directory = tempfile::tempdir().unwrap();
    let mut command = binary();
    for (name, value) in &variables {
        command.env(name, value.replace(data, directory.path().to_str().unwrap()));
    }
    command.args(words(&all("CMD")[0])).stdout(Stdio::null());
    let (_child, _address, _log) = listening(command).await;
    assert!(directory.path().join("operator-key").is_file());
}
