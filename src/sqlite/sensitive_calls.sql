-- Version 6 of the schema: sensitive calls have views of their own. They are rows of `cluster` with the class `watch`: `cause` is
-- the caller, `identity_template` has the details as JSON.

DROP VIEW clusters;
DROP VIEW events;

CREATE VIEW clusters AS
SELECT cluster.cluster_id, account_id, service, action, class, code, template,
       count(*)                       AS count,
       datetime(min(at), 'unixepoch') AS first_seen,
       datetime(max(at), 'unixepoch') AS last_seen,
       count(DISTINCT principal)      AS principals
FROM event
JOIN cluster ON cluster.id = event.cluster
JOIN scene ON scene.id = event.scene
WHERE class <> 'watch'
GROUP BY cluster.id;

CREATE VIEW events AS
SELECT lower(hex(event_id)) AS event_id, datetime(at, 'unixepoch') AS time,
       cluster_id, account_id, service, action, class, code,
       principal, principal_kind, caller_account, region, origin, layer, policy, encoded, network,
       source_ip, access_key, session, instance, resource, iam_action, error_code, user_agent, vpc_endpoint,
       access, mfa, rule, ruled_severity
FROM event
JOIN cluster ON cluster.id = event.cluster
JOIN scene ON scene.id = event.scene
WHERE class <> 'watch';

-- One row for each sensitive call: equal calls of one caller.
CREATE VIEW sensitive_calls AS
SELECT cluster_id AS call_id, account_id, service, action, cause AS principal,
       json_extract(identity_template, '$.target')     AS target,
       json_extract(identity_template, '$.parameters') AS parameters,
       json_extract(identity_template, '$.watch')      AS watch,
       code = 'strong'                                 AS strong,
       count(*)                                        AS count,
       datetime(min(at), 'unixepoch')                  AS first_seen,
       datetime(max(at), 'unixepoch')                  AS last_seen
FROM event
JOIN cluster ON cluster.id = event.cluster
WHERE class = 'watch'
GROUP BY cluster.id;

-- One row for each event of a sensitive call.
CREATE VIEW sensitive_call_events AS
SELECT lower(hex(event_id)) AS event_id, datetime(at, 'unixepoch') AS time,
       cluster_id AS call_id, account_id, service, action,
       principal, principal_kind, caller_account, region, origin, network, source_ip, access_key, session, instance,
       resource AS target, user_agent, vpc_endpoint, mfa, rule, ruled_severity
FROM event
JOIN cluster ON cluster.id = event.cluster
JOIN scene ON scene.id = event.scene
WHERE class = 'watch';
