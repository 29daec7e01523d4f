//! What to do: one or two sentences by class and layer, for the person who reads the alert first.
//!
//! Never a policy to paste: an explicit deny is somebody's decision and no allow overrides it, and
//! the sentence of a refusal names one layer where several may refuse.

use crate::cluster::class::Class;
use crate::cluster::facet::{Facets, Kind};
use crate::cluster::fingerprint::Identity;

/// Returns what to do about a failure.
pub fn hint(identity: &Identity, facets: &Facets) -> String {
    let action = facets.get(Kind::IamAction).unwrap_or("the action");
    match identity.class {
        Class::Denied | Class::Vpce => denied(identity, facets, action),
        class => by_class(class).to_owned(),
    }
}

fn denied(identity: &Identity, facets: &Facets, action: &str) -> String {
    if identity.code == "OptInRequired" || identity.code == "SubscriptionRequired" {
        return "The account is not signed up for this service; that is done once, in the console."
            .to_owned();
    }
    let layer = facets.get(Kind::Layer).unwrap_or_default();
    let (layer, stance) = layer.split_once(' ').unwrap_or((layer, ""));
    let layer = match (identity.class, layer) {
        (Class::Vpce, "") => "vpce",
        _ => layer,
    };
    if stance == "explicit" {
        return format!(
            "{} denies {action} explicitly. No permission elsewhere overrides that: ask its owner \
             whether the deny is meant for this caller, or stop the call.",
            named(layer)
        );
    }
    match layer {
        "" if facets.get(Kind::Encoded) == Some("whole") => format!(
            "The reason for refusing {action} is in the event's encoded message; \
             `aws sts decode-authorization-message` reads it."
        ),
        "" => format!(
            "The service does not say which policy refused. Check at least the caller's policies \
             for {action}, then the resource's policy and the organization's."
        ),
        "identity" => format!(
            "At least the caller's own policies do not allow {action}. If the call is wanted, its \
             owner adds it there; if it is new, find out what changed."
        ),
        "trust" => "The role's trust policy does not let this caller assume it.".to_owned(),
        "unknown" => {
            "The refusal is worded in a way that is not known here; read the sample.".to_owned()
        }
        layer => format!(
            "At least {} does not allow {action}; that is not the caller's to change.",
            named(layer).to_lowercase().replace("vpc", "VPC")
        ),
    }
}

fn named(layer: &str) -> &'static str {
    match layer {
        "identity" => "A policy of the caller",
        "resource" => "The resource's policy",
        "scp" => "The organization's service control policy",
        "rcp" => "The organization's resource control policy",
        "boundary" => "The caller's permissions boundary",
        "session" => "The policy of the caller's session",
        "vpce" => "The policy of the VPC endpoint",
        "trust" => "The role's trust policy",
        _ => "A policy",
    }
}

fn by_class(class: Class) -> &'static str {
    match class {
        Class::Signin => {
            "Ask the person whether it was them. Several failures from one address, or a failure \
             after the second factor, are somebody else."
        }
        Class::Auth => {
            "The credentials are expired, deleted or wrong: find the program that still uses them."
        }
        Class::Throttle => {
            "Spread the calls, cache what they read, or let the SDK retry adaptively; then ask for \
             a higher rate."
        }
        Class::Absent => {
            "The caller asks for something that is not there: deleted, renamed, or never made."
        }
        Class::Quota => "A limit is reached: clean up, or ask for more in Service Quotas.",
        Class::Conflict => {
            "Usually a second run of the same job, or a wrong order; retry or look at the state."
        }
        Class::Server => {
            "AWS failed. Several callers at once point to an outage: see the Health dashboard."
        }
        Class::Invalid => "The request is malformed: a bug or a change in the calling program.",
        Class::Watch => "The call succeeded. Make sure that it was meant.",
        Class::Dryrun => "A dry run that would have succeeded.",
        _ => "Read the sample; the code is not known here.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denied() -> Identity {
        Identity {
            partition: "aws".to_owned(),
            account_id: "111122223333".to_owned(),
            service: "ec2".to_owned(),
            action: "RunInstances".to_owned(),
            class: Class::Denied,
            code: "Denied".to_owned(),
            cause: None,
            template: None,
            addition: None,
        }
    }

    #[test]
    fn a_whole_encoded_message_is_to_be_decoded_and_a_cut_one_is_not() {
        for (encoded, decodes) in [("whole", true), ("cut", false)] {
            let mut facets = Facets::default();
            facets.set(Kind::Encoded, Some(encoded));
            let hint = hint(&denied(), &facets);
            assert_eq!(
                hint.contains("decode-authorization-message"),
                decodes,
                "{hint}"
            );
        }
    }

    #[test]
    fn an_explicit_deny_is_never_answered_with_an_allow() {
        for layer in [
            "identity", "resource", "scp", "rcp", "boundary", "session", "vpce", "trust", "unknown",
        ] {
            let mut facets = Facets::default();
            facets.set(Kind::Layer, Some(&format!("{layer} explicit")));
            let hint = hint(&denied(), &facets);
            assert!(
                hint.contains("explicitly") && !hint.contains("adds"),
                "{hint}"
            );
        }
    }
}
