//! Makes events from rows of the tables, with one sequence of pseudorandom numbers for the whole plan.

use std::borrow::Cow;

use clusters::class::Class;

use crate::Plan;
use crate::actors::{self, CallingActor};
use crate::call::{Call, PlaceholderValues};
use crate::event::{DemoEvent, Draft};
use crate::random::Random;

/// The events of a demo trail generated so far, with the random numbers and the period for generating more.
pub struct Generator {
    /// The only source of pseudorandom numbers. The trail depends on the order in which the numbers are drawn.
    pub random: Random,
    /// The generated events, in no particular order.
    pub events: Vec<DemoEvent>,
    /// The start of the trail's first hour, in seconds since 1970.
    pub start: i64,
    /// The length of the trail in seconds, at least 3,600.
    pub length: i64,
}

impl Generator {
    /// Creates a generator with the seed, start and length of a plan, without events.
    pub fn new(plan: &Plan) -> Self {
        Self {
            random: Random::new(plan.seed),
            events: Vec::new(),
            start: plan.start.seconds(),
            length: i64::from(plan.hours.max(1)) * 3600,
        }
    }

    /// Returns the time, in seconds since 1970, at a fraction of the trail's length: 0 is the start of the trail, 1000
    /// its end.
    pub fn at(&self, thousandths: i64) -> i64 {
        self.start + self.length * thousandths / 1000
    }

    /// Returns the last second of the trail, in seconds since 1970.
    pub fn last(&self) -> i64 {
        self.start + self.length - 1
    }

    /// Adds one event: `call` at `time`, in seconds since 1970, made by a random actor of the call.
    pub fn perform(&mut self, call: &Call, time: i64) {
        let actor = *self.random.pick(call.actors);
        self.burst(call, actor, &[time]);
    }

    /// Adds one event for each of `times`, in seconds since 1970: the named actor makes the same call again and again,
    /// like retries.
    ///
    /// All events have the same session and the same resource names, but each has its own `eventID` and `requestID`.
    pub fn burst(&mut self, call: &Call, actor: &str, times: &[i64]) {
        let first = times.first().copied().unwrap_or(self.start);
        let caller = actors::find(actor).call(&mut self.random, first);
        let region = caller.account.region(call.service, &mut self.random);
        let mut values = PlaceholderValues::new(&mut self.random, &caller, region);
        let (message, params) = (values.fill(call.message), values.fill(call.params));
        for time in times {
            self.add(&self.draft(call, &caller, *time, region, &message, &params));
        }
    }

    /// Makes the JSON record of a draft, and appends it as an event to the events of this generator.
    pub fn add(&mut self, draft: &Draft<'_>) {
        let event = draft.clone().write(&mut self.random);
        self.events.push(event);
    }

    /// Creates the draft of an event for a call; in `message` and `params`, the placeholders must already be replaced.
    ///
    /// `time` is in seconds since 1970. A time after the trail's end becomes the trail's last second.
    pub fn draft<'a>(
        &self,
        call: &'a Call,
        caller: &'a CallingActor,
        time: i64,
        region: &'static str,
        message: &'a str,
        params: &'a str,
    ) -> Draft<'a> {
        Draft {
            // Retries that begin shortly before the end of the plan must not exceed it.
            time: time.min(self.last()),
            caller,
            region,
            service: call.service,
            name: call.name,
            code: call.code,
            message: Cow::Borrowed(message),
            params: Cow::Borrowed(params),
            response: response(call),
            reads: call.reads(),
            kind: call.kind(),
            category: call.category(),
            changes: changes(call, caller),
            truth_of: call.truth_of(),
        }
    }
}

fn response(call: &Call) -> &'static str {
    let is_successful_write = matches!(call.class, None | Some(Class::Watch)) && !call.reads();
    match call.name {
        // An empty list of failures is no failure.
        "GetRemainingFreeTrialDays" => r#"{"accounts":[],"unprocessedAccounts":[]}"#,
        _ if is_successful_write && call.service == "ec2" => r#"{"_return":true}"#,
        _ => "null",
    }
}

/// Returns the fields that only some calls have: the VPC endpoint, and the flag for calls from the console.
fn changes(call: &Call, caller: &CallingActor) -> &'static [(&'static str, &'static str)] {
    if call.class == Some(Class::Vpce) {
        return &[
            ("vpcEndpointId", r#""vpce-0a1b2c3d4e5f60718""#),
            ("vpcEndpointAccountId", r#""111122223333""#),
        ];
    }
    if caller.is_from_console() {
        return &[("sessionCredentialFromConsole", r#""true""#)];
    }
    &[]
}
