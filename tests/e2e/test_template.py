"""What template.yaml has to keep true, whatever its numbers become."""

import json
import math
import re
import unittest

from stack import ROOT, translate

# One attempt (`LONGEST_ATTEMPT` in shared/services/src/delivery/request.rs): waiting for others to travel with, an access token, and another
# one when that is refused, and from connecting to the last byte of the answer.
ATTEMPT_SECONDS = 5 + 2 * 5 + 30
# Around an attempt: `CALLS_PER_MESSAGE` calls of shared/aws/src/client.rs, each within its `LONGEST_CALL`.
CALLS, CALL_SECONDS = 8, 12
MARGIN_SECONDS = CALLS * CALL_SECONDS
# The most SQS takes.
MAX_RETENTION = 1_209_600


class Template(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.resources = translate.load(ROOT / "template.yaml")["Resources"]
        cls.queues = {n: r["Properties"] for n, r in cls.resources.items() if r["Type"] == "AWS::SQS::Queue"}
        cls.sources = {n: p for n, p in cls.queues.items() if "RedrivePolicy" in p}
        cls.functions = {n: r["Properties"] for n, r in cls.resources.items() if r["Type"] == "AWS::Serverless::Function"}
        cls.mappings = [
            (function, event["Properties"], event["Properties"]["Queue"]["Fn::GetAtt"][0])
            for function in cls.functions.values()
            for event in function.get("Events", {}).values()
        ]

    def test_the_longest_attempt_and_the_longest_calls_are_those_of_the_code(self):
        def seconds(file, pattern):
            return int(re.search(pattern, (ROOT / "shared" / file).read_text()).group(1))

        total = seconds("domain/src/hook.rs", r"MAX: &'static Self = &Self::new\(.*, Seconds::new\((\d+)\)\)")
        token = seconds("services/src/delivery/request.rs", r"TOKEN_TIMEOUT: &Timeout = &Timeout::new\(.*, Seconds::new\((\d+)\)\)")
        wait = seconds("domain/src/settings/limits.rs", r"MAX_BATCH_WAIT: Seconds = Seconds::new\((\d+)\)")
        self.assertEqual(ATTEMPT_SECONDS, wait + 2 * token + total)
        calls = seconds("aws/src/client.rs", r"CALLS_PER_MESSAGE: u32 = (\d+);")
        call = seconds("aws/src/client.rs", r"LONGEST_CALL: Duration = Duration::from_secs\((\d+)\)")
        self.assertEqual((CALLS, CALL_SECONDS), (calls, call))

    def test_a_whole_batch_fits_the_time_out_of_deliver(self):
        deliver = self.functions["DeliverFunction"]
        concurrency = int(deliver["Environment"]["Variables"]["HOOKLINE_BATCH_CONCURRENCY"])
        for event in deliver["Events"].values():
            rounds = math.ceil(event["Properties"]["BatchSize"] / concurrency)
            self.assertLessEqual(rounds * ATTEMPT_SECONDS + MARGIN_SECONDS, deliver["Timeout"])

    def test_a_call_that_is_never_answered_fails_its_own_message_and_not_the_batch(self):
        # Whoever is cut short resumes; only what `deliver` has sent cannot be unsent, and it allows for every call.
        for name in ("FanoutFunction", "RequeueFunction"):
            self.assertGreater(self.functions[name]["Timeout"], 2 * CALL_SECONDS, name)

    def test_the_alarm_on_the_duration_of_deliver_is_at_four_fifths_of_its_time_out(self):
        threshold = self.resources["DeliverDurationAlarm"]["Properties"]["Threshold"]
        self.assertEqual(threshold, 0.8 * 1000 * self.functions["DeliverFunction"]["Timeout"])

    def test_the_doctor_knows_the_time_outs_of_the_functions(self):
        code = (ROOT / "shared/aws/src/doctor.rs").read_text()
        for name in ("Fanout", "Deliver", "Requeue"):
            known = re.search(rf"{name.upper()}_TIMEOUT: Duration = Duration::from_secs\((\d+)\)", code)
            self.assertEqual(int(known.group(1)), self.functions[f"{name}Function"]["Timeout"])

    def test_every_lease_outlives_six_time_outs_and_the_batching_window(self):
        self.assertEqual(len(self.mappings), 4)
        for function, event, queue in self.mappings:
            window = event.get("MaximumBatchingWindowInSeconds", 0)
            self.assertGreaterEqual(self.queues[queue]["VisibilityTimeout"], 6 * function["Timeout"] + window, queue)

    def test_every_mapping_reports_single_failures_and_is_bounded(self):
        for _, event, queue in self.mappings:
            self.assertEqual(event["FunctionResponseTypes"], ["ReportBatchItemFailures"], queue)
            scaling = event["ScalingConfig"]
            if queue in ("EventsQueue", "DeliveriesQueue"):
                condition, nothing, scaling = scaling["Fn::If"]
                self.assertEqual((condition, nothing), ("HasPollers", {"Ref": "AWS::NoValue"}), queue)
                condition, pollers, nothing = event["ProvisionedPollerConfig"]["Fn::If"]
                self.assertEqual((condition, nothing), ("HasPollers", {"Ref": "AWS::NoValue"}), queue)
                self.assertEqual(set(pollers), {"MinimumPollers", "MaximumPollers"}, queue)
            self.assertIn("MaximumConcurrency", scaling, queue)
            # More than ten at once needs a window.
            self.assertTrue(event["BatchSize"] <= 10 or event.get("MaximumBatchingWindowInSeconds", 0) >= 1, queue)

    def test_every_queue_has_a_dead_letter_queue_that_keeps_longer(self):
        self.assertEqual(len(self.sources), 4)
        used = []
        for name, queue in self.sources.items():
            dead = queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]
            used.append(dead)
            self.assertLess(queue["MessageRetentionPeriod"], self.queues[dead]["MessageRetentionPeriod"], name)
            self.assertEqual(self.queues[dead]["MessageRetentionPeriod"], MAX_RETENTION, dead)
        self.assertEqual(len(set(used)), 4)

    def test_retries_outlive_their_longest_wait(self):
        retries = self.queues["RetriesQueue"]
        self.assertGreater(retries["MessageRetentionPeriod"], 900 + 43_200 + 3 * 86_400)
        self.assertEqual(retries["RedrivePolicy"]["maxReceiveCount"], 1000)

    def test_every_queue_is_encrypted_and_refuses_plain_http(self):
        listed = {entry["Ref"] for entry in self.resources["QueuePolicy"]["Properties"]["Queues"]}
        self.assertEqual(listed, set(self.queues))
        for name, queue in self.queues.items():
            self.assertTrue(queue["SqsManagedSseEnabled"], name)

    def test_tables_survive_the_stack(self):
        tables = {n: r for n, r in self.resources.items() if r["Type"] == "AWS::DynamoDB::Table"}
        self.assertEqual(set(tables), {"HooksTable", "LogsTable"})
        for name, table in tables.items():
            self.assertEqual((table["DeletionPolicy"], table["UpdateReplacePolicy"]), ("Retain", "Retain"), name)
            self.assertTrue(table["Properties"]["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], name)

    def test_the_key_survives_the_stack_and_is_rotated(self):
        key = self.resources["SecretsKey"]
        self.assertEqual((key["DeletionPolicy"], key["UpdateReplacePolicy"]), ("Retain", "Retain"))
        self.assertTrue(key["Properties"]["EnableKeyRotation"])

    def test_only_who_handles_secrets_may_use_the_key(self):
        uses = {}
        for name, role in self.resources.items():
            if role["Type"] != "AWS::IAM::Role":
                continue
            for policy in role["Properties"]["Policies"]:
                for statement in policy["PolicyDocument"]["Statement"]:
                    if "kms:" in json.dumps(statement["Action"]):
                        uses[name] = statement["Action"]
        self.assertEqual(uses, {"ApiRole": ["kms:GenerateDataKey", "kms:Decrypt"], "DeliverRole": "kms:Decrypt"})
        configured = {n for n, f in self.functions.items() if "HOOKLINE_KMS_KEY_ID" in f["Environment"]["Variables"]}
        self.assertEqual(configured, {"ApiFunction", "DeliverFunction"})

    def test_roles_name_what_they_touch(self):
        roles = {n: r["Properties"] for n, r in self.resources.items() if r["Type"] == "AWS::IAM::Role"}
        self.assertEqual(len(roles), 6)
        for name, role in roles.items():
            self.assertNotIn("ManagedPolicyArns", role, name)
            for policy in role["Policies"]:
                for statement in policy["PolicyDocument"]["Statement"]:
                    actions = statement["Action"]
                    self.assertNotIn("*", json.dumps(actions), name)
                    resources = json.dumps(statement["Resource"])
                    # The one name that is not known beforehand is that of a schedule in our own group.
                    self.assertNotIn("*", resources.replace("schedule/${ScheduleGroup}/*", ""), name)

    def test_each_way_in_which_events_could_stop_has_its_alarm(self):
        watched = set()
        for resource in self.resources.values():
            if resource["Type"] != "AWS::CloudWatch::Alarm":
                continue
            alarm = resource["Properties"]
            self.assertTrue(alarm["AlarmActions"] and alarm["OKActions"])
            stats = [entry["MetricStat"]["Metric"] for entry in alarm.get("Metrics", []) if "MetricStat" in entry] or [alarm]
            for stat in stats:
                values = [json.dumps(dimension["Value"]) for dimension in stat["Dimensions"]]
                watched.add((stat["MetricName"], values[0]))

        def watches(metric, name, attribute=None):
            value = {"Fn::GetAtt": [name, attribute]} if attribute else {"Ref": name}
            self.assertIn((metric, json.dumps(value)), watched)

        for name in self.sources:
            watches("ApproximateAgeOfOldestMessage", name, "QueueName")
        for name in set(self.queues) - set(self.sources):
            watches("ApproximateNumberOfMessagesVisible", name, "QueueName")
        for name in self.functions:
            watches("Errors", name)
            watches("Throttles", name)
        for name in ("HooksTable", "LogsTable"):
            for metric in ("ReadThrottleEvents", "WriteThrottleEvents", "SystemErrors"):
                watches(metric, name)
        watches("InvocationDroppedCount", "ScheduleGroup")
        watches("ApproximateNumberOfMessagesNotVisible", "RetriesQueue", "QueueName")
        watches("5xx", "HttpApi")
        watches("Url5xxCount", "ApiFunction")
        code = (ROOT / "shared/contract/src/runner.rs").read_text()
        causes = re.search(r"fn count\(fault: .*?\n}", code, re.DOTALL).group(0)
        causes = re.findall(r'=> "(\w+)"', causes)
        self.assertEqual(len(causes), 3)
        for cause in causes:
            self.assertIn(("hookline_faults", json.dumps(cause)), watched)

    def test_what_a_schedule_cannot_send_is_kept(self):
        requeue = self.functions["RequeueFunction"]["Environment"]["Variables"]
        arn = requeue["HOOKLINE_SCHEDULES_DEAD_LETTER_QUEUE_ARN"]
        self.assertEqual(arn, {"Fn::GetAtt": ["SchedulesDeadLetterQueue", "Arn"]})
        [policy] = self.resources["SchedulerRole"]["Properties"]["Policies"]
        [statement] = policy["PolicyDocument"]["Statement"]
        self.assertIn(arn, statement["Resource"])
