//! A row of the demo's tables: a call with blanks in its texts, and the filling of the blanks, so
//! that the name in an error message is the name that was asked for.

use clusters::class::Class;

use crate::actors::Caller;
use crate::event::EventTruth;
use crate::random::Random;
use crate::text::fill;

/// One API call that somebody makes now and then.
///
/// Texts hold blanks: `$bucket` and the like are filled by [`PlaceholderValues`].
#[derive(Debug, Clone, Copy)]
pub struct Call {
    /// What becomes of it; `None` where it succeeds and nobody need look.
    pub class: Option<Class>,
    /// How often it occurs compared with its neighbours.
    pub weight: usize,
    /// The service prefix.
    pub service: &'static str,
    /// The API as the trail names it.
    pub name: &'static str,
    /// Who makes it.
    pub actors: &'static [&'static str],
    /// The error code, or `""`.
    pub code: &'static str,
    /// The error message, or `""`.
    pub message: &'static str,
    /// The request parameters as JSON.
    pub params: &'static str,
}

const OBJECT_CALLS: &str = "GetObject PutObject HeadObject DeleteObject ListObjects HeadBucket";
const READS: &str = "Get List Describe Head Lookup Search Batch Decrypt View AssumeRole";

impl Call {
    /// Returns whether the call only reads, which its name tells.
    pub fn reads(&self) -> bool {
        READS.split(' ').any(|verb| self.name.starts_with(verb))
    }

    /// Returns the event category: calls on objects are data events.
    pub fn category(&self) -> &'static str {
        match self.class {
            Some(Class::Vpce) => "NetworkActivity",
            _ if self.service == "s3" && OBJECT_CALLS.split(' ').any(|name| name == self.name) => {
                "Data"
            }
            _ => "Management",
        }
    }

    /// Returns the event type.
    pub fn kind(&self) -> &'static str {
        if self.class == Some(Class::Vpce) {
            "AwsVpceEvent"
        } else {
            "AwsApiCall"
        }
    }

    /// Returns what the truth says about the call.
    pub fn truth_of(&self) -> EventTruth {
        match self.class {
            None => EventTruth::Plain,
            Some(Class::Watch) => EventTruth::Watched,
            Some(Class::Dryrun) => EventTruth::DryRun,
            _ => EventTruth::Failing,
        }
    }
}

/// The values that one call, or a burst of the same call, puts into the blanks.
pub struct PlaceholderValues<'a> {
    random: &'a mut Random,
    caller: &'a Caller,
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
    /// Starts with every blank open.
    pub fn new(random: &'a mut Random, caller: &'a Caller, region: &'a str) -> Self {
        Self {
            random,
            caller,
            region,
            filled: Vec::new(),
        }
    }

    /// Fills a text's blanks, each name always with the same value.
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
            // Long ones pass the limit of 1 KB and are cut, short ones stay whole.
            "encoded" => {
                let length = 420 + self.random.below(900);
                self.random.base64_url(length)
            }
            kind => format!("{kind}-0{}", self.random.hex(16)),
        }
    }
}
