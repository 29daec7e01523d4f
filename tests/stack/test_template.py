"""Checks all rules for the template in every place and with several sets of parameters, and that each rule can fail."""

import json
import re
import unittest

from rules import *
from stack import PLACES, ROOT, TEMPLATE, Stack, parsed
from test_parameters import is_accepted

# Sets of parameters that together turn each condition on and off.
PARAMETER_SETS = [
    {},
    {
        "LogGroupNames": "/org/cloudtrail/a,trail-b",
        "Coverage": "all",
        "Architecture": "x86_64",
        "ReservedConcurrency": "5",
        "RulesObject": "rules/rules.toml",
        "TrailAccounts": "111122223333,444455556666",
        "PermissionsBoundary": "boundary",
        "MaxWriteRequestUnits": "50",
        "Topic": "arn:aws:sns:eu-central-1:111122223333:alerts",
        "InspectionSchedule": "rate(2 hours)",
        "InspectTimeout": "300",
        "MetricNamespace": "Security/CloudTrail",
        "AccessErrorMetric": "true",
        "Summaries": "always",
        "NightlyDrill": "rate(2 days)",
        "AlarmTopic": "arn:aws:sns:eu-central-1:111122223333:alarms",
        "InspectionAlarmHours": "5",
        "DashboardDecisions": "false",
        "ErrorAlarmCount": "100",
        "WriteUnitPrice": "0.5",
        "AthenaTrailLocation": "s3://trail/AWSLogs/",
        "AthenaAccounts": "111122223333,444455556666",
        "ArchiveDays": "400",
        "ConfigReader": "arn:aws:iam::111122223333:role/operator",
    },
    {
        "LogGroupNames": "/org/cloudtrail/a,trail-b",
        "Coverage": "changes",
        "FilterPattern": '{ $.errorCode = "AccessDenied" }',
        "GuanceRoute": "dataway",
        "GuanceSite": "us1",
        "GuanceSecretArn": SECRET,
        "GuanceSampleLogs": "true",
        "WorkspaceSecretArns": f"{SECRET}-shop,{SECRET}-pay",
        "Topic": "create",
        "TopicArns": "arn:aws:sns:eu-central-1:111122223333:shop,arn:aws:sns:eu-central-1:444455556666:pay",
        "EventBusName": "default",
        "AccountNames": "111122223333=shop",
        "AccountRoleName": "key-reader",
        "NightlyDrill": "true",
        "PermissionsBoundary": "boundary",
        "AlarmTopic": "create",
        "AthenaTrailLocation": "s3://trail/of/all/AWSLogs/o-exampleorgid/",
    },
    {
        "GuanceRoute": "datakit", "GuanceUrl": "http://10.1.2.3:9529", "AllowPrivateEndpoint": "true", "Alarms": "false", "Dashboard": "false",
        "VpcSubnetIds": "subnet-0a1b2c3d,subnet-0123456789abcdef0", "VpcSecurityGroupIds": "sg-0a1b2c3d", "DeletionProtection": "true",
    },
    {"Topic": "create", "Alarms": "false", "ErrorAlarmCount": "100", "InspectionSchedule": "off"},
    {"Topic": "create", "Dashboard": "false", "ErrorAlarmCount": "100", "AccessErrorMetric": "true", "InspectionSchedule": "off"},
    {"Topic": "create", "EventBusName": "default", "Notify": "false", "AlarmTopic": "create", "Alarms": "false"},
]

# Changes of the template that each rule must complain about: rule, text, and its replacement.
BROKEN = [
    (no_action_has_a_wildcard, "- dynamodb:PutItem", "- dynamodb:Put*"),
    (no_action_has_a_wildcard, "Action: s3:ListBucket", "NotAction: s3:ListBucket\n                Action: s3:ListBucket"),
    (resources_belong_to_the_stack, "Resource: !GetAtt Table.Arn", 'Resource: "*"'),
    (resources_belong_to_the_stack, "Resource: !Sub ${Bucket.Arn}/quarantine/*", "Resource: !Sub ${Bucket.Arn}*"),
    (resources_belong_to_the_stack, "Resource: !Sub arn:${AWS::Partition}:iam::${AWS::AccountId}:user/*", 'Resource: "*"'),
    (no_other_policies_exist, "      Role: !GetAtt IngestRole.Arn\n", ""),
    (roles_have_exact_permissions, '[B#*, C#*, "D#", "I#", K#*, M#*, O#*, "Q#beginning", SINK#*, Z#*]', '[B#*, C#*, "D#", "I#", K#*, M#*, O#*, Q#*, SINK#*, Z#*]'),
    (roles_have_exact_permissions, "Resource: !Sub ${Bucket.Arn}/inspection/listing", "Resource: !Sub ${Bucket.Arn}/inspection/*"),
    (roles_have_exact_permissions, "                      dynamodb:LeadingKeys: [C#*]\n", "                      dynamodb:LeadingKeys: [C#*, O#*]\n"),
    (environments_match_the_docs, "DECISIONS: !Ref DashboardDecisions", 'DECISIONS: "true"'),
    (the_dashboard_is_correct, '"endpoint": "${WidgetFunction.Arn}"', '"endpoint": "${InspectFunction.Arn}"'),
    (the_dashboard_is_correct, "Cost: !If [HasPrice,", "Cost: !If [HasAlarms,"),
    (the_dashboard_is_correct, "DashboardName: !Sub ${AWS::StackName}-${AWS::Region}", "DashboardName: !Ref AWS::StackName"),
    (the_dashboard_is_correct, '"timeRange": true', '"timeRange": false'),
    (roles_have_exact_permissions, "- dynamodb:UpdateItem", "- dynamodb:UpdateItem\n                  - dynamodb:Scan"),
    (roles_have_exact_permissions, '[C#*, "D#", DRILL, "E#", K#*, M#*, O#*, Q#*]', '[C#*, "D#*", "E#", K#*, M#*, O#*, Q#*]'),
    (roles_have_exact_permissions, "- dynamodb:Query", "- dynamodb:Query\n                  - dynamodb:Scan"),
    (roles_have_exact_permissions, '[A#*, C#*, "D#", DRILL, "E#", "I#", K#*, M#*, O#*, Q#*, STACK]', '[A#*, C#*, "D#", "E#", "I#", K#*, M#*, O#*, Q#*, S*]'),
    (roles_have_exact_permissions, 'dynamodb:LeadingKeys: ["D#"]', 'dynamodb:LeadingKeys: ["D#", C#*]'),
    (roles_have_exact_permissions, "Resource: !Sub ${Bucket.Arn}/inspection/*", "Resource: !Sub ${Bucket.Arn}/*"),
    (roles_have_exact_permissions, "- s3:DeleteObject", "- s3:DeleteObjectVersion"),
    (roles_have_exact_permissions, "async/${AWS::StackName}-inspect/*", "async/*"),
    (roles_have_exact_permissions, "Action: cloudwatch:GetMetricData", "Action: [cloudwatch:GetMetricData, cloudwatch:PutMetricData]"),
    (resources_belong_to_the_stack, "Resource: !GetAtt InspectLogGroup.Arn", 'Resource: "*"'),
    (functions_may_read_all_log_groups, "- logs:FilterLogEvents", "- logs:DeleteLogGroup"),
    (functions_may_read_all_log_groups, "!Sub \"read-again-${Group}\"", "read-again"),
    (functions_may_read_all_log_groups, '!Split ["/", !Sub', '!Split [":", !Sub'),
    (functions_may_read_all_log_groups, "Roles: [!Ref InspectRole, ", "Roles: [!Ref IngestRole, "),
    (resources_belong_to_the_stack, "${AWS::AccountId}:log-group:${Group}\n", "${AWS::AccountId}:log-group:*\n"),
    (roles_trust_only_their_service, "                aws:SourceAccount: !Ref AWS::AccountId\n", ""),
    (roles_trust_only_their_service, "schedule-group/${AWS::StackName}-deliver", "schedule-group/*"),
    (roles_trust_only_their_service, "schedule-group/${AWS::StackName}-inspect", "schedule-group/${AWS::StackName}-deliver"),
    (roles_trust_only_their_service, "      PermissionsBoundary: !If [HasPermissionsBoundary, !Ref PermissionsBoundary, !Ref AWS::NoValue]\n", ""),
    (roles_have_exact_permissions, "- dynamodb:GetRecords", "- dynamodb:GetRecords\n                  - dynamodb:Scan"),
    (roles_have_exact_permissions, '[A#*, B#*, C#*, DRILL, E#*, "I#", K#*, O#*, Q#*, SINK#*, Z#*]', '[A#*, B#*, C#*, E#*, "I#", K#*, M#*, O#*, Q#*, SINK#*, Z#*]'),
    (roles_have_exact_permissions, "[C#*, M#*, Q#*]", "[C#*, M#*, X#*]"),
    (roles_have_exact_permissions, "events:source: cloudtrail-inspector", "events:source: other"),
    (roles_have_exact_permissions, "Action: sqs:SendMessage", "Action: [sqs:SendMessage, sqs:PurgeQueue]"),
    (roles_have_exact_permissions, "Resource: !GetAtt DeliverFunction.Arn", "Resource: !GetAtt InspectFunction.Arn"),
    (inspections_follow_the_schedule, "ScheduleExpression: !If [Inspects, !Ref InspectionSchedule,", "ScheduleExpression: !If [Inspects, cron(0 0 * * ? *),"),
    (inspections_follow_the_schedule, "      State: !If [Inspects, ENABLED, DISABLED]\n", "      State: DISABLED\n"),
    (access_errors_are_counted_on_request, "        Condition: CountsAccessErrors\n", "        Condition: IsEnabled\n"),
    (access_errors_are_counted_on_request, 'MetricNamespace: !Ref MetricNamespace, MetricName: AccessError,', 'MetricNamespace: LogMetrics, MetricName: AccessError,'),
    (inspections_follow_the_schedule, "      GroupName: !Ref InspectScheduleGroup\n", "      GroupName: default\n"),
    (alerts_are_sent_by_stream_and_schedule, '"prefix":"O#"', '"prefix":"C#"'),
    (alerts_are_sent_by_stream_and_schedule, "rate(1 minute)", "rate(1 hour)"),
    (alerts_are_sent_by_stream_and_schedule, "      BisectBatchOnFunctionError: true\n", "      BisectBatchOnFunctionError: false\n"),
    (alerts_are_sent_by_stream_and_schedule, "    Type: AWS::Scheduler::Schedule\n    Condition: Tells\n", "    Type: AWS::Scheduler::Schedule\n"),
    (topics_and_queues_are_closed, "      KmsMasterKeyId: alias/aws/sns\n", ""),
    (topics_and_queues_are_closed, "            Resource: !Ref AlertTopic\n            Condition: { Bool: { aws:SecureTransport: \"false\" } }\n", "            Resource: !Ref AlertTopic\n"),
    (topics_and_queues_are_closed, "      SqsManagedSseEnabled: true\n", ""),
    (environments_match_the_docs, "          LANGUAGE: !Ref Language\n", ""),
    (invalid_combinations_are_refused, 'Assert: !Not [!Equals [!Ref GuanceSecretArn, ""]]', 'Assert: !Not [!Equals [!Ref GuanceRoute, ""]]'),
    (roles_have_exact_permissions, "async/${AWS::StackName}-ingest/*", "async/*"),
    (permissions_name_their_source, ":logs:${AWS::Region}:${AWS::AccountId}:log-group:*\n", ":logs:*:*:log-group:*\n"),
    (permissions_name_their_source, "      SourceAccount: !Ref AWS::AccountId\n", ""),
    (permissions_name_their_source, "logs.${AWS::Region}.${AWS::URLSuffix}", "logs.amazonaws.com"),
    (filters_wait_for_their_permission, "        DependsOn: PermitSubscriptions\n", ""),
    # AWS does not replace the item in a plain string.
    (every_reference_resolves, "DependsOn: PermitSubscriptions", "DependsOn: Permit&{Group}"),
    (every_reference_resolves, "DependsOn: PermitSubscriptions", "DependsOn: Permit${Group}"),
    (every_reference_resolves, "Resource: !GetAtt Table.Arn", "Resource: !GetAtt Tables.Arn"),
    (every_reference_resolves, "Resource: !Sub ${Bucket.Arn}/quarantine/*", "Resource: !Sub ${Buckets.Arn}/quarantine/*"),
    (every_reference_resolves, "TABLE_NAME: !Ref Table", "TABLE_NAME: !Ref Tables"),
    (loops_use_only_known_constructs, "DependsOn: PermitSubscriptions", "DependsOn: Permit&{Group}"),
    (loops_use_only_known_constructs, 'Value: !Sub "${Group}"', 'Value: "${Group}"'),
    (loops_use_only_known_constructs, "LogGroupName: !Sub ${Group}", "LogGroupName: !Sub '&{Group}'"),
    (loops_use_only_known_constructs, "MetricName: !Sub Errors${Class}", "MetricName: Errors${Class}"),
    (mappings_cover_every_partition, "!Ref AWS::Partition, Names, { DefaultValue: !Ref AWS::Region }]", "!Ref AWS::Partition, Names]"),
    (roles_have_exact_permissions, 'Condition: { StringEquals: { aws:ResourceOrgID: "${aws:PrincipalOrgID}" } }', "Condition: {}"),
    (outputs_name_the_lookup_roles, "    Value: !GetAtt InspectRole.Arn\n", "    Value: !GetAtt DeliverRole.Arn\n"),
    (only_deliver_is_in_the_vpc, 'SubnetIds: !Split [",", !Ref VpcSubnetIds]', "SubnetIds: [!Ref VpcSubnetIds]"),
    (roles_have_exact_permissions, "function:${AWS::StackName}-deliver\n", "function:*\n"),
    (roles_have_exact_permissions, "- ec2:DescribeSubnets\n", "- ec2:DescribeSubnets\n                    - ec2:DescribeVpcs\n"),
    (roles_have_exact_permissions, 'dynamodb:LeadingKeys: ["E#", O#*]', 'dynamodb:LeadingKeys: [C#*, "E#", O#*]'),
    (roles_have_exact_permissions, "aws/lambda/????????-????-????-????-????????????/*", "aws/lambda/*"),
    (topics_and_queues_are_closed, "            Action: sqs:*\n", "            Action: sqs:SendMessage\n"),
    (filters_match_the_parameters, "          FilterPattern: !If", "          EmitSystemFields: ['@aws.account']\n          FilterPattern: !If"),
    (filters_match_the_parameters, "  FilterPattern: !If [HasFilterPattern, !Ref FilterPattern,", '  FilterPattern: !If [HasFilterPattern, "x",'),
    (filters_match_the_parameters, "  FILTER_PATTERN: !If [HasFilterPattern, !Ref FilterPattern,", '  FILTER_PATTERN: !If [HasFilterPattern, "x",'),
    (filters_match_the_parameters, '!Ref Coverage, Pattern, { DefaultValue: "" }', '!Ref Coverage, Pattern, { DefaultValue: "x" }'),
    (drills_have_a_log_group_of_their_own, "      RetentionInDays: 1\n", "      RetentionInDays: 30\n"),
    (drills_have_a_log_group_of_their_own, '      FilterPattern: ""\n', '      FilterPattern: "drill"\n'),
    (drills_have_a_log_group_of_their_own, "          DRILL_LOG_GROUP: !Ref DrillLogGroup\n", "          DRILL_LOG_GROUP: drill\n"),
    (drills_have_a_log_group_of_their_own, "        Input: '{\"drill\": true}'\n", "        Input: '{}'\n"),
    (drills_have_a_log_group_of_their_own, "    Condition: MakesDrills\n    Properties:\n      Description: Begins", "    Properties:\n      Description: Begins"),
    (roles_have_exact_permissions, "Resource: !GetAtt DrillLogGroup.Arn", "Resource: !GetAtt IngestLogGroup.Arn"),
    (failures_are_stored, "      EventInvokeConfig:\n", "    EventInvokeConfig:\n"),
    (failures_are_stored, "MaximumRetryAttempts: 2", "MaximumRetryAttempts: 0"),
    (failures_are_stored, "MaximumEventAgeInSeconds: 3600\n        DestinationConfig", "MaximumEventAgeInSeconds: 60\n        DestinationConfig"),
    (failures_are_stored, "        OnFailure:\n          Destination: !GetAtt Bucket.Arn\n", "        OnFailure: {}\n"),
    (log_groups_expire, "      RetentionInDays: !Ref LogRetentionDays\n", ""),
    (log_groups_expire, "      LoggingConfig:\n        LogGroup: !Ref IngestLogGroup\n", ""),
    (functions_are_as_expected, "Handler: ingest", "Handler: bootstrap"),
    (functions_are_as_expected, "Timeout: !Ref InspectTimeout", "Timeout: 120"),
    (functions_are_as_expected, "Architectures: [!Ref Architecture]", "Architectures: [x86_64]"),
    (environments_match_the_docs, "          LEARN_HOURS: !Ref LearnHours\n", ""),
    (environments_match_the_docs, "          TRAIL_ACCOUNTS: !Ref TrailAccounts\n", ""),
    (environments_match_the_docs, "STACK_NAME: !Ref AWS::StackName", "STACK_NAME: stack"),
    (environments_match_the_docs, "LOG_LEVEL: info", "LOG_LEVEL: debug"),
    (environments_match_the_docs, "          SUMMARIES: !Ref Summaries\n", ""),
    (environments_match_the_docs, "METRIC_NAMESPACE: !Ref MetricNamespace", "METRIC_NAMESPACE: CloudTrailInspector"),
    (environments_match_the_docs, '!Join [",", !Ref LogGroupNames]', '!Join [" ", !Ref LogGroupNames]'),
    (the_table_is_as_expected, "StreamViewType: KEYS_ONLY", "StreamViewType: NEW_IMAGE"),
    (the_table_is_as_expected, "      TimeToLiveSpecification:", "      GlobalSecondaryIndexes: []\n      TimeToLiveSpecification:"),
    (the_table_is_as_expected, "PointInTimeRecoveryEnabled: true", "PointInTimeRecoveryEnabled: false"),
    (stored_data_outlives_the_stack, "UpdateReplacePolicy: Retain", "UpdateReplacePolicy: Delete"),
    (stored_data_outlives_the_stack, "DeletionProtectionEnabled: !Ref DeletionProtection", "DeletionProtectionEnabled: true"),
    (stored_data_outlives_the_stack, "DeletionPolicy: RetainExceptOnCreate", "DeletionPolicy: Retain"),
    (the_bucket_is_closed, "BlockPublicPolicy: true", "BlockPublicPolicy: false"),
    (the_bucket_is_closed, 'Resource: [!GetAtt Bucket.Arn, !Sub "${Bucket.Arn}/*"]', 'Resource: [!GetAtt Bucket.Arn]'),
    (
        the_bucket_is_closed,
        '"${Bucket.Arn}/*"]\n            Condition: { Bool: { aws:SecureTransport: "false" } }',
        '"${Bucket.Arn}/*"]\n            Condition: { Bool: { aws:SecureTransport: "true" } }',
    ),
    (failed_records_expire, "ExpirationInDays: 30", "ExpirationInDays: 300"),
    (failed_records_expire, "NoncurrentVersionExpiration: { NoncurrentDays: 1 }", "ExpirationInDays: 1"),
    (only_functions_read_the_settings, "${Bucket.Arn}/config/*", "${Bucket.Arn}/config/settings.toml"),
    (only_functions_read_the_settings, "                  - !GetAtt InspectRole.Arn\n", ""),
    (only_functions_read_the_settings, "              - s3:GetObject\n              - s3:GetObjectVersion\n            Resource", "              - s3:GetObject\n            Resource"),
    (roles_have_exact_permissions, "s3:prefix: config/settings.toml", "s3:prefix: config/"),
    (only_functions_read_the_settings, "  RetentionDays:\n", "  CanaryKeys: { Type: String, Default: '' }\n  RetentionDays:\n"),
    (every_partition_is_spelled_right, "arn:${AWS::Partition}:logs", "arn:aws:logs"),
    (every_partition_is_spelled_right, "Principal: !Sub logs.${AWS::Region}.${AWS::URLSuffix}", "Principal: logs.amazonaws.com"),
    (every_partition_is_spelled_right, "https://${AWS::Region}.${Host}/dynamodbv2", "https://console.aws.amazon.com/dynamodbv2"),
    (every_partition_is_spelled_right, "    - !Equals [!Ref AWS::Partition, aws-eusc]\n", ""),
    (parameters_are_described, "    ConstraintDescription: must be arm64 or x86_64.\n", ""),
    (parameters_are_described, "LearnHours, LogRetentionDays, ", "LogRetentionDays, "),
    (outputs_are_complete, "Value: !Sub cloudtrail-inspector clusters list", "Value: !Sub cloudtrail-inspector list"),
    (outputs_are_complete, "Value: !Sub cloudtrail-inspector config set", "Value: !Sub cloudtrail-inspector set"),
    (outputs_are_complete, "Value: !Sub cloudtrail-inspector status", "Value: !Sub cloudtrail-inspector health"),
    (outputs_are_complete, "  TryDrill:\n", "  TryTest:\n"),
    (outputs_are_complete, "    Value: !Ref TopicOfAlarms\n", "    Value: !Ref AlarmTopic\n"),
    (topics_and_queues_are_closed, "      DisplayName: cloudtrail-inspector alarms\n", "      KmsMasterKeyId: alias/aws/sns\n"),
    (topics_and_queues_are_closed, "            Condition: { StringEquals: { aws:SourceAccount: !Ref AWS::AccountId } }\n", ""),
    (topics_and_queues_are_closed, '            Resource: !Ref TopicOfAlarms\n            Condition: { Bool: { aws:SecureTransport: "false" } }\n', "            Resource: !Ref TopicOfAlarms\n"),
    (alarms_are_as_expected, "Condition: WatchesBus\n", "Condition: HasAlarms\n"),
    (alarms_are_as_expected, 'Threshold: "900000"', 'Threshold: "900"'),
    (alarms_are_as_expected, "      TreatMissingData: breaching\n", "      TreatMissingData: notBreaching\n"),
    (alarms_are_as_expected, "          Threshold: !Ref ErrorAlarmCount\n", "          Threshold: 1\n"),
    (alarms_are_as_expected, "[Vpce, Signin, Denied,", "[Vpce, Signin,"),
    (alarms_are_as_expected, "      EvaluationPeriods: !Ref InspectionAlarmHours\n", "      EvaluationPeriods: 3\n"),
    (alarms_are_as_expected, "AlarmName: !Sub ${AWS::StackName}-delivery-errors-${Group}\n", "AlarmName: !Sub ${AWS::StackName}-delivery-errors\n"),
    (alarms_trigger_as_expected, 'Threshold: "10"', 'Threshold: "11"'),
    (alarms_trigger_as_expected, "      Statistic: SampleCount\n", "      Statistic: Sum\n"),
    (alarms_trigger_as_expected, "      TreatMissingData: breaching\n", "      TreatMissingData: notBreaching\n"),
    (alarms_trigger_as_expected, "Missing: ignore", "Missing: notBreaching"),
    (alarms_trigger_as_expected, 'Periods: "2"', 'Periods: "1"'),
    (alarms_trigger_as_expected, "          EvaluationPeriods: 3\n", "          EvaluationPeriods: 4\n"),
    (alarms_trigger_as_expected, "      Period: 3600\n      EvaluationPeriods: 1\n", "      Period: 300\n      EvaluationPeriods: 1\n"),
    (alarms_trigger_as_expected, "ComparisonOperator: GreaterThanThreshold", "ComparisonOperator: LessThanThreshold"),
    (alarms_trigger_as_expected, "Name: event-age", "Name: age"),
    (alarms_notify_about_start_and_end, "      OKActions: !If [TellsOfAlarms, [!If [MakesAlarmTopic, !Ref TopicOfAlarms, !Ref AlarmTopic]], !Ref AWS::NoValue]\n", ""),
    (alarms_name_the_first_action, "; read the reason in its log, the next inspection processes these events again.", "."),
    (alarms_name_the_first_action, "Name: event-age", "Name: age"),
    (queries_read_the_log_groups, "      LogGroupNames: !Ref LogGroupNames\n", "      LogGroupNames: [!Ref IngestLogGroup]\n"),
    (queries_read_the_log_groups, "        - ${AWS::StackName}/${Title}\n", "        - ${Title}\n"),
    (queries_read_the_log_groups, "- ${Query}Query:\n", "- ${Query}OfStack:\n"),
    (athena_reads_the_trail, "  TableInAthena:\n    Type: AWS::Athena::NamedQuery\n    Condition: HasAthena\n", "  TableInAthena:\n    Type: AWS::Athena::NamedQuery\n"),
    (athena_reads_the_trail, "Name: !Sub ${AWS::StackName}/Table of the trail", "Name: Table of the trail"),
    (athena_reads_the_trail, "      Database: default\n", "      Database: cloudtrail\n"),
    (athena_reads_the_trail, "FROM cloudtrail_${Stack}\n", "FROM cloudtrail_logs\n"),
    (athena_reads_the_trail, "WHERE day >= date_format(current_date - interval '7' day, '%Y/%m/%d')\n            AND", "WHERE"),
    (athena_reads_the_trail, "${!region}/${!day}", "${!region}"),
    (athena_reads_the_trail, "!If [HasAthenaAccounts, !Ref AthenaAccounts, !Ref AWS::AccountId]", "!Ref AthenaAccounts"),
    (athena_reads_the_trail, "(account STRING, region STRING, day STRING)", "(account STRING, day STRING)"),
    (athena_reads_the_archive, "archive/account=${!account}/", "archive/${!account}/"),
    (athena_reads_the_archive, "FROM archive_${Stack}\n", "FROM archive\n"),
    (athena_reads_the_trail, "LOCATION '${AthenaTrailLocation}'", "LOCATION '${AthenaTrailLocation}AWSLogs/'"),
    (the_dashboard_is_correct, '{"type": "text", "x": 0, "y": 33,', '{"type": "log", "x": 0, "y": 33,'),
    (the_dashboard_is_correct, '"title": "Sensitive calls and clusters / 敏感操作与聚类"', '"title": "Clusters"'),
    (the_dashboard_is_correct, "              - !FindInMap [Queries, Refusals, Title]\n", ""),
    (the_dashboard_is_correct, 'Stack=\\"${AWS::StackName}\\"', 'Stack=\\"other\\"'),
    (the_dashboard_is_correct, '{"start": "-P1D", ', '{"start": -P1D, '),
    (the_dashboard_is_correct, '"${MetricNamespace}", "OpenClusters"', '"${MetricNamespace}", "OpenedClusters"'),
    (the_dashboard_is_correct, 'MetricName=\\"AlertsSent\\"', 'MetricName=\\"AlertsTold\\"'),
    (the_dashboard_is_correct, 'FilterName=\\"${AWS::StackName}-ingest\\"', 'FilterName=\\"ingest\\"'),
    (the_dashboard_is_correct, '"FunctionName", "${InspectFunction}"', '"FunctionName", "${InspectRole}"'),
    (the_dashboard_is_correct, '"TableName", "${Table}"', '"TableName", "table"'),
    (the_dashboard_is_correct, "Deliver: !If [Tells, !Sub ',", "Deliver: !If [Tells, !Sub '"),
    (the_dashboard_is_correct, "`#redrive-left`", "`#redrive`"),
    (outputs_are_complete, "#dashboards/dashboard/${Dashboard}", "#dashboards"),
    (alarm_metrics_are_written, "Metric: RedriveLeft", "Metric: RedrivesLeft"),
    (alarm_metrics_are_written, "Metric: AsyncEventsDropped", "Metric: AsyncEventsLost"),
    (alarm_metrics_are_written, "{ Name: Stack, Value: !Ref AWS::StackName }", "{ Name: Function, Value: inspect }"),
    (alarm_metrics_are_written, "- { Name: Stack, Value: !Ref AWS::StackName }\n            - { Name: Sink, Value: guance }", "- { Name: Sink, Value: guance }"),
    (written_metrics_are_read, "PayloadsQuarantined,RecordsQuarantined,SelfDenied,InvariantViolated", "PayloadsQuarantined,RecordsQuarantined,SelfDenied"),
    (written_metrics_are_read, 'Alarms: "InspectionBehindHours,', 'Alarms: "OpenClusters,InspectionBehindHours,'),
    (written_metrics_are_read, "!If [HasDashboard, !FindInMap [Metrics, Deliver, Dashboard]", "!If [HasAlarms, !FindInMap [Metrics, Deliver, Dashboard]"),
    (written_metrics_are_read, "!If [WatchesErrors, !FindInMap [Metrics, Ingest, Classes]", "!If [HasAlarms, !FindInMap [Metrics, Ingest, Classes]"),
    (written_metrics_are_read, '["${MetricNamespace}", "OpenClusters"', '["${MetricNamespace}", "InspectionBehindHours"'),
    (alarm_metrics_are_written, "          Namespace: !Ref MetricNamespace\n", "          Namespace: CloudTrailInspector\n"),
    (alarms_are_as_expected, "    Condition: WatchesInspections\n", "    Condition: HasAlarms\n"),
    (alarm_metrics_are_written, "            - { Name: DestinationType, Value: Lambda }\n", ""),
]


# The longest value of each parameter that a function's environment has.
LONGEST = {
    "LogGroupNames": "g" * 512,
    "FilterPattern": '{ ($.errorCode = "*") || ($.errorMessage = "*") || ($.eventName = %' + "E" * 953 + "%) }",
    "RulesObject": "r" * 256,
    "AccountNames": ",".join(f"{n:012}=" + "n" * 11 for n in range(16)) + "n",
    "TrailAccounts": ",".join(f"{n:012}" for n in range(20)),
    "AccountRoleName": "r" * 64,
    "TimeZone": "+14:00",
    "Topic": "arn:aws-us-gov:sns:us-gov-west-1:111122223333:" + "t" * 250,
    "EventBusName": "b" * 256,
    "GuanceUrl": "https://" + "u" * 248,
    "GuanceSecretArn": "arn:aws-us-gov:secretsmanager:us-gov-west-1:111122223333:secret:" + "s" * 448,
    "GuanceWorkspaceId": "wksp_" + "w" * 64,
    "GuanceConsoleUrl": "https://" + "c" * 248,
    "MetricNamespace": "m" * 56,
}
# The longest values of parameters with a fixed list of values.
CHOSEN = {
    "GuanceRoute": "custom_event", "GuanceSite": "truewatch-us1", "GuanceSampleLogs": "false", "AllowCustomEndpoint": "false",
    "AllowPrivateEndpoint": "false", "DashboardDecisions": "false", "Summaries": "always", "DormantDays": "3650", "Coverage": "watched", "ArchiveDays": "3650",
}


def with_longest_names(value):
    """Returns a value with names of the maximum length in place of the names that AWS generates."""
    value = re.sub(r"<\w+Role\.Arn>", "arn:aws-us-gov:iam::111122223333:role/" + "r" * 64, value)
    value = value.replace("<AlertTopic>", LONGEST["Topic"]).replace("<DrillLogGroup>", f"/cloudtrail-inspector/{'s' * 56}/drill")
    # The name of a table consists of stack and resource; a bucket has at most 63 characters, a function 64.
    return value.replace("<Table>", "t" * 80).replace("<Bucket>", "b" * 63).replace("<IngestFunction>", "f" * 64)


def parameters_in(value):
    """Returns the parameters that a part of the template refers to."""
    if isinstance(value, list):
        return {name for one in value for name in parameters_in(one)}
    if not isinstance(value, dict):
        return set(re.findall(r"\$\{(\w+)\}", value)) if isinstance(value, str) else set()
    if list(value) == ["Ref"]:
        return {value["Ref"]}
    return {name for one in value.values() for name in parameters_in(one)}


class Template(unittest.TestCase):
    def test_every_rule_holds_everywhere(self):
        for place in PLACES:
            for parameters in PARAMETER_SETS:
                stack = Stack(place=place, **parameters)
                for rule in RULES:
                    if parameters and rule is every_partition_is_spelled_right:
                        continue  # the ARNs in the parameters are of one partition
                    with self.subTest(rule.__name__, place=place[0], parameters=sorted(parameters)):
                        self.assertEqual(list(rule(stack)), [])

    def test_every_rule_complains_about_a_broken_template(self):
        self.assertEqual({rule for rule, _, _ in BROKEN}, set(RULES))
        for rule, text, replacement in BROKEN:
            with self.subTest(rule.__name__, replacement=replacement):
                self.assertTrue(text in TEMPLATE, f"the template has no {text!r}")
                broken = TEMPLATE.replace(text, replacement, 1)
                # The written metrics depend on the enabled parts, so this rule needs stacks with disabled parts.
                sets = [PARAMETER_SETS[0], *PARAMETER_SETS[4:]] if rule is written_metrics_are_read else PARAMETER_SETS[:6]
                has_complaint = any(list(rule(Stack(broken, place, **parameters))) for place in PLACES for parameters in sets)
                self.assertTrue(has_complaint, "the rule does not complain")

    def test_a_disabled_stack_reads_nothing(self):
        stack = Stack(Enabled="false")
        self.assertEqual(stack.of_type("AWS::Logs::SubscriptionFilter"), {})
        self.assertEqual(stack.of_type("AWS::Lambda::Permission"), {})
        self.assertEqual(stack.of_type("AWS::IAM::Policy"), {})
        # Only the function of the dashboard reads metrics.
        read = [one for one in stack.properties("InspectRole")["Policies"] if "cloudwatch:GetMetricData" in str(one)]
        self.assertEqual(read, [])
        self.assertEqual(stack.properties(INSPECT)["Environment"]["Variables"]["LOG_GROUP_NAMES"], "")
        self.assertIn("Table", stack.resources)

    def test_the_order_of_log_groups_changes_nothing(self):
        names = "/org/trail,other,aws-controltower/CloudTrailLogs"
        forward = Stack(LogGroupNames=names)
        backward = Stack(LogGroupNames=",".join(reversed(names.split(","))))
        for stack in (forward, backward):
            # Only functions and queries that read all log groups have the names in the given order.
            for function in (INSPECT, WIDGET):
                variables = stack.properties(function)["Environment"]["Variables"]
                variables["LOG_GROUP_NAMES"] = sorted(variables["LOG_GROUP_NAMES"].split(","))
            for query in stack.of_type("AWS::Logs::QueryDefinition").values():
                query["Properties"]["LogGroupNames"].sort()
            stack.resources.pop("DashboardOfStack")
        self.assertEqual(forward.resources, backward.resources)

    def test_the_policies_of_a_role_fit_with_twenty_log_groups(self):
        # IAM limits the characters of all inline policies of a role together, without white space.
        names = ",".join(f"/aws/controltower/an-account-of-ours-{n}/CloudTrailLogs" for n in range(20))
        stack = Stack(LogGroupNames=names, RulesObject="rules/" + "r" * 250)
        policies = [policy["Properties"] for policy in stack.of_type("AWS::IAM::Policy").values()]
        policies += stack.properties("InspectRole")["Policies"]
        text = json.dumps([policy["PolicyDocument"] for policy in policies], separators=(",", ":"))
        # In AWS these placeholders are ARNs with a table and a bucket named after the stack.
        text = text.replace("<Table.Arn>", "t" * 110).replace("<Bucket.Arn>", "b" * 80)
        self.assertEqual(len(policies), 21)
        self.assertLess(len(text), 10_240)

    def test_environments_fit_with_the_longest_parameters(self):
        # The name of a function has at most 64 characters, including -inspect. Lambda counts names, values and the JSON around them:
        # https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
        stack = Stack(**LONGEST, **CHOSEN, **{"AWS::StackName": "s" * 56})
        left = {}
        for name, function in stack.of_type("AWS::Lambda::Function").items():
            variables = function["Properties"]["Environment"]["Variables"]
            whole = {key: with_longest_names(str(value)) for key, value in variables.items()}
            self.assertNotIn("<", json.dumps(whole))
            left[name] = 4096 - len(json.dumps(whole, separators=(",", ":")).encode())
        self.assertEqual(len(left), 4)
        # One log group with the longest name is already counted; docs/settings.md documents the remaining space.
        self.assertGreaterEqual(min(left.values()), 0, left)
        self.assertGreaterEqual(left[INSPECT], 109, left)

    def test_each_parameter_in_an_environment_is_bounded(self):
        source = parsed(TEMPLATE)
        parameters = source["Parameters"]
        for name, longest in LONGEST.items():
            with self.subTest(name):
                self.assertTrue(is_accepted(parameters[name], longest), "the longest value is refused")
                self.assertFalse(is_accepted(parameters[name], longest + longest[-1]), "a longer value is accepted")
        environments = [made["Properties"]["Environment"] for made in source["Resources"].values() if isinstance(made, dict) and "Environment" in made["Properties"]]
        environments.append(source["Globals"]["Function"]["Environment"])
        bounded = {name for name, how in parameters.items() if how["Type"] == "Number" or how.get("AllowedValues")}
        self.assertEqual(parameters_in(environments) & set(parameters) - bounded, set(LONGEST))


if __name__ == "__main__":
    unittest.main()
