//! Advice: one to three sentences for the first reader of an alert, about this call, caller and resource.
//!
//! Advice depends on the class, the refusing layer, the call, the kind of caller, its program and the message. The
//! advice never contains a policy to paste. An explicit deny is a decision of its owner, and no allow overrides it. And
//! a refusal names only one layer of policy even if several layers refuse.
//!
//! `catalog` has all texts, `sensitive` the sensitive calls, `delivery` the deliveries of AWS services, `wordings` the
//! messages that say more than their code.

use clusters::circumstance::{Circumstance, ProgramKind};
use clusters::class::Class;
use clusters::delivery::is_delivery;
use clusters::facet::{FacetKind, Facets};
use clusters::fingerprint::Identity;
use clusters::{short_name, short_policy};

use crate::locale::{Language, append};
use crate::safe::readable;
use catalog::{Advice, LAYERS, PLACEHOLDER_COUNT, PLACEHOLDERS, Placeholder};

pub(crate) mod catalog;
pub(crate) mod sensitive;
mod wordings;

#[cfg(test)]
mod tests;

/// A part of the ARN of the policies that AWS attaches to a user whose access key has become public.
///
/// Source: AWS Managed Policy Reference, `AWSCompromisedKeyQuarantineV3`, 2026-11-29.
const QUARANTINE: &str = ":iam::aws:policy/AWSCompromisedKeyQuarantine";

/// What advice is chosen from: a cluster, its masked message, and the most frequent facets of its events.
#[derive(Debug, Clone, Copy)]
struct Failure<'a> {
    identity: &'a Identity,
    /// The masked message; empty if there is none.
    template: &'a str,
    facets: &'a Facets,
}

/// Returns advice on what to do about a failed call or a sensitive call, as one to three sentences.
///
/// `template` is the masked error message, or empty. `facets` are those of an event, or the most frequent ones of a
/// cluster. The result contains names that callers can influence; secrets in them are masked.
pub fn hint(identity: &Identity, template: &str, facets: &Facets, language: Language) -> String {
    let advice = advice(identity, template, facets);
    filled(advice, &values(identity, facets), language)
}

/// Returns the sentences of advice with the values of its placeholders.
///
/// Secrets are masked in each value alone: in a sentence, "the password: change it" would look like a password.
fn filled(
    advice: &Advice,
    values: &[(&'static Placeholder, Option<String>)],
    language: Language,
) -> String {
    let mut text = String::new();
    let sentences = language.pick(advice.english, advice.chinese);
    let mut parts = sentences.split('{');
    text.extend(parts.next());
    for part in parts {
        let (name, words) = part.split_once('}').unwrap_or((part, ""));
        let value = values.iter().find(|(of, _)| of.name == name);
        let value = match value {
            Some((of, Some(value))) if of.name == "layer" => {
                layer_name(value, language).unwrap_or_default().to_owned()
            }
            Some((_, Some(value))) => readable(value, usize::MAX),
            Some((of, None)) => {
                let words = language.pick(of.english, of.chinese);
                let is_start = text.is_empty() && language == Language::En;
                if is_start {
                    capitalized(words)
                } else {
                    words.to_owned()
                }
            }
            None => String::new(),
        };
        append(&mut text, &value);
        append(&mut text, words);
    }
    text
}

/// Returns English words with an upper-case first letter, for the start of a sentence.
pub(crate) fn capitalized(words: &str) -> String {
    let mut chars = words.chars();
    let first = chars.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(chars).collect()
}

/// Returns each placeholder of advice with its value; `None` if the facets have no value for it.
///
/// The value of the placeholder `layer` is the name of a layer, see [`layer_name`]. All others are untrusted text.
pub(crate) fn values(
    identity: &Identity,
    facets: &Facets,
) -> [(&'static Placeholder, Option<String>); PLACEHOLDER_COUNT] {
    if identity.class == Class::Watch {
        return values_of_call(identity, facets);
    }
    let layer = layer(identity, facets).0;
    let text = |kind| facets.get(kind).map(str::to_owned);
    PLACEHOLDERS.each_ref().map(|placeholder| {
        let value = match placeholder.name {
            "action" => text(FacetKind::IamAction),
            "caller" => caller(identity, facets.get(FacetKind::Principal)),
            "layer" => {
                let row = LAYERS.iter().find(|(name, _, _)| *name == layer);
                row.map(|(name, ..)| (*name).to_owned())
            }
            "policy" => facets
                .get(FacetKind::Policy)
                .filter(|arn| is_of_layer(arn, layer) || arn.contains(QUARANTINE))
                .map(|arn| short_policy(arn, &identity.account_id).to_owned()),
            "service" => Some(identity.service.clone()).filter(|name| !name.is_empty()),
            // The objects of a bucket have one policy, which is that of the bucket.
            "bucket" => facets
                .get(FacetKind::Resource)
                .map(|name| name.trim_end_matches("/*").to_owned()),
            _ => text(FacetKind::Resource),
        };
        (placeholder, value)
    })
}

/// Returns each placeholder of advice with its value for a sensitive call, whose details are part of its identity.
fn values_of_call(
    identity: &Identity,
    facets: &Facets,
) -> [(&'static Placeholder, Option<String>); PLACEHOLDER_COUNT] {
    let details = identity.call_details();
    let details = details.as_ref();
    let target = details.and_then(|details| details.target.clone());
    let target = target.or_else(|| facets.get(FacetKind::Resource).map(str::to_owned));
    PLACEHOLDERS.each_ref().map(|placeholder| {
        let value = match placeholder.name {
            "action" => Some(format!("{}:{}", identity.service, identity.action)),
            "caller" => {
                let principal = facets.get(FacetKind::Principal);
                caller(identity, principal.or(identity.cause.as_deref()))
            }
            "policy" => details.and_then(|details| details.parameters.get("policy").cloned()),
            "service" => Some(identity.service.clone()).filter(|name| !name.is_empty()),
            "bucket" | "resource" | "role" => target.clone(),
            _ => None,
        };
        (placeholder, value)
    })
}

/// Returns a layer of policies in words, such as `the resource's policy`; `None` if there is no layer with this name.
pub(crate) fn layer_name(name: &str, language: Language) -> Option<&'static str> {
    let row = LAYERS.iter().find(|(of, ..)| *of == name);
    row.map(|(_, english, chinese)| language.pick(*english, *chinese))
}

/// Returns the name of a caller as advice shows it; `None` if it is not known.
fn caller(identity: &Identity, principal: Option<&str>) -> Option<String> {
    principal
        .filter(|name| !matches!(*name, "" | "unknown" | "AWS Internal"))
        .map(|name| short_name(name, &identity.account_id).to_owned())
}

/// Returns the name of the layer that refused, and `explicit`, `implicit` or `unknown`; both empty if unknown.
pub(crate) fn layer<'a>(identity: &Identity, facets: &'a Facets) -> (&'a str, &'a str) {
    let facet = facets.get(FacetKind::Layer).unwrap_or_default();
    match facet.split_once(' ').unwrap_or((facet, "")) {
        ("", mode) if identity.class == Class::Vpce => ("vpce", mode),
        found => found,
    }
}

/// Checks whether a policy can be one of this layer. In a cluster of several layers, the most frequent policy may be
/// of another layer than the one that is named.
fn is_of_layer(arn: &str, layer: &str) -> bool {
    let is_of_organization = arn.contains(":organizations:");
    match layer {
        "scp" => is_of_organization && !arn.contains("/resource_control_policy/"),
        "rcp" => is_of_organization && !arn.contains("/service_control_policy/"),
        _ => !is_of_organization,
    }
}

/// Selects the advice for a failed call or a sensitive call.
///
/// `template` is the masked error message, or empty.
pub(crate) fn advice(identity: &Identity, template: &str, facets: &Facets) -> &'static Advice {
    Failure {
        identity,
        template,
        facets,
    }
    .advice()
}

impl Failure<'_> {
    fn advice(&self) -> &'static Advice {
        let Identity { action, class, .. } = self.identity;
        let class = *class;
        if class == Class::Watch {
            return sensitive::advice(self.identity).unwrap_or(&catalog::SENSITIVE);
        }
        if self.tries_to_blind() {
            return &catalog::TRIES_TO_BLIND;
        }
        if self.circumstance().means == ProgramKind::AttackTool {
            return match self.facets.get(FacetKind::Resource) {
                Some(_) => &catalog::ATTACK_TOOL,
                None => &catalog::ATTACK_TOOL_ALONE,
            };
        }
        let advice = self.by_words().unwrap_or_else(|| match class {
            Class::Denied | Class::Vpce => self.refused(),
            class => self.by_class(class),
        });
        // A write would make data public; a read uses a permission that is public already.
        if *advice == catalog::BLOCK_PUBLIC_ACCESS && is_read(action) {
            return &catalog::BLOCK_PUBLIC_READ;
        }
        advice
    }

    /// Checks whether the call would have stopped a record. A second run of infrastructure code often removes what is
    /// not there any more, and does not count.
    fn tries_to_blind(&self) -> bool {
        let Identity {
            service,
            action,
            class,
            ..
        } = self.identity;
        let repeats = *class == Class::Absent && self.facets.get(FacetKind::Origin) == Some("iac");
        let is_no_attempt = matches!(class, Class::Throttle | Class::Dryrun | Class::Server);
        sensitive::effect(service, action, None) == Some(sensitive::Effect::Blinds)
            && !is_no_attempt
            && !repeats
    }

    fn circumstance(&self) -> Circumstance {
        Circumstance::of(&self.identity.account_id, |kind| self.facets.get(kind))
    }

    fn kind_of_caller(&self) -> &str {
        let kind = self.facets.get(FacetKind::PrincipalKind);
        kind.unwrap_or_default()
    }

    /// Returns the advice that the code and the message decide, in classes whose codes say little.
    fn by_words(&self) -> Option<&'static Advice> {
        let Identity {
            service,
            action,
            class,
            code,
            ..
        } = self.identity;
        // The code of a refusal or a sign-in is the same for all; its own spelling is a facet.
        let spelled = self.facets.get(FacetKind::ErrorCode).unwrap_or(code);
        let meaning = clusters::classification::meaning((service, action), spelled, self.template);
        if let Some(advice) = meaning.and_then(wordings::by_meaning) {
            return Some(advice);
        }
        if !matches!(
            class,
            Class::Denied
                | Class::Auth
                | Class::Invalid
                | Class::Absent
                | Class::Conflict
                | Class::Other
        ) {
            return None;
        }
        let is_sign_up = matches!(
            code.as_str(),
            "OptInRequired" | "SubscriptionRequired" | "KMSOptInRequired"
        );
        wordings::by_code(clusters::class::stem(spelled))
            .or_else(|| wordings::by_message(self.template))
            .or_else(|| is_sign_up.then_some(&catalog::SIGN_UP))
            .or_else(|| wordings::is_not_enabled(spelled).then_some(&catalog::NOT_SWITCHED_ON))
    }

    fn refused(&self) -> &'static Advice {
        let (layer, mode) = layer(self.identity, self.facets);
        if layer == "public-access-block" {
            return &catalog::BLOCK_PUBLIC_ACCESS;
        }
        let policy = self.facets.get(FacetKind::Policy).unwrap_or_default();
        if policy.contains(QUARANTINE) {
            return &catalog::QUARANTINE;
        }
        if mode == "explicit" {
            return &catalog::EXPLICIT;
        }
        if layer == "kms-unspecific" {
            return &catalog::KMS_THREE_REASONS;
        }
        let by_call = || self.of_call(layer).or_else(|| self.of_caller(layer));
        // The policy of an endpoint refuses before any other is asked.
        let advice = if layer == "vpce" { None } else { by_call() };
        advice.unwrap_or_else(|| match layer {
            "" if self.facets.get(FacetKind::Encoded) == Some("whole") => &catalog::DECODE,
            "" if self.identity.service == "organizations" => &catalog::ORGANIZATION,
            "" => &catalog::NO_POLICY_NAMED,
            "identity" => &catalog::CALLER,
            "unknown" => &catalog::UNKNOWN_WORDING,
            _ => &catalog::LAYER,
        })
    }

    /// Returns the advice for refused calls that ask other policies than most: to assume a role, and to get the
    /// credentials of one.
    fn of_call(&self, layer: &str) -> Option<&'static Advice> {
        let Identity {
            service, action, ..
        } = self.identity;
        let refused = self.facets.get(FacetKind::IamAction).unwrap_or_default();
        match (service.as_str(), action.as_str()) {
            ("sts", _) if matches!(refused, "sts:TagSession" | "sts:SetSourceIdentity") => {
                Some(&catalog::ROLE_SESSION)
            }
            ("sts", "AssumeRoleWithSAML" | "AssumeRoleWithWebIdentity") => {
                Some(&catalog::ROLE_FEDERATED)
            }
            ("sts", "AssumeRole") if self.kind_of_caller() == "service" => {
                Some(&catalog::ROLE_FOR_SERVICE)
            }
            ("sts", "AssumeRole") => match layer {
                "identity" => Some(&catalog::ROLE_BY_CALLER),
                "" | "unknown" | "trust" => Some(&catalog::ROLE),
                _ => None,
            },
            ("sso", "GetRoleCredentials" | "ListAccountRoles") => Some(&catalog::NO_ASSIGNMENT),
            _ => None,
        }
    }

    /// Returns the advice for refused callers without policies that people could change: AWS services, their
    /// roles, and requests without credentials.
    fn of_caller(&self, layer: &str) -> Option<&'static Advice> {
        let Identity {
            service, action, ..
        } = self.identity;
        let circumstance = self.circumstance();
        let is_linked = circumstance.is_service_linked;
        match self.kind_of_caller() {
            "anonymous" => return Some(&catalog::ANONYMOUS),
            "service" => {}
            _ if is_linked => {}
            _ => return None,
        }
        let is_delivery = is_delivery(service, action, is_linked);
        Some(match service.as_str() {
            "s3" if is_delivery => &catalog::DELIVERY_TO_BUCKET,
            "kms" if is_delivery => &catalog::DELIVERY_WITH_KEY,
            "sns" if is_delivery => &catalog::DELIVERY_TO_TOPIC,
            "sqs" if is_delivery => &catalog::DELIVERY_TO_QUEUE,
            _ if is_delivery => &catalog::DELIVERY,
            _ if is_linked && matches!(layer, "" | "identity" | "unknown") => {
                &catalog::SERVICE_LINKED
            }
            _ if is_linked => return None,
            "s3" if self.is_called_by("cloudfront.amazonaws.com") => &catalog::WEBSITE,
            _ => &catalog::SERVICE,
        })
    }

    fn is_called_by(&self, service: &str) -> bool {
        self.facets.get(FacetKind::Principal) == Some(service)
    }

    fn by_class(&self, class: Class) -> &'static Advice {
        let Identity {
            service,
            action,
            code,
            ..
        } = self.identity;
        let is_stack = service == "cloudformation" && self.template.contains("does not exist");
        let is_mfa = self.facets.get(FacetKind::Mfa) == Some("yes") || action == "CheckMfa";
        match class {
            Class::Signin if is_mfa => &catalog::MFA_FAILED,
            Class::Signin => &catalog::SIGN_IN,
            Class::Auth => &catalog::CREDENTIALS,
            Class::Throttle => &catalog::THROTTLE,
            Class::Absent | Class::Invalid if is_stack => &catalog::STACK_ABSENT,
            Class::Absent if wordings::is_optional_setting(service, action, code) => {
                &catalog::OPTIONAL_SETTING
            }
            Class::Absent => &catalog::ABSENT,
            Class::Quota if code.starts_with("Insufficient") && code.ends_with("Capacity") => {
                &catalog::CAPACITY
            }
            Class::Quota => &catalog::QUOTA,
            Class::Conflict => &catalog::CONFLICT,
            Class::Server => &catalog::SERVER,
            Class::Invalid => &catalog::INVALID,
            Class::Dryrun => &catalog::DRY_RUN,
            Class::Other if code == "NoCode" => &catalog::NO_CODE,
            _ => &catalog::OTHER,
        }
    }
}

/// Checks whether a call of S3 reads data, by its name.
fn is_read(action: &str) -> bool {
    ["Get", "Head", "List"]
        .iter()
        .any(|verb| action.starts_with(verb))
}
