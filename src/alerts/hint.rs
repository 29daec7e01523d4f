//! What to do: one or two sentences by class and layer, for the person who reads the alert first.
//!
//! Never a policy to paste: an explicit deny is somebody's decision and no allow overrides it, and
//! the sentence of a refusal names one layer where several may refuse.

use clusters::class::Class;
use clusters::facet::{FacetKind, Facets};
use clusters::fingerprint::Identity;

/// What to do about a failure, in no language yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advice<'a> {
    /// The account is not signed up for the service.
    SignUp,
    /// A layer of policy denies the action explicitly.
    Explicit(&'a str),
    /// The reason is in the encoded message.
    Decode,
    /// The service does not say which policy refused.
    Unsaid,
    /// The caller's own policies do not allow the action.
    Caller,
    /// The role's trust policy does not.
    Trust,
    /// The refusal is worded in a way that is not known.
    Unworded,
    /// A layer that is not the caller's does not allow the action.
    Layer(&'a str),
    /// What its class asks for.
    Class(Class),
}

/// What stands in a sentence of advice where the IAM action belongs, which callers have a say in.
pub const ACTION: &str = "{action}";

/// Returns what to do about a failure.
pub fn hint(identity: &Identity, facets: &Facets) -> String {
    let action = facets.get(FacetKind::IamAction).unwrap_or("the action");
    Advice::of(identity, facets)
        .english()
        .replace(ACTION, action)
}

impl<'a> Advice<'a> {
    /// Decides what to do about a failure.
    pub fn of(identity: &Identity, facets: &'a Facets) -> Self {
        match identity.class {
            Class::Denied | Class::Vpce => Self::denied(identity, facets),
            class => Self::Class(class),
        }
    }

    fn denied(identity: &Identity, facets: &'a Facets) -> Self {
        if identity.code == "OptInRequired" || identity.code == "SubscriptionRequired" {
            return Self::SignUp;
        }
        let layer = facets.get(FacetKind::Layer).unwrap_or_default();
        let (layer, stance) = layer.split_once(' ').unwrap_or((layer, ""));
        let layer = match (identity.class, layer) {
            (Class::Vpce, "") => "vpce",
            _ => layer,
        };
        if stance == "explicit" {
            return Self::Explicit(layer);
        }
        match layer {
            "" if facets.get(FacetKind::Encoded) == Some("whole") => Self::Decode,
            "" => Self::Unsaid,
            "identity" => Self::Caller,
            "trust" => Self::Trust,
            "unknown" => Self::Unworded,
            layer => Self::Layer(layer),
        }
    }

    /// Returns the advice in English, with [`ACTION`] where the action belongs.
    pub fn english(self) -> String {
        match self {
            Self::SignUp => {
                "The account is not signed up for this service; that is done once, in the console."
            }
            Self::Explicit(layer) => {
                return format!(
                    "{} denies {ACTION} explicitly. No permission elsewhere overrides that: ask \
                     its owner whether the deny is meant for this caller, or stop the call.",
                    named(layer)
                );
            }
            Self::Decode => {
                "The reason for refusing {action} is in the event's encoded message; \
                 `aws sts decode-authorization-message` reads it."
            }
            Self::Unsaid => {
                "The service does not say which policy refused. Check at least the caller's \
                 policies for {action}, then the resource's policy and the organization's."
            }
            Self::Caller => {
                "At least the caller's own policies do not allow {action}. If the call is wanted, \
                 its owner adds it there; if it is new, find out what changed."
            }
            Self::Trust => "The role's trust policy does not let this caller assume it.",
            Self::Unworded => {
                "The refusal is worded in a way that is not known here; read the sample."
            }
            Self::Layer(layer) => {
                let named = named(layer).to_lowercase().replace("vpc", "VPC");
                return format!(
                    "At least {named} does not allow {ACTION}; that is not the caller's to change."
                );
            }
            Self::Class(class) => by_class(class),
        }
        .to_owned()
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
            facets.set(FacetKind::Encoded, Some(encoded));
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
            facets.set(FacetKind::Layer, Some(&format!("{layer} explicit")));
            let hint = hint(&denied(), &facets);
            assert!(
                hint.contains("explicitly") && !hint.contains("adds"),
                "{hint}"
            );
        }
    }
}
