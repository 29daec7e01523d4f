//! Renders a message as JSON for the Open API of Guance.
//!
//! There are two forms: an event for an external monitor, whose alert policy then applies, and a custom
//! event, which has no alert policy.
//!
//! Source: Guance documentation, "Open API": receive external events, create an event.

use records::time::Timestamp;
use serde_json::{Map, Value, json};

use crate::facts::Facts;
use crate::guance::attributes;
use crate::guance::event::{MESSAGE_BYTES_MAX, dimensions, event_id, of_kind, status};
use crate::guance::line_protocol::Field;
use crate::message::Message;
use crate::safe::{cut, token};
use crate::text::Texts;

/// Field names that the Open API reserves.
const RESERVED: [&str; 14] = [
    "date",
    "status",
    "source",
    "title",
    "message",
    "dimension_tags",
    "check_value",
    "time",
    "time_us",
    "timestamp",
    "workspace_uuid",
    "workspace_name",
    "extra_data",
    "create_time",
];

/// The `origin` of events.
const ORIGIN: &str = "cloudtrail-inspector";

/// Returns `true` if the Open API refuses a custom field of this name in an event for an external monitor.
/// It refuses empty and reserved names, and the names in `dimensions`.
pub fn is_reserved<'d>(name: &str, dimensions: impl IntoIterator<Item = &'d str>) -> bool {
    name.is_empty()
        || name.starts_with('_')
        || name.starts_with("df_")
        || RESERVED.contains(&name)
        || dimensions.into_iter().any(|dimension| dimension == name)
}

/// Returns a message as the JSON body of a request to an external monitor: a Guance monitor that gets its
/// events through the Open API ([`Route::PushEvent`](crate::guance::route::Route::PushEvent)).
pub fn push_event(message: &Message, texts: &Texts) -> Value {
    let dimensions = dimensions(message);
    let mut event = Map::new();
    for (name, value) in user_fields(message, texts) {
        if !is_reserved(name, dimensions.keys().copied()) {
            event.insert(name.to_owned(), value.into());
        }
    }
    // An external monitor has no state `nodata`.
    let status = match status(message) {
        "nodata" => "warning",
        status => status,
    };
    event.insert(
        "date".to_owned(),
        message.at().map(Timestamp::seconds).into(),
    );
    event.insert("status".to_owned(), status.into());
    event.insert("title".to_owned(), texts.title(message).into());
    event.insert("message".to_owned(), text_of(message, texts).into());
    event.insert("dimension_tags".to_owned(), json!(dimensions));
    event.insert("check_value".to_owned(), message.events().into());
    json!({"event": event, "extraData": {"origin": ORIGIN}})
}

/// Returns a message as the JSON body of a request that creates a custom event through the Open API,
/// without a monitor ([`Route::CustomEvent`](crate::guance::route::Route::CustomEvent)).
pub fn custom_event(message: &Message, texts: &Texts) -> Value {
    let mut tags: Map<String, Value> = Map::new();
    let fields = user_fields(message, texts).into_iter();
    for (name, value) in fields.chain(dimensions(message)) {
        tags.insert(name.to_owned(), value.into());
    }
    json!({
        // A custom event has milliseconds here; an event for an external monitor has seconds.
        "date": message.at().map(|at| at.seconds() * 1000),
        "status": status(message),
        "title": texts.title(message),
        "message": text_of(message, texts),
        "origin": ORIGIN,
        "customTags": tags,
    })
}

fn text_of(message: &Message, texts: &Texts) -> String {
    cut(&texts.markdown(message), MESSAGE_BYTES_MAX).to_owned()
}

/// Returns the user fields of an event. All values are text, because the Open API accepts no other type.
fn user_fields(message: &Message, texts: &Texts) -> Vec<(&'static str, String)> {
    let alert = &message.alert;
    let mut fields = vec![
        ("ct_alert_id", event_id(alert.id())),
        ("ct_fault_id", event_id(alert.fault_id())),
        ("ct_state", alert.state().to_owned()),
        ("ct_severity", message.level().name().to_owned()),
        ("ct_count", message.events().to_string()),
    ];
    match (&alert.facts, &message.cluster) {
        (Facts::SensitiveCall(call), _) => fields.extend([
            ("ct_event_name", token(&call.action, 256)),
            ("ct_event_source", token(&message.event_source(), 256)),
        ]),
        (_, Some(cluster)) => {
            let identity = &cluster.facts.identity;
            let code = cluster.error_code().unwrap_or(&identity.code);
            fields.extend([
                ("ct_class", identity.class.name().to_owned()),
                ("ct_error_code", token(code, 256)),
                ("ct_event_name", token(&identity.action, 256)),
                ("ct_event_source", token(&identity.event_source(), 256)),
            ]);
        }
        _ => {}
    }
    fields.extend(attributes::tags(message));
    // A field of the kind of alert replaces the attribute of the same name.
    let special = of_kind(message);
    let mut others = attributes::fields(message, texts);
    others.retain(|(name, _)| special.iter().all(|(of, _)| of != name));
    fields.extend(others.into_iter().chain(special).map(|(name, field)| {
        let text = match field {
            Field::Int(number) => number.to_string(),
            Field::Float(number) => number.to_string(),
            Field::Bool(yes) => yes.to_string(),
            Field::Text(text) => text,
        };
        (name, text)
    }));
    fields.retain(|(_, value)| !value.is_empty());
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_names_and_dimensions_are_not_user_fields() {
        for (name, reserved) in [
            ("", true),
            ("_x", true),
            ("df_title", true),
            ("source", true),
            ("account_id", true),
            ("ct_count", false),
        ] {
            assert_eq!(is_reserved(name, ["account_id"]), reserved, "{name}");
        }
    }
}
