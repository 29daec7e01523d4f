//! The words of the report, in both languages.

use alerts::words;

words! {
    /// The words of the report.
    pub(crate) struct ReportWords {
        title: "CloudTrail errors", "CloudTrail 错误报告";
        summary: "{events} in {clusters} and {accounts}", "{events}，{clusters}，{accounts}";
        from_to: ", {from} to {to} {zone}", "，{from} 至 {to}（{zone}）";
        one_failure: "1 failing event", "1 个失败事件";
        failures: "{count} failing events", "{count} 个失败事件";
        one_cluster: "1 cluster", "1 个聚类";
        clusters: "{count} clusters", "{count} 个聚类";
        one_account: "1 account", "1 个账号";
        accounts: "{count} accounts", "{count} 个账号";
        one_call: "1 sensitive call", "1 种敏感操作";
        calls: "{count} sensitive calls", "{count} 种敏感操作";
        one_event: "1 event", "1 个事件";
        events: "{count} events", "{count} 个事件";
        times: "made {count} times", "共 {count} 次";
        dot: ". ", "。";
        one_file: "1 file", "1 个文件";
        files: "{count} files", "{count} 个文件";
        of_files: "{files} from {names}", "{files}：{names}";
        comma: ", ", "，";
        and_more: " and {count} more", "，另有 {count} 个";
        as_of: "Every status is as of {at}, the end of the last hour.", "状态截至 {at}，即最后一小时结束时。";

        of_both: "{failing} failing, {sensitive} sensitive", "失败 {failing}，敏感操作 {sensitive}";
        by_severity: "Clusters by severity", "各级别的聚类";
        worst: "Most severe", "最严重";
        nothing_severe: "Nothing failed, and no sensitive call succeeded.", "没有失败，也没有敏感操作。";
        new: "New in the last 24 hours", "最近 24 小时新增";
        nothing_new: "Nothing else is new.", "没有其他新增。";
        new_in_incidents: "{count} more belong to the incidents above.", "另有 {count} 个属于上方的安全事件。";
        all_new: "All {count} are new: the trail begins within these 24 hours.", "全部 {count} 项均为新增：记录始于这 24 小时之内。";
        frequent: "Top ten errors", "最多的十种错误";
        callers: "Callers with most failing and sensitive calls", "失败与敏感操作最多的调用者";
        caller: "Caller", "调用者";
        no_caller: "No event names a caller.", "没有事件注明调用者。";

        incidents: "Incidents", "安全事件";
        incidents_note: "What one actor did, with evidence of an attack; the most severe first.",
            "单个操作者的行为，附攻击依据；最严重的在前。";
        one_step: "1 step", "1 个步骤";
        step_count: "{count} steps", "{count} 个步骤";
        account_of: "account {id}", "账号 {id}";
        steps: "steps", "步骤";
        what_to_do: "What to do now, in this order", "现在要做的（按顺序）";
        steps_in_order: "Steps, in their order", "步骤（按时间顺序）";
        left_behind: "What stays behind", "遗留影响";
        members: "Who acted, and by which proof", "身份与依据";
        evidence: "Evidence", "判断依据";
        its_clusters: "Clusters and sensitive calls", "聚类与敏感操作";
        incident_id: "incident {id}", "安全事件 {id}";

        over_time: "Failing events over time", "失败事件随时间的分布";
        failing: "Failing calls", "失败的调用";
        nothing_failed: "Nothing failed.", "没有失败的调用。";
        sensitive: "Sensitive calls", "敏感操作";
        sensitive_note: "These calls succeeded, and give access, stop a record, destroy data or share something.",
            "以下操作均已成功：授予访问权限、停止记录、破坏数据或对外共享。";
        none_seen: "None was seen.", "未出现。";
        severity: "severity", "级别";
        what: "what", "调用与错误";
        count: "events", "事件数";
        call_count: "calls", "次数";
        who: "who", "调用者";
        status: "status", "状态";
        weight: "weight", "权重";
        strong: "strong", "高风险";
        account: "account", "账号";
        first: "first ({zone})", "首次（{zone}）";
        last: "last ({zone})", "最近（{zone}）";
        on: " on ", "，对象 ";
        details: "Details of each", "逐项详情";
        search: "Search the table", "搜索表格";
        any: "{column}: all", "{column}：全部";
        none: "No row matches. Clear the fields to see all.", "没有匹配的行。清空筛选条件可查看全部。";
        shown: "{shown} of {count}", "{count} 行中的 {shown} 行";
        sort: "Sort by {column}", "按{column}排序";

        keys: "Access keys seen", "出现过的访问密钥";
        no_key: "No event has an access key.", "事件中没有访问密钥。";
        unread: "What could not be read", "未能读取的内容";
        all_read: "Everything was read.", "全部读取成功。";
        one_input: "1 input: none of its events is on this page", "1 个输入：其事件均不在本页中";
        inputs: "{count} inputs: none of their events is on this page", "{count} 个输入：其事件均不在本页中";
        one_record: "1 quarantined record", "1 条隔离的记录";
        records: "{count} quarantined records", "{count} 条隔离的记录";
        file: "file", "文件";
        record: "record", "记录";
        reason: "reason", "原因";

        totals: "Totals of records", "记录总数";
        totals_head: "records of this scan", "本次扫描的记录";
        totals_count: "count", "数量";
        read: "read", "已读取";
        not_selected: "not selected: nothing failed", "未选取：没有失败";
        selected: "selected", "已选取";
        clustered: "clustered", "已归入聚类";
        duplicate: "duplicate", "重复";
        ignored: "ignored", "已忽略";
        quarantined: "quarantined: cannot be read", "已隔离：无法读取";
        totals_rule: "Read = not selected + selected; selected = clustered + duplicate + ignored + quarantined. ",
            "已读取 = 未选取 + 已选取；已选取 = 已归入聚类 + 重复 + 已忽略 + 已隔离。";
        totals_store: "Clusters and sensitive calls hold {events} = {clustered} of this scan + {before} that the store had before.",
            "聚类与敏感操作共含 {events} = 本次扫描 {clustered} 个 + 存储中已有 {before} 个。";
        unknown_codes: "{count} errors had an unknown code.", "{count} 个错误的错误码未知。";
        unknown_denials: "{count} refusals had an unknown wording.", "{count} 个拒绝的措辞未知。";
        excluded: "{count} of the ignored records are of excluded accounts ({accounts}).",
            "已忽略的记录中有 {count} 条属于被排除的账号（{accounts}）。";
        footer: "Confidential: this page has names, addresses and access key IDs of the trail. Written by cloudtrail-inspector {version}. All times are event times in {zone}.",
            "机密：本页含有跟踪记录中的名称、地址和访问密钥 ID。由 cloudtrail-inspector {version} 生成。所有时间均为事件时间（{zone}）。";
    }
}
