//! The stack's bucket in S3: what could not be read is kept there, and the rules come from there.

use std::cell::OnceCell;
use std::error::Error;

use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::get_object::GetObjectError;

use crate::aws::refusal;
use crate::ports::{Bucket, BucketError};
use crate::trail::redact::sanitize;

/// The longest object that is fetched; a rules file of so many bytes has ten thousand rules.
const FETCHED_BYTES_MAX: usize = 1024 * 1024;

/// How much of what S3 says is repeated.
const DETAIL_CHARS_MAX: usize = 256;

/// A bucket in S3. Most invocations need none, so nothing of it is made before it is used: a client
/// reads all certificates of the system.
#[derive(Debug)]
pub struct S3Bucket {
    config: SdkConfig,
    client: OnceCell<Client>,
    name: String,
}

impl S3Bucket {
    /// Returns the bucket of a name.
    pub fn new(config: &SdkConfig, name: &str) -> Self {
        Self {
            config: config.clone(),
            client: OnceCell::new(),
            name: name.to_owned(),
        }
    }

    fn client(&self) -> &Client {
        self.client.get_or_init(|| {
            // An endpoint of one's own has no name for each bucket.
            let config = aws_sdk_s3::config::Builder::from(&self.config)
                .force_path_style(self.config.endpoint_url().is_some())
                .build();
            Client::from_conf(config)
        })
    }
}

impl Bucket for S3Bucket {
    async fn keep(&self, key: &str, object: Vec<u8>) -> Result<(), BucketError> {
        let request = self.client().put_object().bucket(&self.name).key(key);
        let request = request.content_type("application/json").body(object.into());
        let put = request.send().await;
        put.map_err(|error| unavailable(&error))?;
        Ok(())
    }

    async fn fetch(&self, key: &str) -> Result<Option<Vec<u8>>, BucketError> {
        let request = self.client().get_object().bucket(&self.name).key(key);
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(GetObjectError::is_no_such_key) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(unavailable(&error)),
        };
        let mut body = answer.body;
        let mut object = Vec::new();
        while let Some(bytes) = body.next().await {
            let bytes = bytes.map_err(|error| BucketError::Unavailable {
                detail: sanitize(&error.to_string(), DETAIL_CHARS_MAX),
            })?;
            if object.len() + bytes.len() > FETCHED_BYTES_MAX {
                return Err(BucketError::TooLong {
                    key: key.to_owned(),
                    limit: FETCHED_BYTES_MAX,
                });
            }
            object.extend_from_slice(&bytes);
        }
        Ok(Some(object))
    }
}

/// Says what went wrong: what S3 answered, or why there is no answer.
fn unavailable<E, R>(error: &SdkError<E, R>) -> BucketError
where
    E: Error + ProvideErrorMetadata + 'static,
    R: std::fmt::Debug,
{
    BucketError::Unavailable {
        detail: refusal::told(error),
    }
}
