"""Compares what `scan` counts with what `explain` says of each record, and both with the rule that every record has one outcome."""

import collections
import json
import re

# Another id is none for the program: such an event gets one from its content.
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}", re.I)


def scanned(ran):
    """Returns the JSON of a scan, or raises ValueError with what is wrong."""
    return json.loads(ran.out)


def balance(records):
    """Returns what is wrong with the totals of a scan, or None."""
    not_selected = sum(records["not_selected"].values())
    if records["read"] != records["selected"] + not_selected:
        return f"{records['read']} read, but {records['selected']} selected and {not_selected} not"
    outcomes = sum(records[name] for name in ("clustered", "duplicate", "ignored", "quarantined"))
    if records["selected"] != outcomes:
        return f"{records['selected']} selected, but {outcomes} have an outcome"
    return None


def compared(program, files):
    """Returns how `scan` and `explain` differ about the files, or None. The files together have less than 200 new clusters."""
    scan = program.run("scan", "--format", "json", "--jobs", "2", *files)
    explain = program.run("explain", "--format", "jsonl", *files)
    for ran in (scan, explain):
        if problem := ran.problem(codes=(0, 1)):
            return problem
    try:
        document = json.loads(scan.out)
        said = [json.loads(line) for line in explain.out.split(b"\n") if line]
    except ValueError as error:
        return f"no JSON is printed: {error}"
    records = document["records"]
    return balance(records) or reasons(records, said) or clusters(document, said)


def reasons(records, said):
    """Compares the totals with the reasons that `explain` gives."""
    if records["read"] != len(said):
        return f"scan reads {records['read']} records, explain {len(said)}"
    counted = collections.Counter()
    for line in said:
        if is_counted(line):
            counted["selected"] += 1
        else:
            kind = line["reason"].partition(":")[0]
            counted[kind if kind in ("quarantined", "ignored") else line["reason"]] += 1
    in_clusters = records["clustered"] + records["duplicate"]
    if counted["selected"] != in_clusters:
        return f"scan counts {in_clusters} events, explain selects {counted['selected']}"
    for outcome in ("quarantined", "ignored"):
        if counted[outcome] != records[outcome]:
            return f"{records[outcome]} records are {outcome} by scan, {counted[outcome]} by explain"
    for reason, count in records["not_selected"].items():
        if counted[reason] != count:
            return f"scan has {count} records that are {reason}, explain {counted[reason]}"
    return None


def is_counted(line):
    """Whether `explain` says that an event is in a cluster or a sensitive call."""
    return line["selected"] and "reason" not in line


def clusters(document, said):
    """Compares the clusters and sensitive calls, their counts, and the ids of events."""
    by_scan = {one["cluster_id"]: one["count"] for one in document["clusters"]}
    by_scan |= {one["call_id"]: one["count"] for one in document["sensitive_calls"]}
    by_explain = collections.Counter()
    ids = set()
    anonymous = 0
    for line in said:
        if is_counted(line):
            call = line.get("sensitive_call")
            by_explain[call["call_id"] if call else line["cluster_id"]] += 1
            if not UUID.fullmatch(line["event_id"] or ""):
                anonymous += 1
            else:
                ids.add(line["event_id"].lower().replace("-", ""))
    clustered = document["records"]["clustered"]
    if sum(by_scan.values()) != clustered:
        return f"{clustered} clustered, but the clusters have {sum(by_scan.values())}"
    if not set(by_scan) <= set(by_explain):
        return f"explain does not know {sorted(set(by_scan) - set(by_explain))}"
    if document["records"]["duplicate"] == 0 and by_scan != dict(by_explain):
        return f"scan counts {by_scan}, explain {dict(by_explain)}"
    if not len(ids) <= clustered <= len(ids) + anonymous:
        return f"{clustered} clustered of {len(ids)} ids and {anonymous} events without one"
    return None
