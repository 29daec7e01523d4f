"""Breaks the links of a deployed stack one at a time and checks that `doctor` names each; checks what `status` and the dashboard say.

What the emulator cannot do is tested in src/service/doctor and src/service/status: an error of a trail's delivery, a log group
without new records, a table or a function in a wrong state, a clock that is wrong, and quotas of the account.
"""

import contextlib
import json
import time

import watched
from emulator import REGION
from widget import Dashboard

ACCOUNT = "000000000000"


def check_the_links(story):
    """Checks that the chain of the stack is whole, then breaks each link that the emulator can break, and repairs it."""
    connect_trails(story)
    # The emulator keeps the text of the template in place of a truth value, which no SDK can read, and ignores when items expire.
    tables = story.client("dynamodb")
    tables.update_table(TableName=story.table, DeletionProtectionEnabled=False)
    tables.update_time_to_live(TableName=story.table, TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"})
    restores = {"PointInTimeRecoveryEnabled": True}
    tables.update_continuous_backups(TableName=story.table, PointInTimeRecoverySpecification=restores)
    found = doctor(story, "--stack", story.stack)
    states = {one["link"]: one["state"] for one in found["links"]}
    assert found["whole"] and set(states.values()) == {"ok"}, json.dumps(found, indent=1)
    for link, state, fault, *words in faults(story):
        with fault():
            found = doctor(story, "--stack", story.stack)
            check(found, link, state)
            assert all(word in json.dumps(found) for word in words), found
        print(f"    {link}: {state}")
    elsewhere = doctor(story, "--stack", story.stack, "--region", "us-west-2")
    check(elsewhere, "stack", "broken")
    found = doctor(story, "--stack", story.stack)
    assert found["whole"], f"the chain is not whole again: {found}"
    check_a_log_group_before_the_first_deployment(story)
    for group in story.groups:
        story.client("cloudtrail").delete_trail(Name=trail_of(story, group))


def check(found, link, state):
    """Checks that a link has a state and a command, and that those behind a broken one were not checked."""
    links = {one["link"]: one for one in found["links"]}
    assert links[link]["state"] == state and links[link]["command"], json.dumps(found, indent=1)
    assert found["broken"] == (link if state == "broken" else None), json.dumps(found, indent=1)
    behind = [one["state"] for one in found["links"]][list(links).index(link) + 1 :]
    assert state != "broken" or set(behind) <= {"not_checked"}, json.dumps(found, indent=1)


def doctor(story, *arguments):
    done = story.run_command("doctor", *arguments, "--format", "json")
    assert done.stdout, done.stderr
    found = json.loads(done.stdout)
    assert done.returncode == (0 if found["whole"] else 1), done
    assert story.secret_text not in done.stdout, "the secret is printed"
    return found


def trail_of(story, group):
    return f"trail-{story.groups.index(group)}"


def group_arn(group):
    return f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}:*"


def make_trail(story, name, group):
    """Makes a trail that writes to a log group, and leaves it off; the test puts the records itself."""
    trails = story.client("cloudtrail")
    trails.create_trail(Name=name, S3BucketName=story.bucket, IsMultiRegionTrail=True, IncludeGlobalServiceEvents=True)
    # The emulator keeps the log group of an update alone.
    trails.update_trail(
        Name=name, CloudWatchLogsLogGroupArn=group_arn(group), CloudWatchLogsRoleArn=f"arn:aws:iam::{ACCOUNT}:role/trail"
    )


def connect_trails(story):
    for group in story.groups:
        make_trail(story, trail_of(story, group), group)
        story.client("cloudtrail").start_logging(Name=trail_of(story, group))


def faults(story):
    """Yields each link that can be broken, the state that it then has, the fault (a context that ends with the repair), and what is found."""
    client, group = story.client, story.groups[1]
    trail, ingest = trail_of(story, group), f"{story.stack}-ingest"
    trails, functions, logs = client("cloudtrail"), client("lambda"), client("logs")

    @contextlib.contextmanager
    def changed(change, repair):
        change()
        try:
            yield
        finally:
            repair()

    def selectors(management, kind):
        wanted = [{"ReadWriteType": kind, "IncludeManagementEvents": management, "DataResources": []}]
        return trails.put_event_selectors(TrailName=trail, EventSelectors=wanted)

    (ours,) = logs.describe_subscription_filters(logGroupName=group)["subscriptionFilters"]
    put_filter = lambda **other: logs.put_subscription_filter(
        **{"logGroupName": group, "filterName": ingest, "filterPattern": ours.get("filterPattern", ""), "destinationArn": ours["destinationArn"]} | other
    )
    remove_filter = lambda: logs.delete_subscription_filter(logGroupName=group, filterName=ingest)
    statements = json.loads(functions.get_policy(FunctionName=ingest)["Policy"])["Statement"]
    (permit,) = [one for one in statements if "logs" in json.dumps(one["Principal"])]
    add_permission = lambda: functions.add_permission(
        FunctionName=ingest, StatementId=permit["Sid"], Action="lambda:InvokeFunction", Principal=permit["Principal"]["Service"],
    )

    def environment(function, name, value):
        before = functions.get_function_configuration(FunctionName=function)["Environment"]["Variables"][name]
        return lambda: changed(
            lambda: story.set_variables({name: value}, function), lambda: story.set_variables({name: before}, function)
        )

    def schedule(state):
        scheduler = client("scheduler")
        (found,) = scheduler.list_schedules(GroupName=f"{story.stack}-inspect")["Schedules"]
        whole = scheduler.get_schedule(GroupName=found["GroupName"], Name=found["Name"])
        wanted = ("GroupName", "Name", "ScheduleExpression", "FlexibleTimeWindow", "Target")
        scheduler.update_schedule(**{name: whole[name] for name in wanted}, State=state)

    secrets, secret = client("secretsmanager"), story.secret
    put_secret = lambda text: secrets.put_secret_value(SecretId=secret, SecretString=text)
    no_topic = f"arn:aws:sns:{REGION}:{ACCOUNT}:nowhere"
    yield "trail", "limited", lambda: changed(
        lambda: trails.update_trail(Name=trail, CloudWatchLogsLogGroupArn=group_arn("another")),
        lambda: trails.update_trail(Name=trail, CloudWatchLogsLogGroupArn=group_arn(group)),
    )
    yield "logging", "broken", lambda: changed(lambda: trails.stop_logging(Name=trail), lambda: trails.start_logging(Name=trail))
    yield "regions", "limited", lambda: changed(
        lambda: trails.update_trail(Name=trail, IsMultiRegionTrail=False), lambda: trails.update_trail(Name=trail, IsMultiRegionTrail=True)
    )
    yield "events", "limited", lambda: changed(lambda: selectors(True, "WriteOnly"), lambda: selectors(True, "All"))
    yield "events", "broken", lambda: changed(lambda: selectors(False, "All"), lambda: selectors(True, "All"))
    yield "filter", "broken", lambda: changed(remove_filter, put_filter)
    yield "filter", "broken", lambda: changed(lambda: put_filter(filterPattern="another"), put_filter)
    yield "permission", "broken", lambda: changed(
        lambda: functions.remove_permission(FunctionName=ingest, StatementId=permit["Sid"]), add_permission
    )
    yield "concurrency", "broken", lambda: changed(
        lambda: functions.put_function_concurrency(FunctionName=ingest, ReservedConcurrentExecutions=0),
        lambda: functions.delete_function_concurrency(FunctionName=ingest),
    )
    yield "table", "broken", environment(ingest, "TABLE_NAME", "nowhere")
    yield "bucket", "broken", environment(ingest, "BUCKET_NAME", "nowhere-at-all")
    yield "schedules", "broken", lambda: changed(lambda: schedule("DISABLED"), lambda: schedule("ENABLED"))
    yield "secret", "broken", lambda: changed(
        lambda: secrets.delete_secret(SecretId=secret, RecoveryWindowInDays=7), lambda: secrets.restore_secret(SecretId=secret)
    )
    yield "sinks", "broken", lambda: changed(
        lambda: put_secret("tkn_00000000000000000000000000000000"), lambda: put_secret(story.secret_text)
    )
    yield "sinks", "broken", environment(f"{story.stack}-deliver", "TOPIC_ARN", no_topic)
    yield "sinks", "broken", lambda: further_workspace(story, "tkn_00000000000000000000000000000000"), "guance-shop at "
    yield "secret", "broken", lambda: further_workspace(story, None), "guance-shop: arn:"
    yield "sinks", "broken", environment(f"{story.stack}-deliver", "EVENT_BUS_NAME", "nowhere")


@contextlib.contextmanager
def further_workspace(story, token):
    """Gives the stack a settings file with a workspace that has this token in its secret, or no secret."""
    objects, secrets, key = story.client("s3"), story.client("secretsmanager"), "config/settings.toml"
    arn = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:nowhere-AbCdEf"
    if token:
        arn = secrets.create_secret(Name="further", SecretString=token)["ARN"]
    objects.put_object(Bucket=story.bucket, Key=key, Body=f'[workspaces.shop]\nsecret = "{arn}"\n'.encode())
    try:
        yield
    finally:
        objects.delete_object(Bucket=story.bucket, Key=key)
        if token:
            secrets.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)


def check_a_log_group_before_the_first_deployment(story):
    group, logs, trails = "fresh-trail", story.client("logs"), story.client("cloudtrail")
    look = lambda: doctor(story, "--log-group", group)
    logs.create_log_group(logGroupName=group)
    check(look(), "trail", "broken")
    make_trail(story, "fresh", group)
    check(look(), "logging", "broken")
    trails.start_logging(Name="fresh")
    check(look(), "records", "broken")
    logs.create_log_stream(logGroupName=group, logStreamName="trail")
    entry = {"timestamp": int(time.time() * 1000), "message": "{}"}
    logs.put_log_events(logGroupName=group, logStreamName="trail", logEvents=[entry])
    found = look()
    assert found["whole"] and "sam deploy" in found["next"] and f"LogGroupNames={group}" in found["next"], found
    arn = story.client("lambda").get_function_configuration(FunctionName=f"{story.stack}-ingest")["FunctionArn"]
    for name in ("one", "two"):
        logs.put_subscription_filter(logGroupName=group, filterName=name, filterPattern="", destinationArn=arn)
    check(look(), "room", "broken")
    trails.delete_trail(Name="fresh")
    logs.delete_log_group(logGroupName=group)
    check(look(), "trail", "broken")


def check_the_status(story):
    """Checks that the command and the dashboard say the same, healthy and not."""
    calm(story)
    report, code = status(story)
    assert (report["healthy"], code) == (True, 0), json.dumps(report, indent=1)
    page = Dashboard(story.client("lambda"), story.stack).page({"view": "status"}).text
    for row in report["rows"]:
        assert row["name"] in page, f"the dashboard has no {row['name']}:\n{page}"
        # The other row says how long ago something was, and a minute may have passed.
        if row["key"] in ("records", "alarms", "late", "clusters", "versions", "learning"):
            assert row["value"] in page, f"the dashboard says something else than {row}:\n{page}"
    # The delays are those of the tile below the first row.
    (delays,) = [row["value"] for row in report["rows"] if row["key"] == "records"]
    assert "3m 20s" in delays and "7s" in delays, delays
    chinese = story.run_command("status", "--stack", story.stack, "--language", "zh")
    assert chinese.returncode == 0 and f"{story.stack} " in chinese.stdout and "最近巡检" in chinese.stdout, chinese
    alarm = f"{story.stack}-no-inspection"
    story.client("cloudwatch").set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="test")
    report, code = status(story)
    states = {row["key"]: row["state"] for row in report["rows"]}
    assert (report["healthy"], code, states["alarms"]) == (False, 1, "bad"), report
    story.client("cloudwatch").set_alarm_state(AlarmName=alarm, StateValue="OK", StateReason="test")
    story.client("s3").put_object(Bucket=story.bucket, Key=f"aws/lambda/async/{story.stack}-ingest/2026/01/01/x", Body=b"{}")
    report, _ = status(story)
    states = {row["key"]: row["state"] for row in report["rows"]}
    assert states["failed"] == "warn", report
    story.client("s3").delete_object(Bucket=story.bucket, Key=f"aws/lambda/async/{story.stack}-ingest/2026/01/01/x")
    nowhere = story.run_command("status", "--stack", "nowhere")
    assert nowhere.returncode == 1 and "no stack nowhere" in nowhere.stderr, nowhere


def status(story):
    done = story.run_command("status", "--stack", story.stack, "--format", "json")
    assert done.stdout, done.stderr
    return json.loads(done.stdout), done.returncode


def calm(story):
    """Turns off the alarms that the test turned on, and puts usual delays."""
    metrics = story.client("cloudwatch")
    # A question asks up to the present second, without it.
    past = time.time() - 60
    for namespace, name, dimension, value in (
        ("AWS/Lambda", "AsyncEventAge", {"Name": "FunctionName", "Value": f"{story.stack}-ingest"}, 1000),
        ("CloudTrailInspector", "SourceLagSeconds", {"Name": "Stack", "Value": story.stack}, 200),
        ("CloudTrailInspector", "OwnLagSeconds", {"Name": "Stack", "Value": story.stack}, 7),
    ):
        metrics.put_metric_data(Namespace=namespace, MetricData=[
            {"MetricName": name, "Dimensions": [dimension], "Value": value, "Timestamp": past}
        ])
    # Last, because each metric that is written is compared with the limits of its alarms again.
    for alarm in watched.alarms(story.client, story.stack):
        metrics.set_alarm_state(AlarmName=alarm, StateValue="OK", StateReason="test")
