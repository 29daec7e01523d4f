//! The function that answers dashboards: clusters as HTML, and what somebody decides about one.

use aws::bucket::S3Bucket;
use aws::dynamodb::sdk::SdkTable;
use aws::dynamodb::{DynamoStore, TableSettings};
use lambda_runtime::Context;
use serde_json::{Value, json};
use service::config::widget::WidgetSettings;
use service::inspect::run::{LISTING_BYTES_MAX, LISTING_KEY};
use service::ports::{Bucket as _, Clock as _};
use service::settings_loader::SettingsLoader;
use service::widget::{self, Setting, StoreState, WidgetError};
use view::listing::Listing;

use crate::Environment;
use crate::invocation::{self, Function, InvocationError, MachineClock, now};
use crate::log;
use crate::start::StartError;

/// The name of the role.
pub const ROLE: &str = "widget";

/// What is made once and used for one invocation after another.
struct Widget {
    /// As the environment has them.
    given: WidgetSettings,
    /// With what the settings object has beside them.
    settings: WidgetSettings,
    book: SettingsLoader,
    store: DynamoStore<SdkTable>,
    bucket: S3Bucket,
}

/// Answers one invocation after another.
pub async fn run(environment: &Environment) -> Result<(), StartError> {
    let settings = WidgetSettings::parse(environment.iter().cloned())
        .map_err(|complaints| StartError::settings(&complaints))?;
    let config = invocation::start(environment, settings.log_level)?;
    invocation::serve(move || {
        let table = SdkTable::new(&config, &settings.table_name);
        Widget {
            given: settings.clone(),
            settings: settings.clone(),
            book: SettingsLoader::default(),
            store: DynamoStore::new(table, TableSettings::default(), now()),
            bucket: S3Bucket::new(&config, &settings.bucket_name),
        }
    })
    .await
}

impl Widget {
    fn setting(&self, context: &Context) -> Setting {
        Setting {
            endpoint: context.invoked_function_arn.clone(),
            links: self.settings.links.clone(),
            account_names: self.settings.account_names.clone(),
            keys: self.settings.keys.clone(),
            decides: self.settings.decides,
            as_of: now(),
            now: now(),
        }
    }

    /// Reads what the inspection has left; before it has run, and where what it left is of another
    /// release, only the hours since are listed.
    async fn listing(&self) -> Result<Listing, WidgetError> {
        let kept = self.bucket.fetch(LISTING_KEY, LISTING_BYTES_MAX).await?;
        let listing = kept.and_then(|kept| Listing::decode(&kept));
        Ok(listing.unwrap_or_else(|| Listing::empty(now().window().plus(-1))))
    }
}

impl Function for Widget {
    type Answer = Value;

    /// Answers what somebody looks for. What does not answer is said to them, and in the log.
    async fn invoke(&mut self, event: &str, context: &Context) -> Result<Value, InvocationError> {
        let request_id = log::short(&context.request_id);
        let began = MachineClock.millis();
        self.store.set_now(now());
        // A page without names is better than none.
        match invocation::read_settings(&mut self.book, &self.bucket).await {
            Ok(read) => {
                if let Some(lists) = read.lists {
                    self.settings = self.given.with(&lists);
                }
            }
            Err(InvocationError { name, message }) => {
                let (error, detail) = (name, message);
                tracing::error!(request_id, error, detail, "shown without the settings");
            }
        }
        let setting = self.setting(context);
        let known = async || self.listing().await.map(StoreState::from);
        let answer = match widget::answer(event, &self.store, known, &setting).await {
            Ok(answer) => answer,
            Err(failure) => {
                let detail = invocation::told(&failure);
                tracing::error!(request_id, detail, "not answered");
                widget::sorry(&setting, &failure)
            }
        };
        let milliseconds = MachineClock.millis() - began;
        tracing::info!(request_id, milliseconds, "answered");
        Ok(match answer {
            widget::WidgetResponse::Html(html) => Value::String(html),
            widget::WidgetResponse::Markdown(markdown) => json!({"markdown": markdown}),
        })
    }
}
