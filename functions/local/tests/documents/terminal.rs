//! Shells in which the blocks of a document are run as they are written.

use std::fs::File;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicU8, Ordering};

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::binary::{PATIENCE, clean, until};

/// Where the documents' servers and receivers are.
const DOCUMENTED: &str = "127.0.0.1";

/// A directory, and an address of this machine that no other test uses. The
/// documents' address is replaced by it, everything else stays as it is written.
pub(crate) struct Desk {
    directory: TempDir,
    address: Ipv4Addr,
}

impl Desk {
    pub(crate) fn new() -> Self {
        static DESKS: AtomicU8 = AtomicU8::new(1);
        let [.., process, other] = std::process::id().to_be_bytes();
        let address = Ipv4Addr::new(127, 100 + DESKS.fetch_add(1, Ordering::Relaxed), process, other.clamp(1, 254));
        let desk = Self { directory: tempfile::tempdir().unwrap(), address };
        // The receiver has no variable for its address, as the server has.
        let listen = format!("[ \"$1\" = listen ] && shift && set -- listen --listen {address}:9000 \"$@\"");
        let given = "case \" $* \" in *' --listen '*) ;; *)";
        desk.command(
            "hookline",
            &format!("{given} {listen} ;; esac\nexec '{}' \"$@\"", env!("CARGO_BIN_EXE_hookline")),
        );
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Stands for what a reader has installed.
    fn command(&self, name: &str, script: &str) {
        std::fs::create_dir_all(self.path("bin")).unwrap();
        let path = self.path("bin").join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// A text of the document, with the address that is used here.
    pub(crate) fn here(&self, text: &str) -> String {
        text.replace(DOCUMENTED, &self.address.to_string())
    }

    fn script(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, self.here(text)).unwrap();
        path
    }

    fn bash(&self) -> Command {
        let mut bash = clean(Command::new("bash"));
        let path = std::env::vars().find(|(name, _)| name == "PATH").map_or(String::new(), |(_, path)| path);
        bash.env("PATH", format!("{}:{path}", self.path("bin").display()));
        bash.env("HOOKLINE_LISTEN", format!("{}:8787", self.address)).current_dir(self.directory.path());
        bash
    }
}

/// The terminal that a reader types in: what one block exports, the next one has.
pub(crate) struct Shell {
    _bash: Child,
    input: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

/// What a block came to.
pub(crate) struct Ran {
    /// A command of it, the last one or another, was refused.
    pub(crate) failed: bool,
    pub(crate) output: String,
}

impl Shell {
    pub(crate) fn open(desk: &Desk) -> Self {
        let mut bash = desk.bash().stdin(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
        let (input, output) = (bash.stdin.take().unwrap(), bash.stdout.take().unwrap());
        Self { _bash: bash, input, answers: BufReader::new(output).lines() }
    }

    pub(crate) async fn run(&mut self, desk: &Desk, text: &str) -> Ran {
        let script = desk.script("block.sh", text);
        let output = desk.path("block.out");
        let block = format!(". '{}' > '{}' 2>&1 < /dev/null", script.display(), output.display());
        let line = format!("FAILED=no; trap 'FAILED=yes' ERR; {block}; echo $FAILED\n");
        self.input.write_all(line.as_bytes()).await.unwrap();
        let answer = tokio::time::timeout(PATIENCE, self.answers.next_line()).await.expect("a block ends in time");
        let failed = answer.unwrap().expect("the shell is still there") == "yes";
        let output = std::fs::read_to_string(output).unwrap();
        // curl is content with any answer.
        Ran { failed: failed || output.contains(r#""type":"urn:hookline:problem:"#), output }
    }
}

/// A terminal in which something runs until it is stopped.
pub(crate) struct Terminal {
    bash: Child,
    output: PathBuf,
}

impl Terminal {
    /// Returns once what runs there listens.
    pub(crate) async fn open(desk: &Desk, name: &str, text: &str) -> Self {
        let script = desk.script(&format!("{name}.sh"), text);
        let output = desk.path(&format!("{name}.out"));
        let file = File::create(&output).unwrap();
        let mut bash = desk.bash();
        bash.arg(script).stdout(file.try_clone().unwrap()).stderr(file).process_group(0);
        let terminal = Self { bash: bash.spawn().unwrap(), output };
        until(&format!("{name} listens"), || async { terminal.output().contains("ing on http://") }).await;
        terminal
    }

    pub(crate) fn output(&self) -> String {
        std::fs::read_to_string(&self.output).unwrap()
    }
}

impl Drop for Terminal {
    /// The shell, and what runs in it.
    fn drop(&mut self) {
        if let Some(group) = self.bash.id() {
            let _ = std::process::Command::new("kill").args(["-KILL", "--", &format!("-{group}")]).status();
        }
    }
}
