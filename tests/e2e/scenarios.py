"""What each permission is for: something that works with it and is denied without.

A scenario is made ready with all permissions in place; what it answers is then done without the permission, and with it.
"""

import acts


def consuming(role, queue):
    """What a mapping needs of its queue."""
    return {(role, f"sqs:{action}", queue): acts.consume(queue.removesuffix("Queue")) for action in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")}


def examining(*queues):
    """What the doctor needs of queues and of their dead letters."""
    scenarios = {}
    for queue in queues:
        scenarios["ApiRole", "sqs:GetQueueAttributes", f"{queue}Queue"] = prepared(acts.examine, f"queue.{queue.lower()}")
        scenarios["ApiRole", "sqs:GetQueueAttributes", f"{queue}DeadLetterQueue"] = prepared(acts.examine, f"dead_letters.{queue.lower()}")
    return scenarios


def prepared(scenario, *arguments):
    """A scenario with a part that comes before the permission is taken."""
    return lambda: scenario(*arguments)


def directly(act):
    return lambda: act


SCENARIOS = {
    ("ApiRole", "dynamodb:GetItem", "HooksTable"): directly(acts.read_a_tenant),
    ("ApiRole", "dynamodb:Query", "HooksTable"): directly(acts.list_tenants),
    ("ApiRole", "dynamodb:PutItem", "HooksTable"): directly(acts.create_a_tenant),
    ("ApiRole", "dynamodb:UpdateItem", "HooksTable"): directly(acts.create_a_hook),
    ("ApiRole", "dynamodb:DeleteItem", "HooksTable"): directly(acts.delete_a_profile),
    ("ApiRole", "dynamodb:GetItem", "LogsTable"): prepared(acts.read_an_event),
    ("ApiRole", "dynamodb:Query", "LogsTable"): prepared(acts.read_a_log),
    ("ApiRole", "dynamodb:PutItem", "LogsTable"): prepared(acts.expunge_an_event),
    ("ApiRole", "sqs:SendMessage", "EventsQueue"): prepared(acts.publish),
    ("ApiRole", "sqs:SendMessage", "RedeliveriesQueue"): prepared(acts.retry_by_hand),
    ("ApiRole", "sqs:SendMessage", "RetriesQueue"): prepared(acts.delete_a_hook),
    ("ApiRole", "dynamodb:DescribeTable", "HooksTable"): prepared(acts.examine, "table.hooks"),
    ("ApiRole", "dynamodb:DescribeTable", "LogsTable"): prepared(acts.examine, "table.logs"),
    ("ApiRole", "dynamodb:DescribeTimeToLive", "LogsTable"): prepared(acts.examine, "table.logs.expiry"),
    **examining("Events", "Deliveries", "Redeliveries", "Retries"),
    ("ApiRole", "sqs:GetQueueAttributes", "SchedulesDeadLetterQueue"): prepared(acts.examine, "dead_letters.schedules"),
    ("ApiRole", "kms:GenerateDataKey", "SecretsKey"): directly(acts.create_a_hook),
    ("ApiRole", "kms:Decrypt", "SecretsKey"): prepared(acts.reveal_a_secret),
    **{key: directly(act) for key, act in consuming("FanoutRole", "EventsQueue").items()},
    ("FanoutRole", "dynamodb:Query", "HooksTable"): prepared(acts.fan_out_to_a_hook),
    ("FanoutRole", "dynamodb:GetItem", "HooksTable"): directly(acts.fan_out_for_a_new_tenant),
    ("FanoutRole", "dynamodb:PutItem", "LogsTable"): prepared(acts.fan_out_to_a_hook),
    ("FanoutRole", "dynamodb:GetItem", "LogsTable"): directly(acts.continue_an_unknown_event),
    ("FanoutRole", "dynamodb:Query", "LogsTable"): prepared(acts.fan_out_over_an_event_of_a_former_tenant),
    ("FanoutRole", "dynamodb:DeleteItem", "LogsTable"): prepared(acts.fan_out_over_an_event_of_a_former_tenant),
    ("FanoutRole", "sqs:SendMessage", "DeliveriesQueue"): prepared(acts.fan_out_to_a_hook),
    ("FanoutRole", "sqs:SendMessage", "RetriesQueue"): prepared(acts.fan_out_later),
    ("FanoutRole", "sqs:SendMessage", "EventsQueue"): prepared(acts.fan_out_to_a_crowd),
    ("FanoutRole", "sqs:SendMessage", "EventsDeadLetterQueue"): prepared(acts.set_aside, "fanout", "Events"),
    **{key: directly(act) for key, act in consuming("DeliverRole", "DeliveriesQueue").items()},
    **{key: directly(act) for key, act in consuming("DeliverRole", "RedeliveriesQueue").items()},
    ("DeliverRole", "sqs:ChangeMessageVisibility", "DeliveriesQueue"): directly(acts.put_off("Deliveries")),
    ("DeliverRole", "sqs:ChangeMessageVisibility", "RedeliveriesQueue"): directly(acts.put_off("Redeliveries")),
    ("DeliverRole", "dynamodb:GetItem", "HooksTable"): prepared(acts.deliver),
    ("DeliverRole", "dynamodb:PutItem", "HooksTable"): directly(acts.deliver_and_count),
    ("DeliverRole", "dynamodb:Query", "HooksTable"): prepared(acts.disable_a_large_hook),
    ("DeliverRole", "dynamodb:DeleteItem", "HooksTable"): prepared(acts.disable_a_hook_of_many_versions),
    ("DeliverRole", "dynamodb:GetItem", "LogsTable"): prepared(acts.look_before_a_retry),
    ("DeliverRole", "dynamodb:Query", "LogsTable"): prepared(acts.find_an_attempt_among_later_ones),
    ("DeliverRole", "dynamodb:PutItem", "LogsTable"): prepared(acts.deliver),
    ("DeliverRole", "dynamodb:DeleteItem", "LogsTable"): prepared(acts.try_a_failed_delivery_by_hand),
    ("DeliverRole", "sqs:SendMessage", "RetriesQueue"): prepared(acts.fail_and_ask_for_a_retry),
    ("DeliverRole", "sqs:SendMessage", "EventsQueue"): directly(acts.announce_a_disabled_hook),
    ("DeliverRole", "sqs:SendMessage", "DeliveriesDeadLetterQueue"): prepared(acts.set_aside, "deliver", "Deliveries"),
    ("DeliverRole", "kms:Decrypt", "SecretsKey"): prepared(acts.deliver_with_a_secret),
    **{key: directly(act) for key, act in consuming("RequeueRole", "RetriesQueue").items()},
    ("RequeueRole", "sqs:ChangeMessageVisibility", "RetriesQueue"): directly(acts.put_off("Retries")),
    ("RequeueRole", "dynamodb:GetItem", "HooksTable"): prepared(acts.forward_a_retry),
    ("RequeueRole", "dynamodb:Query", "HooksTable"): prepared(acts.replay, "missing"),
    ("RequeueRole", "dynamodb:PutItem", "HooksTable"): prepared(acts.replay, "failed"),
    ("RequeueRole", "dynamodb:DeleteItem", "HooksTable"): prepared(acts.purge, 1),
    ("RequeueRole", "dynamodb:GetItem", "LogsTable"): prepared(acts.skip_for_a_disabled_hook),
    ("RequeueRole", "dynamodb:Query", "LogsTable"): prepared(acts.replay, "failed"),
    ("RequeueRole", "dynamodb:PutItem", "LogsTable"): prepared(acts.skip_for_a_disabled_hook),
    ("RequeueRole", "dynamodb:DeleteItem", "LogsTable"): prepared(acts.purge, 1),
    ("RequeueRole", "sqs:SendMessage", "RedeliveriesQueue"): prepared(acts.forward_a_retry),
    ("RequeueRole", "sqs:SendMessage", "RetriesQueue"): prepared(acts.purge, 51),
    ("RequeueRole", "sqs:SendMessage", "EventsQueue"): prepared(acts.replay, "failed"),
    ("RequeueRole", "sqs:SendMessage", "RetriesDeadLetterQueue"): prepared(acts.set_aside, "requeue", "Retries"),
    ("RequeueRole", "scheduler:CreateSchedule", "ScheduleGroup"): prepared(acts.wait_for_more_than_twelve_hours),
    ("RequeueRole", "iam:PassRole", "SchedulerRole"): prepared(acts.wait_for_more_than_twelve_hours),
    ("SchedulerRole", "sqs:SendMessage", "RedeliveriesQueue"): directly(acts.fire_a_schedule),
    ("AdviceScheduleRole", "sqs:SendMessage", "RetriesQueue"): directly(acts.fire_the_daily_schedule),
}
