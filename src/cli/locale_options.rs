//! The options `--language` and `--time-zone` for texts that people read.

use alerts::locale::{Language, Locale, Zone};
use clap::{Args, ValueEnum};

/// The language and the time zone of texts.
#[derive(Debug, Clone, Copy, Args)]
pub struct LocaleOptions {
    /// Language of the report or of alerts
    #[arg(long, value_enum, default_value = "en")]
    language: LanguageOption,
    /// Time zone of the times in it, such as +08:00
    #[arg(long, value_name = "OFFSET", default_value = "UTC", value_parser = zone, allow_hyphen_values = true)]
    time_zone: Zone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LanguageOption {
    En,
    Zh,
}

impl LocaleOptions {
    /// Returns the language and the time zone that the options name.
    pub fn locale(self) -> Locale {
        Locale {
            language: match self.language {
                LanguageOption::En => Language::En,
                LanguageOption::Zh => Language::Zh,
            },
            zone: self.time_zone,
        }
    }
}

fn zone(text: &str) -> Result<Zone, String> {
    let wrong = || "give UTC or an offset from it, such as +08:00".to_owned();
    Zone::parse(text).ok_or_else(wrong)
}
