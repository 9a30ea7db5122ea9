#!/usr/bin/env python3
"""Measures the size of each function and how long it takes from its start to its first answer.

    tests/e2e/cold_start.py DIR [DIR ...] [--starts N]

Each DIR holds binaries of one build: api, fanout, deliver, requeue or some of them. The builds are started in turns, and
beside the medians of each stands how many times those of the first they are. A stand-in of the runtime API hands each process one event of
tests/events/, for which it calls DynamoDB or SQS of the emulator, and takes its answer.
"""

import argparse
import hashlib
import http.server
import json
import pathlib
import queue
import shutil
import statistics
import subprocess
import tempfile
import threading
import time

import run

run.in_environment()

from stack import ACCOUNT, FUNCTIONS, REGION, ROOT, Emulator, Stack, build, upload  # noqa: E402

EVENTS = ROOT / "tests/events"
# That of tests/events/api.json.
KEY = "operator-key"
PATIENCE = 20


class RuntimeApi(http.server.ThreadingHTTPServer):
    """Hands out one event, and keeps everybody else waiting."""

    def __init__(self, event):
        self.event, self.answers = [event], queue.Queue()
        super().__init__(("127.0.0.1", 0), Requests)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        """Who has answered is killed, with its connections."""


class Requests(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if not self.server.event:
            time.sleep(PATIENCE)
            return
        body = self.server.event.pop()
        self.send_response(200)
        self.send_header("Lambda-Runtime-Aws-Request-Id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd")
        self.send_header("Lambda-Runtime-Deadline-Ms", str(int((time.time() + 300) * 1000)))
        self.send_header("Lambda-Runtime-Invoked-Function-Arn", f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:measured")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        at = time.perf_counter()
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.answers.put((at, self.path, body))
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def first_answer(binary, environment, event):
    """Seconds until it is there."""
    api = RuntimeApi(event)
    environment = {**environment, "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{api.server_port}"}
    started = time.perf_counter()
    process = subprocess.Popen([binary], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        at, path, body = api.answers.get(timeout=PATIENCE)
    finally:
        process.kill()
        process.wait()
        api.shutdown()
        api.server_close()
    answer = json.loads(body)
    done = path.endswith("/response") and answer.get("statusCode", 200) < 500 and not answer.get("batchItemFailures")
    assert done, f"{binary}: {path} {body.decode()}"
    return at - started


def environments(emulator, stack):
    """What each function is configured with, by its name."""
    functions = emulator.client("lambda")
    found = {}
    for name in FUNCTIONS:
        resource = stack.resources[f"{name.capitalize()}Function"]
        variables = functions.get_function_configuration(FunctionName=resource)["Environment"]["Variables"]
        found[name] = {
            **variables,
            "AWS_ENDPOINT_URL": emulator.url,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": ACCOUNT,
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_LAMBDA_FUNCTION_NAME": name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
            "AWS_LAMBDA_LOG_GROUP_NAME": name,
            "AWS_LAMBDA_LOG_STREAM_NAME": name,
        }
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("builds", type=pathlib.Path, nargs="+", metavar="DIR")
    parser.add_argument("--starts", type=int, default=20, metavar="N")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(options, pathlib.Path(folder))


def measure(options, folder):
    measured = [name for name in FUNCTIONS if all((place / name).exists() for place in options.builds)]
    sizes = {}
    for number, place in enumerate(options.builds):
        for name in measured:
            binary = folder / f"{number}-{name}"
            shutil.copy(place / name, binary)
            # Packages have no symbols.
            subprocess.run(["strip", str(binary)], check=True)
            sizes[number, name] = binary.stat().st_size
    emulator = Emulator("cold-start.log")
    try:
        hashed = hashlib.sha256(KEY.encode()).hexdigest()
        stack = Stack(emulator, upload(emulator, build()), OperatorKeySha256=hashed)
        status, answer = stack.call("POST", "/v1/tenants", {"id": "acme"}, key=KEY)
        assert status == 201, answer
        variables = environments(emulator, stack)
        for name in measured:
            event = (EVENTS / f"{name}.json").read_bytes()
            times = {number: [] for number in range(len(options.builds))}
            for _ in range(options.starts):
                for number, seconds in times.items():
                    seconds.append(first_answer(folder / f"{number}-{name}", variables[name], event))
            for number, seconds in times.items():
                median, first = statistics.median(seconds), statistics.median(times[0])
                size, first_size = sizes[number, name], sizes[0, name]
                print(
                    f"{name:8} {options.builds[number]}: {median * 1000:6.1f} ms ({median / first:.2f}),"
                    f" {size / 1e6:5.1f} MB ({size / first_size:.2f})"
                )
    finally:
        emulator.stop()


if __name__ == "__main__":
    main()
