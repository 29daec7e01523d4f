-- Version 1 of the schema; triage.sql has the tables of version 3, policy.sql the column of version 5.
-- Times are seconds since 1970 in UTC. Absent values are NULL.

CREATE TABLE cluster (
    id             INTEGER PRIMARY KEY,
    cluster_id     TEXT NOT NULL UNIQUE,  -- the fingerprint, 26 characters of base32
    version        TEXT NOT NULL,         -- of the fingerprint
    partition      TEXT NOT NULL,         -- aws, aws-cn, aws-us-gov
    account_id     TEXT NOT NULL,         -- 12 digits, or 'unknown'
    service        TEXT NOT NULL,         -- s3
    action         TEXT NOT NULL,         -- GetObject
    class          TEXT NOT NULL,         -- denied, auth, throttle ...
    code           TEXT NOT NULL,         -- the canonical code
    cause          TEXT,                  -- an IAM action of another service; the kind of user of a sign-in
    addition       TEXT,                  -- a text that a rule adds to the identity
    identity_template TEXT,               -- the template, if it is part of the identity
    template       TEXT NOT NULL,         -- a template for display
    overflow       INTEGER NOT NULL,      -- 1 for an overflow cluster, with the events beyond the limit of new clusters
    admitted_hour  INTEGER                -- hours since 1970 (event time): the hour in which the cluster counted as new
) STRICT;

CREATE INDEX cluster_admitted ON cluster (account_id, admitted_hour);

-- One row for each combination of facets.
CREATE TABLE scene (
    id             INTEGER PRIMARY KEY,
    digest         BLOB NOT NULL UNIQUE,
    principal      TEXT,
    principal_kind TEXT,
    caller_account TEXT,
    region         TEXT,
    origin         TEXT,
    layer          TEXT,
    encoded        TEXT,
    network        TEXT,
    source_ip      TEXT,
    access_key     TEXT,
    session        TEXT,
    instance       TEXT,
    resource       TEXT,
    iam_action     TEXT,
    error_code     TEXT,
    user_agent     TEXT,
    vpc_endpoint   TEXT,
    access         TEXT,
    mfa            TEXT,
    rule           TEXT,
    ruled_severity TEXT
) STRICT;

-- One row for each event. A repeated event has the same key, so the number of rows is the count.
CREATE TABLE event (
    event_id       BLOB PRIMARY KEY,      -- 16 bytes: the UUID, or a hash of the record's content
    cluster        INTEGER NOT NULL REFERENCES cluster (id),
    scene          INTEGER NOT NULL REFERENCES scene (id),
    at             INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE sample (
    cluster        INTEGER NOT NULL REFERENCES cluster (id),
    event_id       BLOB NOT NULL,
    at             INTEGER,
    json           TEXT NOT NULL,         -- redacted
    PRIMARY KEY (cluster, event_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE quarantine (
    source         TEXT NOT NULL,         -- the file
    record         INTEGER NOT NULL,      -- the number of the record in the file, from 1
    reason         TEXT NOT NULL,
    detail         TEXT NOT NULL,
    PRIMARY KEY (source, record)
) STRICT, WITHOUT ROWID;

CREATE VIEW clusters AS
SELECT cluster.cluster_id, account_id, service, action, class, code, template,
       count(*)                       AS count,
       datetime(min(at), 'unixepoch') AS first_seen,
       datetime(max(at), 'unixepoch') AS last_seen,
       count(DISTINCT principal)      AS principals
FROM event
JOIN cluster ON cluster.id = event.cluster
JOIN scene ON scene.id = event.scene
GROUP BY cluster.id;

CREATE VIEW events AS
SELECT lower(hex(event_id)) AS event_id, datetime(at, 'unixepoch') AS time,
       cluster_id, account_id, service, action, class, code,
       principal, principal_kind, caller_account, region, origin, layer, encoded, network,
       source_ip, access_key, session, instance, resource, iam_action, error_code, user_agent, vpc_endpoint,
       access, mfa, rule, ruled_severity
FROM event
JOIN cluster ON cluster.id = event.cluster
JOIN scene ON scene.id = event.scene;
