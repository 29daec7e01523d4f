//! An emulator of AWS, if one is running: `make test` starts it and sets `AWS_ENDPOINT_URL`.
//!
//! Each test has its own table and, if needed, its own bucket in the emulator.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use aws::dynamodb::sdk::SdkTable;
use aws::dynamodb::{DynamoStore, TableSettings};
use aws::function::FunctionEnv;
use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use tokio::runtime::Runtime;

use crate::table::now;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
static TABLES: AtomicU32 = AtomicU32::new(0);

const REGION: &str = "us-east-1";

/// Access key ID and secret of the emulated account.
const OWNER: &str = "test";

/// Lets this thread use asynchronous requests, which run on other threads.
pub fn enter() {
    std::mem::forget(RUNTIME.enter());
}

/// Returns the AWS configuration for an address of the emulator.
pub fn config_at(endpoint: &str) -> SdkConfig {
    enter();
    let env = [("AWS_REGION", REGION), ("AWS_ENDPOINT_URL", endpoint)];
    let credentials = Credentials::new(OWNER, OWNER, None, None, "tests");
    let config = FunctionEnv::of(env).config().into_builder();
    let config = config.credentials_provider(SharedCredentialsProvider::new(credentials));
    config.build()
}

/// A table in the emulator, and the name of a bucket.
pub struct Emulator {
    config: SdkConfig,
    table: String,
    bucket: String,
}

impl Emulator {
    /// Returns a new table in the emulator; `None` if no emulator is running.
    pub fn find() -> Option<Self> {
        let Some(endpoint) = std::env::var_os("AWS_ENDPOINT_URL") else {
            eprintln!("skipped: no emulator in AWS_ENDPOINT_URL");
            return None;
        };
        let config = config_at(endpoint.to_str().unwrap());
        let number = TABLES.fetch_add(1, Ordering::Relaxed);
        let process = std::process::id();
        let emulator = Self {
            config,
            table: format!("test{process}x{number}-Table-1"),
            bucket: format!("test{process}x{number}"),
        };
        pollster::block_on(emulator.make());
        Some(emulator)
    }

    /// Returns a store in the table, like that of a further function.
    pub fn store(&self, settings: TableSettings) -> DynamoStore<SdkTable> {
        DynamoStore::new(self.sdk_table(), settings, now())
    }

    /// Returns the name of the table.
    pub fn name(&self) -> &str {
        &self.table
    }

    /// Returns the table as the store uses it.
    pub fn sdk_table(&self) -> SdkTable {
        SdkTable::new(&self.config, &self.table)
    }

    /// Creates the bucket.
    pub fn make_bucket(&self) {
        let make = self.s3().create_bucket().bucket(&self.bucket).send();
        pollster::block_on(make).unwrap();
    }

    /// Returns the objects in the bucket: key and hash of the content.
    pub fn objects(&self) -> Vec<(String, String)> {
        let list = self.s3().list_objects_v2().bucket(&self.bucket).send();
        let listed = pollster::block_on(list).unwrap();
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let objects = listed.contents().iter();
        objects
            .map(|object| (text(object.key()), text(object.e_tag())))
            .collect()
    }

    /// Puts an object into the bucket.
    pub fn put_object(&self, key: &str, object: &[u8]) {
        let put = self.s3().put_object().bucket(&self.bucket).key(key);
        pollster::block_on(put.body(object.to_vec().into()).send()).unwrap();
    }

    /// Returns the AWS configuration of the emulator.
    pub fn config(&self) -> &SdkConfig {
        &self.config
    }

    /// Returns the name of the bucket.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// Returns the environment variables of a function that uses the emulator.
    pub fn environment(&self) -> [(&str, &str); 7] {
        [
            ("AWS_ENDPOINT_URL", self.config.endpoint_url().unwrap()),
            ("AWS_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", OWNER),
            ("AWS_SECRET_ACCESS_KEY", OWNER),
            ("AWS_SESSION_TOKEN", ""),
            ("TABLE_NAME", &self.table),
            ("BUCKET_NAME", &self.bucket),
        ]
    }

    fn s3(&self) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::config::Builder::from(&self.config);
        aws_sdk_s3::Client::from_conf(config.force_path_style(true).build())
    }

    /// Creates the table that template.yaml describes.
    async fn make(&self) {
        let attribute = |name: &str| {
            AttributeDefinition::builder()
                .attribute_name(name)
                .attribute_type(ScalarAttributeType::S)
                .build()
                .unwrap()
        };
        let key = |name: &str, key_type| {
            KeySchemaElement::builder()
                .attribute_name(name)
                .key_type(key_type)
                .build()
                .unwrap()
        };
        let made = Client::new(&self.config)
            .create_table()
            .table_name(&self.table)
            .billing_mode(BillingMode::PayPerRequest)
            .set_attribute_definitions(Some(["pk", "sk"].map(attribute).to_vec()))
            .key_schema(key("pk", KeyType::Hash))
            .key_schema(key("sk", KeyType::Range))
            .send()
            .await;
        // No other test makes a table of this name. On a busy machine the answer may come after the time limit of a
        // request, and then the next attempt finds the table of the first.
        if let Err(error) = made {
            let service = error.into_service_error();
            assert!(service.is_resource_in_use_exception(), "{service:?}");
        }
    }
}
