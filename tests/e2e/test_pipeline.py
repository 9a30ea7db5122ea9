"""The life of events on the deployed stack: real binaries, real roles, a real receiver."""

import functools
import hashlib
import hmac
import json
import re
import time
import unittest
from datetime import datetime, timezone

import botocore.exceptions
import hooks
from browser import ORIGIN, Browser
from hooks import TENANT
from receiver import Receiver
from stack import OPERATOR_KEY, Emulator, Stack, build, until, upload

# Spelled as no JSON library would, so that any rewriting shows.
ODD_DATA = '{"b" : 1.10, "a":1e3, "é":"\\u00e9", "list":[1,2 , 3]}'
# Times travel in seconds through the emulator.
SECOND = 1.0

emulator = receiver = stack = code = Hook = None


def setUpModule():
    global emulator, receiver, stack, code, Hook
    binaries = build()
    emulator = Emulator()
    unittest.addModuleCleanup(emulator.stop)
    receiver = Receiver()
    unittest.addModuleCleanup(receiver.stop)
    code = upload(emulator, binaries)
    stack = Stack(emulator, code, PublicUrl=ORIGIN)
    stack.must("POST", "/v1/tenants", {"id": TENANT})
    Hook = functools.partial(hooks.Hook, stack, receiver)


class Publishing(unittest.TestCase):
    def test_an_event_published_over_http_arrives_signed_and_unchanged(self):
        hook = Hook()
        body = f'{{"type":"{hook.type}","data":{ODD_DATA}}}'.encode()
        event = stack.must("POST", f"/v1/tenants/{TENANT}/events", body, status=(202,))["id"]
        [arrival] = hook.arrived()
        self.assertEqual(arrival.verified(hook.secret)["data"], json.loads(ODD_DATA))
        self.assertIn(ODD_DATA.encode(), arrival.body)
        row = hook.logged("succeeded")
        self.assertEqual((row["event_id"], row["id"], row["attempt_count"]), (event, arrival.id, 1))

    def test_an_outside_publisher_needs_its_policy_only_and_can_do_nothing_else(self):
        hook = Hook()
        iam = emulator.client("iam")
        iam.create_user(UserName="publisher")
        iam.attach_user_policy(UserName="publisher", PolicyArn=stack.outputs["PublisherPolicy"])
        key = iam.create_access_key(UserName="publisher")["AccessKey"]
        sqs = emulator.client("sqs", key["AccessKeyId"], key["SecretAccessKey"])
        queue = stack.outputs["EventsQueueUrl"]
        sqs.send_message(QueueUrl=queue, MessageBody=f'{{"tenant":"{TENANT}","type":"{hook.type}","data":{ODD_DATA}}}')
        [arrival] = hook.arrived()
        arrival.verified(hook.secret)
        self.assertIn(ODD_DATA.encode(), arrival.body)
        refused = [
            lambda: sqs.receive_message(QueueUrl=queue),
            lambda: sqs.purge_queue(QueueUrl=queue),
            lambda: sqs.send_message(QueueUrl=stack.outputs["DeliveriesQueueUrl"], MessageBody="{}"),
        ]
        for call in refused:
            with self.assertRaises(botocore.exceptions.ClientError) as caught:
                call()
            self.assertIn("AccessDenied", caught.exception.response["Error"]["Code"])

    def test_the_table_holds_no_secret_that_could_be_read(self):
        hook = Hook()
        rows = emulator.client("dynamodb").scan(TableName=stack.outputs["HooksTable"])["Items"]
        text = json.dumps(rows, default=repr)
        self.assertIn(receiver.url + hook.path, text.replace("\\", ""))
        self.assertIn("sealed:v1:", text)
        self.assertNotIn(hook.secret.removeprefix("whsec_"), text)

    def test_data_too_large_to_travel_arrives_by_reference(self):
        hook = Hook()
        data = {"text": "x" * 200_000}
        hook.publish(data)
        [arrival] = hook.arrived()
        self.assertEqual(arrival.verified(hook.secret)["data"], data)

    def test_an_event_goes_to_every_hook_that_matches_and_to_no_other(self):
        three = [Hook() for _ in range(3)]
        wildcard = Hook()
        stack.must("PATCH", f"/v1/tenants/{TENANT}/hooks/{wildcard.id}", {"events": ["shared.*"]})
        for hook in three[:2]:
            stack.must("PATCH", f"/v1/tenants/{TENANT}/hooks/{hook.id}", {"events": ["shared.type"]})
        stack.must("POST", f"/v1/tenants/{TENANT}/events", {"type": "shared.type", "data": {}}, status=(202,))
        for hook in (*three[:2], wildcard):
            hook.arrived()
        stack.settled()
        self.assertEqual([len(h.arrivals()) for h in (*three, wildcard)], [1, 1, 0, 1])

    def test_an_event_id_published_twice_is_delivered_once(self):
        hook = Hook()
        self.assertEqual(hook.publish(id="order-1"), "order-1")
        hook.publish({"n": 2}, id="order-1")
        stack.send("Events", hook.message(id="order-1"), hook.message(id="order-1"))
        hook.arrived()
        stack.settled()
        self.assertEqual(len(hook.arrivals()), 1)
        hook.logged("succeeded")

    def test_what_happened_is_listed_counted_explained_and_audited(self):
        hook = Hook()
        event = hook.publish()
        hook.logged("succeeded")
        own, everybodys = f"/v1/tenants/{TENANT}", "/v1"

        def entry(path, field, value):
            return next((item for item in stack.must("GET", path)["items"] if item[field] == value), None)

        for base in (own, everybodys):
            listed = until("the event is listed", lambda: entry(f"{base}/events?type={hook.type}", "id", event))
            self.assertTrue(listed["matched"])
            delivery = until("the delivery is listed", lambda: entry(f"{base}/deliveries?event_type={hook.type}", "event_id", event))
            self.assertEqual((delivery["status"], delivery["hook_id"]), ("succeeded", hook.id))
        counted = stack.must("GET", f"{own}/counts?hook={hook.id}")
        self.assertEqual([item["succeeded"] for item in counted["items"]], [1])
        explained = stack.must("GET", f"{own}/events/{event}/explain?hook={hook.id}")
        self.assertEqual(explained["items"][0]["verdict"], "chosen")
        self.assertIsNotNone(entry(f"{own}/audit?kind=hook&target={hook.id}", "what", "created"))
        self.assertEqual(entry("/v1/audit?kind=tenant&target=" + TENANT, "what", "created")["by"], "operator")

    def test_a_plan_is_approved_in_one_step_told_and_remembered(self):
        hook = Hook()
        stack.must("PATCH", f"/v1/tenants/{TENANT}/hooks/{hook.id}", {"events": [hook.type, "automation.plan.*"]})
        plans = f"/v1/tenants/{TENANT}/plans"
        change = {"kind": "hook", "hook": hook.id, "patch": {"timeout": {"total": 9}}}
        plan = stack.must("POST", plans, {"title": "Wait longer", "change": change}, status=(201,))
        applied = stack.must("POST", f"{plans}/{plan['id']}/approve", {})
        self.assertEqual((applied["state"], hook.settings()["timeout"]["total"]), ("applied", 9))
        told = {json.loads(arrival.body)["type"] for arrival in hook.arrived(3)}
        self.assertEqual(told, {f"automation.plan.{what}" for what in ("created", "approved", "applied")})
        log = stack.must("GET", f"/v1/tenants/{TENANT}/adjustments?target={hook.id}")["items"]
        self.assertEqual([(a["id"], a["after"]["timeout"]["total"]) for a in log], [(applied["adjustment_id"], 9)])
        # And what every tenant is asked daily.
        stack.send("Retries", json.dumps({"version": 1, "tenant": "hookline", "job": {"advise_all": {}}}))
        until("the jobs are done", lambda: not [m for m in stack.messages("Retries") if "advise" in m["Body"]])

    def test_events_of_a_type_are_expunged(self):
        hook = Hook()
        event = hook.publish()
        hook.logged("succeeded")
        own = f"/v1/tenants/{TENANT}"
        until("the event is listed", lambda: stack.must("GET", f"{own}/events?type={hook.type}")["items"])
        job = stack.must("POST", f"{own}/expungements", {"event_type": hook.type}, status=(202,))["id"]
        done = until("the expungement is over", lambda: (found := stack.must("GET", f"{own}/expungements/{job}"))["status"] == "finished" and found)
        self.assertEqual((done["found"], done["expunged"]), (1, 1))
        self.assertTrue(stack.must("GET", f"{own}/events/{event}")["expunged"])

    def test_a_wrong_operator_key_gets_nowhere(self):
        self.assertEqual(stack.call("GET", "/v1/tenants", key="wrong")[0], 401)

    def test_a_path_that_was_encoded_reaches_nothing_else(self):
        hook = Hook()
        stack.must("POST", "/v1/tenants", {"id": "other"})
        for rest in ("hooks/..%2F..%2Facme", "hooks/..%5C..%5Cacme", "hooks/.%09.%2F..%2Facme", "hooks/%2e%2e%2f%2e%2e%2facme"):
            self.assertEqual(stack.call("DELETE", f"/v1/tenants/{TENANT}/{rest}")[0], 404, rest)
        for end in ("%23", "%3F", "%23/hooks/x", "%3F/hooks/x", "%253F/hooks/x", "%00", ";/hooks/x"):
            self.assertEqual(stack.call("DELETE", f"/v1/tenants/{TENANT}{end}")[0], 404, end)
        self.assertEqual(stack.call("GET", f"/v1/tenants/{TENANT}/hooks/..%2F..%2Fother%2Fhooks")[0], 404)
        for tenant in (TENANT, "other"):
            stack.must("GET", f"/v1/tenants/{tenant}")
        hook.settings()
        id = hook.publish(id="order:7")
        hook.arrived()
        stack.must("GET", f"/v1/tenants/{TENANT}/events/{id.replace(':', '%3A')}")

    def test_programs_of_another_system_find_its_api(self):
        hook = Hook()
        hook.publish(data={"a": 1.5})
        hook.arrived()
        hook.logged("succeeded")
        key = stack.must("POST", f"/v1/tenants/{TENANT}/keys", {"scope": "tenant"})["key"]
        status, log = stack.curl("GET", f"/v2/webhook-log/{hook.id}", TENANT, key)
        self.assertEqual((status, log["Result"], log["Total"]), (200, True, 1))
        self.assertEqual(log["Items"][0]["Payload"]["data"], {"a": 1.5})
        form = "event=postSent&name=Mine&url=https%3A%2F%2Fhooks.example.com%2F"
        status, made = stack.curl("POST", "/v2/webhook", TENANT, key, form)
        self.assertEqual((status, made["Webhook"]["Event"]), (200, "postSent"), made)
        self.assertEqual(stack.curl("DELETE", f"/v2/webhook/{made['Webhook']['Id']}", TENANT, key)[0], 200)
        self.assertEqual(stack.curl("GET", "/v2/webhook", "other", key)[0], 401)
        endpoints = f"/api/v1/app/{TENANT}/endpoint"
        made = stack.must("POST", endpoints, {"url": "https://hooks.example.com/", "uid": "mine"})
        self.assertEqual(stack.must("GET", f"{endpoints}/mine")["id"], made["id"])
        self.assertEqual(stack.call("DELETE", f"{endpoints}/mine")[0], 204)

    def test_an_agent_finds_its_server_and_asks_it_with_a_key(self):
        hook = Hook()
        key = stack.must("POST", f"/v1/tenants/{TENANT}/keys", {"scope": "tenant"})["key"]

        def ask(method, key=key, tenant=TENANT, **params):
            meta = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}
            body = {"jsonrpc": "2.0", "id": 7, "method": method, "params": {**params, "_meta": meta}}
            headers = {"mcp-protocol-version": "2026-07-28", "mcp-method": method, "mcp-name": params.get("name", "")}
            return stack.call("POST", f"/mcp/{tenant}", body, key, headers)

        self.assertEqual(ask("server/discover")[1]["result"]["resultType"], "complete")
        listed = ask("tools/call", name="list_hooks", arguments={})[1]
        self.assertIn(hook.id, json.dumps(listed))
        self.assertEqual(ask("server/discover", key="no key of anybody")[0], 401)
        # The same as for a tenant that there is not.
        self.assertEqual(ask("server/discover", tenant="other")[1]["error"]["code"], -32011)


class Pages(unittest.TestCase):
    def test_an_operator_enters_the_console_and_opens_a_hook(self):
        hook = Hook()
        hook.publish()
        hook.logged("succeeded")
        operator = Browser(stack)
        place, login = operator.open("/")
        self.assertTrue(place.startswith("/console/login"), place)
        self.assertIn(' name="key"', login)
        self.assertEqual(operator.post("/console/login", key="no key of anybody")[0], 422)
        self.assertEqual(operator.post("/console/login", key=OPERATOR_KEY), (303, "/console"))
        self.assertEqual(operator.open("/console")[0], "/console/overview")
        page = operator.open(f"/console/tenants/{TENANT}/hooks/{hook.id}")[1]
        self.assertIn(receiver.url + hook.path, page)
        for place in (f"/console/tenants/{TENANT}/hooks/{hook.id}/statistics", "/console/failing", "/console/cost"):
            self.assertIn("<h1>", operator.open(place)[1], place)
        self.assertIn("Dead letters are in SQS", operator.open("/console/dead-letters")[1])
        # What a page loads comes through the gateway as well, compressed as it is.
        for asset in sorted(set(re.findall(r"/assets/[a-z]+-[0-9a-f]+\.[a-z]+", page))):
            self.assertGreater(len(operator.open(asset)[1]), 100, asset)
        self.assertEqual(operator.post("/console/logout"), (303, "/console/login"))
        self.assertTrue(operator.open("/console/overview")[0].startswith("/console/login"))

    def test_a_hook_that_fails_is_listed_over_all_tenants_until_it_goes_well(self):
        hook = Hook(delays=(1, 1))
        receiver.fail(hook.path, 3)
        hook.publish()
        hook.logged("failed")
        operator = Browser(stack)
        operator.post("/console/login", key=OPERATOR_KEY)
        self.assertIn(hook.id, operator.open("/console/failing")[1])
        hook.publish({"n": 2})
        until("it went well", lambda: "succeeded" in [row["status"] for row in hook.log()])
        until("it is not listed", lambda: hook.id not in operator.open("/console/failing")[1])

    def test_a_customer_follows_a_link_once_and_looks_after_a_hook(self):
        hook = Hook()
        hook.publish()
        row = hook.logged("succeeded")
        asked = {"user": "Jane", "capabilities": ["view", "manage"]}
        link = stack.must("POST", f"/v1/tenants/{TENANT}/portal-links", asked)["link"]
        page, code = link.removeprefix(ORIGIN).split("#")
        customer = Browser(stack)
        self.assertEqual(customer.open(page)[0], "/portal/enter")
        self.assertEqual(customer.post(page, code=code), (303, "/portal/hooks"))
        self.assertTrue(any(name.startswith("__Host-") for name in customer.cookies), customer.cookies)
        self.assertIn(receiver.url + hook.path, customer.open(f"/portal/hooks/{hook.id}")[1])
        self.assertIn(row["event_id"], customer.open(f"/portal/executions/{row['id']}")[1])
        customer.open(f"/portal/hooks/{hook.id}")
        self.assertEqual(customer.post(f"/portal/hooks/{hook.id}/disable")[0], 303)
        self.assertFalse(hook.settings()["enabled"])
        self.assertIn("Jane", customer.open(f"/portal/hooks/{hook.id}/changes")[1])
        self.assertEqual(customer.ask("GET", "/portal/hooks/hook_01M7YRY66B9CZNF4GV85GH11D0")[0], 404)
        self.assertEqual(Browser(stack).post(page, code=code)[0], 403)


class Profiles(unittest.TestCase):
    def test_a_profile_of_ones_own_decides_what_hooks_leave_open(self):
        wire = {
            "headers": [{"name": "X-Event", "from": "event.type"}],
            "signatures": [{"scheme": "hmac_sha256", "header": "X-Signature", "prefix": "sha256="}],
            "payload": {"mappings": [{"field": "kind", "from": "event.type"}, {"field": "inner", "from": "data"}]},
        }
        stack.must("POST", "/v1/profiles", {"name": "house", **wire})
        hook = Hook(profile="house", secret="typed by somebody", auth={"type": "bearer", "token": "t-1"})
        hook.publish({"n": 1})
        request = hook.arrived()[0]
        body = f'{{"kind":"{hook.type}","inner":{{"n":1}}}}'.replace('"n":1', '"n": 1')
        self.assertEqual(request.body.decode(), body)
        mac = hmac.new(b"typed by somebody", request.body, hashlib.sha256).hexdigest()
        self.assertEqual(request.headers["x-signature"], f"sha256={mac}")
        self.assertEqual((request.headers["x-event"], request.headers["authorization"]), (hook.type, "Bearer t-1"))

    def test_a_filter_lets_through_what_it_names(self):
        hook = Hook(filter={"n": [{"numeric": [">", 1]}]})
        for n in (1, 2):
            hook.publish({"n": n})
        self.assertEqual(json.loads(hook.arrived()[0].body)["data"], {"n": 2})
        stack.settled()
        self.assertEqual(len(hook.arrivals()), 1)

    def test_events_that_come_together_travel_together(self):
        hook = Hook(batch={"max_events": 3, "max_wait": 2}, payload={"raw": True})
        events = [{"type": hook.type, "data": n} for n in range(3)]
        stack.must("POST", f"/v1/tenants/{TENANT}/events/batch", {"events": events}, status=(202,))
        until("three deliveries", lambda: [row["status"] for row in hook.log()] == ["succeeded"] * 3)
        sent = [item for request in hook.arrivals() for item in json.loads(request.body)]
        self.assertEqual(sorted(sent), [0, 1, 2])


class Waiting(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # On a stack of its own, where one retry in flight is the budget, and each counts itself. Waits of up to a minute do all the same, so this
        # one is longer, and goes on while the other tests run.
        tight = Stack(emulator, code, name="tight", InFlightBudget="1")
        tight.must("POST", "/v1/tenants", {"id": TENANT})
        hook = hooks.Hook(tight, receiver, delays=(3600,))
        receiver.fail(hook.path, 1)
        hook.publish()
        body, due_at = hook.retry_message(due_in=64)
        tight.send("Retries", body)
        until("a schedule exists", tight.schedules, 10)
        cls.scheduled = hook, due_at

    def test_an_endpoint_that_fails_twice_gets_a_third_attempt(self):
        hook = Hook(delays=(1, 2))
        receiver.fail(hook.path, 2)
        hook.publish()
        arrivals = hook.arrived(3)
        self.assertEqual(len({arrival.id for arrival in arrivals}), 1)
        for arrival in arrivals:
            arrival.verified(hook.secret)
        row = hook.logged("succeeded")
        attempts = hook.delivery(row["id"])["attempts"]
        self.assertEqual([(a["number"], a["status_code"], a["trigger"]) for a in attempts], [(1, 503, "first"), (2, 503, "retry"), (3, 200, "retry")])
        first, second, third = (arrival.at for arrival in arrivals)
        self.assertGreaterEqual(second - first, 1.0)
        self.assertGreaterEqual(third - second, 2.0)

    def test_the_last_failure_settles_the_delivery(self):
        hook = Hook(delays=(1,))
        receiver.fail(hook.path, 9)
        hook.publish()
        row = hook.logged("failed")
        self.assertEqual((row["attempt_count"], len(hook.arrivals())), (2, 2))
        # A customer's failure is an outcome, not a dead letter.
        dead = stack.messages("DeliveriesDeadLetter", "RedeliveriesDeadLetter", "RetriesDeadLetter")
        self.assertFalse([m for m in dead if hook.id in m["Body"]])

    def test_a_wait_beyond_the_message_timer_starts_with_the_whole_timer(self):
        hook = Hook(delays=(3600,))
        receiver.fail(hook.path, 1)
        hook.publish()
        hook.logged("retrying")
        [message] = until("the retry waits", lambda: hook.waiting("Retries"))
        self.assertEqual(message["ReceiveCount"], 0)
        self.assertAlmostEqual(message["VisibleAt"], time.time() + 900, delta=30)

    def test_a_wait_beyond_the_message_timer_goes_on_as_invisibility(self):
        hook = Hook(delays=(3600,))
        receiver.fail(hook.path, 1)
        hook.publish()
        body, due_at = hook.retry_message(due_in=3600)
        stack.send("Retries", body)
        [message] = until("the message is put off", lambda: [m for m in hook.waiting("Retries") if m["ReceiveCount"] == 1 and m["VisibleAt"] > time.time() + 600])
        # Never early; the emulator cuts the fraction off.
        self.assertGreaterEqual(message["VisibleAt"], int(due_at))
        self.assertLess(message["VisibleAt"], due_at + 2 * SECOND)
        stack.settled()
        self.assertEqual(len(hook.arrivals()), 1)

    def test_a_wait_beyond_twelve_hours_becomes_one_schedule(self):
        hook = Hook(delays=(50_400,))
        receiver.fail(hook.path, 1)
        hook.publish()
        body, due_at = hook.retry_message(due_in=13 * 3600)
        before = {schedule["Name"] for schedule in stack.schedules()}
        # Twice, as SQS may: the second finds the schedule made and is content.
        ids = stack.send("Retries", body, body)
        until("both messages are settled", lambda: not any(m["MessageId"] in ids for m in stack.messages("Retries")))
        [name] = {schedule["Name"] for schedule in stack.schedules()} - before
        schedule = emulator.client("scheduler").get_schedule(GroupName=stack.outputs["ScheduleGroup"], Name=name)
        self.assertEqual(schedule["ActionAfterCompletion"], "DELETE")
        self.assertEqual(schedule["FlexibleTimeWindow"]["Mode"], "OFF")
        at = datetime.strptime(schedule["ScheduleExpression"], "at(%Y-%m-%dT%H:%M:%S)").replace(tzinfo=timezone.utc)
        self.assertGreaterEqual(at.timestamp(), int(due_at * 1000) / 1000)
        self.assertLess(at.timestamp(), due_at + 2 * SECOND)
        target = json.dumps(schedule["Target"])
        self.assertIn(stack.outputs["RedeliveriesQueueUrl"].rsplit("/", 1)[-1], target)
        self.assertIn(hook.id, target)
        self.assertEqual(len(hook.arrivals()), 1)

    def test_over_the_budget_a_schedule_does_the_waiting(self):
        hook, due_at = self.scheduled
        arrivals = hook.arrived(2, seconds=90)
        # Due times are written in milliseconds.
        self.assertGreaterEqual(arrivals[1].at, int(due_at * 1000) / 1000)
        self.assertEqual(arrivals[1].id, arrivals[0].id)
        arrivals[1].verified(hook.secret)
        hook.logged("succeeded")
        until("the schedule is gone", lambda: not hook.stack.schedules())

    def test_a_retry_of_a_deleted_hook_is_dropped_and_its_log_is_out_of_sight(self):
        hook = Hook(delays=(2,))
        receiver.fail(hook.path, 1)
        hook.publish()
        row = hook.logged("retrying")
        stack.must("DELETE", f"/v1/tenants/{TENANT}/hooks/{hook.id}", status=(200, 204))
        self.assertEqual(stack.call("GET", f"/v1/tenants/{TENANT}/deliveries/{row['id']}")[0], 404)
        # Once its first attempt is settled, its retry is on its way. The purge that follows the deletion is not awaited.
        stack.settled()
        until("its retry is dropped", lambda: not hook.waiting("Retries", "Redeliveries"))
        self.assertEqual(len(hook.arrivals()), 1)


class Killed(unittest.TestCase):
    def test_what_was_in_a_killed_invocation_is_delivered_later_and_what_was_logged_not_twice(self):
        killed = Stack(emulator, code, name="killed")
        killed.must("POST", "/v1/tenants", {"id": TENANT})
        timeout, lease = 6, 8
        functions, deliver = emulator.client("lambda"), "killed-deliver"
        functions.update_function_configuration(FunctionName=deliver, Timeout=timeout)
        url = killed.outputs["DeliveriesQueueUrl"]
        killed.sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": str(lease)})
        slow, *others = [hooks.Hook(killed, receiver) for _ in range(5)]
        receiver.answer(slow.path, meanwhile=lambda: time.sleep(timeout + 2))
        # All in one batch.
        killed.mappings("Deliveries", enabled=False)
        for hook in (slow, *others):
            hook.publish()
        until("five deliveries wait", lambda: len(killed.messages("Deliveries")) == 5)
        killed.mappings("Deliveries", enabled=True)
        slow.arrived(2, seconds=timeout + lease + 20)
        self.assertIn(f"Lambda {deliver}: Task timed out", emulator.log())
        for hook in (slow, *others):
            # The attempt that was cut short left no trace; the others were logged before their function died.
            self.assertEqual(hook.logged("succeeded")["attempt_count"], 1)
        killed.settled()
        self.assertEqual([len(hook.arrivals()) for hook in (slow, *others)], [2, 1, 1, 1, 1])
        self.assertEqual(killed.messages("DeliveriesDeadLetter"), [])


class Endpoints(unittest.TestCase):
    def test_an_endpoint_that_is_gone_gets_nothing_more(self):
        hook = Hook()
        receiver.answer(hook.path, 410)
        hook.publish()
        hook.logged("failed")
        until("the hook is disabled", lambda: not hook.settings()["enabled"])
        disabled_at = time.monotonic()
        self.assertIn("410", hook.settings()["disabled_reason"])

        def skipped():
            event = hook.publish()
            settled = lambda: [row["status"] for row in hook.log() if row["event_id"] == event and row["status"] != "pending"]
            return until("the next is settled", settled) == ["skipped"]

        until("one is skipped", skipped)
        # Another process of deliver may remember the hook as it was for five seconds.
        time.sleep(max(0, disabled_at + 5.5 - time.monotonic()))
        arrivals = len(hook.arrivals())
        self.assertTrue(skipped())
        self.assertEqual(len(hook.arrivals()), arrivals)

    def test_a_rotated_secret_signs_and_the_old_one_as_long_as_both_are_live(self):
        hook = Hook()
        old = hook.secret
        path = f"/v1/tenants/{TENANT}/hooks/{hook.id}/secret"
        new = stack.must("POST", f"{path}/rotate", {"overlap": 600})["secret"]
        self.assertNotEqual(new, old)
        hook.publish()
        [arrival] = hook.arrived()
        for secret in (old, new):
            arrival.verified(secret)

    def test_a_limited_hook_gets_so_many_requests_a_second(self):
        hook = Hook(rate_limit=1)
        events = [{"type": hook.type, "data": n} for n in range(4)]
        stack.must("POST", f"/v1/tenants/{TENANT}/events/batch", {"events": events}, status=(202,))
        times = [arrival.at for arrival in hook.arrived(4, seconds=40)]
        # The last is let out three seconds after the first, which may have been held up on its way.
        self.assertGreater(times[-1] - times[0], 2)

    def test_a_replay_sends_what_had_failed_for_good(self):
        hook = Hook(delays=())
        receiver.fail(hook.path, 2)
        hook.publish()
        hook.publish()
        statuses = lambda: [row["status"] for row in hook.log()]
        until("both have failed", lambda: statuses() == ["failed"] * 2)
        path = f"/v1/tenants/{TENANT}/hooks/{hook.id}/replays"
        replay = stack.must("POST", path, {"kind": "failed"})["id"]
        until("both have succeeded", lambda: statuses() == ["succeeded"] * 2)
        ended = until("the replay is over", lambda: (r := stack.must("GET", f"{path}/{replay}"))["status"] == "finished" and r)
        self.assertEqual((ended["progress"]["found"], ended["progress"]["sent"]), (2, 2))
        self.assertEqual(len(hook.arrivals()), 4)


class Poison(unittest.TestCase):
    def test_a_message_that_cannot_be_read_does_not_hold_up_its_batch(self):
        hook = Hook()
        good = [hook.message({"n": number}) for number in range(3)]
        stack.send("Events", good[0], "not json", good[1], '{"tenant":"acme","surprise":1}', good[2])
        hook.arrived(3)
        dead = stack.set_aside("EventsDeadLetter", {"not json", '{"tenant":"acme","surprise":1}'})
        self.assertIn("surprise", self.reason(dead['{"tenant":"acme","surprise":1}']))
        self.assertEqual(self.reason(dead["not json"])[:11], "not a valid")

    def test_each_stage_sets_aside_what_it_cannot_read(self):
        stack.send("Deliveries", "not a delivery")
        stack.send("Redeliveries", "not a redelivery")
        stack.send("Retries", "not a retry")
        dead = stack.set_aside("DeliveriesDeadLetter", {"not a delivery", "not a redelivery"})
        dead |= stack.set_aside("RetriesDeadLetter", {"not a retry"})
        for message in dead.values():
            self.assertTrue(self.reason(message))

    def reason(self, message):
        return message["MessageAttributes"]["reason"]["StringValue"]


class Doctor(unittest.TestCase):
    def examine(self):
        # Other tests put poison on the queues.
        checks = stack.must("GET", "/v1/doctor")["checks"]
        return {check["name"]: check for check in checks if not check["name"].startswith("dead_letters.")}

    def test_the_deployment_is_sound_once_what_the_doctor_says_is_done(self):
        # The emulator leaves out the expiry of a template's table.
        expiry = self.examine()["table.logs.expiry"]
        self.assertEqual(expiry["status"], "failed", expiry)
        aws, service, command, *flags = expiry["fix"].split()
        self.assertEqual((aws, service, command, flags[0], flags[2]), ("aws", "dynamodb", "update-time-to-live", "--table-name", "--time-to-live-specification"))
        specification = dict(pair.split("=") for pair in flags[3].split(","))
        emulator.client("dynamodb").update_time_to_live(
            TableName=flags[1],
            TimeToLiveSpecification={"AttributeName": specification["AttributeName"], "Enabled": specification["Enabled"] == "true"},
        )
        checks = self.examine()
        self.assertEqual([check for check in checks.values() if check["status"] != "ok"], [])
        self.assertLessEqual({"operator_key", "secrets", "clock", "table.logs.expiry", "queue.redeliveries"}, set(checks))


class Logs(unittest.TestCase):
    def test_a_failed_attempt_is_told_with_its_trace_and_its_invocation(self):
        hook = Hook(delays=())
        receiver.fail(hook.path, 1)
        hook.publish()
        delivery = hook.logged("failed")["id"]

        def told():
            lines = (json.loads(line) for line in emulator.log().splitlines() if delivery in line and line.startswith("{"))
            return next((line for line in lines if line["message"].startswith("attempt 1 for hook") and " failed" in line["message"]), None)

        line = until("a line tells of the attempt", told)
        self.assertEqual((line["trace.id"], line["level"]), (delivery[14:30], "WARN"))
        self.assertTrue(line["span"]["requestId"])


class ZRoles(unittest.TestCase):
    """After all others."""

    def test_no_function_asked_for_anything_it_may_not_do(self):
        denied = [line for line in emulator.log().splitlines() if line.startswith("DENIED") and "role/" in line]
        self.assertEqual(denied, [])
