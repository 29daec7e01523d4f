#!/usr/bin/env python3
"""Computes the monthly costs of a stack from counted calls and units and a list of prices.

tests/it/cost.rs counts the calls and units of runs and compares them with infra/cost/counts.json. infra/cost/prices.json has
the prices with sources and date. ACCOUNTS and ASSUMED below and the page have the assumptions.

Usage: cost.py                    prints the tables
       cost.py --prices FILE      prints them with other prices
       cost.py --check            fails if docs/cost.md has other tables, or if a goal is missed
       cost.py --write            writes them to docs/cost.md
Exit codes: 0 success, 1 the check failed, 2 wrong usage.
"""

import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDER = ROOT / "infra" / "cost"
PAGE = ROOT / "docs" / "cost.md"
BEGIN, END = "<!-- cost -->\n", "<!-- /cost -->\n"

HOURS, MINUTES = 730, 43_800
GB = 1e9

# Assumptions about three accounts, for one month: errors; log groups; sinks; secrets; clusters with errors in an hour; calls of
# deliver that send alerts, and hours with alerts; hours with a new cluster; GB that CloudTrail writes to CloudWatch Logs.
ACCOUNTS = {
    "small": dict(errors=10_000, groups=1, sinks=1, secrets=1, clusters=5, sends=60, alert_hours=50, new_hours=40, trail_gb=3),
    "busy": dict(errors=1_000_000, groups=1, sinks=1, secrets=1, clusters=100, sends=600, alert_hours=300, new_hours=250, trail_gb=60),
    "organization": dict(
        errors=50_000_000, groups=1, sinks=2, secrets=1, clusters=1_000, sends=3_000, alert_hours=730, new_hours=730, trail_gb=1_950
    ),
}
NAMES = {
    "small": "a small account, 10,000 errors", "busy": "a busy one, 1 million", "organization": "200 accounts, 50 million",
}
# Limits in dollars: a month with dashboard and alarms, a month without both, and one view of the dashboard.
GOALS = {"small": 9, "organization": 35}
GOAL_WITHOUT_BOTH, GOAL_VIEW = 2, 0.01

# Values that no test counts: milliseconds billed by Lambda, and log bytes of an invocation including the lines of Lambda.
ASSUMED = {
    "memory_gb": 0.25, "ingest_ms": 60, "deliver_ms": 40, "send_ms": 500, "inspect_ms": 10_000, "widget_ms": 300,
    "ingest_log_bytes": 1_400, "deliver_log_bytes": 1_250, "inspect_log_bytes": 2_000, "retention_days": 35,
}

# Metrics by the hours in which they are written: every hour, every hour for each sink, and hours with errors, new clusters or
# alerts.
METRICS = {
    "alarms": {"always": ["InspectionBehindHours", "RedriveLeft", "BackfillLeft"], "sink": ["OldestAlertSeconds"]},
    "dashboard": {
        "always": ["InspectionBehindHours", "OpenClusters"], "sink": ["OldestAlertSeconds"], "errors": ["SourceLagSeconds", "OwnLagSeconds", "Errors"],
        "new": ["NewClusters"], "alerts": ["AlertsSent"],
    },
}


def alarms(groups, sinks):
    """Returns the number of alarms of a stack; tests/stack/test_cost.py compares it with the template."""
    return 13 + 2 * groups + 3 * sinks + bool(sinks)


def metrics(of, switches):
    """Returns the average number of metrics: each counts for the share of hours in which it is written."""
    batches = of["errors"] / 12
    hours = {
        "always": HOURS, "sink": HOURS * of["sinks"], "errors": min(HOURS, batches), "new": of["new_hours"],
        "alerts": of["alert_hours"] * of["sinks"],
    }
    written = {(when, name) for switch in switches for when, names in METRICS[switch].items() for name in names}
    return sum(hours[when] for when, _ in written) / HOURS


def quantities(of, counts, switches):
    """Returns the amounts of a month: for each cost item, pairs of amount and name of the price."""
    demo = counts["batches_of_the_demo"]
    batches = of["errors"] / (demo["events"] / demo["batches"])
    each = lambda name: demo[name] / demo["batches"]
    hour_units = batches / HOURS * each("manifest_bytes") / 4096
    # An inspection reads the new hour and the two hours before; an alert reads its hour and the hour before. Both read cluster
    # items.
    inspection = counts["inspection_of_1_clusters"]["read_units"] + of["clusters"] + 3 * hour_units
    alert = counts["alert_among_1_clusters"]["read_units"] + of["clusters"] + 2 * hour_units
    idle = MINUTES * of["sinks"] * counts["idle_round_of_a_sink"]["read_units"]
    alerts = of["sends"] * of["sinks"]
    reads = batches * each("read_units") + HOURS * inspection + of["sends"] * alert + idle
    # Each alert is also an outbox row, written in a transaction.
    writes = batches * each("write_units") + alerts * (2 + counts["alert_among_1_clusters"]["write_units"])
    stored = batches * each("manifest_bytes") * ASSUMED["retention_days"] / 30.4 / GB
    calls = batches + MINUTES + of["sends"] + HOURS
    milliseconds = (
        batches * ASSUMED["ingest_ms"] + MINUTES * ASSUMED["deliver_ms"] + of["sends"] * ASSUMED["send_ms"] + HOURS * ASSUMED["inspect_ms"]
    )
    log_bytes = (
        batches * ASSUMED["ingest_log_bytes"] + MINUTES * of["sinks"] * ASSUMED["deliver_log_bytes"] + HOURS * ASSUMED["inspect_log_bytes"]
    )
    return {
        "custom metrics": [(metrics(of, switches), "metric_month")],
        "alarms": [(alarms(of["groups"], of["sinks"]) if "alarms" in switches else 0, "alarm_month")],
        "dashboard": [("dashboard" in switches, "dashboard_month")],
        "Lambda": [(calls / 1e6, "lambda_million"), (milliseconds / 1000 * ASSUMED["memory_gb"], "lambda_gb_second")],
        "DynamoDB writes": [(writes / 1e6, "write_million")],
        "DynamoDB reads": [(reads / 1e6, "read_million")],
        "DynamoDB storage and recovery": [(stored, "table_gb_month"), (stored, "backup_gb_month")],
        "own logs": [(log_bytes / GB, "log_gb"), (log_bytes / GB, "log_storage_gb_month")],
        "GetMetricData of the inspection": [(HOURS * (of["groups"] + 1) / 1000, "get_metric_data_1000")],
        # Each run reads and writes four objects, and lists once.
        "S3": [(HOURS * 5 / 1000, "s3_put_1000"), (HOURS * 4 / 1000, "s3_get_1000"), (0.1, "s3_gb_month")],
        "Scheduler": [((MINUTES + HOURS) / 1e6, "schedule_million")],
        "SNS": [(alerts / 1e6, "topic_million")],
        "Secrets Manager": [(of["secrets"], "secret_month"), (MINUTES / 5 / 10_000, "secret_10000")],
    }


def archive(of, counts):
    """Returns the amounts of a month of an archive that keeps a year: its objects, and what is stored."""
    demo, archived = counts["batches_of_the_demo"], counts["archive_of_the_demo"]
    batches = of["errors"] / (demo["events"] / demo["batches"])
    stored = 12 * batches * archived["kilobytes"] * 1000 / archived["batches"] / GB
    return [(batches * archived["objects"] / archived["batches"] / 1000, "s3_put_1000"), (stored, "s3_gb_month")]


def dashboard_view(of, counts):
    """Returns the amounts of one view of the dashboard: its metrics and the list of clusters."""
    demo = counts["batches_of_the_demo"]
    hour_units = of["errors"] / (demo["events"] / demo["batches"]) / HOURS * demo["manifest_bytes"] / demo["batches"] / 4096
    shown = 16 + 5 * of["sinks"] + 2 * of["groups"]
    # Two hours that are not inspected yet, and 25 clusters with their triage decisions.
    return [
        (shown / 1000, "get_metric_data_1000"), ((8 + 2 * hour_units + 50) / 1e6, "read_million"), (1 / 1e6, "lambda_million"),
        (ASSUMED["widget_ms"] / 1000 * ASSUMED["memory_gb"], "lambda_gb_second"), (1 / 1000, "s3_get_1000"),
    ]


def dollars(items, prices):
    return sum(amount * prices[name]["price"] for amount, name in items)


def coverages(counts):
    """Returns the lines of the table that compares the coverages by records and write units of the demo."""
    counted = counts["coverage_of_the_demo"]
    every = counted["all"]["records"]
    lines = [f"| of the demo's {every:,} records | admitted | write units |", "|---|---|---|"]
    for name in ("errors", "watched", "changes"):
        records = counted[name]["records"]
        lines.append(f"| `Coverage={name}` | {records:,} ({100 * records / every:.1f} %) | {counted[name]['write_units']:,} |")
    return [*lines, ""]


def computed(counts, prices):
    """Returns the tables as text, and a list of missed goals."""
    missed, lines = [], []
    both, sums = ("alarms", "dashboard"), {}
    lines += ["| a month | " + " | ".join(NAMES.values()) + " |", "|---|---|---|---|"]
    amounts = {name: quantities(of, counts, both) for name, of in ACCOUNTS.items()}
    for driver in amounts["small"]:
        lines.append(f"| {driver} | " + " | ".join(f"{dollars(of[driver], prices):.2f}" for of in amounts.values()) + " |")
    for text, switches in (("**sum with dashboard and alarms**", both), ("sum with alarms alone", both[:1]), ("sum without both", ())):
        sums[switches] = {
            name: sum(dollars(items, prices) for items in quantities(of, counts, switches).values()) for name, of in ACCOUNTS.items()
        }
        lines.append(f"| {text} | " + " | ".join(f"{one:.2f}" for one in sums[switches].values()) + " |")
    looks = {name: dollars(dashboard_view(of, counts), prices) for name, of in ACCOUNTS.items()}
    lines.append("| a look at the dashboard | " + " | ".join(f"{one:.4f}" for one in looks.values()) + " |")
    trail = [dollars([(of["trail_gb"], "log_gb")], prices) for of in ACCOUNTS.values()]
    lines.append("| beside it: CloudTrail into CloudWatch Logs | " + " | ".join(f"{one:.2f}" for one in trail) + " |")
    kept = [dollars(archive(of, counts), prices) for of in ACCOUNTS.values()]
    lines.append("| beside it: an archive of a year, `ArchiveDays=365` | " + " | ".join(f"{one:.2f}" for one in kept) + " |")
    mean = ", ".join(f"{metrics(of, both):.1f} ({name})" for name, of in ACCOUNTS.items())
    lines += ["", f"Metrics in the mean, with dashboard and alarms: {mean}.", ""]
    for name, goal in GOALS.items():
        if sums[both][name] > goal:
            missed.append(f"{name}: {sums[both][name]:.2f} is more than {goal}")
    if sums[()]["small"] > GOAL_WITHOUT_BOTH:
        missed.append(f"small without both: {sums[()]['small']:.2f} is more than {GOAL_WITHOUT_BOTH}")
    missed += [f"a look in {name}: {one:.4f} is more than {GOAL_VIEW}" for name, one in looks.items() if one > GOAL_VIEW]
    lines += coverages(counts) + ["| price | dollars | for a | source |", "|---|---|---|---|"]
    lines += [f"| `{name}` | {one['price']:g} | {one['unit']} | {one['source']} |" for name, one in prices.items()]
    return "\n".join(lines) + "\n", missed


def main(arguments):
    verb, *rest = arguments or ["print"]
    if (verb, len(rest)) not in (("print", 0), ("--prices", 1), ("--check", 0), ("--write", 0)):
        print(__doc__, file=sys.stderr)
        return 2
    counts = json.loads((FOLDER / "counts.json").read_text(encoding="utf-8"))
    listed = pathlib.Path(rest[0]) if rest else FOLDER / "prices.json"
    tables, missed = computed(counts, json.loads(listed.read_text(encoding="utf-8"))["prices"])
    if verb in ("print", "--prices"):
        print(tables, *missed, sep="\n")
        return 0
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest_of_page = page.partition(BEGIN)
    current, _, after = rest_of_page.partition(END)
    if verb == "--write":
        PAGE.write_text(f"{before}{BEGIN}{tables}{END}{after}", encoding="utf-8")
        return 0
    if current != tables:
        missed.append("docs/cost.md has other tables; write them with infra/cost.py --write")
    print(*(f"cost.py: {one}" for one in missed), sep="\n", file=sys.stderr, end="\n" if missed else "")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
