"""Who looks from outside at what is told: with the command line, behind a topic and a bus, and in a workspace of Guance."""

import json
import subprocess
import time

# From the log group to whoever is told.
ALERT_SECONDS = 10

# Where a queue's messages say what they tell.
KIND = {
    "topic": lambda message: message["MessageAttributes"]["kind"]["Value"],
    "bus": lambda message: message["detail"]["kind"],
}


class Onlooker:
    """Looks at one emulator; `told` has what came to each queue."""

    def __init__(self, emulator, inspector, guance=None):
        self.emulator, self.inspector, self.guance = emulator, inspector, guance
        self.client = emulator.client
        self.table, self.queues, self.received = "", {}, {}

    def listen(self, **topics):
        """Puts a queue behind each topic and another one behind the bus."""
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
        """Returns the first message of a queue that is about a call, and of a kind if one is given."""
        end = time.monotonic() + ALERT_SECONDS
        while True:
            for found in self.received[name]:
                if about in json.dumps(found) and (kind is None or KIND[name](found) == kind):
                    return found
            assert time.monotonic() < end, f"nobody is told of {about} by the {name}\n{self.emulator.log()}"
            self.receive(name)

    def receive(self, name):
        """Takes what is in a queue by now, and returns how much that was."""
        got = self.client("sqs").receive_message(QueueUrl=self.queues[name], MaxNumberOfMessages=10, WaitTimeSeconds=1)
        heard = [json.loads(one["Body"]) for one in got.get("Messages", [])]
        self.received[name] += heard
        return len(heard)

    def await_lines(self, path, *words):
        """Returns the lines that the workspace was sent with all these words, such as the name of a call."""
        end = time.monotonic() + ALERT_SECONDS
        while True:
            lines = [line for line in self.guance.lines(path) if all(word in line for word in words)]
            if lines:
                return lines
            assert time.monotonic() < end, f"the workspace is not told of {words}\n{self.emulator.log()}"
            time.sleep(0.1)

    def check_one_recovery_alert(self, about, deliver):
        """Sees that everybody is told once that a cluster recovered, also when all that there is to send is sent."""
        for name in KIND:
            self.await_message(name, about, "recovered")
        self.await_lines("/v1/write/keyevent", about, "df_status=ok")
        deliver()
        for name, kind in KIND.items():
            while self.receive(name):
                pass
            told = [one for one in self.received[name] if about in json.dumps(one) and kind(one) == "recovered"]
            assert len(told) == 1, f"the {name} is told {len(told)} times"
        assert len(self.await_lines("/v1/write/keyevent", about, "df_status=ok")) == 1, "the workspace is told twice"

    def mute(self, dashboard, opened):
        """Mutes the cluster of a page, and returns the page after that; the journal says who did it, and nobody slower does."""
        act = opened.click("Mute")
        done = dashboard.page(act, mute_for="7d", reason="migration", who="ann")
        assert "Done: muted until" in done.text, done.text
        assert "Your change was not saved" in dashboard.page(act).text, "the slower of two decisions is saved"
        told = self.command("clusters", "history", act["cluster"], "--table", self.table)
        assert f"ann at dashboard {dashboard.name} of 000000000000: migration" in told, told
        return done

    def check_key(self, event, key):
        """Sees that an event says of the one access key in it what IAM says, and returns when that was last used."""
        said = self.client("iam").get_access_key_last_used(AccessKeyId=key)
        (told,) = event["detail"]["keys"]
        last = said["AccessKeyLastUsed"].get("LastUsedDate")
        assert told["answer"] == ("used" if last else "never"), (told, said)
        assert told["last_used"] == (last and last.strftime("%Y-%m-%dT%H:%M:%SZ")), (told, said)
        assert told["untrusted_user"] == said["UserName"] == "mia", (told, said)
        assert told["id"] == f"{key[:4]}****{key[-4:]}", told
        return told["last_used"]

    def error_of(self, answer):
        """Returns what a failed invocation says, nothing for one that went well."""
        told = answer["Payload"].read()
        if not answer.get("FunctionError"):
            return None
        said = json.loads(told)
        return f'{said.get("errorType")}: {said.get("errorMessage")}'

    def command(self, *arguments):
        """Returns what the command line prints."""
        done = self.run_command(*arguments)
        assert done.returncode == 0, f"{arguments[0]} fails:\n{done.stderr}"
        return done.stdout

    def run_command(self, *arguments, environment=None):
        return subprocess.run(
            [self.inspector, *arguments],
            env=environment or self.emulator.environment, capture_output=True, text=True, timeout=60, check=False,
        )

    def listed(self, *where):
        """Returns the clusters, as the command line tells them."""
        told = json.loads(self.command("clusters", "list", *(where or ("--table", self.table)), "--format", "json"))
        return told["clusters"] if isinstance(told, dict) else told

    def clusters(self, *where):
        """Returns how many events each cluster has, by the name of the call."""
        return {one["event_name"]: one["count"] for one in self.listed(*where)}


def named(steps):
    """Yields steps with the names of their methods."""
    yield from ((step.__name__.replace("_", " "), step) for step in steps)


def run_steps(steps, emulator):
    """Takes steps with their names and says how each went, up to the first that did not; returns whether all did."""
    for name, step in steps:
        started = time.monotonic()
        try:
            step()
        except Exception as wrong:
            print(f"{name}: FAILED\n{wrong or repr(wrong)}\n--- the emulator's log\n{emulator.log()}")
            return False
        print(f"{name}: ok, {time.monotonic() - started:.1f} s")
    return True
