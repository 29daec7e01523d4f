//! Lists the trail files below a path in S3, and reads them in pieces.
//!
//! A list asks for as few pages as possible: [`Place`] decides which folders are listed, and a list of dates begins at the first day. A
//! body that breaks off continues where it ended. The SDK repeats each request by itself.

use std::sync::Arc;

use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::Object;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use records::redact::sanitize;

use crate::trail_url::{Days, Place, TrailUrl, is_digest, is_read, matches};
use crate::{bucket, refusal};

/// How many folders are listed at the same time.
const LISTS_MAX: usize = 16;

/// How often a body that breaks off is continued, in the whole object.
const RESUMPTIONS_MAX: u32 = 4;

/// The longest part of a key or an error that is repeated, in characters.
const DETAIL_CHARS_MAX: usize = 256;

/// A bucket with trail files, for reading.
#[derive(Debug)]
pub struct TrailBucket {
    client: Client,
    name: String,
    region: String,
}

/// An object that was found in a list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    /// The key of the object.
    pub key: String,
    /// The size of the object in bytes.
    pub bytes: u64,
}

/// The content of an object, read in pieces.
#[derive(Debug)]
pub struct Body {
    bucket: Arc<TrailBucket>,
    key: String,
    stream: ByteStream,
    /// The version of the content: a continuation must not be of another one.
    tag: Option<String>,
    /// The number of bytes read.
    offset: u64,
    resumptions: u32,
}

/// Why S3 does not list or give objects. The text says what to do next.
#[derive(Debug, thiserror::Error)]
pub enum TrailObjectError {
    /// The bucket does not exist.
    #[error(
        "there is no bucket {bucket}; check the name, or list the buckets of the profile with: aws s3 ls"
    )]
    NoBucket {
        /// The name of the bucket.
        bucket: String,
    },
    /// The bucket is in another region.
    #[error("bucket {bucket} is in region {there}, not in {here}; give --region {there}")]
    OtherRegion {
        /// The name of the bucket.
        bucket: String,
        /// The region of the bucket.
        there: String,
        /// The region that was asked.
        here: String,
    },
    /// The caller may not do this.
    #[error("access denied; the caller needs {action} ({detail})")]
    Denied {
        /// The permission that is missing, with its resource.
        action: String,
        /// What S3 says.
        detail: String,
    },
    /// The object does not exist.
    #[error("there is no such object; list what there is with: aws s3 ls s3://{bucket}/")]
    NoObject {
        /// The name of the bucket.
        bucket: String,
    },
    /// Another error.
    #[error("{detail}")]
    Failed {
        /// What S3 says, or why it cannot be reached.
        detail: String,
    },
}

/// A step of a search for objects.
#[derive(Debug, Clone)]
enum Step {
    /// Look for what the parts of the pattern from `next` on match, below `prefix`.
    Pattern { prefix: String, next: usize },
    /// Look for the folders of CloudTrail below `prefix`.
    Folder(String),
    /// List all objects below `prefix`.
    Objects(String),
}

/// Folders and objects of one level, as S3 lists them with a delimiter.
#[derive(Debug, Default)]
struct Level {
    folders: Vec<String>,
    objects: Vec<Found>,
}

/// What a search for objects goes by.
struct Search<'a> {
    bucket: &'a TrailBucket,
    url: &'a TrailUrl,
    days: &'a Days,
    /// Is called with the number of objects of each page.
    progress: &'a dyn Fn(u64),
}

impl TrailBucket {
    /// Creates a client for the bucket `name`, with the region and the credentials of `config`. Nothing connects before
    /// the first call.
    pub fn new(config: &SdkConfig, name: &str) -> Self {
        Self {
            client: bucket::client(config),
            name: name.to_owned(),
            region: config.region().map(ToString::to_string).unwrap_or_default(),
        }
    }

    /// Returns the objects below the path of `url` that can hold events of `days`, sorted by key. Digests are left out.
    ///
    /// `progress` is called with the number of objects of each page that S3 listed.
    ///
    /// # Errors
    /// [`TrailObjectError`] if a folder cannot be listed.
    pub async fn list(
        &self,
        url: &TrailUrl,
        days: &Days,
        progress: &dyn Fn(u64),
    ) -> Result<Vec<Found>, TrailObjectError> {
        let search = Search {
            bucket: self,
            url,
            days,
            progress,
        };
        let mut found = Vec::new();
        let mut steps = vec![Step::Pattern {
            prefix: String::new(),
            next: 0,
        }];
        while !steps.is_empty() {
            let steps_now = std::mem::take(&mut steps).into_iter();
            let done = stream::iter(steps_now.map(|step| search.take(step)));
            let done: Vec<_> = done.buffered(LISTS_MAX).try_collect().await?;
            for (next, objects) in done {
                steps.extend(next);
                found.extend(objects);
            }
        }
        found.retain(|object| !is_digest(&object.key) && days.include_object(&object.key));
        found.sort();
        Ok(found)
    }

    /// Opens an object.
    ///
    /// # Errors
    /// [`TrailObjectError`] if S3 does not give it.
    pub async fn open(self: &Arc<Self>, key: &str) -> Result<Body, TrailObjectError> {
        let answer = self.get(key, None, 0).await?;
        Ok(Body {
            bucket: Arc::clone(self),
            key: key.to_owned(),
            tag: answer.e_tag().map(str::to_owned),
            stream: answer.body,
            offset: 0,
            resumptions: 0,
        })
    }

    async fn get(
        &self,
        key: &str,
        tag: Option<String>,
        offset: u64,
    ) -> Result<GetObjectOutput, TrailObjectError> {
        let request = self.client.get_object().bucket(&self.name).key(key);
        let range = (offset > 0).then(|| format!("bytes={offset}-"));
        let request = request.set_range(range).set_if_match(tag);
        let answer = request.send().await;
        answer.map_err(|error| self.error(&error, "s3:GetObject", "/*"))
    }

    /// Converts an error of S3. `action` is the permission that the call needs, on the ARN of the bucket and `below`.
    fn error<E>(
        &self,
        error: &SdkError<E, HttpResponse>,
        action: &str,
        below: &str,
    ) -> TrailObjectError
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
    {
        let bucket = sanitize(&self.name, DETAIL_CHARS_MAX);
        let detail = refusal::describe(error);
        let status = error.raw_response().map(|answer| answer.status().as_u16());
        if let Some(there) = other_region(error, &self.region) {
            let here = self.region.clone();
            return TrailObjectError::OtherRegion {
                bucket,
                there,
                here,
            };
        }
        match (error.code(), status) {
            (Some("NoSuchBucket"), _) => TrailObjectError::NoBucket { bucket },
            (Some("NoSuchKey"), _) => TrailObjectError::NoObject { bucket },
            (Some("AccessDenied"), _) | (None, Some(403)) => {
                let is_key = detail.to_ascii_lowercase().contains("kms:");
                let action = match is_key {
                    true => "kms:Decrypt on the key that encrypts the objects".to_owned(),
                    false => format!(
                        "{action} on arn:{}:s3:::{bucket}{below}",
                        partition(&self.region)
                    ),
                };
                TrailObjectError::Denied { action, detail }
            }
            _ => TrailObjectError::Failed { detail },
        }
    }
}

/// Returns the region of the bucket if S3 says that it is not `here`.
fn other_region<E>(error: &SdkError<E, HttpResponse>, here: &str) -> Option<String>
where
    E: ProvideErrorMetadata,
{
    let answer = error.raw_response()?;
    let header = answer
        .headers()
        .get("x-amz-bucket-region")
        .map(str::to_owned);
    // `The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'eu-west-1'`.
    let named = || {
        let (_, rest) = error.meta().message()?.split_once("expecting '")?;
        Some(rest.split_once('\'')?.0.to_owned())
    };
    let there = header.or_else(named).filter(|there| there != here)?;
    Some(sanitize(&there, 64))
}

/// Returns the partition of a region, as it stands in ARNs.
fn partition(region: &str) -> &'static str {
    match region {
        region if region.starts_with("cn-") => "aws-cn",
        region if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

impl Search<'_> {
    /// Does one step. Returns the further steps, and the objects found.
    async fn take(&self, step: Step) -> Result<(Vec<Step>, Vec<Found>), TrailObjectError> {
        match step {
            Step::Pattern { prefix, next } => self.pattern(prefix, next).await,
            Step::Folder(prefix) => self.folder(prefix).await,
            Step::Objects(prefix) => Ok((Vec::new(), self.objects(&prefix).await?)),
        }
    }

    /// Follows the pattern of the address up to its next part with a star.
    async fn pattern(
        &self,
        mut prefix: String,
        mut next: usize,
    ) -> Result<(Vec<Step>, Vec<Found>), TrailObjectError> {
        let parts = self.url.parts();
        while let Some(part) = parts.get(next).filter(|part| !part.contains('*')) {
            prefix.push_str(part);
            prefix.push('/');
            next += 1;
        }
        let Some(part) = parts.get(next) else {
            return Ok((vec![Step::Folder(prefix)], Vec::new()));
        };
        let stem = part.split('*').next().unwrap_or_default();
        let level = self.level(&format!("{prefix}{stem}")).await?;
        let is_match = |path: &str| matches(part, path[prefix.len()..].trim_end_matches('/'));
        let folders = level.folders.into_iter().filter(|folder| is_match(folder));
        let steps = folders.map(|prefix| Step::Pattern {
            prefix,
            next: next + 1,
        });
        let objects = level.objects.into_iter();
        let objects = objects.filter(|object| next + 1 == parts.len() && is_match(&object.key));
        Ok((steps.collect(), objects.collect()))
    }

    /// Looks for the folders of CloudTrail below a folder.
    async fn folder(&self, prefix: String) -> Result<(Vec<Step>, Vec<Found>), TrailObjectError> {
        let place = Place::of(&prefix);
        let is_whole = match place {
            Place::Dates { .. } => true,
            Place::Regions => self.days.are_all(),
            _ => false,
        };
        if is_whole {
            return Ok((Vec::new(), self.objects(&prefix).await?));
        }
        let level = self.level(&prefix).await?;
        let is_known = |folder: &String| Place::of(folder) != Place::Other;
        if place == Place::Other && !level.folders.is_empty() && !level.folders.iter().any(is_known)
        {
            // Nothing below is in CloudTrail's form: one list of everything needs the fewest requests.
            return Ok((vec![Step::Objects(prefix)], Vec::new()));
        }
        let name = |folder: &str| folder[prefix.len()..].trim_end_matches('/').to_owned();
        let folders = level.folders.into_iter();
        let steps: Vec<Step> = match place {
            Place::Regions | Place::Dates { .. } => folders.map(Step::Objects).collect(),
            Place::Logs => folders
                .filter(|folder| is_read(&name(folder)))
                .map(Step::Folder)
                .collect(),
            Place::Accounts | Place::Other => folders.map(step_of).collect(),
        };
        Ok((steps, level.objects))
    }

    /// Lists all objects below a prefix that can be of the days.
    async fn objects(&self, prefix: &str) -> Result<Vec<Found>, TrailObjectError> {
        let dates = match Place::of(prefix) {
            Place::Dates { region_end } => Some(region_end),
            _ => None,
        };
        let mut found = Vec::new();
        if dates.is_some_and(|end| !self.days.include(&prefix[end..])) {
            return Ok(found);
        }
        let request = self.bucket.client.list_objects_v2();
        let request = request.bucket(&self.bucket.name).prefix(prefix);
        let request = request.set_start_after(self.days.start(prefix));
        let mut pages = request.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| self.bucket.error(&error, "s3:ListBucket", ""))?;
            (self.progress)(page.contents().len() as u64);
            for object in page.contents().iter().filter_map(read) {
                if dates.is_some_and(|end| self.days.are_over(&object.key[end..])) {
                    return Ok(found);
                }
                found.push(object);
            }
        }
        Ok(found)
    }

    /// Lists the folders and objects of one level.
    async fn level(&self, prefix: &str) -> Result<Level, TrailObjectError> {
        let request = self.bucket.client.list_objects_v2();
        let request = request.bucket(&self.bucket.name).prefix(prefix);
        let mut pages = request.delimiter("/").into_paginator().send();
        let mut level = Level::default();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| self.bucket.error(&error, "s3:ListBucket", ""))?;
            (self.progress)(page.contents().len() as u64);
            let folders = page.common_prefixes().iter();
            level
                .folders
                .extend(folders.filter_map(|folder| Some(folder.prefix()?.to_owned())));
            level
                .objects
                .extend(page.contents().iter().filter_map(read));
        }
        Ok(level)
    }
}

/// Returns the step for a folder: one in CloudTrail's form is looked into, another one is listed whole.
fn step_of(folder: String) -> Step {
    match Place::of(&folder) {
        Place::Other => Step::Objects(folder),
        _ => Step::Folder(folder),
    }
}

fn read(object: &Object) -> Option<Found> {
    Some(Found {
        key: object.key()?.to_owned(),
        bytes: object.size().and_then(|bytes| bytes.try_into().ok())?,
    })
}

impl Body {
    /// Returns the next piece of the content; `None` at its end.
    ///
    /// # Errors
    /// [`TrailObjectError`] if the content breaks off again and again, or has changed meanwhile.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, TrailObjectError> {
        loop {
            match self.stream.next().await {
                None => return Ok(None),
                Some(Ok(bytes)) => {
                    self.offset += bytes.len() as u64;
                    return Ok(Some(bytes.to_vec()));
                }
                Some(Err(_)) if self.resumptions < RESUMPTIONS_MAX => {
                    self.resumptions += 1;
                    let rest = self.bucket.get(&self.key, self.tag.clone(), self.offset);
                    self.stream = rest.await?.body;
                }
                Some(Err(error)) => {
                    let detail = format!("the object breaks off: {error}; try again");
                    let detail = sanitize(&detail, DETAIL_CHARS_MAX);
                    return Err(TrailObjectError::Failed { detail });
                }
            }
        }
    }
}
