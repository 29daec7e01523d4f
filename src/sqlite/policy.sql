-- Version 5 of the schema adds the policy that refused a call.

DROP VIEW events;

ALTER TABLE scene ADD COLUMN policy TEXT; -- the ARN

CREATE VIEW events AS
SELECT lower(hex(event_id)) AS event_id, datetime(at, 'unixepoch') AS time,
       cluster_id, account_id, service, action, class, code,
       principal, principal_kind, caller_account, region, origin, layer, policy, encoded, network,
       source_ip, access_key, session, instance, resource, iam_action, error_code, user_agent, vpc_endpoint,
       access, mfa, rule, ruled_severity
FROM event
JOIN cluster ON cluster.id = event.cluster
JOIN scene ON scene.id = event.scene;
