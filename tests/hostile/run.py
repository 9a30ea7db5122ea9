#!/usr/bin/env python3
"""Holds a running server against its own OpenAPI document: thousands of requests, right and wrong, made by schemathesis.

    tests/hostile/run.py                   with the seed of CI, one to three minutes
    tests/hostile/run.py --seed N          with another seed, like HOOKLINE_HOSTILE_SEED=N
    tests/hostile/run.py --examples N      with more requests for each operation
    tests/hostile/run.py --binary FILE     with this server instead of building it
    tests/hostile/run.py -- ARGS           passes ARGS on to `st run`

Needs Rust and python3; the rest is installed under target/. Nothing leaves this machine except those installs: every
address in a request is put under a name that does not resolve.
"""

import argparse
import contextlib
import http.client
import json
import os
import pathlib
import re
import secrets
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
# Told apart from failed tests by tests/tests/schemathesis.rs.
CANNOT_RUN = 3
CI_SEED = 20_260_131
# How long to wait for what takes a moment, on a slow machine.
PATIENCE = 60
sys.path[:0] = [str(ROOT / "infra")]


def environment():
    import environment

    try:
        return environment.ensure("hostile", HERE / "requirements.txt")
    except subprocess.CalledProcessError as error:
        print(f"the packages of tests/hostile/requirements.txt cannot be installed: {error}")
        sys.exit(CANNOT_RUN)


def build():
    subprocess.run(["cargo", "build", "--locked", "--quiet", "--package", "local"], cwd=ROOT, check=True)
    target = os.environ.get("CARGO_TARGET_DIR", ROOT / "target")
    return pathlib.Path(target) / "debug" / "hookline"


def until(what, look):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            if found := look():
                return found
        time.sleep(0.05)
    raise AssertionError(f"not within {PATIENCE} s: {what}")


class Server:
    """The server, with one of everything that a path can name."""

    def __init__(self, port, key):
        self.port, self.key = port, key

    def call(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        headers = {"authorization": f"Bearer {self.key}"}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = connection.getresponse()
        text = response.read().decode()
        if response.status >= 300:
            raise AssertionError(f"{method} {path}: {response.status} {text}")
        return json.loads(text) if text else None

    def furnish(self):
        acme = "/v1/tenants/acme"
        schema = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
        kind = {"name": "post.published", "schema": schema, "example": {"n": 1}}
        self.call("POST", "/v1/profiles", {"name": "house", "retry": {"delays": [86400]}})
        self.call("POST", "/v1/tenants", {"id": "acme", "profile": "house"})
        self.call("POST", "/v1/event-types", kind)
        self.call("POST", f"{acme}/event-types", kind)
        hook = {"url": "https://hooks.invalid/", "events": ["*"], "circuit_breaker": {"failures": 0}}
        hook = self.call("POST", f"{acme}/hooks", hook)["id"]
        self.call("POST", f"{acme}/events", {"id": "post-1", "type": "post.published", "data": {"n": 1}})
        replay = self.call("POST", f"{acme}/hooks/{hook}/replays", {"kind": "failed", "dry_run": True})["id"]
        log = until("the first delivery", lambda: self.call("GET", f"{acme}/hooks/{hook}/deliveries")["items"])
        return {
            "tenant": "acme", "profile": "house", "type": "post.published", "hook": hook, "event": "post-1",
            "replay": replay, "delivery": log[0]["id"],
        }  # fmt: skip


@contextlib.contextmanager
def serving(binary):
    key = secrets.token_hex()
    command = [str(binary), "serve", "--temporary", "--allow-http", "--listen", "127.0.0.1:0"]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HOOKLINE_")}
    path = ROOT / "target" / "hostile.log"
    with open(path, "wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=clean | {"HOOKLINE_OPERATOR_KEY": key})
        try:
            said = until("the server listens", lambda: re.search(r"listening on http://[\d.]+:(\d+)", path.read_text()))
            yield Server(int(said[1]), key)
        finally:
            died = process.poll() is not None
            process.terminate()
            process.wait(PATIENCE)
    if died:
        raise AssertionError("the server ended before its time; target/hostile.log says why")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=int(os.environ.get("HOOKLINE_HOSTILE_SEED", CI_SEED)))
    parser.add_argument("--examples", type=int, default=int(os.environ.get("HOOKLINE_HOSTILE_EXAMPLES", 25)))
    parser.add_argument("--binary", type=pathlib.Path, metavar="FILE")
    parser.add_argument("rest", nargs="*", metavar="ARGS")
    options = parser.parse_args()
    python = environment()
    binary = options.binary or build()
    print(f"seed {options.seed}; HOOKLINE_HOSTILE_SEED sets another", flush=True)
    with serving(binary) as server:
        known = server.furnish()
        command = [str(python.parent / "st"), "--config-file", str(HERE / "schemathesis.toml"), "--no-color", "run"]
        command += [f"http://127.0.0.1:{server.port}/openapi.json", "--seed", str(options.seed)]
        command += ["--max-examples", str(options.examples), *options.rest]
        given = {"HOOKLINE_OPERATOR_KEY": server.key, "HOOKLINE_KNOWN": json.dumps(known)}
        given |= {"PYTHONPATH": str(HERE), "PYTHONDONTWRITEBYTECODE": "1"}
        # What it keeps of a run is kept where it is started.
        place = ROOT / "target" / "hostile"
        place.mkdir(exist_ok=True)
        return subprocess.run(command, cwd=place, env=os.environ | given).returncode


if __name__ == "__main__":
    sys.exit(main())
