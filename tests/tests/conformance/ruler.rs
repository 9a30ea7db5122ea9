//! Amazon's own library for event patterns, in one Java process.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use anyhow::Context as _;

use crate::tools::{available, once, run};

const POM: &str = include_str!("ruler/pom.xml");
const PROGRAM: &str = include_str!("ruler/Match.java");
const CLASS_PATH: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:build-classpath";

/// A pattern, and the events that it is held against.
pub(crate) struct Question {
    pub(crate) pattern: String,
    pub(crate) events: Vec<String>,
}

/// What the library says to one question.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Why it does not take the pattern.
    pub(crate) refusal: Option<String>,
    /// Of each event, whether it matches; false where the pattern is refused.
    pub(crate) matches: Vec<bool>,
}

/// The library's answers, in order; none where it cannot be had.
pub(crate) fn ask(questions: &[Question]) -> Option<Vec<Answer>> {
    let folder = available("Amazon's event-ruler (Java and Maven)", "REQUIRE_JAVA_TESTS", library())?;
    Some(answers(&folder, questions).expect("the library answers"))
}

fn library() -> anyhow::Result<PathBuf> {
    run(Command::new("java").arg("-version"))?;
    once("event-ruler", &format!("{POM}{PROGRAM}"), |folder| {
        fs::write(folder.join("pom.xml"), POM)?;
        fs::write(folder.join("Match.java"), PROGRAM)?;
        let maven = ["-q", "-B", CLASS_PATH, "-Dmdep.outputFile=class-path"];
        run(Command::new("mvn").args(maven).current_dir(folder))?;
        let class_path = fs::read_to_string(folder.join("class-path"))?;
        let javac = ["-nowarn", "-cp", class_path.trim(), "-d", ".", "Match.java"];
        run(Command::new("javac").args(javac).current_dir(folder))
    })
}

fn answers(folder: &Path, questions: &[Question]) -> anyhow::Result<Vec<Answer>> {
    let class_path = fs::read_to_string(folder.join("class-path"))?;
    let mut java = Command::new("java")
        .args(["-Xmx512m", "-cp", &format!(".:{}", class_path.trim()), "Match"])
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("running java")?;
    let mut input = java.stdin.take().context("no standard input")?;
    let output = BufReader::new(java.stdout.take().context("no standard output")?);
    let mut lines = Vec::new();
    for Question { pattern, events } in questions {
        lines.push(format!("R{pattern}\n"));
        lines.extend(events.iter().map(|event| format!("E{event}\n")));
    }
    // It answers while it is still being asked.
    let asking = thread::spawn(move || lines.iter().try_for_each(|line| input.write_all(line.as_bytes())));
    let mut replies = output.lines();
    let mut next = || replies.next().context("java ended early")?.context("reading from java");
    let mut answers = Vec::new();
    for Question { pattern, events } in questions {
        let reply = next()?;
        let refusal = reply.strip_prefix("refused ").map(str::to_owned);
        anyhow::ensure!(refusal.is_some() || reply == "taken", "{pattern}: {reply}");
        let mut matches = Vec::new();
        for event in events {
            let reply = next()?;
            anyhow::ensure!(refusal.is_some() || reply == "yes" || reply == "no", "{pattern} {event}: {reply}");
            matches.push(refusal.is_none() && reply == "yes");
        }
        answers.push(Answer { refusal, matches });
    }
    asking.join().ok().context("the asking thread panicked")??;
    java.wait()?;
    Ok(answers)
}
