"""The same calls to Hookline and to a server of mcp-webhook-events, by the official SDK's client and by
plain requests; answers are compared field by field. One receiver verifies what both send.

    python mcp_events.py URL OPERATOR_KEY      prints `done`
"""

import asyncio
import base64
import json
import os
import sys
import tempfile
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

import mcp_types
import uvicorn
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.server import MCPServer
from mcp_webhook_events import EventDefinition, McpEvents, SafeHttp
from standardwebhooks.webhooks import Webhook

HOOKLINE, OPERATOR = sys.argv[1:]
SECRET = "whsec_" + base64.b64encode(os.urandom(32)).decode()
SCHEMA = {"type": "object", "properties": {"ticket": {"type": "string"}, "summary": {"type": "string"}}}
received = []


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        Webhook(SECRET).verify(body, dict((name.lower(), value) for name, value in self.headers.items()))
        told = json.loads(body)
        received.append((self.path, dict(self.headers), told))
        answer = json.dumps({"challenge": told["challenge"]} if told.get("type") == "verification" else {}).encode()
        if self.path == "/fails":
            answer = b"{}"
        self.send_response(200)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


def post(url, body, key=None, headers=None):
    request = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json", **(headers or {})})
    request.add_header("accept", "application/json, text/event-stream")
    if key:
        request.add_header("authorization", f"Bearer {key}")
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def rpc(server, method, params):
    meta = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": meta}}
    headers = {"mcp-protocol-version": "2026-07-28", "mcp-method": method}
    return post(server["url"], body, server["key"], headers)


def same_shape(one, other, where=""):
    """The same fields of the same kinds, and the same values but for ids and times."""
    assert type(one) is type(other), (where, one, other)
    if isinstance(one, dict):
        for answer in (one, other):
            answer.pop("_meta", None)
            answer.pop("deliveryStatus", None)
        assert one.keys() == other.keys(), (where, one, other)
        for name in one:
            same_shape(one[name], other[name], f"{where}.{name}")
    elif where.rsplit(".", 1)[-1] not in ("id", "refreshBefore", "message"):
        assert one == other, (where, one, other)


def their_server(port):
    server = MCPServer("theirs")
    store = os.path.join(tempfile.mkdtemp(), "events.sqlite3")
    kind = EventDefinition("ticket.updated", "A ticket was updated.",
                           {"type": "object", "properties": SCHEMA["properties"], "additionalProperties": False}, SCHEMA)
    events = McpEvents(server, store=store, definitions=[kind], http=SafeHttp(allow_insecure_for_tests=True))
    events.install()
    app = server.streamable_http_app(stateless_http=True, json_response=True)
    config = uvicorn.Config(app, port=port, log_level="error")
    running = uvicorn.Server(config)
    threading.Thread(target=running.run, daemon=True).start()
    while not running.started:
        time.sleep(0.05)
    return events


async def official_client(server):
    import httpx2

    async with httpx2.AsyncClient(headers={"authorization": f"Bearer {server['key']}"}) as http:
        async with Client(streamable_http_client(server["url"], http_client=http)) as client:
            tools = await client.list_tools()
            names = [tool.name for tool in tools.tools]
            assert "find_deliveries" in names and "send_again" in names, names
            hooks = await client.call_tool("list_hooks", {})
            assert not hooks.is_error and "items" in hooks.structured_content, hooks
            wrong = await client.call_tool("explain_event", {"event": "none"})
            assert wrong.is_error, wrong


def main():
    receiver = HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    callback = f"http://127.0.0.1:{receiver.server_port}"
    port = receiver.server_port + 1 if receiver.server_port < 60000 else receiver.server_port - 1000
    events = their_server(port)
    post(f"{HOOKLINE}/v1/tenants", {"id": "acme"}, OPERATOR)
    kind = {"name": "ticket.updated", "description": "A ticket was updated.", "schema": SCHEMA}
    post(f"{HOOKLINE}/v1/tenants/acme/event-types", kind, OPERATOR)
    key = post(f"{HOOKLINE}/v1/tenants/acme/keys", {"scope": "tenant"}, OPERATOR)[1]["key"]
    ours = {"url": f"{HOOKLINE}/mcp/acme", "key": key}
    theirs = {"url": f"http://127.0.0.1:{port}/mcp", "key": None}

    def both(method, params):
        (status, our), (their_status, their) = rpc(ours, method, params), rpc(theirs, method, params)
        assert status == their_status, (method, our, their)
        return our, their

    our, their = both("events/list", {})
    for answer in (our, their):
        answer["result"]["events"][0].pop("delivery")
    same_shape(our, their, "list")
    discovered, theirs_discovered = both("server/discover", {})
    for answer in (discovered, theirs_discovered):
        assert answer["result"]["capabilities"]["events"] == {}, answer
        assert "2026-07-28" in answer["result"]["supportedVersions"], answer
    asked = {"name": "ticket.updated", "arguments": {"ticket": "T-1"},
             "delivery": {"mode": "webhook", "url": f"{callback}/in", "secret": SECRET}}
    our, their = both("events/subscribe", asked)
    same_shape(our, their, "subscribe")
    ids = our["result"]["id"], their["result"]["id"]
    our, their = both("events/subscribe", asked)
    assert (our["result"]["id"], their["result"]["id"]) == ids
    for wrong in [{"arguments": {"ticket": 1}}, {"delivery": {**asked["delivery"], "secret": "whsec_short"}},
                  {"delivery": {"mode": "webhook"}}]:
        our, their = both("events/subscribe", {**asked, **wrong})
        assert our["error"]["code"] == their["error"]["code"] == -32602, (wrong, our, their)
    # By the SEP there is a lifetime for whatever is asked; theirs refuses it.
    (_, our), (_, their) = (rpc(one, "events/subscribe", {**asked, "ttlMs": -1}) for one in (ours, theirs))
    assert our["result"]["id"] == ids[0] and their["error"]["code"] == -32602, (our, their)
    failing = {**asked, "delivery": {**asked["delivery"], "url": f"{callback}/fails"}}
    our, their = both("events/subscribe", failing)
    same_shape(our, their, "fails")

    received.clear()
    post(f"{HOOKLINE}/v1/tenants/acme/events", {"id": "evt_1", "type": "ticket.updated",
                                                "data": {"ticket": "T-1", "summary": "x"}}, OPERATOR)
    deadline = time.time() + 20
    while not received and time.time() < deadline:
        time.sleep(0.05)
    events.publish("ticket.updated", {"ticket": "T-1", "summary": "x"}, event_id="evt_1")
    events.deliver_pending()
    (_, our_headers, our_body), (_, their_headers, their_body) = received
    our_body.pop("timestamp"), their_body.pop("timestamp")
    assert our_body == their_body, (our_body, their_body)
    lower = [{name.lower(): value for name, value in headers.items()} for headers in (our_headers, their_headers)]
    for headers, id in zip(lower, ids):
        assert headers["webhook-id"] == "evt_1" and headers["x-mcp-subscription-id"] == id, headers
        assert headers["content-type"] == "application/json", headers

    our, their = both("events/unsubscribe", asked)
    same_shape(our, their, "unsubscribe")
    both("events/unsubscribe", asked)
    asyncio.run(official_client(ours))
    print("done")


main()
