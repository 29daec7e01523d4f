#!/usr/bin/env python3
"""Updates a stack of an older release to the present template and program, and checks that nothing is lost and no false alert is sent.

The older stack has the state that the older release made of a made-up trail (tests/fixtures/upgrade). The functions run beside the
emulator, by a clock that stands still between the calls.

With EFFORT=whole it also builds the older release, makes its state again and compares it, and goes back to that release after the
update.

Usage: upgrade.py MINISTACK INSPECTOR    the command of the emulator, and the present command line; bootstrap is beside it
Exit codes: 0 all checks passed, or skipped with the reason printed; 1 a check failed.
"""

import json
import os
import pathlib
import subprocess
import sys
import time

import functions
import records
import workspace
from clock import CannotBeMade, Clock
from emulator import running
from older import BATCH, BEGIN, FIXTURE, HOUR, HOURS, LATENCY, LATER_HOURS, ROOT, CannotBeBuilt, built, compare, older_template, state
from onlooker import Onlooker, named, run_steps
from stack import GROUPS, Stack, deployable
from widget import Dashboard

# When the update happens: after the last hour that the older release processed.
UPDATE = BEGIN + HOURS * HOUR + LATENCY + 600
# What may be announced on the day after the version of the identity has changed. Anything else would be a false alert: each error
# has another id, so all would be new, and the old ones would have recovered.
QUIET = {"incident", "sensitive_call"}
# Whether everything is loaded and processed; otherwise a part that takes less time.
IS_WHOLE = os.environ.get("EFFORT") == "whole"
# Parameters that the older template does not have.
PRESENT = {"VpcSubnetIds": "subnet-0123456789abcdef0", "VpcSecurityGroupIds": "sg-0123456789abcdef0", "DeletionProtection": "true"}
# What the listings of both releases have in common.
COMMON = ("account_id", "event_source", "event_name", "error_code", "class", "count", "first_seen", "last_seen")


class Upgrade(Onlooker):
    """The steps, in order. Each step is a method; a failed step raises an AssertionError that states the problem."""

    def __init__(self, emulator, inspector, guance, called, clock, older=None):
        super().__init__(emulator, inspector, guance)
        self.stack, self.called, self.clock, self.older = Stack(emulator), called, clock, older
        self.lines = [line for line in state() if IS_WHOLE or not is_further(line)]
        self.items = {key_of(line["item"]): line["item"] for line in self.lines if "item" in line}
        self.before, self.outputs = {}, {}

    def steps(self):
        return [
            self.deploy_the_older_release_with_its_data,
            self.update_to_the_present_release,
            self.list_every_cluster_as_before,
            self.show_an_old_cluster_in_the_dashboard,
            self.send_the_alerts_that_waited,
            self.continue_without_false_alerts,
            self.keep_every_item_of_the_older_release,
            self.carry_decisions_and_histories_over,
            self.recover_no_cluster_that_continues,
            self.write_items_that_the_older_release_can_read,
        ] + ([self.go_back_to_the_older_release] if self.older else [])

    def deploy_the_older_release_with_its_data(self):
        self.stack.prepare()
        self.outputs = self.stack.change(deployable(older_template()), **self.stack.sinks(self.guance))
        self.stack.load(self.lines)
        self.table, self.before = self.stack.table, self.stack.filters()
        assert len(self.stack.items()) == len(self.items), "not all items were loaded"
        self.listen(topic=self.outputs["TopicArn"])

    def update_to_the_present_release(self):
        self.clock.set(UPDATE)
        present = (ROOT / "template.yaml").read_text(encoding="utf-8")
        after = self.stack.change(deployable(present), **self.stack.sinks(self.guance), **PRESENT)
        for name in ("TableName", "BucketName", "TopicArn"):
            assert after[name] == self.outputs[name], f"{name}: {self.outputs[name]} became {after[name]}"
        assert self.stack.filters() == self.before, f"{self.before} became {self.stack.filters()}"
        described = self.client("dynamodb").describe_table(TableName=self.table)["Table"]
        assert described.get("DeletionProtectionEnabled"), "the table is not protected"
        assert self.stored() == self.items, "the update changed items"
        objects = [line for line in self.lines if "object" in line]
        assert list(self.stack.bucket_lines()) == objects, "the update changed objects"
        self.stack.trust(self.called, self.guance)

    def stored(self):
        return {key_of(line["item"]): line["item"] for line in self.stack.table_lines()}

    def list_every_cluster_as_before(self, are_carried=False):
        listed = {one["cluster_id"]: one for one in self.everything()}
        # The inspection closes old clusters in time, without an alert.
        items = self.stored() if are_carried else self.items
        for line in self.lines:
            was = line.get("listed")
            if was is None:
                continue
            now = listed[was["cluster_id"]]
            for name in [name for name in COMMON if name in now]:
                assert now[name] == was[name], f"{was['cluster_id']}: {name} {was[name]} became {now[name]}"
            if was["class"] == "watch":
                continue
            # The older command line replayed the events in place of reading the state.
            stored = items[f"C#{was['cluster_id']}", "HEAD"]["st"]["S"]
            # That a person resolved a cluster was in its journal only; `clusters carry` lists it.
            is_listed = are_carried or (was.get("mark") or {}).get("decision") != "resolved"
            is_over = [status == "recovered" for status in (stored, now["status"])]
            assert not is_listed or is_over[0] == is_over[1], f"{was['cluster_id']}: {stored} became {now['status']}"
            assert (now.get("mark") or {}).get("decision") == (was.get("mark") or {}).get("decision"), (was, now)

    def everything(self):
        """Returns all clusters and sensitive calls as the present command line lists them; `cluster_id` is the id of a call, too."""
        whole = self.command("clusters", "list", "--table", self.table, "--format", "json")
        whole, calls = json.loads(whole), json.loads(self.command("calls", "list", "--table", self.table, "--format", "json"))
        calls = calls["sensitive_calls"] if isinstance(calls, dict) else calls
        return [*(whole["clusters"] if isinstance(whole, dict) else whole), *({"cluster_id": one["call_id"]} | one for one in calls)]

    def show_an_old_cluster_in_the_dashboard(self):
        dashboard = Dashboard(self.called, "older")
        for line in self.marked():
            page = dashboard.page({"cluster": line["cluster_id"]})
            assert line["event_name"] in page.text, page.text
            assert "known since" in page.text, f"the page does not show the decision: {page.text}"

    def marked(self):
        """Returns the clusters about which a person decided something, as the older release listed them."""
        return [line["listed"] for line in self.lines if (line.get("listed", {}).get("mark") or {}).get("decision")]

    def send_the_alerts_that_waited(self):
        waiting = [item for (pk, _), item in self.items.items() if pk.startswith("O#")]
        self.clock.set(self.clock.seconds + 300)
        self.invoke("deliver", {})
        lines = self.guance.lines("/v1/write/keyevent")
        left = [key for key in self.stored() if key[0].startswith("O#")]
        assert not left, f"{left} still wait"
        assert len(lines) == len(waiting) > 0, f"{len(waiting)} alerts waited, {len(lines)} were sent"
        dead = [key for key in self.stored() if key[0].startswith("Z#")]
        assert not dead, f"{dead} were given up"

    def continue_without_false_alerts(self):
        """Processes the next hours of the trail: known errors have new ids now."""
        texts = {}
        for line in self.lines:
            if "later" in line:
                texts.setdefault(line["later"], []).append(line["record"])
        for hour in range(HOURS, HOURS + (LATER_HOURS if IS_WHOLE else 2)):
            self.clock.set(BEGIN + (hour + 1) * HOUR + LATENCY)
            for first in range(0, len(texts.get(hour, [])), BATCH):
                self.invoke("ingest", records.payload(texts[hour][first : first + BATCH], self.clock.seconds))
            self.invoke("inspect", {})
            self.clock.set(self.clock.seconds + 120)
            self.invoke("deliver", {})
        self.check_quiet()
        new = [one for one in self.everything() if one["cluster_id"] not in {key[0].removeprefix("C#") for key in self.items}]
        assert len(new) > 5, f"only {len(new)} clusters have new ids"

    def check_quiet(self):
        """Checks that no alert was sent that would be a false one."""
        while self.receive("bus"):
            pass
        kinds = [message["detail"]["kind"] for message in self.received["bus"]]
        wrong = [message["detail"] for message in self.received["bus"] if message["detail"]["kind"] not in QUIET]
        assert not wrong, f"false alerts among {kinds}: {json.dumps(wrong)[:3000]}"
        print(f"    alerts after the update: {kinds}")

    def keep_every_item_of_the_older_release(self):
        """Checks that of the older release's items only those are gone or changed that have to be."""
        stored = self.stored()
        # Rows were sent, late hours were inspected, breakers are closed.
        gone = [key for key in self.items if key not in stored and not key[0].startswith(("O#", "D#", "SINK#"))]
        assert not gone, f"{gone} are gone"
        for key, item in self.items.items():
            if key[1].startswith(("T#", "J#", "F#", "MARK", "G#")) or key[0].startswith("M#"):
                assert stored[key] == item, f"{key} was {item} and is {stored[key]}"
            if key[1] == "HEAD":
                for name in ("ac", "an", "cl", "co", "ft", "te", "js", "av"):
                    assert stored[key].get(name) == item.get(name), f"{key}: {name} was {item.get(name)} and is {stored[key].get(name)}"

    def carry_decisions_and_histories_over(self):
        first, second = (self.run_command("clusters", "carry", "--table", self.table) for _ in range(2))
        for done in (first, second):
            assert done.returncode == 0, done.stderr
        print("    " + first.stdout.strip())
        assert " 0 items continued" in second.stdout, f"the second run changes something: {second.stdout}"
        stored = self.stored()
        old = {pk for pk, _ in self.items}
        carried = {entry for (pk, _), item in stored.items() if pk not in old for entry in said(item)}
        for (pk, sk), item in self.items.items():
            missing = said(item) - carried
            # The command names the clusters without a successor that people decided about.
            assert not missing or pk.removeprefix("C#") in first.stderr, f"{pk} {sk}: {missing} has no successor:\n{first.stderr}"
        left = [line["cluster_id"] for line in self.marked() if line["cluster_id"] in first.stderr]
        assert len(left) < len(self.marked()) / 2, f"most decisions have no successor: {first.stderr}"
        self.list_every_cluster_as_before(are_carried=True)

    def recover_no_cluster_that_continues(self):
        """Inspects half a day later: the old ids have no events any more, but their errors did not stop."""
        self.clock.set(self.clock.seconds + 14 * HOUR)
        self.invoke("inspect", {})
        self.invoke("deliver", {})
        while self.receive("bus"):
            pass
        old = {key[0].removeprefix("C#") for key in self.items}
        wrong = [one["detail"] for one in self.received["bus"] if (one["detail"].get("cluster") or {}).get("cluster_id") in old]
        wrong = [one for one in wrong if one["kind"] != "sensitive_call"]
        assert not wrong, f"alerts about old ids: {json.dumps(wrong)[:3000]}"

    def write_items_that_the_older_release_can_read(self):
        """Checks that new items of kinds that the older release reads have the attributes that it needs."""
        needs = json.loads((FIXTURE / "needs.json").read_text(encoding="utf-8"))
        seen = set()
        for (pk, sk), item in self.stored().items():
            kind = kind_of(pk, sk, item)
            if (pk, sk) in self.items or kind not in needs:
                continue
            seen.add(kind)
            for name, type_ in needs[kind].items():
                assert type_ in item.get(name, {}), f"{pk} {sk} has no {name} of the type {type_}, which {kind} needs: {item}"
        missing = {"cluster", "segment", "history"} - seen
        assert not missing, f"no new item of {missing}"

    def go_back_to_the_older_release(self):
        """Deploys the older template over the present one, and runs the older functions on what the present ones wrote."""
        before = {one["cluster_id"]: one for one in self.everything()}
        for function in self.called.running.values():
            function.stop()
        self.called.running.clear()
        self.called.binary = self.older / "bootstrap"
        self.stack.change(deployable(older_template()), **self.stack.sinks(self.guance))
        self.stack.trust(self.called, self.guance)
        self.clock.set(self.clock.seconds + HOUR)
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.clock.seconds - 60))
        failure = records.failure("StopInstances") | {"eventTime": at}
        self.invoke("ingest", records.payload([failure], self.clock.seconds))
        self.invoke("inspect", {})
        self.invoke("deliver", {})
        command = [self.older / "cloudtrail-inspector", "clusters", "list", "--table", self.table, "--format", "json"]
        environment = self.emulator.environment | self.clock.environment
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        listed = {one["cluster_id"]: one for one in json.loads(done.stdout)["clusters"]}
        brief = lambda one: one and (one["cluster_id"], one["event_name"], one.get("class"), one["count"])
        wrong = [(brief(was), brief(listed.get(id_))) for id_, was in before.items() if id_ not in listed or listed[id_]["count"] < was["count"]]
        assert not wrong, f"the older release lists other clusters: {wrong}"
        lines = [line for function in ("ingest", "inspect", "deliver") for line in self.called.lines(f"older-{function}")]
        assert not [line for line in lines if line.get("level") == "ERROR"], [line for line in lines if line.get("level") == "ERROR"]

    def invoke(self, role, event):
        return self.stack.invoke(self.called, role, event)

    def run_command(self, *arguments, environment=None):
        return super().run_command(*arguments, environment=self.emulator.environment | self.clock.environment)


def is_further(line):
    """Returns whether a line is one of many like it: which message about a cluster was sent."""
    return "item" in line and line["item"]["pk"]["S"].startswith("C#") and line["item"]["sk"]["S"].startswith("T#")


def said(item):
    """Returns what people decided, in the item of a decision or of a journal entry: who, when and why."""
    for name in ("mk", "je"):
        text = item.get(name, {}).get("S")
        if text and json.loads(text)["actor"] != "cloudtrail-inspector":
            entry = json.loads(text)
            return {(name, entry["actor"], entry["at"], entry["reason"])}
    return set()


def key_of(item):
    return item["pk"]["S"], item["sk"]["S"]


def kind_of(pk, sk, item):
    """Returns the kind of an item, by docs/table.md."""
    if pk.startswith("M#"):
        return "segment"
    if pk.startswith("O#"):
        return "outbox row"
    if sk == "HEAD":
        return "cluster"
    if sk.startswith("T#"):
        return "sent log"
    if sk.startswith("J#"):
        return "journal entry" if "je" in item else "history"
    return {"MARK": "triage", "L": "key usage", "B": "breaker"}.get(sk, "caller" if sk.startswith("F#") else pk.split("#")[0])


def main(arguments):
    ministack, inspector = arguments
    older = None
    if IS_WHOLE:
        try:
            older = built()
        except CannotBeBuilt as reason:
            print(f"the way back is skipped: {reason}")
    if older and not compare(ministack, older):
        return 1
    with running(ministack) as emulator, workspace.serving(emulator.folder) as guance:
        try:
            clock = Clock(emulator.folder, BEGIN)
        except CannotBeMade as reason:
            print(f"upgrade skipped: {reason}")
            return 0
        bootstrap = pathlib.Path(inspector).resolve().with_name("bootstrap")
        with functions.serving(bootstrap, emulator.url, emulator.folder, clock) as called:
            is_passed = run_steps(named(Upgrade(emulator, inspector, guance, called, clock, older).steps()), emulator)
    return 0 if is_passed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
