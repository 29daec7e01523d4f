//! A row of the demo's tables: a call whose texts contain placeholders, and the values of the placeholders.
//!
//! All texts of one call get the same values, so that the error message names the resource of the request.

use clusters::class::Class;

use crate::actors::CallingActor;
use crate::event::EventTruth;
use crate::random::Random;
use crate::text::fill;

/// A row of the demo's tables of calls: one API call, successful or failing, and the actors that may make it.
///
/// The message and the parameters may contain placeholders such as `$bucket`; see [`PlaceholderValues`].
#[derive(Debug, Clone, Copy)]
pub struct Call {
    /// The class that the inspector must give to events of this call; `None` for an ordinary call that succeeds.
    pub class: Option<Class>,
    /// How often the call is chosen at random, relative to the other calls of its table: weight 2 is chosen twice as
    /// often as weight 1.
    pub weight: usize,
    /// The called service, such as `s3`: its `eventSource` without the domain.
    pub service: &'static str,
    /// The called API, as in `eventName`.
    pub name: &'static str,
    /// The names of the actors that may make the call.
    pub actors: &'static [&'static str],
    /// The `errorCode`; empty if the record has none.
    pub code: &'static str,
    /// The `errorMessage`, which may contain placeholders; empty if the record has none.
    pub message: &'static str,
    /// The `requestParameters` as JSON text, which may contain placeholders.
    pub params: &'static str,
}

const OBJECT_CALLS: &str = "GetObject PutObject HeadObject DeleteObject ListObjects HeadBucket";
const READS: &str = "Get List Describe Head Lookup Search Batch Decrypt View AssumeRole";

impl Call {
    /// Checks whether the call only reads, judged by the first word of its name, such as `Get` or `List`.
    pub fn reads(&self) -> bool {
        READS.split(' ').any(|verb| self.name.starts_with(verb))
    }

    /// Returns the `eventCategory`: `Data` for calls on objects of S3, `NetworkActivity` for refusals by a VPC
    /// endpoint, else `Management`.
    pub fn category(&self) -> &'static str {
        match self.class {
            Some(Class::Vpce) => "NetworkActivity",
            _ if self.service == "s3" && OBJECT_CALLS.split(' ').any(|name| name == self.name) => {
                "Data"
            }
            _ => "Management",
        }
    }

    /// Returns the `eventType`: `AwsVpceEvent` for refusals by a VPC endpoint, else `AwsApiCall`.
    pub fn kind(&self) -> &'static str {
        if self.class == Some(Class::Vpce) {
            "AwsVpceEvent"
        } else {
            "AwsApiCall"
        }
    }

    /// Returns the expected result for events of this call: success, failure, dry run or sensitive call.
    /// [`Truth`](crate::Truth) counts the events by it.
    pub fn truth_of(&self) -> EventTruth {
        match self.class {
            None => EventTruth::Success,
            Some(Class::Watch) => EventTruth::Watched,
            Some(Class::Dryrun) => EventTruth::DryRun,
            _ => EventTruth::Failing,
        }
    }
}

/// The values that replace placeholders, such as `$bucket`, in the texts of one call.
///
/// Message and parameters get the same values, so that both name the same resource. Retries of the call reuse the
/// values.
pub struct PlaceholderValues<'a> {
    random: &'a mut Random,
    caller: &'a CallingActor,
    region: &'a str,
    filled: Vec<(String, String)>,
}

#[rustfmt::skip] // one line each
const NAMES: &[(&str, &[&str])] = &[
    ("bucket", &["shop-media", "shop-orders-export", "shop-invoices", "shop-data-lake"]),
    ("function", &["image-resizer", "order-mailer", "stock-sync", "price-feed"]),
    ("queue", &["orders", "refunds", "stock-updates"]),
    ("table", &["carts", "sessions", "price-list"]),
    ("secret", &["prod/checkout/psp", "prod/search/api", "prod/mail/smtp"]),
    ("role", &["order-mailer-exec", "stock-sync-exec", "etl-runner"]),
    ("user", &["lena.varga", "noor.haddad", "theo.lindqvist"]),
    ("policy", &["CheckoutAccess", "ExportAccess", "SearchReadOnly"]),
    ("cluster", &["shop-eks", "batch-eks"]),
    ("dashboard", &["Falkensee", "Checkout-Overview", "Warehouse"]),
    ("param", &["/shop/checkout/timeout", "/shop/search/replicas"]),
    ("type", &["m7g.large", "c7i.xlarge", "r7g.2xlarge"]),
];

impl<'a> PlaceholderValues<'a> {
    /// Creates the values for a call that `caller` makes in `region`. Each value is chosen when its placeholder first
    /// occurs in a text.
    pub fn new(random: &'a mut Random, caller: &'a CallingActor, region: &'a str) -> Self {
        Self {
            random,
            caller,
            region,
            filled: Vec::new(),
        }
    }

    /// Returns `template` with each placeholder, such as `$bucket`, replaced by its value. A placeholder has the same
    /// value in all texts.
    pub fn fill(&mut self, template: &str) -> String {
        fill(template, |name| self.value(name))
    }

    fn value(&mut self, name: &str) -> String {
        if let Some((_, value)) = self.filled.iter().find(|(known, _)| known == name) {
            return value.clone();
        }
        let value = self.draw(name);
        self.filled.push((name.to_owned(), value.clone()));
        value
    }

    fn draw(&mut self, name: &str) -> String {
        if let Some((_, names)) = NAMES.iter().find(|(known, _)| *known == name) {
            return (*self.random.pick(names)).to_owned();
        }
        let account = self.caller.account;
        match name {
            "arn" => self.caller.arn.clone(),
            "me" => self.caller.name.to_owned(),
            "account" => account.id.to_owned(),
            "partition" => account.partition.to_owned(),
            "region" => self.region.to_owned(),
            "key" => format!("orders/2026/11/part-{:04}.csv", self.random.below(10_000)),
            "number" => (2 + self.random.below(900)).to_string(),
            "uuid" => self.random.uuid(),
            // Long ones exceed the limit of 1 KB and are cut, short ones stay whole.
            "encoded" => {
                let length = 420 + self.random.below(900);
                self.random.base64_url(length)
            }
            kind => format!("{kind}-0{}", self.random.hex(16)),
        }
    }
}
