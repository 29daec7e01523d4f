//! An IAM that answers by a script, and records the requests and their times.

use std::cell::RefCell;

use clusters::keys::{IamAnswer, KeyEntry};
use records::time::Timestamp;
use service::ports::{Clock, DirectoryError, KeyDirectory};

type Script = Box<dyn Fn(&str) -> Result<IamAnswer, DirectoryError>>;

type EntryScript = Box<dyn Fn(&str) -> Result<KeyEntry, DirectoryError>>;

/// An IAM for tests.
pub struct Directory<C> {
    clock: C,
    answer: RefCell<Script>,
    entry: RefCell<EntryScript>,
    /// Requested access keys, each with the time in milliseconds.
    pub calls: RefCell<Vec<(String, i64)>>,
    /// Users whose keys were listed.
    pub listed: RefCell<Vec<String>>,
}

impl<C: Clock> Directory<C> {
    /// Returns an IAM that knows no key.
    pub fn new(clock: C) -> Self {
        Self {
            clock,
            answer: RefCell::new(Box::new(|_| Ok(IamAnswer::Unknown))),
            entry: RefCell::new(Box::new(|_| {
                let created = Timestamp::FIRST;
                Ok(KeyEntry::Active { created })
            })),
            calls: RefCell::default(),
            listed: RefCell::default(),
        }
    }

    /// Sets the answer for all further requests.
    pub fn say(&self, answer: impl Fn(&str) -> Result<IamAnswer, DirectoryError> + 'static) {
        *self.answer.borrow_mut() = Box::new(answer);
    }

    /// Sets the answer for all further lists of a user's keys.
    pub fn list(&self, entry: impl Fn(&str) -> Result<KeyEntry, DirectoryError> + 'static) {
        *self.entry.borrow_mut() = Box::new(entry);
    }
}

impl<C: Clock> KeyDirectory for Directory<C> {
    async fn last_use(&self, key: &str, _account_id: &str) -> Result<IamAnswer, DirectoryError> {
        let call = (key.to_owned(), self.clock.millis());
        self.calls.borrow_mut().push(call);
        (self.answer.borrow())(key)
    }

    async fn entry(
        &self,
        key: &str,
        user: &str,
        _account_id: &str,
    ) -> Result<KeyEntry, DirectoryError> {
        self.listed.borrow_mut().push(user.to_owned());
        (self.entry.borrow())(key)
    }
}
