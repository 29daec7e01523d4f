//! The stack's S3 bucket.
//!
//! The bucket holds records that could not be read, the input of failed invocations (written by AWS Lambda), and the
//! rules file.

use std::cell::OnceCell;
use std::error::Error;

use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::get_object::builders::GetObjectFluentBuilder;
use aws_sdk_s3::operation::get_object::{GetObjectError, GetObjectOutput};
use aws_sdk_s3::types::Object;
use records::redact::sanitize;
use records::time::Timestamp;
use service::ports::{Bucket, BucketError, Fetched, ListedObject, ObjectVersion, Versions};

use crate::refusal;

/// How many objects S3 lists in one call. Source: Amazon S3 API Reference, `ListObjectsV2`.
const PAGE_MAX: usize = 1000;

/// The longest part of an S3 error message that is repeated, in characters.
const DETAIL_CHARS_MAX: usize = 256;

/// A client that reads, writes, lists and deletes the objects of one S3 bucket.
///
/// The SDK client is created at the first call, because creating it loads all certificates of the system, and most
/// invocations never use the bucket.
#[derive(Debug)]
pub struct S3Bucket {
    config: SdkConfig,
    client: OnceCell<Client>,
    name: String,
}

impl S3Bucket {
    /// Creates the client for the bucket `name`, with the region and the credentials of `config`. Nothing connects
    /// before the first call.
    pub fn new(config: &SdkConfig, name: &str) -> Self {
        Self {
            config: config.clone(),
            client: OnceCell::new(),
            name: name.to_owned(),
        }
    }

    fn client(&self) -> &Client {
        self.client.get_or_init(|| client(&self.config))
    }
}

/// Creates an SDK client for S3. With a custom endpoint, such as an emulator, the bucket name is put into the path of
/// the URL instead of the host name.
pub(crate) fn client(config: &SdkConfig) -> Client {
    // A custom endpoint, such as an emulator, has no host name for each bucket.
    let config = aws_sdk_s3::config::Builder::from(config)
        .force_path_style(config.endpoint_url().is_some())
        .build();
    Client::from_conf(config)
}

impl Bucket for S3Bucket {
    async fn keep(&self, key: &str, object: Vec<u8>) -> Result<(), BucketError> {
        let request = self.client().put_object().bucket(&self.name).key(key);
        let request = request.content_type("application/json").body(object.into());
        let put = request.send().await;
        put.map_err(|error| unavailable(&error))?;
        Ok(())
    }

    async fn fetch(&self, key: &str, bytes_max: usize) -> Result<Option<Vec<u8>>, BucketError> {
        let request = self.client().get_object().bucket(&self.name).key(key);
        fetch_object(request, key, bytes_max).await
    }

    async fn fetch_changed(
        &self,
        key: &str,
        tag: Option<&str>,
        bytes_max: usize,
    ) -> Result<Fetched, BucketError> {
        let request = self.client().get_object().bucket(&self.name).key(key);
        let request = request.set_if_none_match(tag.map(str::to_owned));
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) if is_missing(&error) => return Ok(Fetched::Missing),
            Err(error) if has_status(&error, NOT_MODIFIED) => return Ok(Fetched::Unchanged),
            Err(error) => return Err(unavailable(&error)),
        };
        let tag = answer.e_tag().unwrap_or_default().to_owned();
        let bytes = read_body(answer, key, bytes_max).await?;
        Ok(Fetched::Object { bytes, tag })
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        objects_max: usize,
    ) -> Result<Vec<ListedObject>, BucketError> {
        let mut listed = Vec::new();
        let mut after = after.map(str::to_owned);
        while listed.len() < objects_max {
            let wanted = (objects_max - listed.len()).min(PAGE_MAX);
            let request = self.client().list_objects_v2().bucket(&self.name);
            let request = request.prefix(prefix).set_start_after(after.take());
            let answer = request.max_keys(wanted as i32).send().await;
            let answer = answer.map_err(|error| unavailable(&error))?;
            let page = answer.contents().iter().filter_map(read);
            listed.extend(page);
            after = listed.last().map(|last: &ListedObject| last.key.clone());
            if answer.is_truncated() != Some(true) || after.is_none() {
                break;
            }
        }
        Ok(listed)
    }

    async fn remove(&self, key: &str) -> Result<(), BucketError> {
        let request = self.client().delete_object().bucket(&self.name).key(key);
        let removed = request.send().await;
        removed.map_err(|error| unavailable(&error))?;
        Ok(())
    }
}

impl Versions for S3Bucket {
    async fn versions(
        &self,
        key: &str,
        versions_max: usize,
    ) -> Result<Vec<ObjectVersion>, BucketError> {
        let request = self.client().list_object_versions().bucket(&self.name);
        let wanted = versions_max.min(PAGE_MAX) as i32;
        let request = request.prefix(key).max_keys(wanted).send();
        let answer = request.await.map_err(|error| unavailable(&error))?;
        let put = answer.versions().iter().filter_map(|version| {
            let id = version.version_id()?.to_owned();
            let at = version.last_modified()?.as_nanos();
            (version.key() == Some(key)).then_some((at, ObjectVersion::Put(id)))
        });
        let removed = answer.delete_markers().iter().filter_map(|marker| {
            let at = marker.last_modified()?.as_nanos();
            (marker.key() == Some(key)).then_some((at, ObjectVersion::Removed))
        });
        // S3 returns versions and delete markers as two lists, each with the newest entry first. Only the times give the order across both lists.
        let mut versions: Vec<_> = put.chain(removed).collect();
        versions.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        Ok(versions.into_iter().map(|(_, version)| version).collect())
    }

    async fn fetch_version(
        &self,
        key: &str,
        id: &str,
        bytes_max: usize,
    ) -> Result<Option<Vec<u8>>, BucketError> {
        let request = self.client().get_object().bucket(&self.name).key(key);
        fetch_object(request.version_id(id), key, bytes_max).await
    }
}

/// Sends the request and reads the whole object; `None` if the object does not exist.
async fn fetch_object(
    request: GetObjectFluentBuilder,
    key: &str,
    bytes_max: usize,
) -> Result<Option<Vec<u8>>, BucketError> {
    match request.send().await {
        Ok(answer) => Ok(Some(read_body(answer, key, bytes_max).await?)),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(unavailable(&error)),
    }
}

/// Reads the body of an object; fails if it is longer than `bytes_max`.
async fn read_body(
    answer: GetObjectOutput,
    key: &str,
    bytes_max: usize,
) -> Result<Vec<u8>, BucketError> {
    let mut body = answer.body;
    let mut object = Vec::new();
    while let Some(bytes) = body.next().await {
        let bytes = bytes.map_err(|error| BucketError::Unavailable {
            detail: sanitize(&error.to_string(), DETAIL_CHARS_MAX),
        })?;
        if object.len() + bytes.len() > bytes_max {
            return Err(BucketError::TooLong {
                key: key.to_owned(),
                limit: bytes_max,
            });
        }
        object.extend_from_slice(&bytes);
    }
    Ok(object)
}

/// HTTP status 304: the object has not changed since the version of the given tag.
const NOT_MODIFIED: u16 = 304;

fn is_missing(error: &SdkError<GetObjectError, HttpResponse>) -> bool {
    let error = error.as_service_error();
    error.is_some_and(GetObjectError::is_no_such_key)
}

fn has_status(error: &SdkError<GetObjectError, HttpResponse>, status: u16) -> bool {
    let answer = error.raw_response();
    answer.is_some_and(|answer| answer.status().as_u16() == status)
}

/// Reads an entry of a list; `None` if the entry has no key or no size.
fn read(object: &Object) -> Option<ListedObject> {
    let modified = object.last_modified();
    Some(ListedObject {
        key: object.key()?.to_owned(),
        bytes: object.size().and_then(|bytes| bytes.try_into().ok())?,
        modified: modified.and_then(|at| Timestamp::from_seconds(at.secs())),
    })
}

/// Converts the error of an S3 call to [`BucketError::Unavailable`]. The detail is the error code and message of S3,
/// or the reason why S3 gave no answer.
pub(crate) fn unavailable<E, R>(error: &SdkError<E, R>) -> BucketError
where
    E: Error + ProvideErrorMetadata + 'static,
    R: std::fmt::Debug,
{
    BucketError::Unavailable {
        detail: refusal::describe(error),
    }
}
