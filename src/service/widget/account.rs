//! The page of one account. All its data are in the list and the incidents, so the store is not asked.

use view::dashboard::account::AccountPage;

use crate::widget::{Now, WidgetHandler};

impl<S> WidgetHandler<'_, S> {
    /// Returns the page of an account in HTML, or a page with the sentence that nothing is known of it.
    pub(super) fn open_account(&self, account_id: &str, now: &Now) -> String {
        let clusters = now.listing.clusters.iter();
        let clusters = clusters.filter(|(_, of)| of.subject.account_id == account_id);
        let calls = now.listing.calls.iter();
        let calls = calls.filter(|(_, of)| of.subject.account_id == account_id);
        let incidents = now.incidents.iter();
        let incidents = incidents.filter(|of| of.actor.account_id == account_id);
        let page = AccountPage {
            frame: self.frame(),
            account_id,
            incidents: incidents.collect(),
            clusters: clusters.map(|(id, of)| (*id, of)).collect(),
            calls: calls.map(|(id, of)| (*id, of)).collect(),
            as_of: self.setting.as_of,
        };
        if page.clusters.is_empty() && page.calls.is_empty() {
            return self.unknown(AccountPage::unknown(self.frame().locale.language));
        }
        page.html()
    }
}
