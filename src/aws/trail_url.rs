//! The address of trail files in S3, `s3://bucket/path`, and which folders below it can hold events of a time range.
//!
//! CloudTrail writes to `AWSLogs/[organization/]account/CloudTrail/region/year/month/day/`. Where a path has this form, folders
//! that cannot match need not be listed: digests, other services, and days outside the range.

use records::principal::is_account_id;
use records::time::Timestamp;

/// A bucket and a path in it. A `*` in the path stands for any text without `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrailUrl {
    /// The name of the bucket.
    pub bucket: String,
    /// The parts of the path between its slashes, without empty ones.
    parts: Vec<String>,
}

/// The days whose folders can hold events of a time range, such as `2026/11/02`; both are included. `None` is no limit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Days {
    first: Option<String>,
    last: Option<String>,
}

/// The place of a folder in CloudTrail's form of paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// `AWSLogs/`, or the folder of an organization below it: has the folders of accounts.
    Accounts,
    /// The folder of an account: has a folder for each kind of log.
    Logs,
    /// A folder of CloudTrail, such as `CloudTrail/`: has the folders of regions.
    Regions,
    /// The folder of a region, or a folder below it.
    Dates {
        /// The length of the path up to the folder of the region, with its slash.
        region_end: usize,
    },
    /// Another folder.
    Other,
}

/// The folder of digests, beside `CloudTrail/`. Digests have hashes of trail files, and no events.
const DIGEST: &str = "CloudTrail-Digest";

/// The number of seconds of a day. Files are delivered after their events, so a day before and after the range is listed, too.
const DAY_SECONDS: i64 = 86_400;

impl TrailUrl {
    /// Parses `s3://bucket/path`; `None` for another text, or without a bucket.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("s3://")?;
        let (bucket, path) = rest.split_once('/').unwrap_or((rest, ""));
        let parts = path.split('/').filter(|part| !part.is_empty());
        (!bucket.is_empty()).then(|| Self {
            bucket: bucket.to_owned(),
            parts: parts.map(str::to_owned).collect(),
        })
    }

    /// Returns the parts of the path.
    pub fn parts(&self) -> &[String] {
        &self.parts
    }

    /// Returns the key of the object if the path names one object: if its last part is the name of a file by `is_file`, and
    /// it has no `*`.
    pub fn object(&self, is_file: fn(&str) -> bool) -> Option<String> {
        let is_exact = self.parts.iter().all(|part| !part.contains('*'));
        let is_file = self.parts.last().is_some_and(|part| is_file(part));
        (is_exact && is_file).then(|| self.parts.join("/"))
    }
}

impl Days {
    /// Returns the days for events since `since` and before `until`, with a day more at each end.
    pub fn of(since: Option<Timestamp>, until: Option<Timestamp>) -> Self {
        let day = |at: Timestamp| at.to_string()[..10].replace('-', "/");
        Self {
            first: since.map(|at| day(at.plus(-DAY_SECONDS))),
            last: until.map(|at| day(at.plus(DAY_SECONDS))),
        }
    }

    /// Checks whether all days are included.
    pub fn are_all(&self) -> bool {
        *self == Self::default()
    }

    /// Checks whether a path below the folder of a region, such as `2026/11/` or `2026/11/02/x.json.gz`, can be in these days.
    pub fn include(&self, path: &str) -> bool {
        let first = self.first.as_ref();
        let is_before = first.is_some_and(|day| is_less(path, day));
        !is_before && !self.are_over(path)
    }

    /// Checks whether an object can have events of these days; `true` if its key is not in CloudTrail's form.
    pub fn include_object(&self, key: &str) -> bool {
        let folder = key.rsplit_once('/').map_or("", |(folder, _)| folder);
        match Place::of(folder) {
            Place::Dates { region_end } => self.include(key.get(region_end..).unwrap_or_default()),
            _ => true,
        }
    }

    /// Checks whether a path below the folder of a region comes after these days, so that all later paths do.
    pub fn are_over(&self, path: &str) -> bool {
        self.last.as_ref().is_some_and(|day| is_less(day, path))
    }

    /// Returns the key after which a list of the folder `prefix` begins, so that it has no day before the first. `None` if it
    /// begins at its start.
    pub fn start(&self, prefix: &str) -> Option<String> {
        let Place::Dates { region_end } = Place::of(prefix) else {
            return None;
        };
        let first = self.first.as_ref()?;
        let start = format!("{}{first}", &prefix[..region_end]);
        (start.as_str() > prefix).then_some(start)
    }
}

impl Place {
    /// Returns the place of a folder. `prefix` is its path, empty or with a slash at its end.
    pub fn of(prefix: &str) -> Self {
        let parts: Vec<&str> = prefix.split_terminator('/').collect();
        let Some(root) = parts.iter().rposition(|part| *part == "AWSLogs") else {
            return Self::Other;
        };
        let mut rest = &parts[root + 1..];
        if rest.first().is_some_and(|part| part.starts_with("o-")) {
            rest = &rest[1..];
        }
        match rest {
            [] => Self::Accounts,
            [account, ..] if !is_account_id(account) => Self::Other,
            [_] => Self::Logs,
            [_, log] if is_read(log) => Self::Regions,
            [_, log, ..] if is_read(log) => Self::Dates {
                region_end: end_of(prefix, parts.len() - rest.len() + 3),
            },
            _ => Self::Other,
        }
    }
}

/// Checks whether a path or day comes before another one, by as much as both have of year, month and day.
fn is_less(one: &str, other: &str) -> bool {
    let both = one.bytes().zip(other.bytes());
    both.clone()
        .map(|(byte, _)| byte)
        .lt(both.map(|(_, byte)| byte))
}

/// Returns the length of the first `count` parts of a path, with their slashes.
fn end_of(path: &str, count: usize) -> usize {
    let mut slashes = path.match_indices('/');
    slashes.nth(count - 1).map_or(path.len(), |(at, _)| at + 1)
}

/// Checks whether the folder of a log, such as `CloudTrail`, has events of CloudTrail.
pub fn is_read(log: &str) -> bool {
    log.starts_with("CloudTrail") && log != DIGEST
}

/// Checks whether a key is in a folder of digests.
pub fn is_digest(key: &str) -> bool {
    key.split('/').any(|part| part == DIGEST)
}

/// Checks whether a name matches a pattern in which each `*` stands for any text.
pub fn matches(pattern: &str, name: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(name) = name.strip_prefix(head) else {
        return false;
    };
    let ends = name.char_indices().map(|(at, _)| at).chain([name.len()]);
    ends.into_iter().any(|at| matches(rest, &name[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Option<Timestamp> {
        Some(Timestamp::parse(text).unwrap())
    }

    #[test]
    fn an_address_has_a_bucket_and_a_path() {
        for (text, bucket, path, object) in [
            ("s3://b", "b", "", None),
            ("s3://b/", "b", "", None),
            ("s3://b/p//q/", "b", "p/q", None),
            (
                "s3://b/p/x.json.gz",
                "b",
                "p/x.json.gz",
                Some("p/x.json.gz"),
            ),
            ("s3://b/p/*.json.gz", "b", "p/*.json.gz", None),
            ("s3://b/p/x.csv", "b", "p/x.csv", None),
        ] {
            let url = TrailUrl::parse(text).unwrap();
            assert_eq!(
                (url.bucket.as_str(), url.parts.join("/").as_str()),
                (bucket, path)
            );
            assert_eq!(
                url.object(|name| name.ends_with(".json.gz")).as_deref(),
                object,
                "{text}"
            );
        }
        for text in ["s3://", "s3:///p", "b/p", "https://b/p"] {
            assert_eq!(TrailUrl::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_folder_has_a_place_in_the_form_of_cloudtrail() {
        let region = "x/AWSLogs/o-ab12/111122223333/CloudTrail/eu-central-1/";
        let dates = Place::Dates {
            region_end: region.len(),
        };
        for (prefix, place) in [
            ("", Place::Other),
            ("x/", Place::Other),
            ("AWSLogs/", Place::Accounts),
            ("x/AWSLogs/o-ab12/", Place::Accounts),
            ("AWSLogs/111122223333/", Place::Logs),
            ("AWSLogs/111122223333/CloudTrail/", Place::Regions),
            ("AWSLogs/111122223333/CloudTrail-Insight/", Place::Regions),
            ("AWSLogs/111122223333/CloudTrail-Digest/", Place::Other),
            ("AWSLogs/111122223333/vpcflowlogs/", Place::Other),
            ("AWSLogs/other/", Place::Other),
            (region, dates),
            (&format!("{region}2026/11/"), dates),
        ] {
            assert_eq!(Place::of(prefix), place, "{prefix}");
        }
    }

    #[test]
    fn days_have_a_day_more_at_each_end() {
        let days = Days::of(at("2026-11-02T10:00:00Z"), at("2026-11-03T00:00:00Z"));
        for (path, included) in [
            ("", true),
            ("2025/", false),
            ("2026/", true),
            ("2026/10/", false),
            ("2026/10/31/a.json.gz", false),
            ("2026/11/", true),
            ("2026/11/01/a.json.gz", true),
            ("2026/11/04/a.json.gz", true),
            ("2026/11/05/a.json.gz", false),
            ("2027/", false),
        ] {
            assert_eq!(days.include(path), included, "{path}");
        }
        assert!(days.are_over("2026/11/05/") && !days.are_over("2026/11/04/z"));
        let region = "AWSLogs/111122223333/CloudTrail/eu-central-1/";
        let start = format!("{region}2026/11/01");
        assert_eq!(days.start(region).as_deref(), Some(start.as_str()));
        assert_eq!(days.start(&format!("{region}2026/11/03/")), None);
        assert_eq!(days.start("x/"), None);
        assert!(Days::of(None, None).are_all());
    }

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, name, matching) in [
            ("eu-*", "eu-central-1", true),
            ("eu-*", "us-east-1", false),
            ("*", "", true),
            ("*-1", "eu-west-1", true),
            ("*-1", "eu-west-2", false),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "aXc", false),
            ("ab", "ab", true),
        ] {
            assert_eq!(matches(pattern, name), matching, "{pattern} {name}");
        }
    }
}
