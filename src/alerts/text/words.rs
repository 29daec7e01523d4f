//! The texts of a language: each sentence and word of a message, with placeholders in braces.

/// Declares the struct with the texts of a language, and for the tests a list of them by name.
macro_rules! words {
    ($($name:ident),* $(,)?) => {
        /// All sentences and words of messages in one language. A sentence may have placeholders in braces,
        /// such as `{account}`.
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
    // The titles of the sections, in their order.
    overview, cloudtrail, key_use, new_errors, made_call,
    // The words in the brackets of a title.
    title_sensitive_call, title_new, title_new_principal, title_new_circumstance, title_regressed, title_recovered, title_escalating,
    title_campaign, title_access_key, title_account_summary, title_no_data,
    title_calmed, title_campaign_grew, title_campaign_ended, title_data_again,
    title_learned, title_digest, title_error, title_all, title_hourly, title_summary,
    title_call, title_caller, title_target, title_calls, title_summary_calls, colon,
    one_event, events, one_call, calls_made,
    // The first sentence, by kind.
    new, new_principal, new_circumstance, new_circumstance_of_caller, regressed, recovered, escalating, campaign, access_key, account_summary,
    sensitive_call, calls_beyond, by_caller, on_target, call_gone,
    learned, digest, no_data, gone, account, whole_stack, nothing_further,
    calmed, account_escalating, account_calmed, campaign_grew, campaign_ended, silent, data_again, log_group,
    summary, hour, day, week,
    // The overview.
    info, warning, error_level, critical,
    severity, reasons, seen, lasted, often, often_between, late, suppressed, suppressed_calls, partial, ids, call_ids, id,
    // A sensitive call.
    called, called_between, equal_calls, calls_between, why_watched, technique, look_technique, strong, weak,
    first_of_caller,
    // The facts of campaigns, escalations, recoveries, regressions and periods without events.
    looks, breadth, depth, spread, widespread, brute_force, spraying, campaign_times, campaign_size,
    escalation_began, escalation_ended, recovery, regression, silence_began, silence_ended,
    blind, diagnosis,
    // Incidents: titles of sections, titles, the first sentence.
    incident_what, incident_steps, incident_behind, incident_to_do, incident_evidence,
    title_incident, title_grew, title_over, title_merged, title_did, title_steps, title_account, title_part,
    goes_on, went_quiet, is_over, is_part,
    // What happened, from where, and who made whom.
    incident_times, incident_ended, step_counts, tactics, growth, growth_steps, growth_tactics, growth_severity, acts_as, merged,
    // Steps.
    steps_of_day, step, step_new, step_times, step_targets, step_more_targets, step_many_targets, step_technique, other_steps, no_tactic,
    succeeded, refused, not_found,
    // What stays behind.
    nothing_stands, stands, made_unseen, nothing_unseen, made, made_in, made_unsure, was_open, was_open_of, ways_in, way_in_lasts,
    way_in_ends,
    // What to do.
    to_do_number, to_do_item,
    // Evidence.
    evidence, evidence_items, event_of_call, look_actor, incident_id,
    // The facts of a new circumstance.
    network, region, access_key_id, layer, policy, usual, no_usual, ask_caller,
    // CloudTrail.
    account_errors, call, call_succeeded, by, value_count, more, detail,
    principals, sessions, regions, origins, networks, agents, resources, layers, policies,
    look_event, look_dashboard, look_logs, look_samples, look_fault, look_cluster,
    calls, probing, changed, guessing, in_summary, new_in_summary,
    list_regressed, list_recovered, list_escalating, list_incidents, list_top, incident_line, incident_open, incident_over, calls_in_summary, list_calls, call_line, without_alerts,
    // Access keys.
    keys_of_clusters, no_key, of_account, used, used_with, used_in, used_by, never, never_by, unknown, temporary,
    temporary_session, not_asked, no_answer, key_of, key_unknown, key_failed, seen_here, used_here, canary, awakened, foreign, deleted, key_hint,
    // Errors.
    error, error_message, to_do, example, no_error, no_new_error, list_clusters, comma,
    semicolon,
}
