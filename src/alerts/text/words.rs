//! The texts of messages in both languages: each sentence and word, with placeholders in braces. `terms` has the names of
//! severities, kinds, classes, origins and layers, `incident_words` those of incidents.

crate::words! {
    /// All sentences and words of messages in one language. A sentence may have placeholders in braces, such as `{account}`.
    pub(super) struct Words {
        // The titles of the sections, in their order.
        overview: "Event Overview", "事件概览";
        cloudtrail: "CloudTrail", "CloudTrail";
        key_use: "AK Last Active Time", "AK 最后活跃时间";
        new_errors: "New Errors", "新增错误";
        made_call: "Sensitive Call", "敏感操作";

        // The words in the brackets of a title.
        title_calmed: "Calmed down", "已回落";
        title_campaign_grew: "Campaign grows", "关联活动扩大";
        title_campaign_ended: "Campaign over", "关联活动结束";
        title_data_again: "Data again", "数据恢复";
        title_learned: "the learning period is over", "学习期结束";
        title_digest: "alerts that waited", "积压的告警";
        title_drill: "test of the alert path, nothing to do", "告警链路测试，无需处理";
        title_drill_failed: "stage {stage} not reached", "未通过“{stage}”环节";
        title_error: "{code} on {api}", "{api} 返回 {code}";
        title_all: "all errors", "全部错误";
        title_hourly: "{count} in an hour, at most {limit} expected", "一小时内 {count}，预期至多 {limit}";
        title_summary:
            "{new} new of {errors} errors in the {period} from {from}",
            "自 {from}起 {period}内错误 {errors} 个，其中新增 {new} 个";
        title_call: "{api}{caller}{target}", "{api}{caller}{target}";
        title_caller: " by {caller}", "，调用者 {caller}";
        title_target: " on {target}", "，对象为 {target}";
        title_circumstance: ", {what} {value}", "，{what}为 {value}";
        title_calls: " ({count} calls)", "（{count} 次）";
        title_summary_calls: ", {calls}", "，{calls}";
        title_bracket: " ({text})", "（{text}）";
        colon: ": ", "：";
        one_event: "1 event", "1 个事件";
        events: "{count} events", "{count} 个事件";
        one_call: "1 sensitive call", "1 次敏感操作";
        calls_made: "{count} sensitive calls", "{count} 次敏感操作";

        // The first sentence, by kind.
        new:
            "An error that was not seen there before, in {account}: {code} at {api}.",
            "{account}出现了从未见过的错误：{api} 返回 {code}。";
        new_principal:
            "{about} fails at what only others failed at before, in {account}: {code} at {api}.",
            "{about} 在{account}首次触发此前仅由其他调用者触发的错误：{api} 返回 {code}。";
        new_circumstance:
            "A known error in {account} has a new circumstance, {what} {value}: {code} at {api}.",
            "{account}中的已知错误出现新情况，{what}为 {value}：{api} 返回 {code}。";
        new_circumstance_of_caller:
            "{about} fails as before in {account}, and for the first time with {what} {value}: {code} at {api}.",
            "{about} 在{account}触发已知错误，且首次出现的{what}为 {value}：{api} 返回 {code}。";
        regressed:
            "An error that had stopped is back in {account}: {code} at {api}.",
            "{account}中已停止的错误再次出现：{api} 返回 {code}。";
        recovered:
            "An error has stopped in {account}: {code} at {api} was not seen for its quiet period of {quiet}.",
            "{account}中的错误已停止：{api} 返回 {code}，静默期（{quiet}）内未再出现。";
        escalating:
            "An error is much more frequent in {account} than it usually is: {code} at {api}.",
            "{account}中的错误远比平时频繁：{api} 返回 {code}。";
        campaign:
            "Many failures in {account} are one campaign, of {about}.",
            "{account}中有大量相互关联的失败，来自 {about}。";
        access_key:
            "An access key did what it should not, in {account}: {about}.",
            "{account}中有访问密钥行为异常：{about}。";
        account_summary: "What {account} looked like: {about}.", "{account}的概况：{about}。";
        sensitive_call:
            "A sensitive call succeeded in {account}: {api}{caller}{target}.",
            "{account}中有敏感操作执行成功：{api}{caller}{target}。";
        calls_beyond:
            "There were more different sensitive calls within an hour in {account} than are stored one by one; the others are counted together: {api}.",
            "{account}一小时内的敏感操作种类过多，超出逐一保存的上限，其余的合并计数：{api}。";
        by_caller: " by {caller}", "，调用者 {caller}";
        line_id: ", cluster {id}", "，聚类 {id}";
        on_target: " on {target}", "，对象为 {target}";
        call_gone:
            "Its events are no longer stored; this is all that is known of it.",
            "相关事件已不再保存，以下为全部已知信息。";
        learned:
            "The learning period is over for {account}: new errors are announced from now on. clusters list shows what was learned.",
            "{account}的学习期已结束：此后出现的新错误都会告警。已学到的内容可用 clusters list 查看。";
        digest:
            "Alerts of {account} that waited, all at once: each of them would have been a message.",
            "{account}积压的告警，合并为一条：每一条原本都是一个消息。";
        new_account:
            "Events of {account} are seen for the first time.",
            "首次收到{account}的事件。";
        no_data: "Nothing arrives any more from {account}: {about}.", "{account}不再有数据到达：{about}。";
        drill:
            "This is a drill. A test record went from its log group to here, as records of the trail do. Nothing happened, and nothing has to be done.",
            "这是一次演练：一条测试记录与跟踪记录走同一链路，从其日志组到达此处。没有发生任何异常，无需处理。";
        drill_failed:
            "The nightly drill failed: its test record did not reach the stage {stage} within an hour. Alerts may be missing or late until this is repaired.",
            "每晚演练失败：测试记录一小时内未通过“{stage}”环节。修复之前，告警可能缺失或延迟。";
        drill_times: "Drill {drill}, begun {at}", "演练 {drill}，开始于 {at}";
        drill_answer: "Last answer: {answer}", "最近的答复：{answer}";
        drill_to_do:
            "run `cloudtrail-inspector drill --stack NAME`; it names the cause and the next command.",
            "请运行 `cloudtrail-inspector drill --stack NAME`，它会给出原因和下一条命令。";
        drill_stage_of: "{stage} of {sink}", "{stage}（{sink}）";
        gone:
            "The cluster is no longer stored; this is all that is known of it.",
            "该错误聚类已不再保存，以下为全部已知信息。";
        account: "account {id}", "账号 {id} ";
        whole_stack: "the whole stack", "整个部署";
        nothing_further: "nothing further", "无更多信息";
        calmed:
            "An error is no more frequent in {account} than it usually is: {code} at {api}.",
            "{account}中的错误已回落到平时的频率：{api} 返回 {code}。";
        account_escalating:
            "The errors of {account} are much more frequent all together than they usually are, and no single one is to blame.",
            "{account}的错误总数远比平时多，且不能归因于任何单一错误。";
        account_calmed:
            "The errors of {account} are no more frequent all together than they usually are.",
            "{account}的错误总数已回落到平时的水平。";
        campaign_grew:
            "A campaign in {account} goes on, of {about}: it is {times} times as large as what makes one.",
            "{account}中的关联活动仍在继续，来自 {about}：其规模已达判定阈值的 {times} 倍。";
        campaign_ended:
            "A campaign in {account} is over, of {about}: nothing more of it came for half an hour.",
            "{account}中的关联活动已结束，来自 {about}：半小时内未再出现相关事件。";
        silent:
            "Nothing has come from {what} since {since}, where something always came.",
            "{what}自 {since} 起不再有数据到达，而此前一直有。";
        never_any_data:
            "Nothing has come from {what} since {since}. It never had data since the stack began to check it.",
            "{what}自 {since} 起没有数据到达：自开始检查以来，从未有过数据。";
        first_data:
            "The first events have arrived from {what}, after {lasted} without any.",
            "{what}首次有数据到达，此前 {lasted}内没有任何数据。";
        data_again:
            "Events arrive again from {what}, after {lasted} without any.",
            "{what}重新有数据到达，此前中断 {lasted}。";
        log_group: "log group {name} in {account}", "{account}的日志组 {name} ";
        summary:
            "What {account} looked like in the {period} from {from} to {until}: errors {errors}, of clusters {clusters}; new errors {new_errors}, of new clusters {new}.",
            "{account}自 {from} 至 {until}（{period}）的概况：错误 {errors} 个，涉及聚类 {clusters} 个；其中新增错误 {new_errors} 个，涉及新聚类 {new} 个。";
        hour: "hour", "1 小时";
        day: "day", "1 天";
        week: "week", "1 周";

        // The overview.
        severity: "Severity: {severity}", "级别：{severity}";
        reasons: "Why it is that severe: {reasons}", "级别依据：{reasons}";
        seen: "First seen {first}, last seen {last}", "首次出现 {first}，最近出现 {last}";
        lasted: "It has lasted for {lasted}", "已持续 {lasted}";
        first_event: "First event: {api}{caller}, {time}", "首个事件：{api}{caller}，{time}";
        first_event_time: "First event: {time}", "首个事件：{time}";
        check_account:
            "Find out who created or connected the account. If that was planned, give it a name in the settings file, or leave its events out there",
            "请确认是谁创建或接入了该账号。如属计划内，可在设置文件中为其命名；如不需要其事件，可在设置文件中排除该账号";
        often: "Events: {count}", "事件数：{count}";
        often_between:
            "Events: {count}, from {from} to {until}",
            "事件数：{count}，自 {from} 至 {until}";
        late: "This was found out a day or more after it happened.", "此事在发生一天或更久之后才被发现。";
        suppressed:
            "Alerts of the same cluster that were held back since the last one: {count}",
            "自上次告警以来被抑制的同类告警数：{count}";
        suppressed_calls:
            "Alerts about the same call that were held back since the last one: {count}",
            "自上次告警以来被抑制的关于同一操作的告警数：{count}";
        partial:
            "Not all could be looked up: when some of the keys were last active is missing.",
            "部分信息未能查到：缺少某些密钥的最后活跃时间。";
        ids: "Cluster {cluster}, alert {alert}", "聚类 {cluster}，告警 {alert}";
        call_ids: "Sensitive call {cluster}, alert {alert}", "敏感操作 {cluster}，告警 {alert}";
        id: "Alert {alert}", "告警 {alert}";
        time_zone: "Time zone: {zone}", "时区：{zone}";

        // A sensitive call.
        called: "When: {first}", "时间：{first}";
        called_between: "When: {first}, last {last}", "时间：{first}，最近 {last}";
        equal_calls: "Equal calls: {count}", "相同操作次数：{count}";
        calls_between:
            "Equal calls: {count}, from {from} to {until}",
            "相同操作次数：{count}，自 {from} 至 {until}";
        why_watched: "Why it is watched: {why}", "关注原因：{why}";
        technique: "Technique of MITRE ATT&CK: {technique}", "MITRE ATT&CK 技术：{technique}";
        look_technique: "What it is", "技术说明";
        strong:
            "Weight: strong; such a call alone can be a step of an attack",
            "权重：高风险，单独一次即可能是攻击的一个步骤";
        weak: "Weight: weak; such calls are also part of daily work", "权重：一般，日常工作中也会出现";
        first_of_caller:
            "It is the first such call of this caller. Later ones have no alert; the summary of the day counts them.",
            "这是该调用者首次执行此类操作。之后的同类操作不再告警，仅计入每日汇总。";

        // The facts of campaigns, escalations, recoveries, regressions and periods without events.
        looks: "What it looks like: {shapes}", "表现：{shapes}";
        breadth: "one caller is refused many different calls", "同一调用者的多种调用被拒绝";
        depth: "one caller is refused one call on many resources", "同一调用者对多个资源的同一调用被拒绝";
        spread: "one caller is refused in many regions", "同一调用者在多个区域被拒绝";
        widespread: "one error meets many callers at once", "多个调用者同时遇到同一错误";
        brute_force: "one user's password is wrong many times", "同一用户多次输错密码";
        spraying: "the passwords of many users are wrong from one network", "同一网络中多个用户输错密码";
        campaign_times: "Began {from}, last event {last}", "始于 {from}，最近事件 {last}";
        campaign_size:
            "Events: {events}, of clusters: {clusters}; different things at a time: {items}",
            "事件数：{events}，聚类数：{clusters}；同期不同对象数：{items}";
        escalation_began:
            "Events in the hour from {from}: {peak}; expected at most: {limit}",
            "自 {from} 起一小时内的事件数：{peak}；预期至多：{limit}";
        escalation_ended:
            "From {from} to {until}; events in the largest hour: {peak}, expected at most: {limit}",
            "自 {from} 至 {until}；最多一小时的事件数：{peak}，预期至多：{limit}";
        recovery:
            "It failed for {lasted}, from {from} to {until}, with {events}",
            "失败持续 {lasted}，自 {from} 至 {until}，共 {events}";
        recovery_once: "It failed once, at {from}, with {events}", "仅在 {from} 失败，共 {events}";
        regression: "It had been quiet for {quiet}", "此前静默 {quiet}";
        silence_began: "Silent from {from}, noticed {until}", "自 {from} 起中断，于 {until} 发现";
        silence_ended: "Silent from {from} to {until}", "自 {from} 至 {until} 中断";
        blind:
            "No cluster recovers for want of events until there are some again.",
            "在重新有事件之前，不会因没有事件而判定任何聚类已恢复。";
        diagnosis: "Cause: {sentence} ({name})", "原因：{sentence}（{name}）";

        // Incidents: titles of sections, titles, the first sentence.
        incident_what: "What Happens", "发生了什么";
        incident_steps: "Steps", "步骤";
        incident_behind: "What Stays Behind", "遗留影响";
        incident_to_do: "What to Do Now", "现在要做的";
        incident_evidence: "Evidence and Links", "依据与链接";
        title_grew: "{severity}, grows", "{severity}，扩大";
        title_over: "Over", "已结束";
        title_merged: "Merged", "已合并";
        title_did: "{actor} {did}", "{actor} {did}";
        title_steps: ", {count} steps", "，共 {count} 步";
        title_account: " (AWS {account})", "（AWS {account}）";
        title_part: "{actor}: part of another incident", "{actor}：属于另一事件";
        goes_on:
            "{actor} acts like an attacker in {account}, and it goes on: {what}",
            "{account}中的{actor}行为疑似攻击，且仍在继续：{what}";
        went_quiet:
            "{actor} acted like an attacker in {account}, and was last seen {last}: {what}",
            "{account}中的{actor}行为疑似攻击，最近一次活动在 {last}：{what}";
        is_over:
            "{actor} acted like an attacker in {account}, and it is over: {what}",
            "{account}中的{actor}行为疑似攻击，现已结束：{what}";
        is_part:
            "What {actor} did in {account} is a part of incident {incident}; the alerts about that one go on.",
            "{account}中{actor}的行为属于安全事件 {incident}，后续告警见该事件。";

        // What happened, from where, and who made whom.
        incident_times:
            "From {from} to {last} so far ({lasted}), with {events}",
            "自 {from} 至今，最近 {last}（历时 {lasted}），共 {events}";
        incident_ended:
            "It lasted {lasted}, from {from} to {last}, with {events}. Then an hour passed without any.",
            "历时 {lasted}，自 {from} 至 {last}，共 {events}；此后一小时内再无活动。";
        step_counts:
            "Steps: {steps}; succeeded: {succeeded}, refused: {refused}, otherwise failed: {not_found}",
            "步骤：{steps}；成功 {succeeded}，被拒绝 {refused}，其他失败 {not_found}";
        tactics: "Tactics: {tactics}", "战术：{tactics}";
        growth: "New since the alert of {since}: {news}", "自 {since} 的告警以来新增：{news}";
        growth_steps: "further steps: {count}", "步骤 {count} 个";
        growth_tactics: "tactics: {tactics}", "战术：{tactics}";
        growth_severity: "more severe, it was: {severity}", "级别升高，此前为 {severity}";
        acts_as:
            "Also acts as {member}: {proof} ({at}; {events})",
            "同时以{member}的身份行动：{proof}（{at}，{events}）";
        merged:
            "Includes what earlier alerts said of other incidents: {incidents}",
            "包含此前其他事件的告警内容：{incidents}";

        // Steps.
        steps_of_day:
            "Times are of {date}, in {zone}, if no other day is given.",
            "未注明日期的时间均为 {date}（{zone}）。";
        step:
            "{new}{at} {tactic}: {call} {outcome}{times}{targets}{technique}",
            "{new}{at} {tactic}：{call} {outcome}{times}{targets}{technique}";
        step_new: "new", "新增";
        step_times: ", {count} times until {last}", "，{count} 次，至 {last}";
        step_targets: ", on {targets}", "，对象 {targets}";
        step_more_targets: "{count} more", "另有 {count} 个";
        step_many_targets: "at least {count} more", "另有至少 {count} 个";
        step_technique: " ({technique})", "（{technique}）";
        other_steps: "and {count} other steps", "另有 {count} 个步骤";
        no_tactic: "other", "其他";
        succeeded: "succeeded", "成功";
        refused: "refused", "被拒绝";
        not_found: "failed, no such target or a limit", "失败（目标不存在或达到上限）";

        // What stays behind.
        nothing_stands:
            "Nothing that was made still stands, as far as is known.",
            "据已知信息，所创建的内容均已不存在。";
        stands: "Stands: {count}", "仍然存在：{count}";
        made_unseen:
            "Made; removal is not seen with this coverage: {count}",
            "已创建；当前覆盖范围看不到移除操作：{count}";
        nothing_unseen: "Nothing is known to have been made.", "未发现创建任何内容。";
        made:
            "{name} ({what}), since {at} by {call}{region}{unsure}",
            "{name}（{what}），自 {at}，操作 {call}{region}{unsure}";
        made_in: ", in {region}", "，区域 {region}";
        made_unsure: "; perhaps removed in the same second", "；可能在同一秒内已移除";
        was_open:
            "Was open until it was closed, which may have been enough: {count}",
            "曾经开放，短时开放也可能已足够：{count}";
        was_open_of:
            "{name} ({what}): open until {until}, for {lasted}",
            "{name}（{what}）：开放至 {until}，历时 {lasted}";
        ways_in: "Way in: {count}", "进入途径：{count}";
        way_in_lasts:
            "access key {key} of {of}, which lasts until it is removed; last used here {last}",
            "{of} 的访问密钥 {key}，长期有效，直到被移除；最近在此使用 {last}";
        way_in_ends:
            "session key {key} of {of}, which ends by itself; last used here {last}",
            "{of} 的会话密钥 {key}，到期自动失效；最近在此使用 {last}";

        // What to do.
        to_do_number: "({number}) ", "（{number}）";
        to_do_item: "{name} ({what}){commands}", "{name}（{what}）{commands}";

        // Evidence.
        evidence: "What speaks for an attack: {evidence}", "判断为攻击的依据：{evidence}";
        evidence_items: "{count} {reason}", "{reason}（{count}）";
        event_of_call: "{at} {call}", "{at} {call}";
        look_actor: "All calls of the actor", "操作者的全部调用";
        incident_id: "Incident {incident}, alert {alert}", "安全事件 {incident}，告警 {alert}";

        // The facts of a new circumstance.
        network: "network", "网络";
        region: "region", "区域";
        access_key_id: "access key", "访问密钥";
        layer: "refusing layer", "拒绝方";
        policy: "refusing policy", "拒绝策略";
        usual: "Usual until now: {values}", "此前常见：{values}";
        no_usual: "none", "无";
        ask_caller:
            "ask the caller. If no one knows about it, deactivate its credentials.",
            "请向调用者确认。若无人知晓，请停用其凭证。";

        // CloudTrail.
        account_errors: "Errors of the account in the same time: {count}", "同一时段该账号的错误总数：{count}";
        call: "Call: {api}, class {class}, code {code}", "调用：{api}；类别：{class}；错误码：{code}";
        call_succeeded: "Call: {api}, which succeeded", "调用：{api}，已成功";
        by: "{what}: {values}", "{what}：{values}";
        value_count: " ({count})", "（{count}）";
        more: "and {count} more", "另有 {count} 个";
        principals: "Who", "调用者";
        sessions: "Sessions", "会话";
        regions: "Regions", "区域";
        origins: "By means of", "调用途径";
        networks: "From", "来源";
        agents: "Programs", "程序";
        resources: "On what", "目标资源";
        layers: "Refused by", "拒绝方";
        policies: "Refusing policy", "拒绝策略";
        look_event: "Event in CloudTrail", "在 CloudTrail 中查看事件";
        look_dashboard: "Dashboard", "仪表板";
        look_logs: "Log group", "日志组";
        look_samples: "Samples", "样本";
        look_fault: "How it began", "起始事件";
        look_cluster: "Open", "查看";
        calls: "Calls", "调用";
        probing:
            "find out whether the caller is a program that lacks a permission or someone who tests what is allowed. If no one knows about it, deactivate its credentials.",
            "请查明调用者是缺少权限的程序，还是有人在试探权限。若无人知晓，请停用其凭证。";
        changed:
            "look at what was changed in policies just before the first event.",
            "请查看首个事件之前策略发生了什么变更。";
        guessing:
            "ask the users whether it was them, and look for a sign-in that succeeded afterwards.",
            "请向相关用户确认是否本人操作，并查看此后是否有成功的登录。";
        in_summary: "Errors: {count}, of clusters: {clusters}", "错误数：{count}，涉及聚类：{clusters}";
        new_in_summary:
            "Newly added error events: {count}, of new clusters: {clusters}",
            "新增错误事件数：{count}，涉及新聚类：{clusters}";
        list_regressed: "Back again: {count}", "再次出现：{count}";
        list_recovered: "Recovered: {count}", "已恢复：{count}";
        list_escalating: "Escalating: {count}", "激增：{count}";
        list_incidents:
            "Incidents: {count}, of these {begun} began in this period and {open} were open at its end",
            "安全事件：{count}，其中本时段内新发生 {begun}，时段结束时仍在进行 {open}";
        list_top: "The most frequent", "最频繁的错误";
        incident_line:
            "{severity}: {actor}, {state}, began {began}, incident {id}",
            "{severity}：{actor}，{state}，始于 {began}，安全事件 {id}";
        incident_open: "open", "进行中";
        incident_over: "over", "已结束";
        calls_in_summary: " Sensitive calls: {count}.", "敏感操作 {count} 次。";
        list_calls: "Sensitive calls: {count}", "敏感操作：{count}";
        call_line: "{api}{caller}, {count}", "{api}{caller}，{count}";
        without_alerts: ", without alerts", "，不告警";

        // Access keys.
        keys_of_clusters: "Each of its clusters says which access keys took part.", "涉及的访问密钥请见其各个聚类。";
        keys_of_last_day: "Of the last 24 hours:", "最近 24 小时：";
        no_key_in_last_day: "No access key took part in the last 24 hours.", "最近 24 小时未涉及访问密钥。";
        no_key: "No access key took part.", "未涉及访问密钥。";
        of_account: " of account {id}", "（账号 {id}）";
        used: "last active {at}", "最后活跃于 {at}";
        used_with: " with {service}", "，服务 {service}";
        used_in: " in {region}", "，区域 {region}";
        used_by: ", user {user}", "，用户 {user}";
        never: "never used before, as far as IAM knows", "据 IAM 记录从未使用过";
        never_by: ", user {user}", "，用户 {user}";
        unknown:
            "unknown to IAM: deleted, of another account, or made up",
            "IAM 不认识此密钥：已删除、属于其他账号或系伪造";
        temporary: "a temporary key, of which IAM keeps no last use", "临时密钥，IAM 不记录其最后使用时间";
        temporary_session: ", session {session}", "，会话 {session}";
        not_asked: "IAM was not asked", "未向 IAM 查询";
        no_answer: "no answer from IAM yet", "IAM 尚未答复";
        key_created: "created {at}", "创建于 {at}";
        key_age: " ({days} days old)", "（已有 {days} 天）";
        key_active: ", active", "，已启用";
        key_inactive: ", inactive", "，已停用";
        key_unread: "its age and status could not be read", "未能读取其创建时间与状态";
        key_asked: "looked up {at}", "查询于 {at}";
        key_of: "used by {principal}", "使用者 {principal}";
        key_unknown: "when it was last active is not known", "最后活跃时间未知";
        seen_last: "last seen here {at}", "最近在此出现 {at}";
        seen_here: "failed here: {count}, last {at}", "在此失败次数：{count}，最近 {at}";
        used_here: "used for this call: {count}, last {at}", "用于此操作的次数：{count}，最近 {at}";
        canary: "a canary: no program or person should use it", "诱饵密钥：任何程序或人员都不应使用";
        awakened: "woke up after {days} days without use", "闲置 {days} 天后重新启用";
        foreign: "belongs to another account", "属于其他账号";
        deleted: "deleted: IAM knew it before and does not now", "已删除：IAM 曾认识此密钥，现已不认识";
        key_hint:
            "ask the key's owner. If the owner does not know of this use, deactivate the key, and look at what else it did.",
            "请询问密钥的所有者。若所有者不知晓此次使用，请停用该密钥，并查看它还做过什么。";

        key_last: "Last use before", "此前最后使用";
        key_pause: "Without use for", "闲置时长";
        key_cluster: "Cluster", "聚类";
        key_by_iam: "IAM reports the use; no event shows it.", "由 IAM 报告此次使用，没有对应的事件。";

        // The end of the learning period, and digests.
        learned_for: "Learning period: {lasted}", "学习期：{lasted}";
        digest_alerts: "Alerts: {count}", "告警数：{count}";
        digest_kinds: "By kind", "按类型";
        digest_classes: "By class", "按类别";
        digest_accounts: "By account", "按账号";
        digest_clusters: "Clusters", "聚类";

        // Errors.
        error: "{code} at {api}, {count}", "{api} 返回 {code}，{count}";
        error_message: "It says: {template}", "错误信息：{template}";
        to_do: "What to do: {hint}", "处理建议：{hint}";
        example: "Example: {at}", "示例：{at}";
        no_error: "None that is known by itself.", "没有单独已知的错误。";
        no_new_error: "No error was new.", "没有新增错误。";
        list_clusters: "Clusters that it has: {count}", "所含聚类：{count}";
        comma: ", ", "，";
        semicolon: "; ", "；";
    }
}
