//! What a language has to say: every sentence and word of a message, with the names of what is put
//! in in braces.

/// Declares the words of a language, each a text, and a list of them by name for the tests.
macro_rules! words {
    ($($name:ident),* $(,)?) => {
        /// The words of a language.
        #[derive(Debug)]
        pub(super) struct Words {
            $(pub $name: &'static str,)*
        }

        impl Words {
            #[cfg(test)]
            pub fn all(&self) -> Vec<(&'static str, &'static str)> {
                vec![$((stringify!($name), self.$name),)*]
            }
        }
    };
}

words! {
    // The sections, always these and in this order.
    overview, cloudtrail, key_use, new_errors,
    // What stands in the brackets of a title.
    title_new, title_new_principal, title_regressed, title_recovered, title_escalating,
    title_campaign, title_access_key, title_account_summary, title_no_data,
    title_learned, title_digest, title_error, title_watched, one_event, events,
    // The first sentence, by kind.
    new, new_principal, regressed, recovered, escalating, campaign, access_key, account_summary,
    watched_new, watched_new_principal, watched_regressed, watched_recovered, watched_escalating,
    learned, digest, no_data, gone, account, whole_stack, nobody,
    // The overview.
    info, warning, error_level, critical,
    severity, reasons, seen, lasted, often, often_between, late, suppressed, partial, ids, id,
    // CloudTrail.
    account_errors, call, call_watched, by, value_count, more, detail,
    principals, sessions, regions, origins, networks, agents, resources, layers,
    look_event, look_dashboard, look_logs, look_samples, look_fault,
    // Access keys.
    no_key, of_account, used, used_with, used_in, used_by, never, never_by, unknown, temporary,
    temporary_session, not_asked, no_answer, seen_here, canary, awakened, foreign, deleted, key_hint,
    // Errors.
    error, error_watched, says, to_do, example, no_error, comma, semicolon,
}
