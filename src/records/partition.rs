//! Knows the partitions of AWS: the prefix of their regions, and the end of the names of their hosts.
//!
//! A partition has its own accounts: the same account number in two partitions is two accounts. So the partition is part of the
//! identity of a cluster and of the ARN of a root user.

use memchr::memmem;

/// The end of the names of hosts in the partition `aws`.
pub(crate) const AMAZON: &str = ".amazonaws.com";

/// A partition of AWS.
struct Partition {
    /// The name, as ARNs have it.
    name: &'static str,
    /// The beginning of the names of its regions.
    regions: &'static str,
    /// The end of the names of its hosts.
    hosts: &'static str,
}

/// The partitions, except `aws`: all regions that are not here belong to it.
///
/// Source: `partitions.json` of botocore 1.44.8 (`id`, `regionRegex`, `dnsSuffix`), 2026-11-29.
const PARTITIONS: [Partition; 7] = [
    Partition {
        name: "aws-cn",
        regions: "cn-",
        hosts: ".amazonaws.com.cn",
    },
    Partition {
        name: "aws-us-gov",
        regions: "us-gov-",
        hosts: AMAZON,
    },
    Partition {
        name: "aws-eusc",
        regions: "eusc-",
        hosts: ".amazonaws.eu",
    },
    Partition {
        name: "aws-iso",
        regions: "us-iso-",
        hosts: ".c2s.ic.gov",
    },
    Partition {
        name: "aws-iso-b",
        regions: "us-isob-",
        hosts: ".sc2s.sgov.gov",
    },
    Partition {
        name: "aws-iso-e",
        regions: "eu-isoe-",
        hosts: ".cloud.adc-e.uk",
    },
    Partition {
        name: "aws-iso-f",
        regions: "us-isof-",
        hosts: ".csp.hci.ic.gov",
    },
];

/// Returns the AWS partition of a region, such as `aws-cn` for `cn-north-1`; `aws` for an unknown region.
///
/// The names for services without a region are known too, such as `aws-cn-global`.
pub fn of_region(region: &str) -> &'static str {
    let global = region.strip_suffix("-global").unwrap_or_default();
    let found = PARTITIONS
        .iter()
        .find(|of| region.starts_with(of.regions) || global == of.name);
    found.map_or("aws", |of| of.name)
}

/// Returns the end of the names of hosts in a region, such as `.amazonaws.com.cn` for `cn-north-1`; that of the partition `aws` for an
/// unknown region.
pub fn hosts_of_region(region: &str) -> &'static str {
    let found = PARTITIONS.iter().find(|of| region.starts_with(of.regions));
    found.map_or(AMAZON, |of| of.hosts)
}

/// Returns the AWS partition in an ARN, such as `aws-cn`; `aws` if the text contains no known partition.
pub fn of_arn(arn: &str) -> &'static str {
    let named = arn.split(':').nth(1).unwrap_or_default();
    let found = PARTITIONS.iter().find(|of| of.name == named);
    found.map_or("aws", |of| of.name)
}

/// Returns the name of a host without the end that its partition has: `s3` for `s3.amazonaws.com` and for `s3.amazonaws.eu`.
///
/// `None` if the host is not of AWS.
pub(crate) fn without_domain(host: &str) -> Option<&str> {
    // Nearly all hosts end so, and services in other partitions use this end too.
    let usual = host.strip_suffix(AMAZON);
    usual.or_else(|| PARTITIONS.iter().find_map(|of| host.strip_suffix(of.hosts)))
}

/// Checks whether a text contains the end of a host of AWS, in any partition.
pub(crate) fn contains_domain(text: &str) -> bool {
    let contains = |end: &str| memmem::find(text.as_bytes(), end.as_bytes()).is_some();
    contains(AMAZON) || PARTITIONS.iter().any(|of| contains(of.hosts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_partition_is_known_by_its_regions_and_by_its_arns() {
        for (region, name) in [
            ("eu-central-1", "aws"),
            ("us-east-1", "aws"),
            ("aws-global", "aws"),
            ("cn-north-1", "aws-cn"),
            ("aws-cn-global", "aws-cn"),
            ("us-gov-west-1", "aws-us-gov"),
            ("eusc-de-east-1", "aws-eusc"),
            ("us-iso-east-1", "aws-iso"),
            ("us-isob-east-1", "aws-iso-b"),
            ("aws-iso-b-global", "aws-iso-b"),
            ("eu-isoe-west-1", "aws-iso-e"),
            ("us-isof-south-1", "aws-iso-f"),
        ] {
            assert_eq!(of_region(region), name);
            let arn = format!("arn:{name}:iam::111122223333:root");
            assert_eq!(of_arn(&arn), name);
        }
        assert_eq!(of_arn("no:arn"), "aws");
    }

    #[test]
    fn a_service_has_one_name_in_all_partitions() {
        for host in [
            "athena.amazonaws.com",
            "athena.amazonaws.com.cn",
            "athena.amazonaws.eu",
            "athena.c2s.ic.gov",
            "athena.sc2s.sgov.gov",
            "athena.cloud.adc-e.uk",
            "athena.csp.hci.ic.gov",
        ] {
            assert_eq!(without_domain(host), Some("athena"), "{host}");
            assert!(contains_domain(&format!("console.{host}")), "{host}");
        }
        for host in ["athena", "athena.example.eu", "amazonaws.com", "192.0.2.1"] {
            assert_eq!(without_domain(host), None, "{host}");
            assert!(!contains_domain(host), "{host}");
        }
    }
}
