"""Functions of a deployed stack, invoked one by one with messages of ours, and what the emulator denies them."""

import itertools
import json
import secrets
import time

from receiver import Receiver
from stack import REGION, Emulator, Stack, rfc3339, until, upload

TENANT = "roles"
HOUR = 3600
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
QUEUES = ("Events", "Deliveries", "Redeliveries", "Retries")

emulator = receiver = stack = None
numbers = itertools.count(1)


def start(binaries, cleanup):
    """Deploys the stack; `cleanup` is told how to end what was started."""
    global emulator, receiver, stack
    emulator = Emulator(log="e2e-roles.log")
    cleanup(emulator.stop)
    receiver = Receiver()
    cleanup(receiver.stop)
    stack = Stack(emulator, upload(emulator, binaries), name="roles")
    stack.must("POST", "/v1/tenants", {"id": TENANT})
    # Nothing is handled but what is handed to a function here.
    for queue in QUEUES:
        stack.mappings(queue, enabled=False)


def ulid():
    value = int(time.time() * 1000) << 80 | secrets.randbits(80)
    return "".join(CROCKFORD[value >> 5 * place & 31] for place in reversed(range(26)))


class Denied(Exception):
    """A scenario did not come to its end."""


class Watch:
    """The refusals that the emulator reports from now on."""

    def __init__(self):
        self.start = emulator.log_path.stat().st_size

    def lines(self):
        with open(emulator.log_path, errors="replace") as log:
            log.seek(self.start)
            return [line for line in log if line.startswith("DENIED ")]


def seen(watch, what, probe, seconds=20):
    """As `until`, but a refusal is the end of it."""

    def either():
        answer = probe()
        if not answer and watch.lines():
            raise Denied(what)
        return answer

    return until(what, either, seconds)


def api(method, path, body=None, status=(200, 201, 202, 204)):
    got, answer = stack.call(method, path, body)
    if got not in status:
        raise Denied(f"{method} {path}: {got} {answer}")
    return answer


def invoke(function, queue, *bodies):
    """The function handles the messages as if they came from the queue, and none of them has failed."""
    records = [
        {
            "messageId": f"{next(numbers):08}-0000-4000-8000-000000000000",
            "receiptHandle": "none",
            "body": body if isinstance(body, str) else json.dumps(body),
            "attributes": {"ApproximateReceiveCount": "1"},
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": stack.arn(queue),
            "awsRegion": REGION,
        }
        for body in bodies
    ]
    client = emulator.client("lambda")
    answer = client.invoke(FunctionName=f"roles-{function}", Payload=json.dumps({"Records": records}))
    failures = json.loads(answer["Payload"].read())["batchItemFailures"]
    if failures:
        raise Denied(f"{function}: {failures}")


def anew(function):
    """A process of the function that remembers nothing."""
    memory = 256 + next(numbers)
    emulator.client("lambda").update_function_configuration(FunctionName=f"roles-{function}", MemorySize=memory)


def hook(**settings):
    number = next(numbers)
    wanted = {"url": f"{receiver.url}/{number}", "events": [f"type-{number}"], "retry": {"delays": [HOUR], "jitter": 0}}
    made = api("POST", f"/v1/tenants/{TENANT}/hooks", wanted | settings)
    return made | {"path": f"/v1/tenants/{TENANT}/hooks/{made['id']}", "type": wanted["events"][0]}


def answer(of, status=200, meanwhile=None):
    """What the endpoint of a hook does with one request."""
    receiver.answer(of["url"].removeprefix(receiver.url), status, meanwhile)


def event(of, **fields):
    """Something for a hook, as a publisher writes it to the queue."""
    return {"tenant": TENANT, "type": of["type"], "id": f"evt-{next(numbers)}", "data": {"n": 1}, **fields}


def delivery(of, **fields):
    """A first attempt for a hook, as fanout writes it."""
    return {
        "version": 1,
        "tenant": TENANT,
        "hook": of["id"],
        "event_id": f"evt-{next(numbers)}",
        "event_seq": f"seq_{ulid()}",
        "event_type": of.get("type", "some.type"),
        "event_timestamp": rfc3339(time.time()),
        "data": {"n": 1},
        "trigger": "first",
        "step": 0,
        **fields,
    }


def nobody():
    return {"id": f"hook_{ulid()}"}


def rows(table, *items):
    """Puts rows into a table behind the functions' backs."""
    client = emulator.client("dynamodb")
    for first in range(0, len(items), 25):
        puts = [{"PutRequest": {"Item": item}} for item in items[first : first + 25]]
        client.batch_write_item(RequestItems={stack.outputs[table]: puts})


def partition(table, pk):
    client = emulator.client("dynamodb")
    query = {"KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": {":pk": {"S": pk}}}
    return client.query(TableName=stack.outputs[table], **query)["Items"]


def logged(of):
    """The row of a delivery that has succeeded."""
    invoke("deliver", "Deliveries", delivery(of))
    [row] = partition("LogsTable", f"d#{TENANT}#{of['id'].removeprefix('hook_')}")
    return row
