-- Version 3 of the schema adds the triage decisions of people about clusters, and the journal of clusters.

CREATE TABLE mark (
    cluster_id     TEXT PRIMARY KEY,
    mark           TEXT NOT NULL,         -- the decision as JSON; empty if it was removed
    version        INTEGER NOT NULL       -- the number of changes
) STRICT, WITHOUT ROWID;

-- A repeated entry is stored once.
CREATE TABLE journal (
    cluster_id     TEXT NOT NULL,
    at             INTEGER NOT NULL,
    epoch          INTEGER NOT NULL,      -- the number of the cluster's episode, from 1
    what           TEXT NOT NULL,         -- acknowledged, muted, resolved ...
    actor          TEXT NOT NULL,
    reason         TEXT NOT NULL,
    detail         TEXT NOT NULL,
    PRIMARY KEY (cluster_id, at, epoch, what, actor, reason, detail)
) STRICT, WITHOUT ROWID;
