//! An IAM that answers by a script, and records the requests and their times.

use std::cell::RefCell;

use clusters::keys::IamAnswer;
use service::ports::{Clock, DirectoryError, KeyDirectory};

type Script = Box<dyn Fn(&str) -> Result<IamAnswer, DirectoryError>>;

/// An IAM for tests.
pub struct Directory<C> {
    clock: C,
    answer: RefCell<Script>,
    /// Requested access keys, each with the time in milliseconds.
    pub calls: RefCell<Vec<(String, i64)>>,
}

impl<C: Clock> Directory<C> {
    /// Returns an IAM that knows no key.
    pub fn new(clock: C) -> Self {
        Self {
            clock,
            answer: RefCell::new(Box::new(|_| Ok(IamAnswer::Unknown))),
            calls: RefCell::default(),
        }
    }

    /// Sets the answer for all further requests.
    pub fn say(&self, answer: impl Fn(&str) -> Result<IamAnswer, DirectoryError> + 'static) {
        *self.answer.borrow_mut() = Box::new(answer);
    }
}

impl<C: Clock> KeyDirectory for Directory<C> {
    async fn last_use(&self, key: &str, _account_id: &str) -> Result<IamAnswer, DirectoryError> {
        let call = (key.to_owned(), self.clock.millis());
        self.calls.borrow_mut().push(call);
        (self.answer.borrow())(key)
    }
}
