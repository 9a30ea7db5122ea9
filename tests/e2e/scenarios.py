"""What each permission is for: something that works with it and is denied without.

A scenario is made ready with all permissions in place; what it answers is then done without the permission, and with it.
"""

import contextlib
import json
import time

import single
from single import (
    HOUR,
    TENANT,
    Denied,
    Watch,
    anew,
    answer,
    api,
    delivery,
    event,
    hook,
    invoke,
    logged,
    nobody,
    numbers,
    partition,
    rfc3339,
    rows,
    seen,
    ulid,
)
from stack import ACCOUNT


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
    [message] = [m["Body"] for m in single.stack.messages("Deliveries") if made["id"] in m["Body"]]
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


def examine(name):
    """What the doctor looks at. What it may not look at is a finding, not an error."""

    def look():
        [check] = [check for check in api("GET", "/v1/doctor")["checks"] if check["name"] == name]
        if "AccessDenied" in check["detail"]:
            raise Denied(check["detail"])

    return look


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

    def disable():
        answer(made, 410)
        invoke("deliver", "Deliveries", delivery(made))
        if api("GET", made["path"])["enabled"]:
            raise Denied("the hook is not disabled")

    return disable


def announce_a_disabled_hook():
    made = hook()
    answer(made, 410)
    invoke("deliver", "Deliveries", delivery(made))
    if not [m for m in single.stack.messages("Events") if "hook.disabled" in m["Body"] and made["id"] in m["Body"]]:
        raise Denied("the hook was disabled in silence")


def look_before_a_retry():
    made = hook()
    return lambda: invoke("deliver", "Redeliveries", delivery(made, trigger="retry", step=1))


def try_a_failed_delivery_by_hand():
    made = hook(retry={"delays": []})
    answer(made, 503)
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
        answer(made, meanwhile=lambda: rows("LogsTable", later))
        invoke("deliver", "Deliveries", message)

    return overtaken


def fail_and_ask_for_a_retry():
    made = hook()

    def fail():
        answer(made, 503)
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
    single.stack.mappings(queue, enabled=True)
    try:
        yield
    finally:
        single.stack.mappings(queue, enabled=False)


def consume(queue):
    def handled():
        # Of a tenant that does not exist: it comes to nothing.
        body = {"tenant": "nobody", "type": "a.b", "data": 1} if queue == "Events" else delivery(nobody()) | {"tenant": "nobody"}
        watch = Watch()
        with reading(queue):
            [id] = single.stack.send(queue, json.dumps(body))
            seen(watch, f"{queue} is read", lambda: all(m["MessageId"] != id for m in single.stack.messages(queue)))

    return handled


def put_off(queue):
    def waits():
        watch = Watch()
        with reading(queue):
            [id] = single.stack.send(queue, json.dumps(delivery(nobody(), due_at=rfc3339(time.time() + 2 * HOUR))))
            later = lambda: [m for m in single.stack.messages(queue) if m["MessageId"] == id and m["VisibleAt"] > time.time() + HOUR]
            seen(watch, f"the message waits in {queue}", later)

    return waits


def fire_a_schedule():
    body = json.dumps(delivery(nobody()))
    target = {
        "Arn": "arn:aws:scheduler:::aws-sdk:sqs:sendMessage",
        "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/{single.stack.resources['SchedulerRole']}",
        "Input": json.dumps({"QueueUrl": single.stack.outputs["RedeliveriesQueueUrl"], "MessageBody": body}),
    }
    watch = Watch()
    single.emulator.client("scheduler").create_schedule(
        Name=f"schedule-{next(numbers)}",
        GroupName=single.stack.outputs["ScheduleGroup"],
        ScheduleExpression=f"at({rfc3339(time.time() + 1)[:19]})",
        FlexibleTimeWindow={"Mode": "OFF"},
        ActionAfterCompletion="DELETE",
        Target=target,
    )
    seen(watch, "the schedule has sent its message", lambda: any(m["Body"] == body for m in single.stack.messages("Redeliveries")))


def consuming(role, queue):
    """What a mapping needs of its queue."""
    return {(role, f"sqs:{action}", queue): consume(queue.removesuffix("Queue")) for action in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")}


def examining(*queues):
    """What the doctor needs of queues and of what they set aside."""
    scenarios = {}
    for queue in queues:
        scenarios["ApiRole", "sqs:GetQueueAttributes", f"{queue}Queue"] = prepared(examine, f"queue.{queue.lower()}")
        scenarios["ApiRole", "sqs:GetQueueAttributes", f"{queue}DeadLetterQueue"] = prepared(examine, f"dead_letters.{queue.lower()}")
    return scenarios


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
    ("ApiRole", "dynamodb:DescribeTable", "HooksTable"): prepared(examine, "table.hooks"),
    ("ApiRole", "dynamodb:DescribeTable", "LogsTable"): prepared(examine, "table.logs"),
    ("ApiRole", "dynamodb:DescribeTimeToLive", "LogsTable"): prepared(examine, "table.logs.expiry"),
    **examining("Events", "Deliveries", "Redeliveries", "Retries"),
    ("ApiRole", "sqs:GetQueueAttributes", "SchedulesDeadLetterQueue"): prepared(examine, "dead_letters.schedules"),
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
