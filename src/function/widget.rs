//! The role that answers the dashboard: shows clusters as HTML, and saves decisions of users.

use aws::bucket::S3Bucket;
use aws::dynamodb::sdk::SdkTable;
use aws::dynamodb::{DynamoStore, TableSettings};
use aws::lambda::Lambda;
use aws::metrics::CloudWatch;
use lambda_runtime::Context;
use serde_json::{Value, json};
use service::config::widget::WidgetSettings;
use service::incidents::shown::shown;
use service::inspect::run::{LISTING_BYTES_MAX, LISTING_KEY};
use service::ports::{Bucket as _, Clock as _};
use service::settings_loader::SettingsLoader;
use service::status::{StatusFacts, collect, functions};
use service::widget::{self, StoreState, WidgetError, WidgetSetting};
use view::listing::{Listing, Show};

use crate::Environment;
use crate::invocation::{self, Function, InvocationError, MachineClock, now};
use crate::log;
use crate::start::StartError;

/// Name of the role that answers the dashboard. The program has this role if the environment variable `_HANDLER` has
/// this value.
pub const ROLE: &str = "widget";

/// State of the role, created once and used for all invocations of this process.
struct Widget {
    /// Settings from the environment alone.
    given: WidgetSettings,
    /// Settings from the environment and the settings object.
    settings: WidgetSettings,
    settings_loader: SettingsLoader,
    store: DynamoStore<SdkTable>,
    bucket: S3Bucket,
    lambda: Lambda,
    monitoring: CloudWatch,
}

/// Runs the role that answers the dashboard: handles invocations until the process ends. `environment` contains all
/// settings.
///
/// # Errors
/// Fails at once if a setting is wrong or the Lambda runtime does not work.
pub async fn run(environment: &Environment) -> Result<(), StartError> {
    let settings = WidgetSettings::parse(environment.iter().cloned())
        .map_err(|complaints| StartError::settings(&complaints))?;
    let config = invocation::start(environment, settings.log_level)?;
    invocation::serve(move || {
        let table = SdkTable::new(&config, &settings.table_name);
        Widget {
            given: settings.clone(),
            settings: settings.clone(),
            settings_loader: SettingsLoader::default(),
            store: DynamoStore::new(table, TableSettings::default(), now()),
            bucket: S3Bucket::new(&config, &settings.bucket_name),
            lambda: Lambda::new(&config),
            monitoring: CloudWatch::new(&config),
        }
    })
    .await
}

impl Widget {
    fn setting(&self, context: &Context) -> WidgetSetting {
        WidgetSetting {
            endpoint: context.invoked_function_arn.clone(),
            links: self.settings.links.clone(),
            account_names: self.settings.account_names.clone(),
            keys: self.settings.keys.clone(),
            locale: self.settings.locale,
            decides: self.settings.decides,
            default_show: Show::Open,
            is_past: false,
            retention_days: Some(self.settings.retention_days),
            as_of: now(),
            now: now(),
        }
    }

    /// Looks up what the health of the stack is judged by.
    async fn health(&self) -> StatusFacts {
        let stack = self.settings.stack.as_deref().unwrap_or_default();
        let of = (stack, env!("CARGO_PKG_VERSION"), now());
        let found = functions(&self.lambda, stack).await;
        collect(of, found, &self.store, &self.bucket, &self.monitoring).await
    }

    /// Reads the list of clusters that the last inspection saved.
    ///
    /// If no list was saved, or another release saved it in another format, an empty list of the last hour is returned.
    async fn listing(&self) -> Result<Listing, WidgetError> {
        let stored = self.bucket.fetch(LISTING_KEY, LISTING_BYTES_MAX).await?;
        let listing = stored.and_then(|bytes| Listing::decode(&bytes));
        Ok(listing.unwrap_or_else(|| Listing::empty(now().window().plus(-1))))
    }
}

impl Function for Widget {
    type Answer = Value;

    /// Answers a request of a dashboard. If the store does not answer, the page and the log contain the error.
    async fn invoke(&mut self, event: &str, context: &Context) -> Result<Value, InvocationError> {
        let request_id = log::short(&context.request_id);
        let began = MachineClock.millis();
        self.store.set_now(now());
        // A page without account names is better than no page.
        match invocation::read_settings(&mut self.settings_loader, &self.bucket).await {
            Ok(read) => {
                if let Some(lists) = read.lists {
                    self.settings = self.given.with(&lists);
                }
            }
            Err(InvocationError { name, message }) => {
                let (error, detail) = (name, message);
                tracing::error!(
                    request_id,
                    error,
                    detail,
                    "the page is shown without the settings object"
                );
            }
        }
        let setting = self.setting(context);
        let state = async |wanted: Option<&str>| {
            let mut state = StoreState::from(self.listing().await?);
            // A page without incidents is better than no page. It says that they are missing.
            let found = shown(&self.store, wanted, now()).await;
            if let Err(error) = &found {
                let detail = invocation::error_text(error);
                tracing::error!(request_id, detail, "the page is shown without incidents");
            }
            state.incidents = found.ok();
            Ok(state)
        };
        let answer = match widget::status::asked(event, &setting) {
            Some(asked) => Ok(widget::status::answer(
                &self.health().await,
                &setting,
                &asked,
            )),
            None => widget::answer(event, &self.store, state, &setting).await,
        };
        let answer = match answer {
            Ok(answer) => answer,
            Err(failure) => {
                let detail = invocation::error_text(&failure);
                tracing::error!(request_id, detail, "the page shows an error");
                widget::error_page(&setting, &failure)
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
