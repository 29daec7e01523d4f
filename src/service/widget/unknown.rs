//! The page of an id that the store does not have: what may be the reason, and what to do.

use clusters::fingerprint::ClusterId;

use crate::widget::WidgetHandler;

alerts::words! {
    /// The sentences about what is not in the store.
    pub(super) struct UnknownWords {
        cluster: "There is no cluster {id} here.", "此处没有聚类 {id}。";
        incident: "There is no incident {id} here.", "此处没有安全事件 {id}。";
        check: "Check the ID: copy it again from the alert or the link.", "请核对 ID：从告警或链接中重新复制。";
        range: "Select a longer time range, and search for the caller or the resource instead.", "请放宽时间范围，改为搜索调用者或资源。";
        expired: "It may have expired: what has no event within the retention of this stack ({days} days) is removed.", "可能已过期：超过本堆栈保留期（{days} 天）没有事件的内容会被删除。";
        other_stack: "It may be of another stack or file. The alert names its stack; open the dashboard of that one, or run serve with it.", "可能属于其他堆栈或文件。告警中注明了堆栈；请打开该堆栈的仪表板，或对其运行 serve。";
        other_file: "It may be of another file or a stack: run serve with that one. If this file does not have its time yet, add the trail with scan.", "可能属于其他文件或堆栈：请对其运行 serve。如果此文件尚不含该时段，请用 scan 添加跟踪记录。";
    }
}

impl<S> WidgetHandler<'_, S> {
    /// Returns an HTML page with the sentence that the store does not have something, and with what to do.
    pub(super) fn unknown(&self, sentence: &str) -> String {
        let frame = self.frame();
        let words = UnknownWords::of(frame.locale.language);
        match self.setting.retention_days {
            None => frame.not_found(sentence, &[words.check, words.range, words.other_file]),
            Some(days) => {
                let expired = words.expired.replace("{days}", &days.to_string());
                frame.not_found(
                    sentence,
                    &[words.check, words.range, &expired, words.other_stack],
                )
            }
        }
    }

    /// Returns an HTML page with the sentence that the store does not have a cluster, and with what to do.
    pub(super) fn unknown_cluster(&self, cluster: ClusterId) -> String {
        let words = UnknownWords::of(self.frame().locale.language);
        self.unknown(&words.cluster.replace("{id}", &cluster.to_string()))
    }
}
