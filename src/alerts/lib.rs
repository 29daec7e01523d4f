//! Says what is told: how serious it is and why, what to do about it, and what each kind of sink is sent.
//!
//! An [`alert::Alert`] is what is told, and small enough to wait in the outbox. A [`message::Message`] is
//! made of it when it is sent, so that what waited for a day says what is known by then.
//!
//! The modules, in reading order:
//!
//! - `alert` is what is told, with an id made of what happened.
//! - `facts` is what an alert says that cannot be looked up later; `kind` names the kinds of alerts.
//! - `outbox` has the rows that wait, who works on them until when, and what an attempt to send came to.
//! - `message` is an alert with all that sinks are sent of it.
//! - `severity` is a sum of terms, each printed with its points and its reason.
//! - `hint` says what to do, in one or two sentences. It never proposes a policy.
//! - `text` writes a message in English or Chinese; our words and those of callers stay apart.
//! - `safe` says what the text of callers becomes in each form, so that it stays text.
//! - `links` makes the only links there are: to the consoles of AWS and Guance.
//! - `sns` is a message for SNS, `detail` one for EventBridge, in the shape that `docs/events` promises.
//! - `guance` is a message for Guance and TrueWatch: its sites and routes, the forms it takes, and what its answers mean.

pub mod alert;
pub mod detail;
pub mod facts;
pub mod guance;
pub mod hint;
pub mod kind;
pub mod links;
pub mod message;
pub mod outbox;
pub mod safe;
pub mod severity;
pub mod sns;
pub mod text;
