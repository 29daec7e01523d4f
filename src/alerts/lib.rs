//! Alerts about changes: their severity with its reasons, advice for people, and the messages for each
//! kind of sink.
//!
//! An [`alert::Alert`] is a small description of one change, and it is stored in the outbox. When it is
//! sent, it becomes a [`message::Message`] with all current data. So an alert that waited for a day is
//! sent with the data of that day.
//!
//! The modules, in reading order:
//!
//! - `alert` has the alert and its subject, with an id derived from the change.
//! - `facts` has the data of an alert that cannot be looked up later; `kind` names the kinds of alerts.
//! - `outbox` has the rows of waiting alerts, the leases on them, and the results of sending.
//! - `message` has an alert together with all data that sinks may send.
//! - `severity` computes a severity as a sum of terms, each with its points and its reason.
//! - `hint` gives one to three sentences of advice. It never proposes a policy. `cluster_hint` is the advice on a cluster.
//! - `incident_words` has the words for the actors, tactics, evidence and reasons of incidents.
//! - `incident_advice` says what to do about an incident, in which order, and with which commands.
//! - `locale` has the language and the time zone of a reader, and `terms` the names of severities, states, classes and
//!   decisions in both languages.
//! - `text` renders a message in English or Chinese; text of the program and text of callers stay
//!   separate.
//! - `safe` makes the text of callers harmless for each output form.
//! - `links` builds all links in messages: to the consoles of AWS and Guance, and to MITRE ATT&CK.
//! - `sns` renders a message for SNS, `detail` for EventBridge, in the shape that `docs/events` documents.
//! - `guance` renders a message for Guance and TrueWatch, and reads their answers.

pub mod alert;
pub mod cluster_hint;
pub mod detail;
pub mod facts;
pub mod guance;
pub mod hint;
pub mod incident_advice;
pub mod incident_words;
pub mod kind;
pub mod links;
pub mod locale;
pub mod message;
pub mod outbox;
pub mod safe;
pub mod severity;
pub mod sns;
pub mod terms;
pub mod text;
