"""A hook with its endpoint, followed from what is published for it to what its log says."""

import json
import time

from stack import rfc3339, until

TENANT = "acme"


class Hook:
    """A hook of the tenant with an endpoint and an event type of its own."""

    count = 0

    def __init__(self, on, receiver, delays=(1, 1), **settings):
        Hook.count += 1
        self.stack, self.receiver = on, receiver
        self.path = f"/hook/{Hook.count}"
        self.type = f"thing.happened-{Hook.count}"
        made = self.stack.must(
            "POST",
            f"/v1/tenants/{TENANT}/hooks",
            {"url": receiver.url + self.path, "events": [self.type], "retry": {"delays": list(delays), "jitter": 0}}
            | settings,
        )
        self.id, self.secret = made["id"], made["secret"]

    def publish(self, data=None, **fields):
        """Through the API; the event's id."""
        event = {"type": self.type, "data": data if data is not None else {"n": 1}, **fields}
        return self.stack.must("POST", f"/v1/tenants/{TENANT}/events", event, status=(202,))["id"]

    def message(self, data=None, **fields):
        """The same for the events queue."""
        return json.dumps({"tenant": TENANT, "type": self.type, "data": data if data is not None else {"n": 1}, **fields})

    def arrivals(self):
        return self.receiver.arrivals(self.path)

    def arrived(self, count=1, seconds=20):
        return until(f"{count} requests at {self.path}", lambda: len(self.arrivals()) >= count and self.arrivals(), seconds)

    def waiting(self, *queues):
        """Its deliveries that wait in these queues."""
        return [m for m in self.stack.messages(*queues) if json.loads(m["Body"]).get("hook") == self.id]

    def settings(self):
        return self.stack.must("GET", f"/v1/tenants/{TENANT}/hooks/{self.id}")

    def log(self):
        return self.stack.must("GET", f"/v1/tenants/{TENANT}/hooks/{self.id}/deliveries")["items"]

    def logged(self, status, seconds=20):
        """The only delivery of this hook, once it has that status."""

        def only():
            rows = self.log()
            return rows and rows[0]["status"] == status and rows

        rows = until(f"the delivery of {self.id} is {status}", only, seconds)
        assert len(rows) == 1, rows
        return rows[0]

    def delivery(self, id):
        return self.stack.must("GET", f"/v1/tenants/{TENANT}/deliveries/{id}")

    def retry_message(self, due_in, step=1):
        """The retry message that follows the one logged attempt, with another due time; and that time."""
        row = self.logged("retrying")
        due_at = time.time() + due_in
        message = {
            "version": 1,
            "tenant": TENANT,
            "hook": self.id,
            "event_id": row["event_id"],
            # A delivery's id is made of its event's and its hook's.
            "event_seq": "seq_" + row["id"].removeprefix("dlv_")[:26],
            "event_type": self.type,
            "event_timestamp": row["created_at"],
            "trigger": "retry",
            "step": step,
            "due_at": rfc3339(due_at),
        }
        return json.dumps(message), due_at
