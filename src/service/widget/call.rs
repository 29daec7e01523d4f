//! The page of one sensitive call, from the same data as the page of a cluster.

use alerts::severity;
use clusters::related::related;
use records::time::Window;
use view::dashboard::call::{CallEvent, CallPage};

use crate::widget::file::ClusterData;
use crate::widget::{Now, View, WidgetHandler};

impl<S> WidgetHandler<'_, S> {
    /// Returns the page of a sensitive call in HTML.
    pub(super) fn call_page(&self, data: &ClusterData, now: &Now, view: View<'_>) -> String {
        let id = data.cluster.id;
        let history = now.listing.calls.get(&id);
        let circumstances = match history {
            Some(history) => &history.circumstances,
            None => &data.cluster_details.circumstances,
        };
        let first_seen = data.cluster_details.first_seen;
        let own = data.occurrences.iter();
        let own = own.filter(|of| of.series.cluster == id);
        let events: Vec<CallEvent<'_>> = own
            .map(|of| CallEvent {
                at: of.at,
                id: of.id,
                facets: &of.series.facets,
            })
            .collect();
        let last_days = || history.iter().flat_map(|of| of.hours()).collect();
        let life: Vec<(Window, u64)> = now.life(id).unwrap_or_else(last_days);
        let page = CallPage {
            frame: self.frame(),
            call: &data.cluster,
            history,
            is_past: self.setting.is_past,
            assessment: severity::assess_with_history(
                &data.cluster,
                first_seen,
                circumstances.clone(),
            ),
            first_seen,
            life: &life,
            hours: &data.hours,
            events: &events,
            keys: &data.keys,
            related: &related(id, &data.occurrences),
            sent: &data.sent,
            links: &self.setting.links,
            is_in_widget: view == View::InWidget,
            notice: view.notice(),
        };
        page.html()
    }
}
