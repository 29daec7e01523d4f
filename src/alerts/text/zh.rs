//! The texts of a message in Chinese, with the advice of [`crate::hint`].

use clusters::class::Class;

use super::words::Words;
use crate::hint::{ACTION, Advice};

pub(super) const CHINESE: Words = Words {
    overview: "事件概览",
    cloudtrail: "CloudTrail",
    key_use: "AK 最后活跃时间",
    new_errors: "新增错误",

    title_new: "新增",
    title_new_principal: "新调用者",
    title_regressed: "再次出现",
    title_recovered: "已恢复",
    title_escalating: "激增",
    title_campaign: "关联活动",
    title_access_key: "访问密钥",
    title_account_summary: "汇总",
    title_no_data: "数据中断",
    title_calmed: "已回落",
    title_campaign_grew: "关联活动扩大",
    title_campaign_ended: "关联活动结束",
    title_data_again: "数据恢复",
    title_learned: "学习期结束",
    title_digest: "积压的告警",
    title_error: "{api} 报 {code}",
    title_watched: "{api} 调用成功",
    title_all: "全部错误",
    title_hourly: "一小时内 {count}，预期至多 {limit}",
    title_summary: "自 {from} 起一{period}内错误 {errors} 个，其中新增 {new} 个",
    one_event: "1 个事件",
    events: "{count} 个事件",

    new: "{account}出现了从未见过的错误：{api} 报 {code}。",
    new_principal: "{about} 在{account}首次触发此前仅由其他调用者触发的错误：{api} 报 {code}。",
    regressed: "{account}中已停止的错误再次出现：{api} 报 {code}。",
    recovered: "{account}中的错误已停止：{api} 报 {code}，静默期 {quiet} 内未再出现。",
    escalating: "{account}中的错误远比平时频繁：{api} 报 {code}。",
    watched_new: "{account}出现了从未见过的敏感调用：{api} 已成功。",
    watched_new_principal: "{about} 在{account}首次成功进行了此前仅由其他调用者进行的敏感调用：{api}。",
    watched_regressed: "{account}中久未出现的敏感调用再次出现：{api}。",
    watched_recovered: "{account}中的敏感调用不再出现：{api}，{quiet} 内未再出现。",
    watched_escalating: "{account}中的敏感调用远比平时频繁：{api}。",
    campaign: "{account}中有大量相互关联的失败，来自 {about}。",
    access_key: "{account}中有访问密钥行为异常：{about}。",
    account_summary: "{account}的概况：{about}。",
    learned: "{account}的学习期已结束：此后出现的新错误都会告警。已学到的内容可用 clusters list 查看。",
    digest: "{account}积压的告警，合并为一条：每一条原本都是一个消息。",
    no_data: "{account}不再有数据到达：{about}。",
    calmed: "{account}中的错误已回落到平时的频率：{api} 报 {code}。",
    watched_calmed: "{account}中的敏感调用已回落到平时的频率：{api}。",
    account_escalating: "{account}的错误总数远比平时多，且不能归因于任何单一错误。",
    account_calmed: "{account}的错误总数已回落到平时的水平。",
    campaign_grew: "{account}中的关联活动仍在继续，来自 {about}：其规模已达判定阈值的 {times} 倍。",
    campaign_ended: "{account}中的关联活动已结束，来自 {about}：半小时内未再出现相关事件。",
    silent: "{what}自 {since} 起不再有数据到达，而此前一直有。",
    data_again: "{what}重新有数据到达，此前中断 {lasted}。",
    log_group: "{account}的日志组 {name} ",
    summary: "{account}自 {from} 至 {until} 这一{period}的概况：错误 {errors} 个，涉及聚类 {clusters} 个；其中新增错误 \
              {new_errors} 个，涉及新聚类 {new} 个。",
    hour: "小时",
    day: "天",
    week: "周",
    gone: "该错误聚类已不再保存，以下为全部已知信息。",
    account: "账号 {id} ",
    whole_stack: "整个部署",
    nothing_further: "无更多信息",

    info: "信息",
    warning: "警告",
    error_level: "重要",
    critical: "紧急",
    severity: "级别：{severity}",
    reasons: "级别依据：{reasons}",
    seen: "首次出现 {first}，最近出现 {last}",
    lasted: "已持续 {lasted}",
    often: "事件数：{count}",
    often_between: "事件数：{count}，自 {from} 至 {until}",
    late: "此事在发生一天或更久之后才被发现。",
    suppressed: "自上次告警以来被抑制的同类告警数：{count}",
    partial: "部分信息未能查到：缺少某些密钥的最后活跃时间。",
    ids: "聚类 {cluster}，告警 {alert}",
    id: "告警 {alert}",

    looks: "表现：{shapes}",
    breadth: "同一调用者的多种调用被拒绝",
    depth: "同一调用者对多个资源的同一调用被拒绝",
    spread: "同一调用者在多个区域被拒绝",
    widespread: "多个调用者同时遇到同一错误",
    brute_force: "同一用户多次输错密码",
    spraying: "同一网络中多个用户输错密码",
    campaign_times: "始于 {from}，最近事件 {last}",
    campaign_size: "事件数：{events}，聚类数：{clusters}；同期不同对象数：{items}",
    escalation_began: "自 {from} 起一小时内的事件数：{peak}；预期至多：{limit}",
    escalation_ended: "自 {from} 至 {until}；最多一小时的事件数：{peak}，预期至多：{limit}",
    recovery: "失败持续 {lasted}，自 {from} 至 {until}，共 {events}",
    regression: "此前静默 {quiet}",
    silence_began: "自 {from} 起中断，于 {until} 发现",
    silence_ended: "自 {from} 至 {until} 中断",
    blind: "在重新有事件之前，不会因没有事件而判定任何聚类已恢复。",
    diagnosis: "问题所在：{sentence}（{name}）",

    account_errors: "同一时段该账号的错误总数：{count}",
    call: "调用：{api}，类别 {class}，错误码 {code}",
    call_watched: "调用：{api}，已成功",
    by: "{what}：{values}",
    value_count: "（{count}）",
    more: "另有 {count} 个",
    detail: "{name}：{value}",
    principals: "调用者",
    sessions: "会话",
    regions: "区域",
    origins: "调用途径",
    networks: "来源",
    agents: "程序",
    resources: "目标资源",
    layers: "拒绝方",
    look_event: "在 CloudTrail 中查看事件",
    look_dashboard: "仪表板",
    look_logs: "日志组",
    look_samples: "样本",
    look_fault: "起始事件",

    look_cluster: "查看",
    calls: "调用",
    probing: "请查明调用者是缺少权限的程序，还是有人在试探权限。若无人知晓，请停用其凭证。",
    changed: "请查看首个事件之前策略发生了什么变更。",
    guessing: "请向相关用户确认是否本人操作，并查看此后是否有成功的登录。",
    in_summary: "错误数：{count}，涉及聚类：{clusters}",
    new_in_summary: "新增错误事件数：{count}，涉及新聚类：{clusters}",
    list_regressed: "再次出现：{count}",
    list_recovered: "已恢复：{count}",
    list_escalating: "激增：{count}",
    list_campaigns: "关联活动：{count}",
    list_top: "最频繁的错误",
    campaign_line: "{actor}：{shapes}，{events}",

    keys_of_clusters: "涉及的访问密钥请见其各个聚类。",
    no_key: "未涉及访问密钥。",
    of_account: "（账号 {id}）",
    used: "最后活跃于 {at}",
    used_with: "，服务 {service}",
    used_in: "，区域 {region}",
    used_by: "，用户 {user}",
    never: "据 IAM 记录从未使用过",
    never_by: "，用户 {user}",
    unknown: "IAM 不认识此密钥：已删除、属于其他账号或系伪造",
    temporary: "临时密钥，IAM 不记录其最后使用时间",
    temporary_session: "，会话 {session}",
    not_asked: "未向 IAM 查询",
    no_answer: "IAM 尚未答复",
    key_of: "使用者 {principal}",
    key_unknown: "最后活跃时间未知",
    key_failed: "最近在此失败 {at}",
    seen_here: "在此失败次数：{count}，最近 {at}",
    canary: "诱饵密钥：任何人都不应使用",
    awakened: "闲置 {days} 天后重新启用",
    foreign: "属于其他账号",
    deleted: "已删除：IAM 曾认识此密钥，现已不认识",
    key_hint: "请询问密钥的所有者。若无人知晓此次使用，请停用该密钥，并查看它还做过什么。",

    error: "{api} 报 {code}，{count}",
    error_watched: "{api} 调用成功，{count}",
    error_message: "错误信息：{template}",
    to_do: "处理建议：{hint}",
    example: "示例：{at}",
    no_error: "没有单独已知的错误。",
    no_new_error: "没有新增错误。",
    list_clusters: "所含聚类：{count}",
    comma: "，",
    semicolon: "；",
};

/// Returns the advice in Chinese, with the placeholder [`ACTION`] for the IAM action.
pub(super) fn advice(advice: Advice<'_>) -> String {
    match advice {
        Advice::SignUp => "该账号尚未开通此服务，请在控制台开通一次。",
        Advice::Explicit(layer) => {
            return format!(
                "{}明确拒绝了 {ACTION}。其他任何授权都无法覆盖它：请向其负责人确认该拒绝是否针对此\
                 调用者，或停止该调用。",
                named(layer)
            );
        }
        Advice::Decode => {
            "拒绝 {action} 的原因在事件的编码消息中，可用 `aws sts decode-authorization-message` \
             解读。"
        }
        Advice::NoPolicyNamed => {
            "服务未说明由哪条策略拒绝。请至少检查调用者策略中的 {action}，再检查资源策略与组织策略。"
        }
        Advice::Caller => {
            "至少调用者自身的策略不允许 {action}。若该调用确有需要，由其负责人添加；若是新出现的，\
             请查明发生了什么变化。"
        }
        Advice::Trust => "该角色的信任策略不允许此调用者担任它。",
        Advice::UnknownWording => "该拒绝的措辞尚不认识，请阅读样本。",
        Advice::Layer(layer) => {
            return format!(
                "至少{}不允许 {ACTION}，这不是调用者自己能更改的。",
                named(layer)
            );
        }
        Advice::Class(class) => by_class(class),
    }
    .to_owned()
}

fn named(layer: &str) -> &'static str {
    match layer {
        "identity" => "调用者的策略",
        "resource" => "资源的策略",
        "scp" => "组织的服务控制策略",
        "rcp" => "组织的资源控制策略",
        "boundary" => "调用者的权限边界",
        "session" => "调用者会话的策略",
        "vpce" => "VPC 终端节点的策略",
        "trust" => "角色的信任策略",
        _ => "某条策略",
    }
}

fn by_class(class: Class) -> &'static str {
    match class {
        Class::Signin => {
            "请向本人确认是否其操作。来自同一地址的多次失败，或在第二因素之后的失败，都是他人所为。"
        }
        Class::Auth => "凭证已过期、被删除或有误：请找出仍在使用它的程序。",
        Class::Throttle => "请分散调用、缓存读取结果，或让 SDK 自适应重试；然后再申请更高的速率。",
        Class::Absent => "调用者请求的对象不存在：已删除、已改名，或从未创建。",
        Class::Quota => "已达配额上限：请清理，或在 Service Quotas 中申请提高。",
        Class::Conflict => "通常是同一任务重复运行或顺序有误；请重试或查看其状态。",
        Class::Server => "AWS 自身失败。多个调用者同时失败意味着故障：请查看 Health 仪表板。",
        Class::Invalid => "请求格式有误：调用程序存在缺陷或发生了变更。",
        Class::Watch => "该调用已成功。请确认是有意为之。",
        Class::Dryrun => "一次本可成功的试运行。",
        _ => "请阅读样本；该错误码尚不认识。",
    }
}
