//! The memo: what was found in records lately, by what they say.
//!
//! Failures repeat: a caller that may not do something tries again, and its records differ in id
//! and time alone. What such a record says is found once. Nothing is different with a memo but the
//! work: what it returns is what would be found anew. Records are told apart by a hash that is
//! keyed at random, so that nobody can write two that pass for one.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};

use crate::cluster::class::Class;
use crate::cluster::{Case, Facts, Finding};
use crate::trail::json::Json;
use crate::trail::{Record, Text, UserIdentity, Wrapper};

/// How much a memo keeps, in bytes: some 300 records. What repeats comes in bursts, so that more
/// room was not seen to find more.
pub const ROOM_BYTES: usize = 256 << 10;

/// Findings of the last records.
#[derive(Debug)]
pub struct Memo {
    key: RandomState,
    /// What was asked for lately, in two generations: when the young have filled half of the room,
    /// they become the old, and the old are forgotten.
    young: HashMap<u64, Finding>,
    old: HashMap<u64, Finding>,
    young_bytes: usize,
    room_bytes: usize,
    /// What one record says; here to be allocated once.
    content: Vec<u8>,
}

impl Default for Memo {
    fn default() -> Self {
        Self::with_room(ROOM_BYTES)
    }
}

impl Memo {
    /// Returns a memo that keeps so many bytes; one without room keeps nothing.
    pub fn with_room(room_bytes: usize) -> Self {
        Self {
            key: RandomState::new(),
            young: HashMap::new(),
            old: HashMap::new(),
            young_bytes: 0,
            room_bytes,
            content: Vec::new(),
        }
    }

    /// Returns what is found in a record that counts in a class, finding it if need be.
    pub fn finding(
        &mut self,
        record: &Record<'_>,
        wrapper: &Wrapper,
        class: Class,
        find: impl FnOnce() -> Finding,
    ) -> Finding {
        let content = self.hash(record, wrapper, class);
        if let Some(finding) = self.young.get(&content) {
            return finding.clone();
        }
        let finding = self.old.remove(&content).unwrap_or_else(find);
        let bytes = bytes(&finding);
        if bytes <= self.room_bytes / 2 {
            if self.young_bytes + bytes > self.room_bytes / 2 {
                self.old = std::mem::take(&mut self.young);
                self.young_bytes = 0;
            }
            self.young_bytes += bytes;
            self.young.insert(content, finding.clone());
        }
        finding
    }

    fn hash(&mut self, record: &Record<'_>, wrapper: &Wrapper, class: Class) -> u64 {
        self.content.clear();
        let mut content = Content(&mut self.content);
        content.text(Some(class.name()));
        content.text(wrapper.account_id.as_deref());
        content.record(record);
        self.key.hash_one(&self.content)
    }
}

/// Returns what a finding takes, were it shared with nobody.
fn bytes(finding: &Finding) -> usize {
    let Facts { identity, template } = &*finding.facts;
    let identity = [
        Some(&identity.account_id),
        Some(&identity.service),
        Some(&identity.action),
        Some(&identity.code),
        identity.cause.as_ref(),
        identity.template.as_ref(),
    ];
    let texts: usize = identity.into_iter().flatten().map(String::len).sum();
    size_of::<(u64, Finding, Case, Facts)>() + finding.case.facets.bytes() + texts + template.len()
}

/// What a record says, each part with its length before it, so that no two records say the same
/// in different parts.
struct Content<'c>(&'c mut Vec<u8>);

impl Content<'_> {
    /// Writes all that a conclusion may depend on. Which event it is and when, is not part of it;
    /// a new field of a record has to be put on either side.
    fn record(&mut self, record: &Record<'_>) {
        let Record {
            event_version: _,
            event_id: _,
            event_time: _,
            request_id: _,
            event_source,
            event_name,
            event_type,
            event_category,
            aws_region,
            source_ip_address,
            user_agent,
            error_code,
            error_message,
            read_only,
            recipient_account_id,
            vpc_endpoint_id,
            session_credential_from_console,
            user_identity,
            request_parameters,
            response_elements,
            additional_event_data,
            service_event_details,
            resources,
            addendum,
            insight_details,
            is_digest,
        } = record;
        self.texts([
            event_source,
            event_name,
            event_type,
            event_category,
            aws_region,
            source_ip_address,
            user_agent,
            error_code,
            error_message,
            recipient_account_id,
            vpc_endpoint_id,
        ]);
        for json in [
            request_parameters,
            response_elements,
            additional_event_data,
            service_event_details,
            resources,
            addendum,
            insight_details,
        ] {
            self.text(json.map(Json::as_str));
        }
        self.0.extend([
            read_only.map_or(2, u8::from),
            u8::from(*session_credential_from_console),
            u8::from(*is_digest),
            u8::from(user_identity.is_some()),
        ]);
        if let Some(user) = user_identity {
            self.user(user);
        }
    }

    fn user(&mut self, user: &UserIdentity<'_>) {
        let UserIdentity {
            kind,
            principal_id,
            arn,
            account_id,
            access_key_id,
            user_name,
            invoked_by,
            identity_provider,
            issuer_kind,
            issuer_arn,
            issuer_user_name,
            source_identity,
            mfa_authenticated,
            on_behalf_of_user_id,
        } = user;
        self.texts([
            kind,
            principal_id,
            arn,
            account_id,
            access_key_id,
            user_name,
            invoked_by,
            identity_provider,
            issuer_kind,
            issuer_arn,
            issuer_user_name,
            source_identity,
            on_behalf_of_user_id,
        ]);
        self.0.push(u8::from(*mfa_authenticated));
    }

    fn texts<'t, const COUNT: usize>(&mut self, texts: [&Option<Text<'t>>; COUNT]) {
        for text in texts {
            self.text(text.as_deref());
        }
    }

    fn text(&mut self, text: Option<&str>) {
        // No text is as long as u32::MAX, which says "absent".
        let length = text.map_or(u32::MAX, |text| text.len() as u32);
        self.0.extend(length.to_ne_bytes());
        self.0.extend(text.unwrap_or_default().as_bytes());
    }
}
