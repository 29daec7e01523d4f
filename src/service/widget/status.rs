//! The first row of the dashboard: the health of the stack, as the command `status` says it.

use serde_json::Value;
use view::dashboard::status::page;

use super::{WidgetResponse, WidgetSetting, frame};
use crate::status::{StatusFacts, report};
use crate::widget::request::{Context, WidgetRequest};

/// Returns the context of a request for the health of the stack; `None` for any other request. `event` is the JSON text of the
/// request.
pub fn asked(event: &str, setting: &WidgetSetting) -> Option<Context> {
    let given: Value = serde_json::from_str(event).ok()?;
    if given["view"] != "status" || given["describe"] == true {
        return None;
    }
    match WidgetRequest::parse(event, setting) {
        Ok(request) => Some(request.context),
        Err((_, context)) => Some(context),
    }
}

/// Answers a request for the health of the stack, in the language of the reader.
pub fn answer(facts: &StatusFacts, setting: &WidgetSetting, context: &Context) -> WidgetResponse {
    let report = report(facts, context.locale(setting.locale));
    WidgetResponse::Html(page(&frame(setting, context), &report))
}
