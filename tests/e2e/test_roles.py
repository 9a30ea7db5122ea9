"""Every permission of every role is needed, and none is missing.

Each is taken from its role on a deployed stack, whereupon something that `SCENARIOS` names must be denied and fail; put
back, the same must succeed. A permission that the table lacks fails the test, so nothing is granted without a reason.
"""

import contextlib
import itertools
import json
import secrets
import time
import unittest

from receiver import Receiver
from stack import ACCOUNT, REGION, ROOT, Emulator, Stack, build, translate, until, upload

TENANT = "roles"
HOUR = 3600
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
QUEUES = ("Events", "Deliveries", "Redeliveries", "Retries")
# Writing the log is Lambda's own doing under the function's role, and the emulator does not ask.
UNSEEN = {"logs:CreateLogStream", "logs:PutLogEvents"}

emulator = receiver = stack = None
numbers = itertools.count(1)


def setUpModule():
    global emulator, receiver, stack
    binaries = build()
    emulator = Emulator(log="e2e-roles.log")
    unittest.addModuleCleanup(emulator.stop)
    receiver = Receiver()
    unittest.addModuleCleanup(receiver.stop)
    stack = Stack(emulator, upload(emulator, binaries), name="roles")
    stack.must("POST", "/v1/tenants", {"id": TENANT})
    # Functions are invoked one by one; only who tests the reading lets them read.
    for queue in QUEUES:
        stack.mappings(queue, enabled=False)


def ulid(at=None):
    value = int((at or time.time()) * 1000) << 80 | secrets.randbits(80)
    return "".join(CROCKFORD[value >> 5 * place & 31] for place in reversed(range(26)))


def rfc3339(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(seconds))


class Denied(Exception):
    pass


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
    arn = stack.arn(queue)
    attributes = {"ApproximateReceiveCount": "1"}
    records = [
        {
            "messageId": f"{next(numbers):08}-0000-4000-8000-000000000000",
            "receiptHandle": "none",
            "body": body if isinstance(body, str) else json.dumps(body),
            "attributes": attributes,
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": arn,
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


# ---------------------------------------------------------------- api


def read_a_tenant():
    api("GET", f"/v1/tenants/{TENANT}")


def list_tenants():
    api("GET", "/v1/tenants")


def create_a_tenant():
    api("POST", "/v1/tenants", {"id": f"tenant-{next(numbers)}"})


def create_a_hook():
    # What seals its secret is remembered.
    anew("api")
    hook()


def delete_a_profile():
    name = f"profile-{next(numbers)}"
    api("POST", "/v1/profiles", {"name": name})
    api("DELETE", f"/v1/profiles/{name}")


def published():
    """An event that is recorded, with its hook."""
    made = hook()
    message = event(made)
    invoke("fanout", "Events", message)
    return made, message["id"]


def read_an_event():
    _, id = published()
    return lambda: api("GET", f"/v1/tenants/{TENANT}/events/{id}")


def read_a_log():
    made = hook()
    return lambda: api("GET", f"{made['path']}/deliveries")


def expunge_an_event():
    _, id = published()
    return lambda: api("DELETE", f"/v1/tenants/{TENANT}/events/{id}/data")


def publish():
    made = hook()
    return lambda: api("POST", f"/v1/tenants/{TENANT}/events", {"type": made["type"], "data": 1})


def retry_by_hand():
    made, _ = published()
    [message] = [m["Body"] for m in stack.messages("Deliveries") if made["id"] in m["Body"]]
    invoke("deliver", "Deliveries", message)
    [row] = api("GET", f"{made['path']}/deliveries")["items"]
    return lambda: api("POST", f"/v1/tenants/{TENANT}/deliveries/{row['id']}/retry")


def delete_a_hook():
    made = hook()
    return lambda: api("DELETE", made["path"])


def reveal_a_secret():
    made = hook()

    def reveal():
        anew("api")
        api("GET", f"{made['path']}/secret")

    return reveal


# ---------------------------------------------------------------- fanout


def fan_out_for_a_new_tenant():
    invoke("fanout", "Events", {"tenant": f"nobody-{next(numbers)}", "type": "a.b", "data": 1})


def fan_out_to_a_hook():
    made = hook()
    return lambda: invoke("fanout", "Events", event(made))


def fan_out_later():
    made = hook()
    return lambda: invoke("fanout", "Events", event(made, deliver_at=rfc3339(time.time() + HOUR)))


def continue_an_unknown_event():
    # It is looked up and set aside.
    invoke("fanout", "Events", {"tenant": TENANT, "id": "unknown", "continuation": {"page": 1, "cursor": "c"}})


def fan_out_to_a_crowd():
    made = hook()
    [row] = partition("HooksTable", f"s#{TENANT}#{made['type']}")
    own, others = row["sk"]["S"], [ulid() for _ in range(100)]
    text = json.dumps(row)
    rows("HooksTable", *(json.loads(text.replace(own, other)) for other in others))
    # The continuation is sent at once, the deliveries wait.
    return lambda: invoke("fanout", "Events", event(made, deliver_at=rfc3339(time.time() + HOUR)))


def set_aside(function, queue):
    return lambda: invoke(function, queue, "not a message")


# ---------------------------------------------------------------- deliver


def deliver():
    made = hook()
    return lambda: invoke("deliver", "Deliveries", delivery(made))


def deliver_and_count():
    made = hook()
    invoke("deliver", "Deliveries", delivery(made))
    before = api("GET", made["path"])["health"]["last_success"]
    if not before:
        raise Denied("the success was not counted")


def deliver_with_a_secret():
    made = hook()

    def signed():
        anew("deliver")
        invoke("deliver", "Deliveries", delivery(made))

    return signed


def disable_a_hook_of_many_versions():
    made = hook()
    [row] = [r for r in partition("HooksTable", f"h#{TENANT}") if r["sk"]["S"] == made["id"].removeprefix("hook_")]
    row["v"]["N"] = "150"
    row["doc"]["S"] = json.dumps(json.loads(row["doc"]["S"]) | {"version": 150})
    rows("HooksTable", row)
    path = made["url"].removeprefix(receiver.url)

    def disable():
        receiver.answer(path, 410)
        invoke("deliver", "Deliveries", delivery(made))
        if api("GET", made["path"])["enabled"]:
            raise Denied("the hook is not disabled")

    return disable


def announce_a_disabled_hook():
    made = hook()
    receiver.answer(made["url"].removeprefix(receiver.url), 410)
    invoke("deliver", "Deliveries", delivery(made))
    if not [m for m in stack.messages("Events") if "hook.disabled" in m["Body"] and made["id"] in m["Body"]]:
        raise Denied("the hook was disabled in silence")


def look_before_a_retry():
    made = hook()
    return lambda: invoke("deliver", "Redeliveries", delivery(made, trigger="retry", step=1))


def try_a_failed_delivery_by_hand():
    made = hook(retry={"delays": []})
    receiver.answer(made["url"].removeprefix(receiver.url), 503)
    failed = delivery(made)
    invoke("deliver", "Deliveries", failed)
    return lambda: invoke("deliver", "Redeliveries", failed | {"trigger": "manual", "request": f"r-{next(numbers)}"})


def find_an_attempt_among_later_ones():
    made = hook()
    row = logged(made)

    def overtaken():
        message = delivery(made)
        later = json.loads(json.dumps(row)) | {"n": {"N": "2"}}
        later["sk"]["S"], later["e"]["S"] = message["event_seq"].removeprefix("seq_"), message["event_id"]
        later["a"]["M"]["n"]["N"] = "2"
        # While its own request is under way, others get further.
        receiver.answer(made["url"].removeprefix(receiver.url), meanwhile=lambda: rows("LogsTable", later))
        invoke("deliver", "Deliveries", message)

    return overtaken


def fail_and_ask_for_a_retry():
    made = hook()
    path = made["url"].removeprefix(receiver.url)

    def fail():
        receiver.answer(path, 503)
        invoke("deliver", "Deliveries", delivery(made))

    return fail


# ---------------------------------------------------------------- requeue


def forward_a_retry():
    made = hook()
    return lambda: invoke("requeue", "Retries", delivery(made, due_at=rfc3339(time.time() - 1)))


def skip_for_a_disabled_hook():
    made = hook(enabled=False)
    return lambda: invoke("requeue", "Retries", delivery(made, due_at=rfc3339(time.time() - 1)))


def replay(kind):
    made = hook()

    def step():
        id = api("POST", f"{made['path']}/replays", {"kind": kind, "dry_run": True})["id"]
        job = {"hook": made["id"], "replay": id, "step": 0, "token": f"t-{next(numbers)}"}
        invoke("requeue", "Retries", {"version": 1, "tenant": TENANT, "job": {"replay": job}})

    return step


def purge(count):
    """Deletes the log of a hook that is gone, with `count` rows, and a former version of it."""
    pattern = json.dumps(logged(hook()))
    own = json.loads(pattern)["pk"]["S"].rsplit("#", 1)[-1]

    def delete():
        gone = ulid()
        copies = [json.loads(pattern.replace(own, gone)) | {"sk": {"S": ulid()}} for _ in range(count)]
        rows("LogsTable", *copies)
        rows("HooksTable", {"pk": {"S": f"v#{TENANT}#{gone}"}, "sk": {"S": "0000000001"}})
        job = {"purge_hook": {"hook": f"hook_{gone}", "with_events": False}}
        invoke("requeue", "Retries", {"version": 1, "tenant": TENANT, "job": job})

    return delete


def wait_for_more_than_twelve_hours():
    made = hook()
    return lambda: invoke("requeue", "Retries", delivery(made, due_at=rfc3339(time.time() + 13 * HOUR)))


# ---------------------------------------------------------------- queues, schedules


@contextlib.contextmanager
def reading(queue):
    stack.mappings(queue, enabled=True)
    try:
        yield
    finally:
        stack.mappings(queue, enabled=False)


def consume(queue):
    def handled():
        # Of a tenant that does not exist: it comes to nothing.
        body = {"tenant": "nobody", "type": "a.b", "data": 1} if queue == "Events" else delivery(nobody()) | {"tenant": "nobody"}
        watch = Watch()
        with reading(queue):
            [id] = stack.send(queue, json.dumps(body))
            seen(watch, f"{queue} is read", lambda: all(m["MessageId"] != id for m in stack.messages(queue)))

    return handled


def put_off(queue):
    def waits():
        watch = Watch()
        with reading(queue):
            [id] = stack.send(queue, json.dumps(delivery(nobody(), due_at=rfc3339(time.time() + 2 * HOUR))))
            later = lambda: [m for m in stack.messages(queue) if m["MessageId"] == id and m["VisibleAt"] > time.time() + HOUR]
            seen(watch, f"the message waits in {queue}", later)

    return waits


def fire_a_schedule():
    body = json.dumps(delivery(nobody()))
    target = {
        "Arn": "arn:aws:scheduler:::aws-sdk:sqs:sendMessage",
        "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/{stack.resources['SchedulerRole']}",
        "Input": json.dumps({"QueueUrl": stack.outputs["RedeliveriesQueueUrl"], "MessageBody": body}),
    }
    watch = Watch()
    emulator.client("scheduler").create_schedule(
        Name=f"schedule-{next(numbers)}",
        GroupName=stack.outputs["ScheduleGroup"],
        ScheduleExpression=f"at({rfc3339(time.time() + 1)[:19]})",
        FlexibleTimeWindow={"Mode": "OFF"},
        ActionAfterCompletion="DELETE",
        Target=target,
    )
    seen(watch, "the schedule has sent its message", lambda: any(m["Body"] == body for m in stack.messages("Redeliveries")))


def consuming(role, queue):
    """What a mapping needs of its queue."""
    return {(role, f"sqs:{action}", queue): consume(queue.removesuffix("Queue")) for action in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")}


def prepared(scenario, *arguments):
    """A scenario with a part that comes before the permission is taken."""
    return lambda: scenario(*arguments)


def directly(act):
    return lambda: act


SCENARIOS = {
    ("ApiRole", "dynamodb:GetItem", "HooksTable"): directly(read_a_tenant),
    ("ApiRole", "dynamodb:Query", "HooksTable"): directly(list_tenants),
    ("ApiRole", "dynamodb:PutItem", "HooksTable"): directly(create_a_tenant),
    ("ApiRole", "dynamodb:UpdateItem", "HooksTable"): directly(create_a_hook),
    ("ApiRole", "dynamodb:DeleteItem", "HooksTable"): directly(delete_a_profile),
    ("ApiRole", "dynamodb:GetItem", "LogsTable"): prepared(read_an_event),
    ("ApiRole", "dynamodb:Query", "LogsTable"): prepared(read_a_log),
    ("ApiRole", "dynamodb:PutItem", "LogsTable"): prepared(expunge_an_event),
    ("ApiRole", "sqs:SendMessage", "EventsQueue"): prepared(publish),
    ("ApiRole", "sqs:SendMessage", "RedeliveriesQueue"): prepared(retry_by_hand),
    ("ApiRole", "sqs:SendMessage", "RetriesQueue"): prepared(delete_a_hook),
    ("ApiRole", "kms:GenerateDataKey", "SecretsKey"): directly(create_a_hook),
    ("ApiRole", "kms:Decrypt", "SecretsKey"): prepared(reveal_a_secret),
    **{key: directly(act) for key, act in consuming("FanoutRole", "EventsQueue").items()},
    ("FanoutRole", "dynamodb:Query", "HooksTable"): prepared(fan_out_to_a_hook),
    ("FanoutRole", "dynamodb:GetItem", "HooksTable"): directly(fan_out_for_a_new_tenant),
    ("FanoutRole", "dynamodb:PutItem", "LogsTable"): prepared(fan_out_to_a_hook),
    ("FanoutRole", "dynamodb:GetItem", "LogsTable"): directly(continue_an_unknown_event),
    ("FanoutRole", "sqs:SendMessage", "DeliveriesQueue"): prepared(fan_out_to_a_hook),
    ("FanoutRole", "sqs:SendMessage", "RetriesQueue"): prepared(fan_out_later),
    ("FanoutRole", "sqs:SendMessage", "EventsQueue"): prepared(fan_out_to_a_crowd),
    ("FanoutRole", "sqs:SendMessage", "EventsDeadLetterQueue"): prepared(set_aside, "fanout", "Events"),
    **{key: directly(act) for key, act in consuming("DeliverRole", "DeliveriesQueue").items()},
    **{key: directly(act) for key, act in consuming("DeliverRole", "RedeliveriesQueue").items()},
    ("DeliverRole", "sqs:ChangeMessageVisibility", "DeliveriesQueue"): directly(put_off("Deliveries")),
    ("DeliverRole", "sqs:ChangeMessageVisibility", "RedeliveriesQueue"): directly(put_off("Redeliveries")),
    ("DeliverRole", "dynamodb:GetItem", "HooksTable"): prepared(deliver),
    ("DeliverRole", "dynamodb:PutItem", "HooksTable"): directly(deliver_and_count),
    ("DeliverRole", "dynamodb:DeleteItem", "HooksTable"): prepared(disable_a_hook_of_many_versions),
    ("DeliverRole", "dynamodb:GetItem", "LogsTable"): prepared(look_before_a_retry),
    ("DeliverRole", "dynamodb:Query", "LogsTable"): prepared(find_an_attempt_among_later_ones),
    ("DeliverRole", "dynamodb:PutItem", "LogsTable"): prepared(deliver),
    ("DeliverRole", "dynamodb:DeleteItem", "LogsTable"): prepared(try_a_failed_delivery_by_hand),
    ("DeliverRole", "sqs:SendMessage", "RetriesQueue"): prepared(fail_and_ask_for_a_retry),
    ("DeliverRole", "sqs:SendMessage", "EventsQueue"): directly(announce_a_disabled_hook),
    ("DeliverRole", "sqs:SendMessage", "DeliveriesDeadLetterQueue"): prepared(set_aside, "deliver", "Deliveries"),
    ("DeliverRole", "kms:Decrypt", "SecretsKey"): prepared(deliver_with_a_secret),
    **{key: directly(act) for key, act in consuming("RequeueRole", "RetriesQueue").items()},
    ("RequeueRole", "sqs:ChangeMessageVisibility", "RetriesQueue"): directly(put_off("Retries")),
    ("RequeueRole", "dynamodb:GetItem", "HooksTable"): prepared(forward_a_retry),
    ("RequeueRole", "dynamodb:Query", "HooksTable"): prepared(replay, "missing"),
    ("RequeueRole", "dynamodb:PutItem", "HooksTable"): prepared(replay, "failed"),
    ("RequeueRole", "dynamodb:DeleteItem", "HooksTable"): prepared(purge, 1),
    ("RequeueRole", "dynamodb:GetItem", "LogsTable"): prepared(skip_for_a_disabled_hook),
    ("RequeueRole", "dynamodb:Query", "LogsTable"): prepared(replay, "failed"),
    ("RequeueRole", "dynamodb:PutItem", "LogsTable"): prepared(skip_for_a_disabled_hook),
    ("RequeueRole", "dynamodb:DeleteItem", "LogsTable"): prepared(purge, 1),
    ("RequeueRole", "sqs:SendMessage", "RedeliveriesQueue"): prepared(forward_a_retry),
    ("RequeueRole", "sqs:SendMessage", "RetriesQueue"): prepared(purge, 51),
    ("RequeueRole", "sqs:SendMessage", "EventsQueue"): prepared(replay, "failed"),
    ("RequeueRole", "sqs:SendMessage", "RetriesDeadLetterQueue"): prepared(set_aside, "requeue", "Retries"),
    ("RequeueRole", "scheduler:CreateSchedule", "ScheduleGroup"): prepared(wait_for_more_than_twelve_hours),
    ("RequeueRole", "iam:PassRole", "SchedulerRole"): prepared(wait_for_more_than_twelve_hours),
    ("SchedulerRole", "sqs:SendMessage", "RedeliveriesQueue"): directly(fire_a_schedule),
}


def listed(value):
    return value if isinstance(value, list) else [value]


def logical(resource):
    """The name of a resource in the template."""
    if "Fn::GetAtt" in resource:
        return resource["Fn::GetAtt"][0] if isinstance(resource["Fn::GetAtt"], list) else resource["Fn::GetAtt"].split(".")[0]
    assert resource["Fn::Sub"].endswith("schedule/${ScheduleGroup}/*"), resource
    return "ScheduleGroup"


class Role:
    """A role of the template and, deployed, its one policy."""

    def __init__(self, name, properties):
        self.name = name
        [policy] = properties["Policies"]
        self.policy, self.statements = policy["PolicyName"], policy["PolicyDocument"]["Statement"]

    def permissions(self):
        for number, statement in enumerate(self.statements):
            for action in listed(statement["Action"]):
                for place, resource in enumerate(listed(statement["Resource"])):
                    yield (action, logical(resource)), (number, place)

    @contextlib.contextmanager
    def without(self, action, number, place):
        iam, names = emulator.client("iam"), {"RoleName": stack.resources[self.name], "PolicyName": self.policy}
        document = iam.get_role_policy(**names)["PolicyDocument"]
        whole = document if isinstance(document, str) else json.dumps(document)
        document = json.loads(whole)
        statement = document["Statement"][number]
        taken = listed(statement["Resource"])[place]
        split = [
            statement | {"Sid": "Rest", "Action": [a for a in listed(statement["Action"]) if a != action]},
            statement | {"Sid": "Elsewhere", "Action": action, "Resource": [r for r in listed(statement["Resource"]) if r != taken]},
        ]
        document["Statement"][number : number + 1] = [s for s in split if s["Action"] and s["Resource"]]
        if document["Statement"]:
            iam.put_role_policy(**names, PolicyDocument=json.dumps(document))
        else:
            iam.delete_role_policy(**names)
        try:
            yield
        finally:
            iam.put_role_policy(**names, PolicyDocument=whole)


def roles():
    resources = translate.load(ROOT / "template.yaml")["Resources"]
    return [Role(name, r["Properties"]) for name, r in resources.items() if r["Type"] == "AWS::IAM::Role"]


class Permissions(unittest.TestCase):
    def test_every_permission_has_a_scenario(self):
        granted = {(role.name, *pair) for role in roles() for pair, _ in role.permissions() if pair[0] not in UNSEEN}
        self.assertEqual(granted, set(SCENARIOS))

    def test_without_a_permission_its_scenario_is_denied_and_with_it_it_succeeds(self):
        for role in roles():
            for (action, resource), (number, place) in role.permissions():
                if action not in UNSEEN:
                    with self.subTest(f"{role.name} {action} {resource}"):
                        self.check(role, action, resource, number, place)

    def check(self, role, action, resource, number, place):
        act = SCENARIOS[role.name, action, resource]()
        with role.without(action, number, place):
            watch = Watch()
            with self.assertRaises(Denied, msg="it succeeded without"):
                act()
            name = stack.resources[resource].rsplit("/", 1)[-1]
            # Of what a transaction may not do, the emulator does not say where.
            expected = lambda line: stack.resources[role.name] in line[1] and line[2] == action and (name in line[3] or line[3] == "*")
            denied = [line.split() for line in watch.lines()]
            self.assertTrue(list(filter(expected, denied)), denied)
        watch = Watch()
        act()
        self.assertEqual(watch.lines(), [], "denied with all permissions in place")
