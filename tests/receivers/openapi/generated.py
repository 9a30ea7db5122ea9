"""What a program does with the package that openapi-python-client makes. Prints `done` at its end."""

import datetime
import sys
import time

from hookline.api.deliveries import deliveries_get, events_list_deliveries
from hookline.api.events import events_publish
from hookline.api.hooks import hooks_create, hooks_get, hooks_list
from hookline.api.tenants import keys_create, tenants_create
from hookline.client import AuthenticatedClient
from hookline.models import AuthBasic, AuthBasicType, Hook, NewEvent, NewHook, NewKey, NewTenant, Problem
from hookline.models import Status, TenantScope

base, operator, url = sys.argv[1:]
TENANT = "generated-python"

boss = AuthenticatedClient(base_url=base, token=operator)
tenants_create.sync(client=boss, body=NewTenant(id=TENANT))
key = keys_create.sync(TENANT, client=boss, body=NewKey(scope=TenantScope.TENANT)).key
client = AuthenticatedClient(base_url=base, token=key)

refused = hooks_create.sync(TENANT, client=client, body=NewHook(url="nowhere", events=["*"]))
assert isinstance(refused, Problem) and refused.status == 422, refused
assert "url" in [one.field for one in refused.errors], refused

auth = AuthBasic(type_=AuthBasicType.BASIC, username="me", password="secret")
settings = NewHook(url=url, events=["post.*"], auth=auth)
hook = hooks_create.sync(TENANT, client=client, body=settings, idempotency_key="once")
assert isinstance(hook.auth, AuthBasic) and hook.auth.username == "me", hook.auth
assert isinstance(hook.created_at, datetime.datetime), hook.created_at
hooks = hooks_list.sync(TENANT, client=client)
assert [one.id for one in hooks.items if isinstance(one, Hook)] == [hook.id], hooks
assert hooks_get.sync_detailed(TENANT, hook.id, client=client).headers["etag"]

event = events_publish.sync(TENANT, client=client, body=NewEvent(type_="post.published", data={"title": "Hello"}))
for _ in range(600):
    # The event is found once it has been fanned out; until then the answer is a refusal.
    listed = events_list_deliveries.sync(TENANT, event.id, client=client)
    deliveries = [] if isinstance(listed, Problem) else listed.items
    if deliveries and deliveries[0].status == Status.SUCCEEDED:
        break
    time.sleep(0.05)
delivery = deliveries_get.sync(TENANT, deliveries[0].id, client=client)
assert delivery.status == Status.SUCCEEDED and len(delivery.attempts) == 1, delivery
assert isinstance(delivery.attempts[0].at, datetime.datetime), delivery.attempts
print("done")
