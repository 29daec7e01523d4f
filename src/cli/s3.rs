//! Trail files in S3 as inputs of commands.

use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{anyhow, bail};
use aws::session;
use aws::trail_objects::{Body, TrailBucket};
use aws::trail_url::{Days, TrailUrl};
use records::redact::sanitize;
use tokio::runtime::Runtime;

use crate::aws_options::Remote;
use crate::machine::runtime;
use crate::output;
use crate::skipped::{Promise, Skipped};

/// An object in S3. It is opened only when it is read.
#[derive(Clone)]
pub struct Object {
    bucket: Arc<OpenBucket>,
    key: String,
    bytes: u64,
}

/// A bucket with the runtime that its calls need.
struct OpenBucket {
    name: String,
    bucket: Arc<TrailBucket>,
    runtime: Runtime,
}

/// Reads the content of an object. Each call may wait for the network.
struct ObjectReader {
    opened: Arc<OpenBucket>,
    body: Body,
    piece: io::Cursor<Vec<u8>>,
}

impl fmt::Debug for Object {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name())
    }
}

impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        (&self.bucket.name, &self.key) == (&other.bucket.name, &other.key)
    }
}

impl Eq for Object {}

impl Object {
    /// Returns the address of the object, safe to print.
    pub fn name(&self) -> String {
        sanitize(&format!("s3://{}/{}", self.bucket.name, self.key), 1024)
    }

    /// Returns the key of the object.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Returns the size of the object in bytes; 0 if it is not known.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Returns whether the object is skipped if it holds no records, because its name does not promise any.
    pub fn may_be_skipped(&self) -> bool {
        Promise::of(&self.key) == Promise::Maybe
    }

    /// Opens the object. The reader continues a connection that breaks off.
    ///
    /// # Errors
    /// Fails if S3 does not give the object; the text says what to do.
    pub fn open(&self) -> io::Result<Box<dyn Read>> {
        let opened = Arc::clone(&self.bucket);
        let body = opened
            .runtime
            .handle()
            .block_on(opened.bucket.open(&self.key));
        let body = body.map_err(io::Error::other)?;
        Ok(Box::new(ObjectReader {
            opened,
            body,
            piece: io::Cursor::default(),
        }))
    }
}

impl Read for ObjectReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.piece.read(buffer)? {
                0 if !buffer.is_empty() => {}
                count => return Ok(count),
            }
            let next = self.opened.runtime.handle().block_on(self.body.next());
            match next.map_err(io::Error::other)? {
                Some(piece) => self.piece = io::Cursor::new(piece),
                None => return Ok(0),
            }
        }
    }
}

/// Returns the objects below `address`, such as `s3://bucket/path`, that may hold records, sorted by key, and the numbers of
/// the other ones. With a time range, only those that can have events of the range, where the path has CloudTrail's form.
///
/// # Errors
/// Fails without credentials, if the bucket cannot be listed, or if it has no such object there. The text says what to do.
pub fn list(address: &str, remote: Remote<'_>) -> anyhow::Result<(Vec<Object>, Skipped)> {
    let Some(url) = TrailUrl::parse(address) else {
        bail!("the bucket is missing; give s3://BUCKET/PATH");
    };
    let runtime = runtime()?;
    let config = runtime.block_on(session::config(
        &remote.aws.cloned().unwrap_or_default().chosen(),
    ))?;
    let bucket = Arc::new(OpenBucket {
        name: url.bucket.clone(),
        bucket: Arc::new(TrailBucket::new(&config, &url.bucket)),
        runtime,
    });
    let object = |key, bytes| Object {
        bucket: Arc::clone(&bucket),
        key,
        bytes,
    };
    if let Some(key) = url.object(Promise::is_of_file) {
        return Ok((vec![object(key, 0)], Skipped::default()));
    }
    let days = Days::of(remote.since, remote.until);
    let bar = output::progress(0, "{spinner} listing  {pos} objects  {wide_msg}");
    bar.set_message(sanitize(address, 512));
    let listed = AtomicU64::new(0);
    let progress = |objects| {
        bar.set_position(listed.fetch_add(objects, Ordering::Relaxed) + objects);
    };
    let found = bucket.bucket.list(&url, &days, &progress);
    let found = bucket.runtime.block_on(found);
    bar.finish_and_clear();
    let found = found?;
    let (mut objects, mut skipped) = (Vec::new(), Skipped::default());
    for found in found {
        match Promise::of(&found.key) {
            Promise::Nothing => skipped.add(&found.key),
            Promise::Trail | Promise::Maybe => objects.push(object(found.key, found.bytes)),
        }
    }
    match objects.is_empty() {
        true => Err(nothing(&url, &skipped, days.are_all())),
        false => Ok((objects, skipped)),
    }
}

/// Returns the error that no object may hold records. `skipped` has the numbers of the other objects.
fn nothing(url: &TrailUrl, skipped: &Skipped, are_all_days: bool) -> anyhow::Error {
    let folder = url.parts().iter().take_while(|part| !part.contains('*'));
    let folder: String = folder.map(|part| format!("{part}/")).collect();
    let look = sanitize(&format!("aws s3 ls s3://{}/{folder}", url.bucket), 512);
    match (skipped.sentence(), are_all_days) {
        (None, true) => anyhow!("no trail files there; check the path, for example with: {look}"),
        (None, false) => anyhow!(
            "no trail files there in this time range; check it and the path, for example with: {look}"
        ),
        (Some(skipped), _) => anyhow!("no trail files there; {skipped}"),
    }
}
