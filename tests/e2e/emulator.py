"""Runs ministack in this process, closer to AWS than it comes.

`stack.py` starts it as a process of its own; its settings come from the environment. Each correction below replaces
a function that ministack looks up when it is called, and fails at the start when an upgrade has moved it:

* schedules are looked at every half second instead of every ten
* a schedule is authorized under the name of its own group
* a batch of messages is authorized as the action on one, the only one that IAM knows
* iam:PassRole is checked when a schedule is made, and the schedule's role when it fires
* the role of a function is checked before an event source mapping reads its queue
* Scheduler's universal target for SendMessage works
* a mapping's MaximumConcurrency may come from a parameter of the template
* requests count as made over TLS, as they are where they are made on AWS
* no wait of 50 ms for late log lines after each invocation

Every refusal, its own and those of the corrections, is printed as a line `DENIED principal action resource`.
"""

import json
import sys

from ministack.core import iam_actions, iam_evaluator, lambda_runtime
from ministack.core.concurrency import esm_wake
from ministack.core.responses import get_account_id, get_region
from ministack.services import eventbridge, lambda_svc, scheduler, sqs

SCHEDULE_TICK = 0.5
UNIVERSAL_SEND = "arn:aws:scheduler:::aws-sdk:sqs:sendmessage"


def replace(module, name, make):
    """Puts make(original) in the place of module.name."""
    setattr(module, name, make(getattr(module, name)))


def allowed(role_arn, action, resource, **context):
    evaluation = iam_evaluator.EvalContext(
        principal_arn=role_arn,
        principal_type="AssumedRole",
        principal_account=get_account_id(),
        action=action,
        resource_arn=resource,
        region=get_region(),
        service_context={key.lower(): value for key, value in context.items()},
    )
    policies = iam_evaluator._gather_role_policies(role_arn.rsplit("/", 1)[-1], get_account_id())
    if iam_evaluator.evaluate(evaluation, policies).decision == "Allow":
        return True
    print(f"DENIED {role_arn} {action} {resource}", file=sys.stderr, flush=True)
    return False


def print_denial(original):
    def respond(service, action, principal_arn, *rest, **details):
        print(f"DENIED {principal_arn} {action} {details.get('resource_arn', '*')}", file=sys.stderr, flush=True)
        return original(service, action, principal_arn, *rest, **details)

    return respond


def batch_as_single(original):
    def extract(service, *rest, **details):
        action = original(service, *rest, **details)
        return action.removesuffix("Batch") if service == "sqs" and action else action

    return extract


def arn_with_group(original):
    def extract(service, method, path, headers, body, query_params, region, account_id):
        arn = original(service, method, path, headers, body, query_params, region, account_id)
        if service != "scheduler" or ":schedule/default/" not in arn:
            return arn
        try:
            group = json.loads(body or "{}").get("GroupName")
        except ValueError:
            group = None
        query = query_params.get("groupName")
        group = group or (query[0] if isinstance(query, list) else query) or "default"
        return arn.replace(":schedule/default/", f":schedule/{group}/")

    return extract


def create_checking_pass_role(original):
    def create(name, body):
        caller = iam_evaluator._request_caller_arn.get()
        role = (body.get("Target") or {}).get("RoleArn", "")
        if ":assumed-role/" in caller:
            caller_role = caller.replace(":sts:", ":iam:").replace(":assumed-role/", ":role/").rsplit("/", 1)[0]
            if not allowed(caller_role, "iam:PassRole", role, **{"iam:PassedToService": "scheduler.amazonaws.com"}):
                message = f"{caller} is not authorized to perform: iam:PassRole on resource: {role}"
                return scheduler._error(403, "AccessDeniedException", message)
        return original(name, body)

    return create


def fire_with_role(original):
    def invoke(target, event, rule, view=None):
        if event.get("Source") != "aws.scheduler" or "RoleArn" not in target:
            return original(target, event, rule, view)
        role, arn = target["RoleArn"], target["Arn"]
        if arn.lower() != UNIVERSAL_SEND:
            if not arn.startswith("arn:aws:sqs:") or allowed(role, "sqs:SendMessage", arn):
                original(target, event, rule, view)
            return None
        call = json.loads(target.get("Input") or "{}")
        account, name = call["QueueUrl"].rstrip("/").rsplit("/", 2)[1:]
        if allowed(role, "sqs:SendMessage", f"arn:aws:sqs:{get_region()}:{account}:{name}"):
            iam_evaluator.pin_request_origin("127.0.0.1", True)
            sqs._act_send_message(call, call["QueueUrl"])
            esm_wake.set()
        return None

    return invoke


def read_queue_with_role(original):
    actions = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")

    def run(mapping, function, event, batch, queue_url, queue_name):
        role = (function.get("config") or function).get("Role", "")
        if all(allowed(role, action, mapping["EventSourceArn"]) for action in actions):
            original(mapping, function, event, batch, queue_url, queue_name)

    return run


def concurrency_as_number(original):
    def concurrency(mapping, *rest):
        # CloudFormation turns parameters into what the property wants; ministack leaves them text.
        if limit := (mapping.get("ScalingConfig") or {}).get("MaximumConcurrency"):
            mapping["ScalingConfig"]["MaximumConcurrency"] = int(limit)
        return original(mapping, *rest)

    return concurrency


assert isinstance(scheduler._SCHEDULE_TICK_INTERVAL, int)
scheduler._SCHEDULE_TICK_INTERVAL = SCHEDULE_TICK
replace(iam_actions, "extract_resource_arn", arn_with_group)
replace(iam_actions, "extract_iam_action", batch_as_single)
replace(iam_actions, "access_denied_response", print_denial)
replace(scheduler, "_create_schedule", create_checking_pass_role)
replace(eventbridge, "_invoke_target", fire_with_role)
replace(lambda_svc, "_run_sqs_batch", read_queue_with_role)
replace(lambda_svc, "_sqs_esm_concurrency", concurrency_as_number)
replace(iam_evaluator, "pin_request_origin", lambda pin: lambda source_ip, _secure: pin(source_ip, True))
drain = lambda_runtime.Worker._drain_stderr_bounded
lambda_runtime.ProvidedWorker._drain_stderr_bounded = lambda self, first_line_wait=0.002, **rest: drain(
    self, first_line_wait, **rest
)

# Last, so that it sees the replacements.
from ministack.app import main  # noqa: E402

main()
