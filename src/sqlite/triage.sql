-- What schema version 3 adds to version 2: what people decided about clusters, and the journal.

CREATE TABLE mark (
    cluster_id     TEXT PRIMARY KEY,
    mark           TEXT NOT NULL,         -- JSON, or empty where it was taken away
    version        INTEGER NOT NULL       -- how often it was changed
) STRICT, WITHOUT ROWID;

-- The same entry twice is one.
CREATE TABLE journal (
    cluster_id     TEXT NOT NULL,
    at             INTEGER NOT NULL,
    epoch          INTEGER NOT NULL,      -- which life of the cluster, from 1
    what           TEXT NOT NULL,         -- acknowledged, muted, resolved ...
    actor          TEXT NOT NULL,
    reason         TEXT NOT NULL,
    detail         TEXT NOT NULL,
    PRIMARY KEY (cluster_id, at, epoch, what, actor, reason, detail)
) STRICT, WITHOUT ROWID;
