"""Checks the program from outside: with the command line, with queues behind a topic and a bus, and in a Guance workspace."""

import json
import subprocess
import time

# The longest time from an event in the log group to its alert.
ALERT_SECONDS = 10

# How to read the kind of an alert from a message of each queue.
KIND = {
    "topic": lambda message: message["MessageAttributes"]["kind"]["Value"],
    "bus": lambda message: message["detail"]["kind"],
}


class Onlooker:
    """Observes one emulator; `received` has the messages of each queue."""

    def __init__(self, emulator, inspector, guance=None):
        self.emulator, self.inspector, self.guance = emulator, inspector, guance
        self.client = emulator.client
        self.table, self.queues, self.received, self.called = "", {}, {}, 0

    def listen(self, **topics):
        """Subscribes a queue to each topic and one to the event bus."""
        queues, bus = self.client("sqs"), self.client("events")
        arns = {}
        for name in (*topics, "bus"):
            allow = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
            policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
            self.queues[name] = queues.create_queue(QueueName=name, Attributes={"Policy": policy})["QueueUrl"]
            asked = queues.get_queue_attributes(QueueUrl=self.queues[name], AttributeNames=["QueueArn"])
            arns[name] = asked["Attributes"]["QueueArn"]
        for name, arn in topics.items():
            self.client("sns").subscribe(TopicArn=arn, Protocol="sqs", Endpoint=arns[name])
        bus.put_rule(Name="listen", EventPattern=json.dumps({"source": ["cloudtrail-inspector"]}))
        bus.put_targets(Rule="listen", Targets=[{"Id": "queue", "Arn": arns["bus"]}])
        self.received = {name: [] for name in self.queues}

    def await_message(self, name, about, kind=None):
        """Waits for the first message of a queue that contains `about`, and has this kind if given; returns the message."""
        end = time.monotonic() + ALERT_SECONDS
        while True:
            for found in self.received[name]:
                if about in json.dumps(found) and (kind is None or KIND[name](found) == kind):
                    return found
            assert time.monotonic() < end, f"no message about {about} in the {name}\n{self.emulator.log()}"
            self.receive(name)
            self.call_by_schedule()

    def call_by_schedule(self):
        """Calls the function that sends alerts as its schedule does: most alerts wait for a round that looks for incidents."""
        if time.monotonic() - self.called >= 1:
            self.called = time.monotonic()
            self.deliver_by_schedule()

    def receive(self, name):
        """Receives the waiting messages of a queue, and returns their number."""
        got = self.client("sqs").receive_message(QueueUrl=self.queues[name], MaxNumberOfMessages=10, WaitTimeSeconds=1)
        messages = [json.loads(one["Body"]) for one in got.get("Messages", [])]
        self.received[name] += messages
        return len(messages)

    def await_lines(self, path, *words):
        """Waits for lines in the workspace that contain all these words, such as an event name; returns them."""
        end = time.monotonic() + ALERT_SECONDS
        while True:
            lines = [line for line in self.guance.lines(path) if all(word in line for word in words)]
            if lines:
                return lines
            assert time.monotonic() < end, f"the workspace has no line with {words}\n{self.emulator.log()}"
            time.sleep(0.1)
            self.call_by_schedule()

    def check_one_recovery_alert(self, about, deliver):
        """Checks that each sink receives the recovery of a cluster once, even after one more delivery."""
        for name in KIND:
            self.await_message(name, about, "recovered")
        self.await_lines("/v1/write/keyevent", about, "df_status=ok")
        deliver()
        for name, kind in KIND.items():
            while self.receive(name):
                pass
            found = [one for one in self.received[name] if about in json.dumps(one) and kind(one) == "recovered"]
            assert len(found) == 1, f"the {name} has {len(found)} recovery alerts"
        assert len(self.await_lines("/v1/write/keyevent", about, "df_status=ok")) == 1, "the workspace has two recovery alerts"

    def mute(self, dashboard, opened):
        """Mutes the cluster of a page and returns the next page; checks the history, and that a slower second decision fails."""
        act = opened.click("Mute")
        done = dashboard.page(act, mute_for="7d", reason="migration", who="ann")
        assert "Done: muted until" in done.text, done.text
        assert "Your change was not saved" in dashboard.page(act, reason="too late").text, "the slower of two decisions is saved"
        printed = self.command("clusters", "history", act["cluster"], "--table", self.table)
        assert f"ann at dashboard {dashboard.name} of 000000000000: migration" in printed, printed
        return done

    def check_key(self, event, key):
        """Checks that an alert has IAM's answer about its only access key; returns when the key was last used."""
        answer = self.client("iam").get_access_key_last_used(AccessKeyId=key)
        (key_lookup,) = event["detail"]["keys"]
        last = answer["AccessKeyLastUsed"].get("LastUsedDate")
        assert key_lookup["answer"] == ("used" if last else "never"), (key_lookup, answer)
        assert key_lookup["last_used"] == (last and last.strftime("%Y-%m-%dT%H:%M:%SZ")), (key_lookup, answer)
        assert key_lookup["untrusted_user"] == answer["UserName"] == "mia", (key_lookup, answer)
        assert key_lookup["id"] == f"{key[:4]}****{key[-4:]}", key_lookup
        (listed,) = [of for of in self.client("iam").list_access_keys(UserName="mia")["AccessKeyMetadata"] if of["AccessKeyId"] == key]
        assert key_lookup["status"] == listed["Status"].lower(), (key_lookup, listed)
        assert key_lookup["created"] == listed["CreateDate"].strftime("%Y-%m-%dT%H:%M:%SZ"), (key_lookup, listed)
        return key_lookup["last_used"]

    def error_of(self, answer):
        """Returns the error of a failed invocation; None if it succeeded."""
        payload = answer["Payload"].read()
        if not answer.get("FunctionError"):
            return None
        error = json.loads(payload)
        return f'{error.get("errorType")}: {error.get("errorMessage")}'

    def command(self, *arguments):
        """Runs the command line, and returns its output; fails if the command fails."""
        done = self.run_command(*arguments)
        assert done.returncode == 0, f"{arguments[0]} fails:\n{done.stderr}"
        return done.stdout

    def run_command(self, *arguments, environment=None):
        return subprocess.run(
            [self.inspector, *arguments],
            env=environment or self.emulator.environment, capture_output=True, text=True, timeout=60, check=False,
        )

    def listed(self, *where):
        """Returns the clusters as the command line lists them."""
        found = json.loads(self.command("clusters", "list", *(where or ("--table", self.table)), "--format", "json"))
        return found["clusters"] if isinstance(found, dict) else found

    def clusters(self, *where):
        """Returns the number of events of each cluster, by event name."""
        return {one["event_name"]: one["count"] for one in self.listed(*where)}


def named(steps):
    """Yields the steps, each with the name of its method in words."""
    yield from ((step.__name__.replace("_", " "), step) for step in steps)


def run_steps(steps, emulator):
    """Runs the named steps until one fails and prints each result; returns whether all passed."""
    for name, step in steps:
        started = time.monotonic()
        try:
            step()
        except Exception as error:
            print(f"{name}: FAILED\n{error or repr(error)}\n--- the emulator's log\n{emulator.log()}")
            return False
        print(f"{name}: ok, {time.monotonic() - started:.1f} s")
    return True
