//! Advice: one or two sentences by error class and policy layer, for the first reader of an alert.
//!
//! The advice never contains a policy to paste. An explicit deny is a decision of its owner, and no allow
//! overrides it. And a refusal names only one layer of policy even if several layers refuse.

use clusters::class::Class;
use clusters::facet::{FacetKind, Facets};
use clusters::fingerprint::Identity;

/// Advice on what to do about a failed call, independent of the language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advice<'a> {
    /// The account is not signed up for the service.
    SignUp,
    /// A policy layer, by its name such as `scp`, denies the action explicitly.
    Explicit(&'a str),
    /// The reason of the refusal is in the encoded authorization message.
    Decode,
    /// The service does not report which policy refused.
    NoPolicyNamed,
    /// The caller's own policies do not allow the action.
    Caller,
    /// The role's trust policy does not allow the caller to assume the role.
    Trust,
    /// The wording of the refusal is unknown.
    UnknownWording,
    /// A policy layer other than the caller's own policies does not allow the action. The text is the name
    /// of the layer, such as `scp`.
    Layer(&'a str),
    /// General advice for the error class.
    Class(Class),
}

/// The placeholder in a sentence of advice that is replaced with the IAM action, such as `s3:GetObject`.
/// The action is untrusted text, because callers can influence it.
pub const ACTION: &str = "{action}";

/// Returns advice on what to do about a failed call, in English, as one or two sentences.
pub fn hint(identity: &Identity, facets: &Facets) -> String {
    let action = facets.get(FacetKind::IamAction).unwrap_or("the action");
    Advice::of(identity, facets)
        .english()
        .replace(ACTION, action)
}

impl<'a> Advice<'a> {
    /// Selects the advice for a failed call by its error class, and for refusals also by the error code and
    /// the policy layer that refused.
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
        let (layer, mode) = layer.split_once(' ').unwrap_or((layer, ""));
        let layer = match (identity.class, layer) {
            (Class::Vpce, "") => "vpce",
            _ => layer,
        };
        if mode == "explicit" {
            return Self::Explicit(layer);
        }
        match layer {
            "" if facets.get(FacetKind::Encoded) == Some("whole") => Self::Decode,
            "" => Self::NoPolicyNamed,
            "identity" => Self::Caller,
            "trust" => Self::Trust,
            "unknown" => Self::UnknownWording,
            layer => Self::Layer(layer),
        }
    }

    /// Returns the advice in English. The text may contain the placeholder [`ACTION`] for the IAM action.
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
            Self::NoPolicyNamed => {
                "The service does not say which policy refused. Check at least the caller's \
                 policies for {action}, then the resource's policy and the organization's."
            }
            Self::Caller => {
                "At least the caller's own policies do not allow {action}. If the call is wanted, \
                 its owner adds it there; if it is new, find out what changed."
            }
            Self::Trust => "The role's trust policy does not let this caller assume it.",
            Self::UnknownWording => {
                "The wording of the refusal is not known here; read the sample."
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
             after the second factor, point to another person."
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
    fn only_a_complete_encoded_message_gives_the_advice_to_decode_it() {
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
    fn an_explicit_deny_never_gives_the_advice_to_allow() {
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
