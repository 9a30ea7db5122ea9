//! ministack, an emulator of AWS in Python: SQS and Scheduler for the tests
//! that DynamoDB alone does not serve.
//!
//! It is installed once into `target/ministack-venv`, pinned, and started once
//! per test process on a free port. It ends with the process, however that
//! ends: the emulator holds the other end of a pipe and stops when it closes.

use std::fs::{self, File};
use std::io;
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};

/// Known to work together; the second one serves templates.
const PACKAGES: [&str; 2] = ["ministack==1.5.33", "aws-sam-translator==1.115.0"];
/// It takes 0.2 s on an idle machine.
const START_TIMEOUT: Duration = Duration::from_secs(30);
const START_ATTEMPTS: usize = 3;
/// Ends the whole process group, functions started by it included, and leaves
/// no file behind as soon as the test process is gone.
const LAUNCHER: &str = "
import os, shutil, signal, sys, threading
def end_with_parent():
    sys.stdin.buffer.read()
    shutil.rmtree(os.environ['HOME'], ignore_errors=True)
    os.killpg(0, signal.SIGKILL)
threading.Thread(target=end_with_parent, daemon=True).start()
from ministack.app import main
main()
";

/// A running emulator.
pub struct Ministack {
    pub endpoint: String,
    process: Child,
    /// Never written to. The emulator stops when this end is closed.
    lifeline: Option<ChildStdin>,
    home: PathBuf,
}

impl Ministack {
    /// The one of this process, started on first use. Nothing, and a line that
    /// says so, where Python or its packages cannot be had; a panic instead if
    /// `REQUIRE_AWS_TESTS=1`.
    #[expect(clippy::print_stdout, reason = "who runs the tests should see that some were skipped")]
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Ministack>> = OnceLock::new();
        let start = || match install().and_then(|python| Self::start(&python, &[])) {
            Ok(ministack) => Some(ministack),
            Err(error) if is_required() => panic!("REQUIRE_AWS_TESTS=1, but ministack is not usable: {error:#}"),
            Err(error) => {
                println!("skipped: ministack is not usable: {error:#}");
                None
            }
        };
        SHARED.get_or_init(start).as_ref()
    }

    /// An emulator of one's own, with further settings as environment variables.
    pub fn start(python: &Path, settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        // Somebody else may take the port before the emulator does.
        let mut result = Self::start_once(python, settings);
        for _ in 1..START_ATTEMPTS {
            if result.is_ok() {
                break;
            }
            result = Self::start_once(python, settings);
        }
        result
    }

    fn start_once(python: &Path, settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let endpoint = format!("http://127.0.0.1:{port}");
        let home = tempfile::tempdir()?.keep();
        let log = File::create(home.join("ministack.log"))?;
        // A function it starts inherits its environment, so that has to be a
        // clean one.
        let mut process = Command::new(python)
            .args(["-c", LAUNCHER])
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("LANG", "C.UTF-8")
            .env("HOME", &home)
            .env("TMPDIR", &home)
            .env("BIND_HOST", "127.0.0.1")
            .env("MINISTACK_HOST", "localhost")
            .env("GATEWAY_PORT", port.to_string())
            .env("AWS_ENDPOINT_URL", &endpoint)
            .env("IOT_MTLS_ENABLED", "0")
            .env("SFTP_ENABLED", "0")
            .envs(settings.iter().copied())
            .current_dir(&home)
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .spawn()
            .context("starting Python")?;
        let lifeline = process.stdin.take();
        let mut ministack = Self { endpoint, process, lifeline, home };
        ministack.wait_until_ready(port)?;
        Ok(ministack)
    }

    fn wait_until_ready(&mut self, port: u16) -> anyhow::Result<()> {
        let started = Instant::now();
        while started.elapsed() < START_TIMEOUT {
            if let Some(status) = self.process.try_wait()? {
                let log = fs::read_to_string(self.home.join("ministack.log")).unwrap_or_default();
                bail!("it ended with {status}: {log}");
            }
            if is_ready(port).unwrap_or(false) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        bail!("it was not ready within {START_TIMEOUT:?}")
    }

    pub fn aws_config(&self) -> aws_config::SdkConfig {
        Self::config_of(&self.endpoint)
    }

    /// As the functions are configured, with something else at `endpoint`, such as a proxy.
    pub fn config_of(endpoint: &str) -> aws_config::SdkConfig {
        let credentials = Credentials::new("test", "test", None, None, "test");
        aws_config::SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .credentials_provider(aws_sdk_sqs::config::SharedCredentialsProvider::new(credentials))
            .endpoint_url(endpoint)
            .retry_config(aws::client::retries())
            .timeout_config(aws::client::timeouts())
            .build()
    }
}

impl Drop for Ministack {
    fn drop(&mut self) {
        self.lifeline = None;
        // It is gone already or about to be; this only tidies up.
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.home);
    }
}

fn is_ready(port: u16) -> io::Result<bool> {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    stream.write_all(b"GET /_ministack/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut head = [0_u8; 12];
    stream.read_exact(&mut head)?;
    Ok(head.ends_with(b"200"))
}

#[expect(clippy::disallowed_methods, reason = "this switch is for whoever runs the tests")]
fn is_required() -> bool {
    std::env::var("REQUIRE_AWS_TESTS").is_ok_and(|value| value == "1")
}

/// The Python that has the packages, installed on first use. A lock keeps test
/// processes that start together from installing twice.
pub fn install() -> anyhow::Result<PathBuf> {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
    fs::create_dir_all(&target)?;
    let venv = target.join("ministack-venv");
    let python = venv.join("bin/python");
    let marker = venv.join("installed");
    let lock = File::create(target.join("ministack-venv.lock"))?;
    lock.lock()?;
    let wanted = PACKAGES.join(" ");
    if fs::read_to_string(&marker).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv))?;
    run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(PACKAGES))?;
    fs::write(marker, wanted)?;
    Ok(python)
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("running {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}
