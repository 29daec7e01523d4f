"""A store that another program wrote: hostile texts in every column, and rows that contradict each other. People who look at it see
text, and no command crashes."""

import json
import sqlite3

import injected_text
import trails

HOSTILE = "X\x1b[31m\u202e<script>alert(1)</script>\r\ny"

COMMANDS = [
    ["clusters", "list"], ["clusters", "list", "-v"], ["clusters", "list", "--format", "json"], ["clusters", "list", "--format", "csv"], ["clusters", "list", "--format", "markdown"],
    ["calls", "list"], ["calls", "list", "--format", "jsonl"], ["incidents", "list"], ["incidents", "list", "--format", "json"], ["top"], ["top", "--by", "account"], ["top", "--by", "principal"],
]  # fmt: skip

# Rows that no scan writes. Each statement changes a copy of a good store.
ROWS = {
    "a cluster id that is none": "update cluster set cluster_id = 'nope' where id = 1",
    "two clusters of one identity": "insert into cluster select id + 100, 'a' || substr(cluster_id, 2), version, partition, account_id, service, action, class, code, cause, addition, identity_template, template, overflow, admitted_hour from cluster where id = 1",
    "events of no cluster": "pragma foreign_keys = off; update event set cluster = 999",
    "events of no scene": "pragma foreign_keys = off; update event set scene = 999",
    "times before 1970": "update event set at = -9223372036854775808",
    "times after all years": "update event set at = 9223372036854775807",
    "an event id of 1 MiB": "update event set event_id = zeroblob(1048576) where event_id = (select min(event_id) from event)",
    "a sample that is no JSON": "update sample set json = 'no JSON'",
    "a sample of 10 MiB": "update sample set json = '\"' || hex(zeroblob(5242880)) || '\"'",
    "a class that does not exist": "update cluster set class = 'nope'",
    "a version from the future": "update cluster set version = 'fp99'",
    "a schema from the future": "pragma user_version = 99",
    "a schema of version -1": "pragma user_version = -1",
    "a schema of version 0": "pragma user_version = 0",
    "a mark that is no JSON": "insert into mark values ((select cluster_id from cluster limit 1), 'no JSON', 1)",
    "a table is missing": "drop table scene",
    "a view in place of a table": "alter table scene rename to old; create view scene as select * from old",
    "a trigger that deletes": "create trigger t after insert on event begin delete from event; end",
    "a view without an end": "drop view clusters; create view clusters as with recursive n(x) as (select 1 union all select x + 1 from n) select x as cluster_id from n",
}


def attack(group):
    trail = group.place("trail") / "in.json"
    sensitive = trails.success(3, eventSource="cloudtrail.amazonaws.com", eventName="StopLogging", requestParameters={"name": "audit"})
    trail.write_bytes(trails.trail([trails.record(1), trails.record(2, eventName="PutObject", errorCode="Strange", errorMessage="Bucket x is y"), sensitive]))
    good = group.place("good") / "s.db"
    scanned = json.loads(group.program.run("scan", "--db", good, "--format", "json", trail).out)
    cluster = scanned["clusters"][0]["cluster_id"]
    group.program.run("clusters", "acknowledge", cluster, "--db", good, "--reason", "x")
    commands = [*COMMANDS, ["clusters", "show", cluster], ["clusters", "history", cluster], ["export", cluster], ["events", "--cluster", cluster]]
    for table, column in group.some(columns(good), 3):
        statement = f'update "{table}" set "{column}" = ?'
        looked_at(group, good, trail, f"{table}.{column}", lambda database, statement=statement: database.execute(statement, [HOSTILE]), commands)
    for name, statement in group.some(ROWS.items(), 2):
        looked_at(group, good, trail, name, lambda database, statement=statement: database.executescript(statement), commands)


def columns(store):
    """Returns table and column of all texts."""
    with sqlite3.connect(store) as database:
        tables = [name for (name,) in database.execute("select name from sqlite_master where type = 'table' and name not like 'sqlite%'")]
        return [(table, row[1]) for table in tables for row in database.execute(f'pragma table_info("{table}")') if row[2] == "TEXT"]


def looked_at(group, good, trail, name, change, commands):
    """Changes a copy of the store, and looks at it with each command."""
    store = group.place("foreign") / "s.db"
    store.write_bytes(good.read_bytes())
    database = sqlite3.connect(store)
    try:
        with database:
            change(database)
    except sqlite3.Error:
        # The columns of a key take one text for one row; with several rows the text of the first is changed.
        with database:
            table, _, column = name.partition(".")
            if column:
                database.execute(f'update or ignore "{table}" set "{column}" = ?', [HOSTILE])
    finally:
        database.close()
    problem = None
    for command in [*commands, ["scan", trail]]:
        ran = group.program.run(*command[:1], *command[1:], "--db", store, hangs=60)
        # What fails prints a sentence on stderr.
        kind = [str(each) for each in command] if ran.code == 0 else ["an error"]
        wrong = ran.problem((0, 1), cpu=10, resident=300) or injected_text.seen(kind, ran, None)
        if wrong and not problem:
            problem = f"{' '.join(map(str, command))}: {wrong}"
        if b"CREATE TABLE" in ran.err or b"create table" in ran.err:
            problem = problem or f"the schema is printed: {ran.said[:100]}"
    group.case(name, problem, store)
