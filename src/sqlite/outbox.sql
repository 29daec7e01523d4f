-- What schema version 2 adds to version 1: what waits to be told, and what became of it.

CREATE TABLE outbox (
    sink           TEXT NOT NULL,
    id             TEXT NOT NULL,         -- of the message, 32 hexadecimal digits
    kind           TEXT NOT NULL,         -- new, access_key ...
    account_id     TEXT NOT NULL,
    cluster_id     TEXT,
    epoch          INTEGER NOT NULL,
    about          TEXT NOT NULL,
    detail         TEXT NOT NULL,         -- JSON, or empty
    at             INTEGER,
    late           INTEGER NOT NULL,
    created        INTEGER NOT NULL,
    due            INTEGER NOT NULL,      -- from when on it is sent
    leased_until   INTEGER NOT NULL,      -- 0 for nobody
    holder         TEXT NOT NULL,
    attempts       INTEGER NOT NULL,
    why            TEXT NOT NULL,         -- why it was put off last
    state          TEXT NOT NULL,         -- waiting, sent, suppressed, digested, dead
    settled        INTEGER,
    PRIMARY KEY (sink, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX outbox_waiting ON outbox (sink, state, created);

CREATE TABLE breaker (
    sink           TEXT PRIMARY KEY,
    failures       INTEGER NOT NULL,
    open_until     INTEGER NOT NULL,
    probe_from     INTEGER NOT NULL,
    misconfigured  INTEGER NOT NULL,
    why            TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE silence (
    sink           TEXT NOT NULL,
    cluster_id     TEXT NOT NULL,
    until          INTEGER NOT NULL,
    suppressed     INTEGER NOT NULL,
    PRIMARY KEY (sink, cluster_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE ledger (
    access_key     TEXT PRIMARY KEY,
    before         TEXT NOT NULL,         -- what IAM said before, as a JSON list
    now            TEXT NOT NULL,
    next           INTEGER NOT NULL,
    told           INTEGER
) STRICT, WITHOUT ROWID;
