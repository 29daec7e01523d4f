//! The language and the time zone of a reader: how times, lengths of time and numbers are written, and tables of words in
//! both languages.
//!
//! The time zone is a fixed offset from UTC, as CloudWatch sends it to a widget. A zone with daylight saving time has
//! another offset in summer; texts therefore name the offset.

use std::fmt;

use records::time::{Timestamp, duration_parts};

/// The language of the titles and texts of messages and pages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum Language {
    /// English.
    #[default]
    En,
    /// Chinese, simplified.
    Zh,
}

/// A time zone: a fixed offset from UTC, in minutes, east of Greenwich positive. The default is UTC.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Zone {
    minutes: i16,
}

/// Appends words to a text that is filled in. Where Chinese meets Chinese, a space between is left out: sentences have
/// spaces around their placeholders, whose values are mostly Latin.
pub fn append(text: &mut String, words: &str) {
    let is_chinese = |c: Option<char>| c.is_some_and(|c| c >= '\u{2e80}');
    let before = text.strip_suffix(' ').unwrap_or(text);
    let after = words.strip_prefix(' ').unwrap_or(words);
    let meet = is_chinese(before.chars().next_back()) && is_chinese(after.chars().next());
    if meet {
        text.truncate(before.len());
    }
    text.push_str(if meet { after } else { words });
}

/// The language and the time zone of a reader.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Locale {
    /// The language.
    pub language: Language,
    /// The time zone in which times are shown.
    pub zone: Zone,
}

impl Language {
    /// Both languages.
    pub const ALL: [Self; 2] = [Self::En, Self::Zh];

    /// Returns the language with this [`Self::name`], `en` or `zh`; `None` for any other text.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|of| of.name() == name)
    }

    /// Returns the name of the language in settings: `en` or `zh`.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Returns the name of the language for the attribute `lang` of HTML: `en` or `zh-CN`.
    pub fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Zh => "zh-CN",
        }
    }

    /// Returns one of two texts that say the same.
    pub fn pick<T>(self, english: T, chinese: T) -> T {
        match self {
            Self::En => english,
            Self::Zh => chinese,
        }
    }
}

impl Zone {
    /// The offset of the time zone farthest from UTC, in minutes (`+14:00`).
    const MINUTES_MAX: i64 = 14 * 60;

    /// Returns the zone with this offset from UTC in minutes; `None` if no time zone has it.
    pub fn from_minutes(minutes: i64) -> Option<Self> {
        let is_used = minutes.abs() <= Self::MINUTES_MAX;
        let minutes = i16::try_from(minutes).ok().filter(|_| is_used)?;
        Some(Self { minutes })
    }

    /// Parses an offset: `UTC`, or a sign, two digits of hours and two of minutes, such as `+08:00`. `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "UTC" {
            return Some(Self::default());
        }
        let sign = match text.as_bytes().first()? {
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        let (hours, minutes) = text[1..].split_once(':')?;
        let number = |digits: &str| {
            let is_two = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
            digits.parse::<i64>().ok().filter(|_| is_two)
        };
        let (hours, minutes) = (number(hours)?, number(minutes)?);
        Self::from_minutes(sign * (hours * 60 + minutes)).filter(|_| minutes < 60)
    }

    /// Returns the time of day and the date that a clock of this zone shows, as `2026-11-02T16:03:07`.
    fn local(self, at: Timestamp) -> String {
        let text = at.plus(i64::from(self.minutes) * 60).to_string();
        text.trim_end_matches('Z').to_owned()
    }
}

/// The name of the zone, such as `UTC` or `UTC+08:00`.
impl fmt::Display for Zone {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minutes = self.minutes.unsigned_abs();
        match self.minutes {
            0 => formatter.write_str("UTC"),
            of => {
                let sign = if of < 0 { '-' } else { '+' };
                write!(
                    formatter,
                    "UTC{sign}{:02}:{:02}",
                    minutes / 60,
                    minutes % 60
                )
            }
        }
    }
}

impl From<Language> for Locale {
    fn from(language: Language) -> Self {
        Self {
            language,
            zone: Zone::default(),
        }
    }
}

impl Locale {
    /// Returns the name of the time zone: `UTC`, `UTC+08:00`, and in Chinese `北京时间` for the latter.
    pub fn zone_name(self) -> String {
        match (self.language, self.zone.minutes) {
            (Language::Zh, 480) => "北京时间".to_owned(),
            _ => self.zone.to_string(),
        }
    }

    /// Returns a time to the minute, such as `2026-11-02 08:03`, without the zone.
    pub fn minute(self, at: Timestamp) -> String {
        let text = self.zone.local(at).replace('T', " ");
        text.chars().take(16).collect()
    }

    /// Returns a time to the second, such as `2026-11-02 08:03:07`, without the zone.
    pub fn second(self, at: Timestamp) -> String {
        self.zone.local(at).replace('T', " ")
    }

    /// Returns the date of a time, such as `2026-11-02`.
    pub fn date(self, at: Timestamp) -> String {
        self.zone.local(at).chars().take(10).collect()
    }

    /// Returns the time of day, such as `08:03`.
    pub fn clock(self, at: Timestamp) -> String {
        self.zone.local(at).chars().skip(11).take(5).collect()
    }

    /// Returns a time with its zone, as sentences name it: `2026-11-02T08:03:07Z` in UTC, else `2026-11-02 16:03:07
    /// UTC+08:00`, and in Chinese `2026-11-02 16:03:07（北京时间）`.
    pub fn moment(self, at: Timestamp) -> String {
        match (self.language, self.zone.minutes) {
            (Language::En, 0) => at.to_string(),
            (Language::En, _) => format!("{} {}", self.second(at), self.zone),
            (Language::Zh, _) => format!("{}（{}）", self.second(at), self.zone_name()),
        }
    }

    /// Checks whether times have their usual form in [`Self::stated`], which names UTC: English in UTC.
    pub fn is_plain(self) -> bool {
        self.language == Language::En && self.zone == Zone::default()
    }

    /// Returns a time as a text states it that names its time zone once: `2026-11-02T08:03:07Z` in English and UTC, else
    /// `2026-11-02 16:03:07`.
    pub fn stated(self, at: Timestamp) -> String {
        match self.is_plain() {
            true => at.to_string(),
            false => self.second(at),
        }
    }

    /// Returns a length of time, given in seconds, in at most two units: `1d 3h`, in Chinese `1 天 3 小时`.
    pub fn duration(self, seconds: i64) -> String {
        let parts = duration_parts(seconds).into_iter();
        let parts: Vec<String> = parts
            .map(|(count, unit)| match self.language {
                Language::En => format!("{count}{unit}"),
                Language::Zh => format!("{count} {}", chinese_unit(unit)),
            })
            .collect();
        parts.join(" ")
    }

    /// Returns how long ago something was, in one unit: `now`, `5m ago`, `2h ago`, `3d ago`, `101w ago`, `3y ago`; in Chinese
    /// `刚刚`, `5 分钟前`.
    pub fn ago(self, seconds: i64) -> String {
        let (count, unit) = match seconds {
            ..60 => return self.language.pick("now", "刚刚").to_owned(),
            60..3600 => (seconds / 60, "m"),
            3600..86_400 => (seconds / 3600, "h"),
            86_400..5_184_000 => (seconds / 86_400, "d"),
            5_184_000..63_072_000 => (seconds / 604_800, "w"),
            _ => (seconds / 31_536_000, "y"),
        };
        match self.language {
            Language::En => format!("{count}{unit} ago"),
            Language::Zh => format!("{count} {}前", chinese_unit(unit)),
        }
    }
}

fn chinese_unit(unit: &str) -> &'static str {
    match unit {
        "y" => "年",
        "w" => "周",
        "d" => "天",
        "h" => "小时",
        "m" => "分钟",
        _ => "秒",
    }
}

/// Declares a table of words: a struct with a field for each text, and the texts in English and in Chinese side by side.
///
/// `of` returns the texts of a language; for tests, `all` lists each name with both texts. A text may have placeholders in
/// braces, such as `{count}`.
#[macro_export]
macro_rules! words {
    ($(#[$meta:meta])* $visibility:vis struct $name:ident {
        $($field:ident: $english:literal, $chinese:literal;)*
    }) => {
        $(#[$meta])*
        #[derive(Debug)]
        $visibility struct $name { $(pub $field: &'static str,)* }

        impl $name {
            /// Returns the texts of a language.
            pub fn of(language: $crate::locale::Language) -> &'static Self {
                static ENGLISH: $name = $name { $($field: $english,)* };
                static CHINESE: $name = $name { $($field: $chinese,)* };
                match language {
                    $crate::locale::Language::En => &ENGLISH,
                    $crate::locale::Language::Zh => &CHINESE,
                }
            }

            /// Returns each name with its English and its Chinese text.
            #[cfg(test)]
            pub fn all() -> Vec<(&'static str, &'static str, &'static str)> {
                vec![$((stringify!($field), $english, $chinese),)*]
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn no_space_is_between_chinese_words() {
        for (text, words, wanted) in [
            ("请向 ", "调用者", "请向调用者"),
            ("调用者", " 确认", "调用者确认"),
            ("请向 ", "role/x", "请向 role/x"),
            ("role/x", " 确认", "role/x 确认"),
            ("在 ", "：", "在："),
            ("ask ", "them", "ask them"),
            ("", " 无", " 无"),
        ] {
            let mut filled = text.to_owned();
            append(&mut filled, words);
            assert_eq!(filled, wanted);
        }
    }

    #[test]
    fn a_zone_is_an_offset_and_its_name_can_be_parsed() {
        for (text, minutes, name) in [
            ("UTC", 0, "UTC"),
            ("+00:00", 0, "UTC"),
            ("+08:00", 480, "UTC+08:00"),
            ("-03:30", -210, "UTC-03:30"),
            ("+14:00", 840, "UTC+14:00"),
        ] {
            let zone = Zone::parse(text).unwrap();
            assert_eq!(zone, Zone::from_minutes(minutes).unwrap());
            assert_eq!(zone.to_string(), name);
        }
        for wrong in [
            "",
            "utc",
            "8",
            "+8:00",
            "+08",
            "+08:60",
            "+15:00",
            "08:00",
            "+0８:00",
            "+é",
            "Asia/Shanghai",
        ] {
            assert_eq!(Zone::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn times_are_those_of_the_readers_clock() {
        let beijing = Locale {
            language: Language::Zh,
            zone: Zone::parse("+08:00").unwrap(),
        };
        let newfoundland = Locale {
            language: Language::En,
            zone: Zone::parse("-03:30").unwrap(),
        };
        let english = Locale::default();
        let of = at("2026-11-02T18:03:07Z");
        assert_eq!(english.minute(of), "2026-11-02 18:03");
        assert_eq!(english.moment(of), "2026-11-02T18:03:07Z");
        assert_eq!(beijing.second(of), "2026-11-03 02:03:07");
        assert_eq!(beijing.moment(of), "2026-11-03 02:03:07（北京时间）");
        assert_eq!(beijing.date(of), "2026-11-03");
        assert_eq!(newfoundland.clock(of), "14:33");
        assert_eq!(newfoundland.moment(of), "2026-11-02 14:33:07 UTC-03:30");
        assert_eq!(
            Locale::from(Language::Zh).moment(of),
            "2026-11-02 18:03:07（UTC）"
        );
    }

    #[test]
    fn lengths_of_time_have_the_units_of_the_language() {
        let (english, chinese) = (Locale::from(Language::En), Locale::from(Language::Zh));
        for (seconds, in_english, in_chinese) in [
            (0, "0s", "0 秒"),
            (61, "1m 1s", "1 分钟 1 秒"),
            (7 * 86_400, "7d", "7 天"),
            (40 * 3600, "1d 16h", "1 天 16 小时"),
        ] {
            assert_eq!(english.duration(seconds), in_english);
            assert_eq!(chinese.duration(seconds), in_chinese);
        }
        for (seconds, in_english, in_chinese) in [
            (-5, "now", "刚刚"),
            (59, "now", "刚刚"),
            (300, "5m ago", "5 分钟前"),
            (7200, "2h ago", "2 小时前"),
            (59 * 86_400, "59d ago", "59 天前"),
            (60 * 86_400, "8w ago", "8 周前"),
            (730 * 86_400, "2y ago", "2 年前"),
        ] {
            assert_eq!(english.ago(seconds), in_english);
            assert_eq!(chinese.ago(seconds), in_chinese);
        }
    }
}
