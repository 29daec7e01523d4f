//! Where events come into being: the plan's hours, the one sequence of random numbers, and the
//! steps from a table's row to an event.

use std::borrow::Cow;

use clusters::class::Class;

use crate::Plan;
use crate::actors::{self, Caller};
use crate::call::{Call, PlaceholderValues};
use crate::event::{DemoEvent, Draft};
use crate::random::Random;

/// The events so far and what it takes to make more.
pub struct Generator {
    /// The numbers that everything is drawn from, in one order.
    pub random: Random,
    /// What has happened, in no particular order.
    pub events: Vec<DemoEvent>,
    /// The plan's first second.
    pub start: i64,
    /// The plan's length in seconds.
    pub length: i64,
}

impl Generator {
    /// Opens the stage for a plan; a plan lasts an hour at least.
    pub fn new(plan: &Plan) -> Self {
        Self {
            random: Random::new(plan.seed),
            events: Vec::new(),
            start: plan.start.seconds(),
            length: i64::from(plan.hours.max(1)) * 3600,
        }
    }

    /// Returns the moment at which so many thousandths of the plan have passed.
    pub fn at(&self, thousandths: i64) -> i64 {
        self.start + self.length * thousandths / 1000
    }

    /// Returns the last second of the plan.
    pub fn last(&self) -> i64 {
        self.start + self.length - 1
    }

    /// Lets one of the row's actors make the call.
    pub fn perform(&mut self, call: &Call, time: i64) {
        let actor = *self.random.pick(call.actors);
        self.burst(call, actor, &[time]);
    }

    /// Lets an actor make the same call at several moments, as retries do: same names, same
    /// session, another eventID.
    pub fn burst(&mut self, call: &Call, actor: &str, times: &[i64]) {
        let first = times.first().copied().unwrap_or(self.start);
        let caller = actors::find(actor).call(&mut self.random, first);
        let region = caller.account.region(call.service, &mut self.random);
        let mut blanks = PlaceholderValues::new(&mut self.random, &caller, region);
        let (message, params) = (blanks.fill(call.message), blanks.fill(call.params));
        for time in times {
            self.play(&self.draft(call, &caller, *time, region, &message, &params));
        }
    }

    /// Makes a call by a caller that is known already.
    pub fn play(&mut self, draft: &Draft<'_>) {
        let event = draft.clone().write(&mut self.random);
        self.events.push(event);
    }

    /// Turns a row into an event's draft.
    pub fn draft<'a>(
        &self,
        call: &'a Call,
        caller: &'a Caller,
        time: i64,
        region: &'static str,
        message: &'a str,
        params: &'a str,
    ) -> Draft<'a> {
        Draft {
            // A burst that begins in the last minute ends with the plan.
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
    let answers = matches!(call.class, None | Some(Class::Watch)) && !call.reads();
    match call.name {
        // An empty list of failures is no failure.
        "GetRemainingFreeTrialDays" => r#"{"accounts":[],"unprocessedAccounts":[]}"#,
        _ if answers && call.service == "ec2" => r#"{"_return":true}"#,
        _ => "null",
    }
}

/// The fields that only some calls have: the endpoint and the console's flag.
fn changes(call: &Call, caller: &Caller) -> &'static [(&'static str, &'static str)] {
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
