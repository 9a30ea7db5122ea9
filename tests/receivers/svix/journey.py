"""Every operation and option of Svix's SDK for Python (1.x and 2.x) against a server at argv[1], with the operator's key
argv[2]; what endpoints get is verified by the SDK's own Webhook. Prints `done` at its end."""

import datetime
import http.server
import json
import sys
import threading
import time
import uuid

import svix
from svix.api import Svix, SvixOptions
from svix import models
from svix.api import (
    ApplicationCreateOptions,
    ApplicationListOptions,
    EndpointCreateOptions,
    EndpointGetStatsOptions,
    EndpointListOptions,
    EventTypeDeleteOptions,
    EventTypeListOptions,
    MessageAttemptListAttemptedDestinationsOptions,
    MessageAttemptListAttemptedMessagesOptions,
    MessageAttemptListByEndpointOptions,
    MessageAttemptListByMsgOptions,
    MessageCreateOptions,
    MessageGetOptions,
    MessageListOptions,
)
from svix.exceptions import HTTPValidationError, HttpError
from svix.webhooks import Webhook, WebhookVerificationError

SERVER, KEY = sys.argv[1:3]
SECOND = hasattr(svix.api.Endpoint, "upsert")
TYPES = "event_types" if SECOND else "filter_types"
ENDPOINT_PUT = models.EndpointUpsertIn if SECOND else models.EndpointUpdate
TYPE_PUT = models.EventTypeUpsertIn if SECOND else models.EventTypeUpdate

got = {}
answers = {}


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        got.setdefault(self.path, []).append((dict(self.headers.items()), body))
        left = answers.get(self.path, [])
        self.send_response(left.pop(0) if left else 200)
        self.end_headers()
        self.wfile.write(b"thanks")

    def log_message(self, *_):
        pass


receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
threading.Thread(target=receiver.serve_forever, daemon=True).start()
HOME = f"http://127.0.0.1:{receiver.server_port}"


def until(what, condition):
    for _ in range(600):
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"waited in vain until {what}")


def refused(status, call, *args):
    try:
        call(*args)
    except (HttpError, HTTPValidationError) as error:
        assert error.status_code == status, (error.status_code, error)
        return error
    raise AssertionError(f"expected {status} of {call}")


def put(resource):
    return resource.upsert if SECOND else resource.update


def all_pages(read):
    items, iterator = [], None
    while True:
        page = read(iterator)
        items += page.data
        if page.done:
            return items
        iterator = page.iterator


client = Svix(KEY, SvixOptions(server_url=SERVER))
now = datetime.datetime.now(datetime.timezone.utc)
ago = now - datetime.timedelta(hours=1)

client.health.get()

# Applications
uid = f"customer.{uuid.uuid4().hex}"
created = client.application.create(
    models.ApplicationIn(name="Acme", uid=uid, metadata={"plan": "gold"}, throttle_rate=500),
    ApplicationCreateOptions(idempotency_key="app-1"),
)
assert created.id.startswith("app_") and created.uid == uid, created
assert created.metadata == {"plan": "gold"} and created.throttle_rate == 500
again = client.application.create(
    models.ApplicationIn(name="Acme", uid=uid, metadata={"plan": "gold"}, throttle_rate=500),
    ApplicationCreateOptions(idempotency_key="app-1"),
)
assert again == created
assert refused(409, client.application.create, models.ApplicationIn(name="Other", uid=uid)).code == "conflict"
assert client.application.get_or_create(models.ApplicationIn(name="Other", uid=uid)) == created
assert client.application.get(uid) == client.application.get(created.id) == created
nameless = client.application.create(models.ApplicationIn(name="No uid"))
assert nameless.uid is None and client.application.get(nameless.id).name == "No uid"
changed = put(client.application)(uid, models.ApplicationIn(name="Acme 2", uid=uid))
assert changed.name == "Acme 2" and changed.metadata == {} and changed.throttle_rate is None
changed = client.application.patch(uid, models.ApplicationPatch(name="Acme 3", metadata={"a": "b"}, throttle_rate=100))
assert (changed.name, changed.metadata, changed.throttle_rate) == ("Acme 3", {"a": "b"}, 100)
client.application.patch(uid, models.ApplicationPatch(throttle_rate=1000))
fresh = f"fresh-{uuid.uuid4().hex[:8]}"
assert put(client.application)(fresh, models.ApplicationIn(name="Fresh", uid=fresh)).uid == fresh
for order in (models.Ordering.ASCENDING, models.Ordering.DESCENDING):
    apps = all_pages(
        lambda iterator: client.application.list(ApplicationListOptions(limit=1, iterator=iterator, order=order))
    )
    assert {app.uid for app in apps} >= {uid, fresh, None}, apps
    assert len({app.id for app in apps}) == len(apps)
wrong = refused(422, client.application.create, models.ApplicationIn(name="", uid="a b"))
assert {tuple(item.loc) for item in wrong.detail} == {("body", "name"), ("body", "uid")}, wrong.detail
assert refused(404, client.application.get, "nobody").code == "not_found"
client.application.delete(fresh)
refused(404, client.application.get, fresh)

# Event types
for name in ("invoice.paid", "invoice.failed"):
    made = client.event_type.create(
        models.EventTypeIn(name=name, description="An invoice", schemas={"1": {"type": "object", "title": name}})
    )
    assert made.name == name and made.schemas == {"1": {"type": "object", "title": name}}, made
assert refused(
    409, client.event_type.create, models.EventTypeIn(name="invoice.paid", description="again")
).code == "event_type_exists"
assert client.event_type.get("invoice.paid").description == "An invoice"
listed = client.event_type.list(EventTypeListOptions(limit=1, with_content=True, include_archived=True))
assert len(listed.data) == 1 and not listed.done and listed.data[0].schemas is not None
names = all_pages(lambda iterator: client.event_type.list(EventTypeListOptions(limit=1, iterator=iterator)))
assert [one.name for one in names] == ["invoice.failed", "invoice.paid"], names
assert names[0].schemas is None
updated = put(client.event_type)("invoice.failed", TYPE_PUT(description="It failed", deprecated=True))
assert updated.description == "It failed" and updated.deprecated and updated.schemas is None
assert put(client.event_type)("invoice.new", TYPE_PUT(description="New")).name == "invoice.new"
assert client.event_type.patch("invoice.new", models.EventTypePatch(description="Newer")).description == "Newer"
client.event_type.delete("invoice.new")
assert client.event_type.get("invoice.new").archived
assert "invoice.new" not in [one.name for one in client.event_type.list().data]
client.event_type.create(models.EventTypeIn(name="invoice.new", description="Back again"))
client.event_type.delete("invoice.new", EventTypeDeleteOptions(expunge=True))
refused(404, client.event_type.get, "invoice.new")

# Endpoints
secret = "whsec_" + "C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
first = client.endpoint.create(
    uid,
    models.EndpointIn(
        url=f"{HOME}/first",
        uid="first",
        description="The first",
        secret=secret,
        channels=["red", "blue"],
        metadata={"team": "a"},
        throttle_rate=50,
        headers={"x-env": "test", "x-api-key": "hush"},
        **{TYPES: ["invoice.paid"]},
    ),
    EndpointCreateOptions(idempotency_key="ep-1"),
)
assert first.id.startswith("ep_") and first.uid == "first" and getattr(first, TYPES) == ["invoice.paid"], first
assert sorted(first.channels) == ["blue", "red"] and first.metadata == {"team": "a"} and not first.disabled
assert refused(409, client.endpoint.create, uid, models.EndpointIn(url=f"{HOME}/x", uid="first")).code == "conflict"
second = client.endpoint.create(uid, models.EndpointIn(url=f"{HOME}/second"))
assert getattr(second, TYPES) is None and second.channels is None and second.throttle_rate is None
assert client.endpoint.get(uid, "first") == client.endpoint.get(created.id, first.id) == first
ids = [one.id for one in all_pages(lambda iterator: client.endpoint.list(uid, EndpointListOptions(limit=1, iterator=iterator)))]
assert sorted(ids) == sorted([first.id, second.id]), ids
backwards = client.endpoint.list(uid, EndpointListOptions(order=models.Ordering.ASCENDING))
assert [one.id for one in backwards.data] == list(reversed(ids))
third = put(client.endpoint)(uid, "third", ENDPOINT_PUT(url=f"{HOME}/third", uid="third", disabled=True))
assert third.disabled and third.uid == "third"
third = put(client.endpoint)(uid, "third", ENDPOINT_PUT(url=f"{HOME}/third", uid="third", description="3"))
assert not third.disabled and third.description == "3"
third = client.endpoint.patch(uid, "third", models.EndpointPatch(uid="troisième".replace("è", "e"), disabled=True))
assert third.uid == "troisieme" and third.disabled
refused(404, client.endpoint.get, uid, "third")
wrong = refused(422, client.endpoint.create, uid, models.EndpointIn(url=f"{HOME}/x", **{TYPES: ["no.such"]}))
assert wrong.detail[0].loc == ["body", "eventTypes"] and "no.such" in wrong.detail[0].msg
wrong = refused(422, client.endpoint.create, uid, models.EndpointIn(url="ftp://x"))
assert wrong.detail[0].loc == ["body", "url"], wrong.detail
client.endpoint.delete(uid, "troisieme")
refused(404, client.endpoint.delete, uid, "troisieme")

# Headers
headers = client.endpoint.get_headers(uid, "first")
assert headers.headers == {"x-env": "test"} and headers.sensitive == ["x-api-key"], headers
client.endpoint.patch_headers(uid, "first", models.EndpointHeadersPatchIn(headers={"x-more": "1"}, delete_headers=["x-env"]))
assert client.endpoint.get_headers(uid, "first").headers == {"x-more": "1"}
(client.endpoint.set_headers if SECOND else client.endpoint.update_headers)(
    uid, "first", models.EndpointHeadersIn(headers={"x-only": "2"})
)
headers = client.endpoint.get_headers(uid, "first")
assert headers.headers == {"x-only": "2"} and headers.sensitive == []

# Messages
message = client.message.create(
    uid,
    models.MessageIn(
        event_type="invoice.paid",
        event_id="order-1",
        payload={"total": 1.5, "name": "Jürgen"},
        channels=["red"],
        tags=["vip"],
    ),
    MessageCreateOptions(idempotency_key="msg-1", with_content=True),
)
assert message.id.startswith("msg_") and message.event_id == "order-1" and message.payload["total"] == 1.5, message
assert message.channels == ["red"] and message.tags == ["vip"]
again = client.message.create(
    uid,
    models.MessageIn(
        event_type="invoice.paid",
        event_id="order-1",
        payload={"total": 1.5, "name": "Jürgen"},
        channels=["red"],
        tags=["vip"],
    ),
    MessageCreateOptions(idempotency_key="msg-1", with_content=False),
)
assert (again.id, again.timestamp, again.payload) == (message.id, message.timestamp, {})
for payload in ({"total": 1.5, "name": "Jürgen"}, {"total": 2}):
    conflict = models.MessageIn(
        event_type="invoice.paid", event_id="order-1", payload=payload, channels=["red"], tags=["vip"]
    )
    assert refused(409, client.message.create, uid, conflict).code == "conflict"
requests = until("both endpoints have it", lambda: "/first" in got and "/second" in got and [got["/first"][0], got["/second"][0]])
ids = set()
for (headers, body), key in zip(requests, [secret, client.endpoint.get_secret(uid, second.id).key]):
    assert json.loads(body) == {"total": 1.5, "name": "Jürgen"}
    Webhook(key).verify(body, headers)
    Webhook(key).verify(body, {name: value for name, value in headers.items() if not name.startswith("svix-")})
    ids |= {headers["svix-id"], headers["webhook-id"]}
    try:
        Webhook(key).verify(body + b" ", headers)
        raise AssertionError("verified what was changed")
    except WebhookVerificationError:
        pass
assert ids == {message.id}, "one id for all endpoints, and in both sets of headers"
assert requests[0][0]["x-only"] == "2"
found = until("it can be read", lambda: client.message.list(uid, MessageListOptions(tag="vip", with_content=True)).data)
assert found == [message], (found, message)
whole = MessageGetOptions(with_content=True)
assert client.message.get(uid, "order-1", whole) == client.message.get(uid, message.id, whole) == message
assert client.message.get(uid, message.id, MessageGetOptions(with_content=False)).payload == {}
implicit = f"made-{uuid.uuid4().hex[:8]}"
other = client.message.create(
    implicit,
    models.MessageIn(
        event_type="invoice.failed", payload={"n": 1}, application=models.ApplicationIn(name="Made", uid=implicit)
    ),
)
assert other.event_id is None and client.application.get(implicit).name == "Made"
many = [
    client.message.create(uid, models.MessageIn(event_type="invoice.failed", payload={"n": n})).id for n in range(3)
]
until("all are listed", lambda: len(client.message.list(uid).data) == 4)
seen = all_pages(lambda iterator: client.message.list(uid, MessageListOptions(limit=1, iterator=iterator)))
assert {one.id for one in seen} == {message.id, *many} and len(seen) == 4
only = client.message.list(uid, MessageListOptions(event_types=["invoice.paid"], channel="red", before=now + datetime.timedelta(hours=1), after=ago, with_content=False))
assert [(one.id, one.payload) for one in only.data] == [(message.id, {})], only
assert client.message.list(uid, MessageListOptions(before=ago)).data == []
wrong = refused(422, client.message.create, uid, models.MessageIn(event_type="a b", payload={}, payload_retention_period=10))
assert {tuple(item.loc) for item in wrong.detail} == {("body", "eventType"), ("body", "payloadRetentionPeriod")}
later = models.MessageIn(event_type="invoice.paid", payload={}, deliver_at=now + datetime.timedelta(days=1))
client.message.create(uid, later)
assert client.message.precheck(uid, models.MessagePrecheckIn(event_type="invoice.paid")).active
refused(404, client.message.get, uid, "nothing")

# Attempts
answers["/second"] = [500]
failing = client.message.create(uid, models.MessageIn(event_type="invoice.failed", payload={"n": 9}))
until("it was tried", lambda: any(h["svix-id"] == failing.id for h, _ in got["/second"]))
of_message = until("the attempt is logged", lambda: client.message_attempt.list_by_msg(uid, failing.id, MessageAttemptListByMsgOptions(with_content=True)).data)
assert len(of_message) == 1
attempt = of_message[0]
assert attempt.id.startswith("atmpt_") and attempt.response_status_code == 500 and attempt.response == "thanks", attempt
assert attempt.status == models.MessageStatus.FAIL and attempt.url == f"{HOME}/second"
assert attempt.trigger_type == models.MessageAttemptTriggerType.SCHEDULED
assert (attempt.msg_id, attempt.endpoint_id) == (failing.id, second.id)
assert client.message_attempt.get(uid, failing.id, attempt.id) == attempt
narrowed = MessageAttemptListByMsgOptions(
    status=models.MessageStatus.FAIL,
    status_code_class=models.StatusCodeClass.CODE5XX,
    endpoint_id=second.id,
    before=now + datetime.timedelta(hours=1),
    after=ago,
    with_content=False,
    event_types=["invoice.failed"],
    limit=5,
)
assert [(one.id, one.response) for one in client.message_attempt.list_by_msg(uid, failing.id, narrowed).data] == [(attempt.id, "{}")]
assert client.message_attempt.list_by_msg(uid, failing.id, MessageAttemptListByMsgOptions(status=models.MessageStatus.SUCCESS)).data == []
of_endpoint = all_pages(
    lambda iterator: client.message_attempt.list_by_endpoint(
        uid, second.id, MessageAttemptListByEndpointOptions(limit=2, iterator=iterator, with_msg=True)
    )
)
assert len(of_endpoint) == 5 and len({one.id for one in of_endpoint}) == 5, of_endpoint
assert of_endpoint[0].msg.id == of_endpoint[0].msg_id
failed = client.message_attempt.list_by_endpoint(
    uid,
    second.id,
    MessageAttemptListByEndpointOptions(status=models.MessageStatus.FAIL, event_types=["invoice.failed", "invoice.paid"]),
)
assert [one.id for one in failed.data] == [attempt.id]
sending = client.message_attempt.list_attempted_messages(
    uid, second.id, MessageAttemptListAttemptedMessagesOptions(status=models.MessageStatus.SENDING)
)
assert [one.id for one in sending.data] == [failing.id] and sending.data[0].next_attempt is not None
everything = all_pages(
    lambda iterator: client.message_attempt.list_attempted_messages(
        uid, second.id, MessageAttemptListAttemptedMessagesOptions(limit=2, iterator=iterator)
    )
)
assert {one.id for one in everything} >= {message.id, failing.id, *many}
where = client.message_attempt.list_attempted_destinations(
    uid, message.id, MessageAttemptListAttemptedDestinationsOptions(limit=50)
)
assert {one.id: one.status for one in where.data} == {
    first.id: models.MessageStatus.SUCCESS,
    second.id: models.MessageStatus.SUCCESS,
}
client.message_attempt.resend(uid, failing.id, second.id)
until(
    "it was sent again",
    lambda: any(
        one.status == models.MessageStatus.SUCCESS for one in client.message_attempt.list_by_msg(uid, failing.id).data
    ),
)
assert client.message_attempt.list_by_msg(uid, failing.id).data[0].trigger_type == models.MessageAttemptTriggerType.MANUAL
refused(501, client.message_attempt.expunge_content, uid, failing.id, attempt.id)

# Secrets
client.endpoint.rotate_secret(uid, second.id, models.EndpointSecretRotateIn(grace_period_seconds=60))
new = client.endpoint.get_secret(uid, second.id).key
client.endpoint.rotate_secret(uid, second.id, models.EndpointSecretRotateIn(key=secret))
assert client.endpoint.get_secret(uid, second.id).key == secret != new
before = len(got["/second"])
client.message.create(uid, models.MessageIn(event_type="invoice.failed", payload={"rotated": True}))
until("it came", lambda: len(got["/second"]) > before)
headers, body = got["/second"][-1]
for key in (secret, new):
    Webhook(key).verify(body, headers)

# Sending again, and counts
answers["/second"] = [410] * 1
lost = client.message.create(uid, models.MessageIn(event_type="invoice.paid", payload={"lost": 1}, channels=["red"]))
until("the log has it", lambda: len(client.message_attempt.list_by_msg(uid, lost.id).data) == 2)
task = client.endpoint.recover(uid, second.id, models.RecoverIn(since=ago))
assert task.id.startswith("qtask_") and task.task == models.BackgroundTaskType.ENDPOINT_RECOVER, task
assert client.background_task.get(task.id).id == task.id
until("it has ended", lambda: client.background_task.get(task.id).status == models.BackgroundTaskStatus.FINISHED)
fourth = client.endpoint.create(uid, models.EndpointIn(url=f"{HOME}/fourth", **{TYPES: ["invoice.paid"]}))
task = client.endpoint.replay_missing(uid, fourth.id, models.ReplayIn(since=ago, until=now + datetime.timedelta(hours=1)))
assert task.task == models.BackgroundTaskType.ENDPOINT_REPLAY
until("what it missed came", lambda: {h["svix-id"] for h, _ in got.get("/fourth", [])} >= {message.id, lost.id})
before = len(got["/fourth"])
task = client.endpoint.bulk_replay(
    uid,
    fourth.id,
    models.BulkReplayIn(
        since=ago,
        event_types=["invoice.paid"],
        tag="vip",
        channel="red",
        status=models.MessageStatus.SUCCESS,
        status_code_class=models.StatusCodeClass.CODE2XX,
    ),
)
until("it came once more", lambda: len(got["/fourth"]) > before)
until("it has ended", lambda: client.background_task.get(task.id).status == models.BackgroundTaskStatus.FINISHED)
assert [h["svix-id"] for h, _ in got["/fourth"][before:]] == [message.id]
assert task.id in [one.id for one in client.background_task.list().data]
stats = client.endpoint.get_stats(uid, second.id, EndpointGetStatsOptions(since=ago))
# One is for later.
assert stats.success >= 5 and stats.pending == 1, stats
if SECOND:
    assert client.endpoint.get_attempt_stats(uid, second.id).success >= 5
example = client.endpoint.send_example(uid, fourth.id, models.EventExampleIn(event_type="invoice.paid"))
assert got["/fourth"][-1][0]["svix-id"] == example.id and json.loads(got["/fourth"][-1][1]) == example.payload

# Expunging
client.message.expunge_content(uid, message.id)
until("it is gone", lambda: client.message.get(uid, message.id, whole).payload == {"expired": True})
assert refused(400, client.message_attempt.resend, uid, message.id, second.id).code == "missing_payload"

# The portal, and who may do what
portal = client.authentication.app_portal_access(
    uid, models.AppPortalAccessIn(capabilities=[models.AppPortalCapability.VIEW_BASE], expiry=3600, session_id="jane")
)
assert "/portal/" in portal.url and portal.token
customer = Svix(portal.token, SvixOptions(server_url=SERVER))
assert {one.id for one in customer.endpoint.list(uid).data} == {first.id, second.id, fourth.id}
refused(403, customer.endpoint.create, uid, models.EndpointIn(url=f"{HOME}/x"))
refused(404, customer.endpoint.list, implicit)
refused(404, customer.endpoint.get, implicit, first.id)
refused(403, customer.application.list)
customer.authentication.logout()
refused(401, customer.endpoint.list, uid)
token = client.authentication.app_portal_access(uid, models.AppPortalAccessIn()).token
client.authentication.expire_all(uid, models.ApplicationTokenExpireIn())
refused(401, Svix(token, SvixOptions(server_url=SERVER)).endpoint.list, uid)
assert refused(401, Svix("nobody", SvixOptions(server_url=SERVER)).application.list).code == "authentication_failed"
client.application.delete(uid)
refused(404, client.endpoint.list, uid)
print("done")
