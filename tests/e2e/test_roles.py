"""Every permission of every role is needed, and none is missing.

Each is taken from its role on a deployed stack, whereupon something that `SCENARIOS` names must be denied and fail; put
back, the same must succeed. A permission that the table lacks fails the test, so nothing is granted without a reason.
"""

import contextlib
import json
import unittest

import single
from scenarios import SCENARIOS
from single import Denied, Watch
from stack import ROOT, build, translate

# Writing the log is Lambda's own doing under the function's role, and the emulator does not ask; its schedules have no
# dead-letter queues.
UNSEEN_ACTIONS = {"logs:CreateLogStream", "logs:PutLogEvents"}
UNSEEN = {("SchedulerRole", "sqs:SendMessage", "SchedulesDeadLetterQueue")}


def setUpModule():
    single.start(build(), unittest.addModuleCleanup)


def listed(value):
    return value if isinstance(value, list) else [value]


def logical(resource):
    """The name of a resource in the template."""
    if "Fn::GetAtt" in resource:
        return resource["Fn::GetAtt"][0] if isinstance(resource["Fn::GetAtt"], list) else resource["Fn::GetAtt"].split(".")[0]
    assert resource["Fn::Sub"].endswith("schedule/${ScheduleGroup}/*"), resource
    return "ScheduleGroup"


class Role:
    """A role of the template and, deployed, its one policy."""

    def __init__(self, name, properties):
        self.name = name
        [policy] = properties["Policies"]
        self.policy, self.statements = policy["PolicyName"], policy["PolicyDocument"]["Statement"]

    def permissions(self):
        for number, statement in enumerate(self.statements):
            for action in listed(statement["Action"]):
                for place, resource in enumerate(listed(statement["Resource"])):
                    yield (action, logical(resource)), (number, place)

    def seen(self):
        """Those that the emulator asks for."""
        for (action, resource), place in self.permissions():
            if action not in UNSEEN_ACTIONS and (self.name, action, resource) not in UNSEEN:
                yield (action, resource), place

    @contextlib.contextmanager
    def without(self, action, number, place):
        iam, names = single.emulator.client("iam"), {"RoleName": single.stack.resources[self.name], "PolicyName": self.policy}
        document = iam.get_role_policy(**names)["PolicyDocument"]
        whole = document if isinstance(document, str) else json.dumps(document)
        document = json.loads(whole)
        statement = document["Statement"][number]
        taken = listed(statement["Resource"])[place]
        split = [
            statement | {"Sid": "Rest", "Action": [a for a in listed(statement["Action"]) if a != action]},
            statement | {"Sid": "Elsewhere", "Action": action, "Resource": [r for r in listed(statement["Resource"]) if r != taken]},
        ]
        document["Statement"][number : number + 1] = [s for s in split if s["Action"] and s["Resource"]]
        if document["Statement"]:
            iam.put_role_policy(**names, PolicyDocument=json.dumps(document))
        else:
            iam.delete_role_policy(**names)
        try:
            yield
        finally:
            iam.put_role_policy(**names, PolicyDocument=whole)


def roles():
    resources = translate.load(ROOT / "template.yaml")["Resources"]
    return [Role(name, r["Properties"]) for name, r in resources.items() if r["Type"] == "AWS::IAM::Role"]


class Permissions(unittest.TestCase):
    def test_every_permission_has_a_scenario(self):
        self.assertEqual({(role.name, *pair) for role in roles() for pair, _ in role.seen()}, set(SCENARIOS))

    def test_without_a_permission_its_scenario_is_denied_and_with_it_it_succeeds(self):
        for role in roles():
            for (action, resource), (number, place) in role.seen():
                with self.subTest(f"{role.name} {action} {resource}"):
                    self.check(role, action, resource, number, place)

    def check(self, role, action, resource, number, place):
        act = SCENARIOS[role.name, action, resource]()
        with role.without(action, number, place):
            watch = Watch()
            with self.assertRaises(Denied, msg="it succeeded without"):
                act()
            name = single.stack.resources[resource].rsplit("/", 1)[-1]
            # Of what a transaction may not do, the emulator does not say where.
            expected = lambda line: single.stack.resources[role.name] in line[1] and line[2] == action and (name in line[3] or line[3] == "*")
            denied = [line.split() for line in watch.lines()]
            self.assertTrue(list(filter(expected, denied)), denied)
        watch = Watch()
        act()
        self.assertEqual(watch.lines(), [], "denied with all permissions in place")
