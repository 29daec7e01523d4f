-- Version 7: the calls that are kept for the ledgers of incidents, because they make or remove something. They are no events of
-- a cluster. Columns are those of `cluster`, with the class `watch`: `cause` is the caller, `identity_template` has the details
-- as JSON.

CREATE TABLE ledger_event (
    event_id       BLOB PRIMARY KEY,      -- 16 bytes, as in `event`
    call_id        TEXT NOT NULL,         -- the fingerprint of equal calls of one caller
    scene          INTEGER NOT NULL REFERENCES scene (id),
    at             INTEGER,
    partition      TEXT NOT NULL,
    account_id     TEXT NOT NULL,
    service        TEXT NOT NULL,
    action         TEXT NOT NULL,
    class          TEXT NOT NULL,
    code           TEXT NOT NULL,
    cause          TEXT,
    identity_template TEXT,
    addition       TEXT,
    template       TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- One row if the store had events before version 7: the time of the last of them. The calls until then are not in `ledger_event`.
CREATE TABLE ledger_missing (
    until          INTEGER NOT NULL
) STRICT;

INSERT INTO ledger_missing
SELECT last FROM (SELECT max(at) AS last FROM event) WHERE last IS NOT NULL;
