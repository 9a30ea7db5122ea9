//! What customers receive webhooks with, in their own languages: Node with
//! packages of npm, Python with packages of PyPI, Go, Java and Rust with theirs. All are
//! installed under `target/`, pinned, on first use.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};

/// A folder in which `require` finds these packages, such as `a@1.0.0`.
pub fn node(name: &str, packages: &[&str]) -> Option<PathBuf> {
    usable(
        "Node",
        install(&format!("node-{name}"), packages, |place| {
            run(Command::new("node").arg("--version"))?;
            fs::write(place.join("package.json"), "{}")?;
            match packages {
                [] => Ok(()),
                _ => run(Command::new("npm")
                    .args(["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"])
                    .args(packages)
                    .current_dir(place)),
            }
        }),
    )
}

/// A file of `tests/receivers`.
pub fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("receivers").join(name)
}

/// A script of `tests/receivers`, to be run by Node with these packages.
pub fn node_script(name: &str, packages: &[&str], source: &str) -> Option<Command> {
    let source = script(source);
    // It finds packages beside itself.
    let beside_them = node(name, packages)?.join(source.file_name()?);
    fs::copy(source, &beside_them).expect("a script of this folder");
    let mut node = Command::new("node");
    node.arg(beside_them);
    Some(node)
}

/// What a program is made of: with another pin it is another program.
fn contents(sources: &Path, files: &[&str]) -> String {
    files.iter().map(|file| fs::read_to_string(sources.join(file)).unwrap_or_default()).collect()
}

/// A Python that has these packages, such as `a==1.0.0`.
pub fn python(name: &str, packages: &[&str]) -> Option<PathBuf> {
    let place = install(&format!("venv-receivers-{name}"), packages, |place| {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(place))?;
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
        run(Command::new(place.join("bin/python")).args(pip).args(packages))
    });
    usable("Python", place.map(|place| place.join("bin/python")))
}

/// A program in Go, made of this folder of sources.
pub fn go(name: &str, sources: &Path) -> Option<PathBuf> {
    let files = ["go.mod", "main.go"];
    let place = install(&format!("go-{name}"), &[&contents(sources, &files)], |place| {
        for file in files {
            fs::copy(sources.join(file), place.join(file))?;
        }
        let go = || {
            let mut go = Command::new("go");
            go.current_dir(place).env("GOFLAGS", "-mod=mod");
            go
        };
        run(go().args(["mod", "tidy"]))?;
        run(go().args(["build", "-o", "program", "."]))
    });
    found("Go", "REQUIRE_GO_TESTS", place.map(|place| place.join("program")))
}

/// A program in Rust with packages of its own, made of this folder of sources.
pub fn rust(name: &str, sources: &Path) -> Option<PathBuf> {
    let files = ["Cargo.toml", "Cargo.lock", "src/main.rs"];
    let place = install(&format!("rust-{name}"), &[&contents(sources, &files)], |place| {
        fs::create_dir_all(place.join("src"))?;
        for file in files {
            fs::copy(sources.join(file), place.join(file))?;
        }
        // What is built stays out of the workspace's own target.
        let target = place.join("target");
        run(Command::new("cargo").args(["build", "--locked", "--target-dir"]).arg(target).current_dir(place))
    });
    found("an index of crates", "REQUIRE_AWS_TESTS", place.map(|place| place.join("target/debug/journey")))
}

/// A program in Java with packages of Maven Central: the folder that its class and `lib` are in.
pub fn java(name: &str, sources: &Path, class: &str) -> Option<PathBuf> {
    let source = format!("{class}.java");
    let files = ["pom.xml", &source];
    let place = install(&format!("java-{name}"), &[&contents(sources, &files)], |place| {
        for file in files {
            fs::copy(sources.join(file), place.join(file))?;
        }
        let copy = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";
        run(Command::new("mvn").args(["-q", "-B", copy, "-DoutputDirectory=lib"]).current_dir(place))?;
        run(Command::new("javac").args(["-nowarn", "-cp", "lib/*", "-d", ".", &source]).current_dir(place))
    });
    found("Java", "REQUIRE_JAVA_TESTS", place)
}

/// A folder in which this has been typed into a shell, as a document tells, to install what a program in this language needs.
/// `REQUIRE_{switch}_TESTS=1` asks for it.
pub fn installed(language: &str, switch: &str, script: &str) -> Option<PathBuf> {
    let place = install(&format!("quick-start-{}", language.to_lowercase()), &[script], |place| {
        // Cargo takes what is above a package for its workspace, and is not to find ours.
        fs::write(place.join("Cargo.toml"), "[workspace]\nresolver = \"3\"\n")?;
        fs::create_dir(place.join(FOLDER))?;
        run(shell(script).current_dir(place.join(FOLDER)))
    });
    found(language, &format!("REQUIRE_{switch}_TESTS"), place.map(|place| place.join(FOLDER)))
}

const FOLDER: &str = "empty";

/// A shell that runs these lines as one who types them, and stops at the first that fails.
pub fn shell(script: &str) -> Command {
    let mut shell = Command::new("sh");
    // What a program builds stays out of the workspace's own target.
    shell.args(["-e", "-c", script]).env_remove("CARGO_TARGET_DIR");
    shell
}

fn usable(what: &str, place: anyhow::Result<PathBuf>) -> Option<PathBuf> {
    found(what, "REQUIRE_NODE_TESTS", place)
}

#[expect(clippy::print_stdout, reason = "who runs the tests should see that some were skipped")]
fn found(what: &str, switch: &str, place: anyhow::Result<PathBuf>) -> Option<PathBuf> {
    match place {
        Ok(place) => Some(place),
        Err(error) if is_required(switch) => panic!("{switch}=1, but {what} is not usable: {error:#}"),
        Err(error) => {
            println!("skipped: {what} is not usable: {error:#}");
            None
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this switch is for whoever runs the tests")]
fn is_required(switch: &str) -> bool {
    std::env::var(switch).is_ok_and(|value| value == "1")
}

/// Once for each list of packages; a lock keeps test processes that start
/// together from installing twice.
fn install(name: &str, packages: &[&str], make: impl FnOnce(&Path) -> anyhow::Result<()>) -> anyhow::Result<PathBuf> {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
    fs::create_dir_all(&target)?;
    let place = target.join(name);
    let lock = File::create(place.with_extension("lock"))?;
    lock.lock()?;
    let (stamp, wanted) = (place.join("installed"), packages.join(" "));
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(place);
    }
    if place.exists() {
        fs::remove_dir_all(&place)?;
    }
    fs::create_dir_all(&place)?;
    make(&place)?;
    fs::write(stamp, wanted)?;
    Ok(place.canonicalize()?)
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("running {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}
