//! Recognizes AWS services that deliver logs, reports or notifications, from the call and the caller of a cluster.
//!
//! A refused delivery loses data until a policy is changed. Other refused calls of services are mostly probes, and
//! the role of a service cannot be changed.

/// The calls with which AWS services deliver, and with which they check the destination before they do.
///
/// Source: CloudWatch Logs User Guide, "Enable logging from AWS services"; AWS CloudTrail, AWS Config, Amazon S3
/// and Amazon SNS guides, resource policies for each service; 2026-11-29.
const CALLS: [(&str, &[&str]); 9] = [
    (
        "s3",
        &[
            "PutObject",
            "CreateMultipartUpload",
            "UploadPart",
            "GetBucketAcl",
            "GetBucketLocation",
            "HeadBucket",
        ],
    ),
    (
        "kms",
        &[
            "GenerateDataKey",
            "GenerateDataKeyWithoutPlaintext",
            "Encrypt",
            "Decrypt",
            "CreateGrant",
        ],
    ),
    ("sns", &["Publish"]),
    ("sqs", &["SendMessage"]),
    ("lambda", &["Invoke", "InvokeFunction"]),
    ("kinesis", &["PutRecord", "PutRecords"]),
    ("firehose", &["PutRecord", "PutRecordBatch"]),
    ("logs", &["CreateLogStream", "PutLogEvents"]),
    ("events", &["PutEvents"]),
];

/// Returns `true` if an AWS service makes this call in order to deliver something.
///
/// `is_service_linked`: the caller is a service-linked role. Such a role also reads the settings of everything in
/// the account, so only its writes count; a key that it may not use is in the way of a delivery in both cases.
pub fn is_delivery(service: &str, call: &str, is_service_linked: bool) -> bool {
    let is_listed = CALLS
        .iter()
        .any(|(of, calls)| *of == service && calls.contains(&call));
    let only_checks = matches!(call, "GetBucketAcl" | "GetBucketLocation" | "HeadBucket");
    is_listed && !(is_service_linked && only_checks)
}
