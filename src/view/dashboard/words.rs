//! The texts of the lists of clusters and of sensitive calls, in both languages.

use maud::{Markup, html};
use records::time::Timestamp;

use super::Frame;
use crate::{fill, moment, number};

alerts::words! {
    /// The texts of the lists of clusters and of sensitive calls.
    pub(super) struct ListWords {
        search: "Search", "搜索";
        clear_search: "Clear search", "清除搜索";
        clear_filters: "Clear filters", "清除筛选";
        status: "Status", "状态";
        decided: "Decided: {decision}", "已决定：{decision}";
        show_open: "Show open ({count})", "显示未恢复（{count}）";
        show_new: "Show new ({count})", "显示新增（{count}）";
        show_recovered: "Show recovered ({count})", "显示已恢复（{count}）";
        show_all: "Show all ({count})", "显示全部（{count}）";
        severity: "Severity", "级别";
        what: "What fails", "失败内容";
        class: "Class", "类别";
        who: "Who", "调用者";
        trend: "24 hours", "24 小时";
        last: "Last seen ({zone})", "最近一次（{zone}）";
        events: "Events", "事件数";
        account: "Account", "账号";
        clusters: "Clusters", "聚类";
        cluster: "{count} {show} cluster", "{count} 个{show}聚类";
        clusters_found: "{count} {show} clusters", "{count} 个{show}聚类";
        any_cluster: "{count} cluster", "{count} 个聚类";
        any_clusters: "{count} clusters", "{count} 个聚类";
        is_open: "open", "未恢复";
        is_new: "new", "新增";
        is_recovered: "recovered", "已恢复";
        range: "{from} to {until}", "{from} 至 {until}";
        as_of: "as of {at} ({zone})", "截至 {at}（{zone}）";
        outside: "{count} more at other times", "其他时间另有 {count} 个";
        folded: "{count} clusters of the incidents above are folded.", "上方安全事件的 {count} 个聚类已折叠。";
        folded_one: "1 cluster of the incidents above is folded.", "上方安全事件的 1 个聚类已折叠。";
        folded_calls: "{count} sensitive calls of the incidents above are folded.", "上方安全事件的 {count} 个敏感操作已折叠。";
        folded_call: "1 sensitive call of the incidents above is folded.", "上方安全事件的 1 个敏感操作已折叠。";
        unfold: "Show them", "展开";
        fold: "Fold what incidents have", "折叠安全事件的内容";
        none_found: "No cluster matches {search}.", "没有匹配 {search} 的聚类。";
        none_filtered: "No cluster matches these filters.", "没有符合筛选条件的聚类。";
        none_open: "No cluster is open.", "没有未恢复的聚类。";
        none_new: "No cluster is new.", "没有新增聚类。";
        none_recovered: "No cluster has recovered.", "没有已恢复的聚类。";
        none_at_all: "No cluster at these times.", "该时段内没有聚类。";
        widen: "There are {count} at other times: widen the time range of the dashboard.", "其他时间有 {count} 个：请放宽仪表板的时间范围。";
        keys: "Keys of a search: severity:, class:, status:, decision:, account:, service:, caller:, code:, region:, resource:.", "搜索关键字：severity:、class:、status:、decision:、account:、service:、caller:、code:、region:、resource:。";
        nothing_in_stack: "Nothing was recorded yet. Check that a trail writes to the log groups of this stack, and that the row on top of this dashboard shows that records arrive.", "尚无记录。请确认跟踪正在写入本堆栈的日志组，并查看仪表板顶部一行是否显示有记录到达。";
        nothing_in_file: "This file has no failed and no sensitive call. Add a trail to it with the command scan.", "该文件中没有失败的调用或敏感操作。请用 scan 命令向其中添加跟踪记录。";
        failed_sign_ins: "Failed sign-ins", "失败的登录";
        new_users: "New IAM users", "新建的 IAM 用户";
        top: "Top ten errors", "最多的十种错误";
        at_least: "at least {count}", "至少 {count}";
        previous: "Previous", "上一页";
        next: "Next", "下一页";
        page: "Page {at} of {pages}", "第 {at} 页，共 {pages} 页";
        others: "{who} and {count} more", "{who} 等另 {count} 个";
        plus: "+{count}", "另 {count} 个";
        several: "and more", "等";
        calls: "Sensitive calls", "敏感操作";
        call: "Call", "调用";
        target: "To what or whom", "对象";
        times: "Times", "次数";
        strong: "strong", "高风险";
        no_alert: "no alert", "不告警";
        more_calls: "{count} more: show all", "另有 {count} 个：显示全部";
        call_found: "{count} sensitive call succeeded", "{count} 个敏感操作已成功";
        calls_kept: "calls of the last eight days", "最近八天的操作";
        calls_found: "{count} sensitive calls succeeded", "{count} 个敏感操作已成功";
    }
}

/// Returns the number of a page and of all pages.
pub(super) fn page_of(frame: &Frame<'_>, at: usize, pages: usize) -> Markup {
    let parts = [("at", number(at as u64)), ("pages", number(pages as u64))];
    fill(ListWords::of(frame.locale.language).page, &parts)
}

/// Returns up to which moment the page has events, with the time zone of all times of the page.
pub(super) fn as_of(frame: &Frame<'_>, at: Timestamp) -> Markup {
    let parts = [
        ("at", moment(Some(at), frame.locale)),
        ("zone", html! { (frame.locale.zone_name()) }),
    ];
    fill(ListWords::of(frame.locale.language).as_of, &parts)
}
