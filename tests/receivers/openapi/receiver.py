"""What a receiver does with the types that openapi-python-client makes of a tenant's webhooks. Prints `done` at its end."""

from shop.models import OrderPaid, OrderPaidDataLine, OrderPaidType

body = {"type": "order.paid", "timestamp": "2026-01-31T09:30:00.000Z", "data": {"id": 1, "lines": [{"sku": "a"}]}}
event = OrderPaid.from_dict(body)
assert event.type_ == OrderPaidType.ORDER_PAID and event.timestamp.year == 2026, event
assert event.data.id == 1 and event.data.lines == [OrderPaidDataLine(sku="a")], event
assert event.to_dict()["data"] == body["data"], event
print("done")
