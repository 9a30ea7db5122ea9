"""What the scenarios of `scenarios.py` do: each act works with one permission and is denied without it.

An act that is called at once, or one that makes something ready and returns what is then to be done.
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
    rows,
    seen,
    ulid,
)
from stack import ACCOUNT, rfc3339


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


def fan_out_over_an_event_of_a_former_tenant():
    made, id = published()
    [row] = partition("LogsTable", f"e#{TENANT}#{id}")
    # A name of long ago: it was recorded before this tenant was made.
    rows("LogsTable", row | {"q": {"B": bytes(16)}})
    return lambda: invoke("fanout", "Events", event(made, id=id))


def fan_out_later():
    made = hook()
    return lambda: invoke("fanout", "Events", event(made, deliver_at=rfc3339(time.time() + HOUR)))


def continue_an_unknown_event():
    # It is looked up and becomes a dead letter.
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


def disable_a_large_hook():
    # Of one that is not small the former versions are looked at, to keep no more than there is room for.
    made = hook(payload={"mappings": [{"field": "a", "value": "x" * 3_500}]})

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


def fire_the_daily_schedule():
    """What the template has sent every day is sent now."""
    scheduler = single.emulator.client("scheduler")
    target = scheduler.get_schedule(Name=single.stack.resources["AdviceSchedule"])["Target"]
    body = json.loads(target["Input"])["MessageBody"]
    assert json.loads(body) == {"version": 1, "tenant": "hookline", "job": {"advise_all": {}}}, body
    sent = lambda: sum(m["Body"] == body for m in single.stack.messages("Retries"))
    before, watch = sent(), Watch()
    scheduler.create_schedule(
        Name=f"schedule-{next(numbers)}",
        ScheduleExpression=f"at({rfc3339(time.time() + 1)[:19]})",
        FlexibleTimeWindow={"Mode": "OFF"},
        ActionAfterCompletion="DELETE",
        Target={name: target[name] for name in ("Arn", "RoleArn", "Input")},
    )
    seen(watch, "the daily message was sent", lambda: sent() > before)
