"""The emulator as a process, and Hookline deployed on it from template.yaml."""

import base64
import contextlib
import hashlib
import io
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
from datetime import datetime, timezone

import boto3
from botocore.config import Config

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT / "infra"))

import translate  # noqa: E402

FUNCTIONS = ("api", "fanout", "deliver", "requeue")
REGION = "us-east-1"
# The emulator looks up HTTP APIs in its default account only, so everything lives in that one.
ACCOUNT = "111122223333"
OPERATOR_KEY = "operator-key-of-the-end-to-end-tests"
CODE_BUCKET = "code"


def until(what, probe, seconds=20):
    """The first true answer of `probe`, or a failure that says what did not happen."""
    deadline = time.monotonic() + seconds
    while True:
        if answer := probe():
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.05)


def rfc3339(seconds):
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def http(method, url, body=None, headers=()):
    """Status and body. `body` is sent as it is when it is bytes, as JSON otherwise."""
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode()
    request = urllib.request.Request(url, body, {"content-type": "application/json", **dict(headers)}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


class Emulator:
    """ministack on a port of its own, in a process group of its own; its log is left in target/."""

    def __init__(self, log="e2e.log"):
        self.left_log = ROOT / "target" / log
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="hookline-e2e-"))
        self.log_path = self.home / "emulator.log"
        # Functions inherit the emulator's environment, so it gets nothing of ours.
        environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.home),
            "TMPDIR": str(self.home),
            "LANG": "C.UTF-8",
            "PYTHONDONTWRITEBYTECODE": "1",
            "BIND_HOST": "127.0.0.1",
            "MINISTACK_HOST": "localhost",
            "GATEWAY_PORT": str(self.port),
            "AWS_ENDPOINT_URL": self.url,
            "AUTH": "true",
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "LOG_LEVEL": "INFO",
        }
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(HERE / "emulator.py")],
                env=environment,
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            until("the emulator is ready", self._is_ready, 30)
        except BaseException:
            print(self.log())
            self.stop()
            raise

    def _is_ready(self):
        if self.process.poll() is not None:
            raise SystemExit("the emulator stopped at its start")
        with contextlib.suppress(OSError):
            return http("GET", f"{self.url}/_ministack/ready")[0] == 200

    def log(self):
        return self.log_path.read_text(errors="replace")

    def client(self, service, key=ACCOUNT, secret="test"):
        """A client of the account's root, or of the user whose key it is."""
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            config=Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}),
        )

    def stop(self):
        # The functions' processes are in the same group.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        shutil.copy(self.log_path, self.left_log)
        shutil.rmtree(self.home, ignore_errors=True)


def build():
    """The folder of the four binaries, freshly built as they are deployed: without the embedded adapters."""
    packages = [argument for name in FUNCTIONS for argument in ("-p", name)]
    cargo = os.environ.get("CARGO", "cargo")
    subprocess.run([cargo, "build", "--quiet", "--locked", "--bins", *packages], cwd=ROOT, check=True)
    return pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug"


def upload(emulator, binaries):
    """Puts each function's code into a bucket; answers where it is."""
    s3 = emulator.client("s3")
    s3.create_bucket(Bucket=CODE_BUCKET)
    places = {}
    for name in FUNCTIONS:
        bootstrap = emulator.home / name
        shutil.copy(binaries / name, bootstrap)
        # Debug information is nine tenths of the upload; without `strip` it is just slower.
        if shutil.which("strip"):
            subprocess.run(["strip", str(bootstrap)], check=False, stderr=subprocess.DEVNULL)
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as zipped:
            zipped.write(bootstrap, "bootstrap")
        code = archive.getvalue()
        key = f"{name}-{hashlib.sha256(code).hexdigest()[:12]}.zip"
        s3.put_object(Bucket=CODE_BUCKET, Key=key, Body=code)
        places[name] = {"Bucket": CODE_BUCKET, "Key": key}
    return places


class Stack:
    """template.yaml, deployed; attributes are its outputs in snake case."""

    def __init__(self, emulator, code, name="hookline", **parameters):
        self.emulator = emulator
        self.name = name
        template = translate.load(ROOT / "template.yaml")
        for function in translate.functions(template).values():
            properties = function["Properties"]
            properties["CodeUri"] = code[pathlib.PurePath(properties["CodeUri"]).name]
        # The emulator knows no alarms on several metrics, and nothing here waits for an alarm.
        template["Resources"] = {n: r for n, r in template["Resources"].items() if "Metrics" not in r["Properties"]}
        given = {
            "OperatorKeySha256": hashlib.sha256(OPERATOR_KEY.encode()).hexdigest(),
            "AllowHttp": "true",
            "AllowNetworks": "127.0.0.0/8",
            "MaxFanoutConcurrency": "2",
            "MaxDeliverConcurrency": "2",
            "MaxRedeliverConcurrency": "2",
            "MaxRequeueConcurrency": "2",
            **parameters,
        }
        # From a bucket, as SAM does: a request takes 51,200 bytes at most.
        emulator.client("s3").put_object(Bucket=CODE_BUCKET, Key=f"{name}.json", Body=json.dumps(template).encode())
        cloudformation = emulator.client("cloudformation")
        cloudformation.create_stack(
            StackName=name,
            TemplateURL=f"{emulator.url}/{CODE_BUCKET}/{name}.json",
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        )

        def settled():
            stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
            return None if stack["StackStatus"].endswith("IN_PROGRESS") else stack

        stack = until(f"stack {name} is settled", settled, 60)
        if stack["StackStatus"] != "CREATE_COMPLETE":
            events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
            reasons = [f"{e['LogicalResourceId']}: {e.get('ResourceStatusReason')}" for e in events if "FAILED" in e["ResourceStatus"]]
            raise AssertionError("\n".join([stack["StackStatus"], *reasons]))
        self.resources = {
            resource["LogicalResourceId"]: resource["PhysicalResourceId"]
            for resource in cloudformation.describe_stack_resources(StackName=name)["StackResources"]
        }
        self.outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
        self.sqs = emulator.client("sqs")

    def call(self, method, path, body=None, key=OPERATOR_KEY, headers=()):
        """Status and parsed answer of one API call."""
        base = f"{self.emulator.url}/_aws/execute-api/{self.outputs['ApiId']}/$default"
        status, answer = http(method, base + path, body, {"authorization": f"Bearer {key}", **dict(headers)})
        try:
            return status, json.loads(answer)
        except ValueError:
            return status, answer

    def curl(self, method, path, user, password, form=None):
        """The same with HTTP Basic and, maybe, a form."""
        base = f"{self.emulator.url}/_aws/execute-api/{self.outputs['ApiId']}/$default"
        credentials = base64.b64encode(f"{user}:{password}".encode()).decode()
        headers = {"authorization": f"Basic {credentials}", "content-type": "application/x-www-form-urlencoded"}
        status, answer = http(method, base + path, form and form.encode(), headers)
        return status, json.loads(answer)

    def must(self, method, path, body=None, status=(200, 201, 202)):
        """The answer of an API call that has to succeed."""
        got, answer = self.call(method, path, body)
        if got not in status:
            raise AssertionError(f"{method} {path}: {got} {answer}")
        return answer

    def send(self, queue, *bodies):
        """Sends the messages in one batch."""
        entries = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies)]
        answer = self.sqs.send_message_batch(QueueUrl=self.outputs[f"{queue}QueueUrl"], Entries=entries)
        assert not answer.get("Failed"), answer
        return [entry["MessageId"] for entry in sorted(answer["Successful"], key=lambda entry: int(entry["Id"]))]

    def messages(self, *queues):
        """All messages of the queues at one moment, also those that are in flight or delayed, without receiving them."""
        _, answer = http("GET", f"{self.emulator.url}/_ministack/sqs/messages?account={ACCOUNT}")
        by_name = {
            url.rsplit("/", 1)[-1]: messages
            for account in json.loads(answer)["messages"].values()
            for region in account.values()
            for url, messages in region.items()
        }
        return [m for queue in queues for m in by_name.get(self.outputs[f"{queue}QueueUrl"].rsplit("/", 1)[-1], [])]

    def set_aside(self, queue, bodies):
        """The messages with these bodies, by body, once they are all in a dead-letter queue."""

        def found():
            by_body = {m["Body"]: m for m in self.messages(queue)}
            return bodies <= set(by_body) and {body: by_body[body] for body in bodies}

        return until(f"{bodies} in {queue}", found)

    def mappings(self, queue, enabled):
        """Lets the functions read a queue, or leave what is in it."""
        client = self.emulator.client("lambda")
        for mapping in client.list_event_source_mappings()["EventSourceMappings"]:
            if mapping["EventSourceArn"] == self.arn(queue):
                client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=enabled)

    def arn(self, queue):
        return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{self.outputs[f'{queue}QueueUrl'].rsplit('/', 1)[-1]}"

    def settled(self):
        """Waits until nothing is under way; what waits in retries may stay."""
        until("the queues are empty", lambda: not self.messages("Events", "Deliveries", "Redeliveries"), 30)

    def schedules(self):
        return self.emulator.client("scheduler").list_schedules(GroupName=self.outputs["ScheduleGroup"])["Schedules"]
