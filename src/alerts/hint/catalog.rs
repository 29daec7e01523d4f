//! All advice in both languages, as data: when it is given, and its text in English and in Chinese.
//!
//! `docs/advice.md` is made from these rows, so that people can review all advice in one place. A text may have the
//! placeholders of [`PLACEHOLDERS`]. It never has a policy to paste: an explicit deny is a decision of its owner, and
//! no allow overrides it.

/// Advice on what to do about a failed call or a sensitive call, in both languages.
#[derive(Debug, PartialEq, Eq)]
pub struct Advice {
    /// The constant name of the row, such as `DELIVERY_TO_BUCKET`.
    pub(super) name: &'static str,
    /// When the advice is given, in English, for the documentation.
    pub(super) when: &'static str,
    pub(crate) english: &'static str,
    pub(crate) chinese: &'static str,
}

/// A placeholder of advice, with the words that replace it if the cluster has no value for it.
#[derive(Debug)]
pub(crate) struct Placeholder {
    /// The name, which stands in braces in the texts.
    pub name: &'static str,
    pub english: &'static str,
    pub chinese: &'static str,
}

pub(crate) const PLACEHOLDER_COUNT: usize = 8;

/// All placeholders that advice may have. [`super::values`] has their values.
pub(crate) static PLACEHOLDERS: [Placeholder; PLACEHOLDER_COUNT] = [
    Placeholder {
        name: "action",
        english: "the action",
        chinese: "该操作",
    },
    Placeholder {
        name: "bucket",
        english: "the bucket",
        chinese: "该存储桶",
    },
    Placeholder {
        name: "caller",
        english: "the caller",
        chinese: "调用者",
    },
    Placeholder {
        name: "layer",
        english: "a policy",
        chinese: "某条策略",
    },
    Placeholder {
        name: "policy",
        english: "the policy",
        chinese: "该策略",
    },
    Placeholder {
        name: "resource",
        english: "the resource",
        chinese: "该资源",
    },
    Placeholder {
        name: "role",
        english: "the role",
        chinese: "该角色",
    },
    Placeholder {
        name: "service",
        english: "the service",
        chinese: "该服务",
    },
];

/// A layer of policies in words, for the placeholder `layer`: its name in the facet `layer`, English, Chinese.
pub(crate) const LAYERS: [(&str, &str, &str); 10] = [
    ("identity", "a policy of the caller", "调用者的策略"),
    ("resource", "the resource's policy", "资源的策略"),
    (
        "scp",
        "the organization's service control policy",
        "组织的服务控制策略",
    ),
    (
        "rcp",
        "the organization's resource control policy",
        "组织的资源控制策略",
    ),
    (
        "boundary",
        "the caller's permissions boundary",
        "调用者的权限边界",
    ),
    (
        "session",
        "the policy of the caller's session",
        "调用者会话的策略",
    ),
    (
        "vpce",
        "the policy of the VPC endpoint",
        "VPC 终端节点的策略",
    ),
    ("trust", "the role's trust policy", "角色的信任策略"),
    (
        "public-access-block",
        "the setting S3 Block Public Access",
        "S3 阻止公有访问设置",
    ),
    ("kms-unspecific", "the key's policy", "密钥策略"),
];

macro_rules! catalog {
    ($($name:ident: $when:literal, $english:literal, $chinese:literal;)*) => {
        $(
            pub(super) static $name: Advice = Advice {
                name: stringify!($name),
                when: $when,
                english: $english,
                chinese: $chinese,
            };
        )*
        /// All advice, in the order of the documentation.
        #[cfg(test)]
        pub(super) static ALL: &[&Advice] = &[$(&$name,)*];
    };
}

catalog! {
    // What matters more than the reason of the failure.
    ATTACK_TOOL:
        "any failure of a tool made for attacks",
        "{caller} used a tool made for attacks and tried {action} on {resource}. If this is no \
         agreed test, deactivate its credentials now, and look at everything else that it did, \
         above all at what succeeded.",
        "{caller} 使用攻击工具对 {resource} 尝试了 {action}。若非约定的安全测试，请立即停用其凭证，\
         并查看它的其他所有操作，尤其是成功的操作。";
    ATTACK_TOOL_ALONE:
        "the same, and the call has no known resource",
        "{caller} used a tool made for attacks and tried {action}. If this is no agreed test, \
         deactivate its credentials now, and look at everything else that it did, above all at \
         what succeeded.",
        "{caller} 使用攻击工具尝试了 {action}。若非约定的安全测试，请立即停用其凭证，并查看它的其他所\
         有操作，尤其是成功的操作。";
    TRIES_TO_BLIND:
        "a call failed that would have stopped the recording of what happens, such as \
         `StopLogging`",
        "{caller} tried {action} on {resource}, which would have stopped the recording of what \
         happens in the account. It did not succeed this time. Ask its owner why; if it was not \
         intended, deactivate the credentials and look at what else was tried.",
        "{caller} 试图对 {resource} 执行 {action}，这会停止对账号活动的记录；此次未成功。请向其负\
         责人问明原因；若非有意为之，请停用其凭证，并查看它还尝试过什么。";

    // Not switched on.
    NOT_SWITCHED_ON:
        "the message or the code says that the service or one of its features is not enabled, not \
         configured or not subscribed to",
        "The service {service}, or the feature that was asked for, is not switched on in this \
         account and Region. Switch it on if it is wanted; otherwise the question is answered, \
         and there is nothing to do. No permission is missing.",
        "服务 {service} 或所请求的功能在该账号和区域中未启用。如有需要，请启用；否则这只是一次查询，\
         无需处理。这不是权限问题。";
    SIGN_UP:
        "the code is `OptInRequired` or `SubscriptionRequired`",
        "The account is not signed up for {service}; that is done once, in the console.",
        "该账号尚未开通 {service}，请在控制台开通一次。";
    SUPPORT_PLAN:
        "`SubscriptionRequired` of AWS Support or Trusted Advisor",
        "The account's support plan does not include this call: it needs a Business or Enterprise \
         plan. No permission is missing.",
        "该账号的支持计划不包含此调用，需要 Business 或 Enterprise 计划。这不是权限问题。";
    BILLING_ACCESS:
        "IAM access to billing is not activated for the account",
        "Users and roles of this account may not see billing before the root user activates it, \
         once, in the account settings (\"IAM user and role access to Billing information\").",
        "须先由根用户在账号设置中激活“IAM 用户和角色访问账单信息的权限”（仅需一次），此账号的用户\
         和角色才能查看账单。";
    MARKETPLACE:
        "a product of AWS Marketplace is not subscribed to",
        "The account is not subscribed to this product of AWS Marketplace: accept its terms and \
         subscribe once, at the address in the message. No permission is missing.",
        "该账号尚未订阅此 AWS Marketplace 产品：请按错误信息中的地址接受条款并订阅一次。这不是权限问题。";
    ACCOUNT_VERIFICATION:
        "AWS has not verified the account yet, such as for the first distribution of CloudFront",
        "AWS has to verify the account before {service} works in it: open a case at AWS Support. \
         No permission is missing.",
        "AWS 须先验证该账号，才能在其中使用 {service}：请向 AWS Support 提交工单。这不是权限问题。";
    MODEL_ACCESS:
        "Amazon Bedrock answers that the account has no access to the model",
        "The account has no access to this model of Amazon Bedrock: request it in the console, in \
         this Region.",
        "该账号尚无权使用此 Amazon Bedrock 模型：请在控制台的对应区域中申请模型访问权限。";

    // Credentials and sign-ins.
    CREDENTIALS:
        "the credentials were not accepted: the token is invalid or has expired, the key is \
         unknown",
        "The credentials of {caller} are expired, deleted or wrong: find the program or the \
         person that still uses them, and renew them or sign in again.",
        "{caller} 的凭证已过期、被删除或有误：请找出仍在使用它的程序或人员，更新凭证或重新登录。";
    END_USER:
        "a user of an application (Amazon Cognito) gave a wrong user name, password or code",
        "A user of your application gave a wrong user name, password or code. Single failures are \
         normal. Many of them, or many users from one address, mean that passwords are being \
         guessed: limit the attempts in the user pool, and look for sign-ins that succeeded.",
        "您的应用的用户输错了用户名、密码或验证码。零星的失败属于正常；大量失败，或同一地址尝试多\
         个用户，则说明有人在猜测密码：请在用户池中限制尝试次数，并查看是否有成功的登录。";
    PASSWORD_EXPIRED:
        "the temporary password of a user of an application (Amazon Cognito) has expired",
        "The user's password was temporary and has expired: an administrator of the user pool \
         sends a new one or sets a password. The policies of {caller} are not the reason.",
        "该用户的临时密码已过期：请由用户池管理员重新发送临时密码或设置新密码。原因不在 {caller} 的策略。";
    FIREWALL:
        "AWS WAF blocked a request to a user pool of Amazon Cognito",
        "A rule of AWS WAF blocked the request: see in the logs of the web ACL which one. If the \
         request was wanted, change that rule; the policies of {caller} are not the reason.",
        "该请求被 AWS WAF 的规则拦截：请在 Web ACL 的日志中查看是哪条规则。若该请求应予放行，请修改该\
         规则；原因不在 {caller} 的策略。";
    PROVIDER_MISSING:
        "a role was asked for with a token of an OIDC provider that the account does not have",
        "The account has no OIDC identity provider with the issuer that the message names. Create \
         it in IAM in the account of the role, with exactly this address and the right audience; \
         if it is not wanted, the token may be for another account.",
        "该账号中没有错误信息所指颁发者的 OIDC 身份提供商。请在角色所在账号的 IAM 中创建，地址须完全一致，\
         受众（`aud`）须正确；若并不需要，则说明该令牌属于其他账号。";
    TOKEN_AUDIENCE:
        "the audience of an OIDC token is not in the list of the identity provider",
        "The identity provider in IAM does not have the audience of this token: add it to the \
         provider (`aws iam add-client-id-to-open-id-connect-provider`), or let the program ask \
         for a token with an audience that is there, such as `sts.amazonaws.com`.",
        "IAM 身份提供商中没有此令牌的受众（`aud`）：请将其添加到该提供商\
         （`aws iam add-client-id-to-open-id-connect-provider`），或让程序申请已登记受众（如 \
         `sts.amazonaws.com`）的令牌。";
    PROTOCOL_STEP:
        "a program waits until a person has confirmed a sign-in, or a user of an application has not \
         finished signing up",
        "This is a step of a sign-in: the program asks again until the person has done the next \
         step. There is nothing to do.",
        "这是登录流程中的一步：在用户完成下一步之前，程序会反复查询。无需处理。";
    MFA_FAILED:
        "a sign-in failed at multi-factor authentication (MFA)",
        "The password was right, and the MFA code was wrong. Ask {caller} whether it was \
         them. If not, another person knows the password: change it, and end the open sessions.",
        "密码正确，但多因素认证（MFA）未通过。请向 {caller} 确认是否本人操作。若不是，则密码已被他人知晓：请\
         更改密码并结束现有会话。";
    SIGN_IN:
        "any other failed sign-in",
        "Ask {caller} whether it was them. If not, another person may be guessing the password: change it, \
         and end the open sessions.",
        "请向 {caller} 确认是否本人操作。若不是，可能有人在猜测密码：请更改密码并结束现有会话。";
    NO_ASSIGNMENT:
        "Identity Center refused to give credentials of a role",
        "The user has no assignment of this permission set in this account: IAM Identity Center \
         assigns users and groups. A user of Identity Center has no policies of its own.",
        "该用户在此账号中没有被分配此权限集：请在 IAM Identity Center 中将权限集分配给用\
         户或组。Identity Center 用户自身没有策略。";

    // Roles.
    ROLE_FEDERATED:
        "`AssumeRoleWithSAML` or `AssumeRoleWithWebIdentity` was refused",
        "Only the trust policy of {role} decides here: it has to allow this identity provider and \
         {action}, and its conditions have to match (audience, subject). A federated user has no \
         policies of its own.",
        "此处仅由 {role} 的信任策略决定：它须允许该身份提供商执行 {action}，且其条件（受众、主体）\
         须匹配。联合身份用户自身没有策略。";
    ROLE_FOR_SERVICE:
        "an AWS service was refused when it assumed a role",
        "The trust policy of {role} has to allow {caller} to call {action}. Until then the \
         service cannot work with this role.",
        "{role} 的信任策略须允许 {caller} 执行 {action}；在此之前，该服务无法使用此角色。";
    ROLE_BY_CALLER:
        "`AssumeRole` was refused, and a missing allow in the caller's policies is named",
        "The policies of {caller} do not allow {action} on {role}. If the call is wanted, its \
         owner adds it there; in another account, the role's trust policy has to allow it too.",
        "{caller} 的策略不允许对 {role} 执行 {action}。若该调用确有需要，由其负责人添加；若角色属\
         于其他账号，角色的信任策略也须允许。";
    ROLE:
        "any other refused `AssumeRole`",
        "Look at the trust policy of {role} first: does it name {caller}, and do its conditions \
         match? Then at the caller's policies for {action}. A role that does not exist is \
         answered in the same way. A caller that tries many roles is searching for one that it \
         can assume.",
        "请先检查 {role} 的信任策略：是否包含 {caller}，条件是否匹配；再检查调用者策略中的 \
         {action}。角色不存在时的答复与此相同。若同一调用者尝试多个角色，则是在探测可担任的角色。";
    ROLE_SESSION:
        "`TagSession` or `SetSourceIdentity` is the refused action of an assumed role",
        "The session has tags or a source identity, which need the separate permission {action}: \
         in the trust policy of {role}, and in the policies of {caller}.",
        "该会话带有标签或源身份，需要单独的 {action} 权限：{role} 的信任策略和 {caller} 的策略都须\
         允许。";
    ROLE_CANNOT_BE_ASSUMED:
        "the message says that a service cannot assume the role that the request names",
        "The service {service} cannot assume the role that the request for {resource} names: \
         check that this role exists, and that its trust policy allows the service. A role that \
         was just created can be used after some seconds.",
        "服务 {service} 无法担任 {resource} 的请求中指定的角色：请确认该角色存在，且其信任策略允许\
         此服务。刚创建的角色需要数秒才生效。";
    ROLE_LACKS_PERMISSION:
        "the message says that the role that the request names lacks a permission",
        "The role that the request for {resource} names lacks a permission, which the message \
         names. Add it to the policies of that role; the caller did nothing wrong.",
        "{resource} 的请求中指定的角色缺少某项权限，见错误信息：请将其添加到该角色的策略中。调用者\
         没有做错。";
    DESTINATION_BUCKET:
        "CloudTrail and others: the policy of the bucket does not let the service write (\
         `InsufficientS3BucketPolicyException`)",
        "The bucket policy does not let {service} write to the bucket that the request names: it \
         has to allow the service, with the right prefix and account. The caller's policies are \
         not the reason.",
        "存储桶策略未允许 {service} 写入请求中的存储桶：须允许该服务，且前缀和账\
         号须正确。原因不在调用者的策略。";
    DESTINATION_TOPIC:
        "the policy of the topic does not let the service publish (\
         `InsufficientSnsTopicPolicyException`)",
        "The topic's policy does not let {service} publish to it. The caller's policies are not \
         the reason.",
        "SNS 主题的策略未允许 {service} 发布消息。原因不在调用者的策略。";
    DESTINATION_KEY:
        "the policy of the key does not let the service encrypt (\
         `InsufficientEncryptionPolicyException`)",
        "The key policy does not let {service} encrypt with the key that the request names. The \
         caller's policies are not the reason.",
        "密钥策略未允许 {service} 使用请求中的密钥加密。原因不在调用者的策略。";

    DESTINATION:
        "the message says that a service may not reach the destination that the request names",
        "The policy of the destination that the request for {resource} names (a bucket, a topic, a \
         queue, a function, a log group or a key) does not allow {service} to use it, or the destination does not exist. The \
         caller's own policies are not the reason.",
        "{resource} 的请求中指定的目标（存储桶、主题、队列、函数、日志组或密钥）的策略未允许 {service} 访问，\
         或目标不存在。原因不在调用者自身的策略。";
    SOURCE:
        "the message says that a service may not read what the request names, such as an object in \
         S3",
        "The service {service} cannot read something that the request names, mostly an object in \
         S3. Check its name and Region; then the permission to read it, for {caller} or for the \
         role in the request; then the bucket policy and the key policy. {action} itself is not \
         refused.",
        "服务 {service} 无法读取请求中指定的内容（多为 S3 对象）。请依次检查：其名称和区域；{caller} 或\
         请求中的角色的读取权限；存储桶策略和密钥策略。被拒绝的并非 {action} 本身。";

    // Callers that are AWS services.
    DELIVERY_TO_BUCKET:
        "an AWS service was refused at a bucket to which it delivers",
        "The bucket policy of {bucket} has to allow {caller} to call {action}. The logs or \
         reports that it delivers there have been lost since the first event, and are not \
         delivered later.",
        "{bucket} 的存储桶策略须允许 {caller} 执行 {action}。自首个事件起，它投递到该处的日志或报\
         告均已丢失，且不会补投。";
    DELIVERY_WITH_KEY:
        "an AWS service was refused at a key of KMS",
        "The key policy of {resource} has to allow {caller} to call {action}. Until then it can \
         neither read nor write what is encrypted with this key, and what it delivers is lost.",
        "{resource} 的密钥策略须允许 {caller} 执行 {action}。在此之前，它无法读写用此密钥加密的内\
         容，所投递的内容会丢失。";
    DELIVERY_TO_TOPIC:
        "an AWS service was refused at a topic of SNS",
        "The policy of the topic {resource} has to allow {caller} to call {action}. The \
         notifications since the first event are lost.",
        "主题 {resource} 的策略须允许 {caller} 执行 {action}。自首个事件起的通知均已丢失。";
    DELIVERY_TO_QUEUE:
        "an AWS service was refused at a queue of SQS",
        "The policy of the queue {resource} has to allow {caller} to call {action}. The messages \
         since the first event are lost.",
        "队列 {resource} 的策略须允许 {caller} 执行 {action}。自首个事件起的消息均已丢失。";
    DELIVERY:
        "an AWS service was refused at another destination: a function, a stream, a log group, an \
         event bus",
        "The policy of {resource} has to allow {caller} to call {action}. What the service \
         delivers there is lost until then.",
        "{resource} 的策略须允许 {caller} 执行 {action}；在此之前，该服务投递到该处的内容会丢失。";
    WEBSITE:
        "CloudFront was refused when it read from a bucket",
        "A visitor asked for a page that is not there, or the bucket policy of {bucket} does not \
         allow the distribution to read. Without s3:ListBucket a missing object is answered as \
         refused. Single refusals are normal; if each page fails, check the bucket policy.",
        "访客请求了不存在的页面，或 {bucket} 的存储桶策略未允许该分配读取。没有 `s3:ListBucket` 权\
         限时，对象不存在也会答复为拒绝。零星出现属于正常；若所有页面都失败，请检查存储桶策略。";
    SERVICE:
        "an AWS service was refused at a call of its own that delivers nothing",
        "{caller} is an AWS service and has no policies of its own. If its work is wanted, the \
         policy of {resource} has to allow {action}; for a read that only explores, there is \
         nothing to do.",
        "{caller} 是 AWS 服务，自身没有策略。若确需其工作，{resource} 的策略须允许 {action}；若只\
         是探查性的读取，则无需处理。";
    SERVICE_LINKED:
        "a service-linked role was refused",
        "This is normal and there is nothing to do: {caller} is a service-linked role, which only \
         AWS can change, and its service tries more than it needs.",
        "此属正常，无需处理：{caller} 是服务相关角色，只有 AWS 能更改它，其服务会尝试超出所需的调\
         用。";

    // Other systems of permissions.
    LAKE_FORMATION:
        "the refusal comes from AWS Lake Formation",
        "A grant of Lake Formation is missing: an administrator of the data lake grants {caller} \
         the permission that the message names. Permissions in IAM change nothing here.",
        "缺少 Lake Formation 授权：请由数据湖管理员向 {caller} 授予错误信息所指的权限。在\
         此更改 IAM 权限没有作用。";
    ACCESS_GRANT:
        "S3 Access Grants has no grant for the requested prefix",
        "A grant of S3 Access Grants is missing: its administrator gives {caller}, or the user \
         behind it, a grant for this prefix and permission. Permissions in IAM change nothing \
         here.",
        "缺少 S3 Access Grants 授权：请由其管理员向 {caller} 或其背后的用户授予该前缀的相应权限。在此更改 IAM \
         权限没有作用。";
    ENVIRONMENT_KEY:
        "Lambda cannot decrypt the environment variables of a function",
        "Lambda cannot decrypt the environment variables of {resource}, so the function does not \
         run for any caller. The key policy and the policies of the function's own role have to \
         allow kms:Decrypt; the caller did nothing wrong.",
        "Lambda 无法解密 {resource} 的环境变量，因此任何调用者都无法运行该函数。密钥策略和函数自身角色的策略\
         须允许 `kms:Decrypt`；调用者没有做错。";
    ORGANIZATION:
        "AWS Organizations refused without a reason",
        "Most calls of AWS Organizations work only in the management account or in an account \
         that is a delegated administrator. Check that first, then the policies of {caller} for \
         {action}.",
        "AWS Organizations 的大多数调用只能在管理账号或委派管理员账号中进行。请先确认这一点，再检\
         查 {caller} 策略中的 {action}。";
    KMS_THREE_REASONS:
        "KMS answers with three possible reasons",
        "KMS names three possible reasons: the key is not in this Region, no key policy allows \
         {action} to {caller}, or a key policy denies it. Check them in this order.",
        "KMS 给出三种可能的原因：该区域没有此密钥；密钥策略未允许 {caller} 执行 {action}；\
         或密钥策略明确拒绝。请依次检查。";
    BLOCK_PUBLIC_ACCESS:
        "S3 Block Public Access refused",
        "S3 Block Public Access refuses {action} on {resource}, because it would make data \
         public. Keep the setting, and remove the public part of the request. If the bucket is \
         really meant to be public, its owner changes the setting.",
        "S3 阻止公有访问（Block Public Access）拒绝对 {resource} 执行 {action}，因为这会公开数据。\
         请保留该设置，去掉请求中的公开部分；若存储桶确需公开，由其所有者更改该设置。";
    BLOCK_PUBLIC_READ:
        "the same, and the call only reads",
        "{resource} has a public permission, and S3 Block Public Access keeps those out who would \
         use it: the public, or other accounts. Keep the setting. If {caller} needs the data, its \
         owner allows that account or role by name, and not everyone.",
        "{resource} 带有公开权限，而 S3 阻止公有访问（Block Public Access）设置将公众或其他账号拒之门外。请\
         保留该设置；若 {caller} 确需读取数据，由其所有者仅向该账号或角色授权，而非向所有人开放。";
    ANONYMOUS:
        "a request without credentials was refused",
        "The request is not signed: it came without credentials, as visitors and scanners of the \
         internet send it. There is nothing to do, unless {resource} is meant to be public; then \
         its own policy has to allow {action}.",
        "请求未签名：互联网上的访客和扫描器常发送这种不带凭证的请求。除非 {resource} 本应公开（此\
         时其资源策略须允许 {action}），否则无需处理。";

    // Refusals by the layer of policies.
    QUARANTINE:
        "the refusing policy is one of AWS's `AWSCompromisedKeyQuarantine` policies",
        "AWS found that an access key of {caller} is public, and attached {policy}, which denies \
         {action}. Deactivate that key now, replace it in the program that uses it, and look at \
         everything that was done with the key. Then detach the policy.",
        "AWS 发现 {caller} 的访问密钥已公开泄露，并附加了 {policy}，该策略拒绝 {action}。请立即停\
         用该密钥，为使用它的程序更换密钥，并查看该密钥的全部操作；处理完毕后再分离该策略。";
    EXPLICIT:
        "a policy denies explicitly",
        "{action} is denied explicitly by {layer}. No permission elsewhere overrides that: ask \
         who owns {policy} whether the deny is meant for {caller}, or stop the call.",
        "{layer}明确拒绝了 {action}。其他任何授权都无法覆盖它：请向 {policy} 的负责人确认此拒绝是\
         否针对 {caller}，或停止该调用。";
    DECODE:
        "the reason is in an encoded message",
        "The reason for refusing {action} to {caller} is in the event's encoded message; \
         `aws sts decode-authorization-message` reads it.",
        "拒绝 {caller} 执行 {action} 的原因在事件的编码消息中，可用 \
         `aws sts decode-authorization-message` 解读。";
    NO_POLICY_NAMED:
        "the service does not say which policy refused",
        "The service does not say which policy refused. Check at least the policies of {caller} \
         for {action}, then the policy of {resource} and the organization's.",
        "服务未说明由哪条策略拒绝。请至少检查 {caller} 的策略中的 {action}，再检查 {resource} 的策\
         略与组织策略。";
    CALLER:
        "the caller's own policies do not allow the action",
        "At least the policies of {caller} do not allow {action} on {resource}. If the call is \
         wanted, its owner adds it there; if it is new, find out what changed.",
        "至少 {caller} 自身的策略不允许对 {resource} 执行 {action}。若该调用确有需要，由其负责人添\
         加；若是新出现的，请查明发生了什么变化。";
    LAYER:
        "another layer of policies does not allow the action",
        "At least {layer} does not allow {action} on {resource}. {caller} cannot change that: ask \
         the owner of the policy.",
        "{layer}不允许对 {resource} 执行 {action}，其他策略也可能不允许。{caller} 无法自行更改，请联系\
         该策略的负责人。";
    UNKNOWN_WORDING:
        "the refusal is worded in an unknown way",
        "The wording of the refusal is not known here; read the sample, and check who may call \
         {action} on {resource}.",
        "无法识别该拒绝的措辞，请阅读样本，并检查谁可以对 {resource} 执行 {action}。";

    // Failures that are no refusals.
    OPTIONAL_SETTING:
        "the setting that was asked for does not exist, such as the lifecycle rules of a bucket",
        "The question was whether {resource} has this optional setting, and the answer is no. \
         That is normal: there is nothing to do.",
        "此调用询问 {resource} 是否有该可选设置，答复是没有。此属正常，无需处理。";
    STACK_ABSENT:
        "CloudFormation does not know the stack",
        "The question was whether the stack exists, and the answer is no. Deployment tools ask \
         this before they create it; otherwise the name, the account or the Region is wrong.",
        "此调用询问堆栈是否存在，答复是不存在。部署工具在创建之前会这样询问；否则就是名称、账号或\
         区域有误。";
    ABSENT:
        "what was asked for does not exist",
        "{caller} asks for something that does not exist: {resource}, or a part of it, was \
         deleted or renamed, was never created, or is in another account or Region.",
        "{caller} 请求的对象不存在：{resource} 或其中的一部分已删除、已改名、从未创建，或位于其他账号或区域。";
    THROTTLE:
        "too many calls at a time",
        "{caller} calls {action} too often: spread the calls, cache what they read, or let the \
         SDK retry adaptively; then ask for a higher rate.",
        "{caller} 调用 {action} 过于频繁：请分散调用、缓存读取结果，或让 SDK 自适应重试；然后再申\
         请更高的速率。";
    QUOTA:
        "a limit is reached",
        "A limit of {service} is reached: clean up, or ask for more in Service Quotas.",
        "已达 {service} 的配额上限：请清理，或在 Service Quotas 中申请提高。";
    CAPACITY:
        "AWS has no capacity left, such as `InsufficientInstanceCapacity`",
        "AWS has no free capacity of this kind at present; no quota is reached. Let {caller} try again later, in another Availability Zone, or with another type.",
        "AWS 当前没有此类空闲容量，并非达到配额。请让 {caller} 稍后重试，或换用其他可用区或类型。";
    CONFLICT:
        "the state forbids the call",
        "The state of {resource} does not allow the call. Usually it is a second run of the same \
         job, or a wrong order; retry or look at the state.",
        "{resource} 的当前状态不允许此调用。通常是同一任务重复运行或顺序有误；请重试或查看其状态。";
    PROTECTED:
        "deletion or termination protection forbids the call",
        "{resource} is protected against such calls, and the protection worked. If its owner \
         wants the call, they switch the protection off first; otherwise ask {caller} why it was \
         tried. No permission is missing.",
        "{resource} 已启用保护，此次调用已被阻止。若其负责人确需此操作，请先关闭保护；否则请向 {caller} \
         问明原因。这不是权限问题。";
    SERVER:
        "AWS failed",
        "AWS failed at {service}, not the caller. Several callers at once point to an outage: see \
         the Health dashboard.",
        "{service} 自身出错，与调用者无关。多个调用者同时失败，表明可能发生服务中断：请查看 \
         Health 仪表板。";
    INVALID:
        "the request is malformed",
        "The request is malformed: a bug or a change in the program that {caller} runs. The \
         message says which part.",
        "请求格式有误：{caller} 运行的程序存在缺陷或发生了变更。错误信息指明了有误之处。";
    DRY_RUN:
        "a dry run",
        "A dry run that would have succeeded.",
        "一次本可成功的试运行。";
    NO_CODE:
        "a failure without an error code, such as a backup job or a rotation",
        "{service} reports a failure without an error code. The event in CloudTrail says why, in \
         its message or its details; look at {resource} in the console of {service}.",
        "{service} 报告了失败，但没有错误码。原因见 CloudTrail 事件的错误信息或详细内容；请在 {service} 控制台中\
         检查 {resource}。";
    OTHER:
        "the code is unknown",
        "Read the sample; the code is not known here.",
        "请阅读样本；无法识别该错误码。";

    // Sensitive calls.
    POLICY_ATTACHED:
        "a policy was attached: `AttachUserPolicy`, `AttachRolePolicy`, `AttachGroupPolicy`",
        "{caller} attached {policy} to {resource}. Check that its owner wanted it; a detach call \
         of the same kind takes it back. If it was not intended, look at what was done with the \
         new permissions.",
        "{caller} 为 {resource} 附加了 {policy}。请向其负责人确认；可用对应的 Detach 调用撤销。若非有\
         意为之，请查看新权限被用来做了什么。";
    POLICY_WRITTEN:
        "a policy was written into a user, a role or a group: `PutUserPolicy`, `PutRolePolicy`, \
         `PutGroupPolicy`",
        "{caller} wrote an inline policy into {resource}. Read it in IAM and compare it with what \
         was there before; the matching Delete call takes it back. If it was not intended, look \
         at what was done with the new permissions.",
        "{caller} 向 {resource} 写入了内联策略。请在 IAM 中阅读并与此前的内容比较；可用对应的 \
         Delete 调用撤销。若非有意为之，请查看新权限被用来做了什么。";
    POLICY_VERSION:
        "a policy got other content: `CreatePolicyVersion`, `SetDefaultPolicyVersion`",
        "{caller} changed the content of the policy {resource}, for all identities that it is \
         attached to. Compare the versions with `aws iam get-policy-version`; \
         `SetDefaultPolicyVersion` brings the earlier one back.",
        "{caller} 更改了策略 {resource} 的内容，影响所有附加了它的身份。请用 \
         `aws iam get-policy-version` 比较各版本；`SetDefaultPolicyVersion` 可恢复先前版本。";
    GROUP_JOINED:
        "a user was added to a group",
        "{caller} changed the members of a group: {resource}. The user has all permissions of the \
         group now. Ask the owner of the group; if it was not intended, remove the user from the \
         group and look at what it did since then.",
        "{caller} 更改了用户组的成员：{resource}。该用户现在拥有该组的全部权限。请向该组的负责人确认；\
         若非有意为之，请将用户移出该组，并查看其此后的操作。";
    KEY_CREATED:
        "an access key was created",
        "{caller} created a long-term access key for {resource}, which works until it is deleted. \
         Ask whether it was wanted; if not, set it inactive, see with \
         `aws iam get-access-key-last-used` whether it was used, and delete it.",
        "{caller} 为 {resource} 创建了长期访问密钥，在删除之前一直有效。请确认是否需要；若否，请停\
         用它，用 `aws iam get-access-key-last-used` 查看是否用过，然后删除。";
    USER_CREATED:
        "a user was created",
        "{caller} created the user {resource}. Check what it got: access keys, a password, \
         policies, groups. If it was not wanted, deactivate its keys, look at what it did, and \
         delete it.",
        "{caller} 创建了用户 {resource}。请检查它获得了什么：访问密钥、密码、策略、用户组。若无人\
         需要，请停用其密钥，查看它做过什么，再删除该用户。";
    PASSWORD_SET:
        "a console password was set: `CreateLoginProfile`, `UpdateLoginProfile`",
        "{caller} set a console password for {resource}: all who know it can sign in. Ask \
         {resource} whether they wanted it; `DeleteLoginProfile` takes it back. Look for sign-ins \
         since then.",
        "{caller} 为 {resource} 设置了控制台密码，知道密码者即可登录。请向 {resource} 确认；\
         `DeleteLoginProfile` 可撤销。请查看此后的登录。";
    MFA_REMOVED:
        "an MFA device was deactivated",
        "{caller} deactivated the MFA device of {resource}, so the password alone is enough \
         now. Ask whether a device was replaced; if so, check that the new one is active.",
        "{caller} 停用了 {resource} 的多因素认证（MFA），现在仅凭密码即可登录。请确认是否在更换设备；若是，\
         请确认新设备已启用。";
    TRUST_CHANGED:
        "the trust policy of a role was changed",
        "{caller} changed who may assume the role {resource}. Read the trust policy with \
         `aws iam get-role` and look for accounts and providers that are not yours; \
         `UpdateAssumeRolePolicy` with the earlier text takes it back.",
        "{caller} 更改了可担任角色 {resource} 的主体。请用 `aws iam get-role` 阅读信任策略，留意不\
         属于您的账号和提供商；用先前的内容执行 `UpdateAssumeRolePolicy` 可撤销。";
    PROVIDER_CREATED:
        "an identity provider was created or changed",
        "{caller} created or changed the identity provider {resource}: it can sign people in to \
         the roles that trust it. Check who operates it, and which roles trust it; delete it if \
         it was not wanted.",
        "{caller} 创建或更改了身份提供商 {resource}：它可使人员登录信任它的角色。请确认由谁运营、\
         哪些角色信任它；若无人需要，请删除。";
    BOUNDARY_REMOVED:
        "a permissions boundary was removed",
        "{caller} removed the limit of permissions (the boundary) of {resource}. Check whether \
         its policies give more than was intended; the Put call of the same kind sets the \
         boundary again.",
        "{caller} 移除了 {resource} 的权限边界。请检查其策略所授权限是否超出预期；可用对应的 Put \
         调用重新设置边界。";
    TRAIL_STOPPED:
        "`StopLogging` or `StopEventDataStoreIngestion` succeeded",
        "{caller} stopped the trail {resource}: since then it records nothing. Start it again \
         with `aws cloudtrail start-logging`, unless it was agreed, and look in the event history \
         and other trails at what was done in the meantime.",
        "{caller} 停止了跟踪 {resource}，此后不再记录任何事件。除非事先约定，请用 `aws cloudtrail start-logging` 恢\
         复，并在事件历史和其他跟踪中查看其间的操作。";
    TRAIL_DELETED:
        "`DeleteTrail` succeeded",
        "{caller} deleted the trail {resource}: nothing more is recorded by it. The files in its \
         bucket are still there. Create it again unless it was agreed, and look in the event \
         history at what was done in the meantime.",
        "{caller} 删除了跟踪 {resource}，此后不再记录。存储桶中的文件仍在。除非事先约定，请重新创\
         建，并在事件历史中查看其间的操作。";
    TRAIL_CHANGED:
        "a trail or an event data store was changed",
        "{caller} changed what the trail {resource} records or where it delivers. Compare with \
         `aws cloudtrail get-trail` and `get-event-selectors` whether Regions, management events \
         or the bucket are different; the same call with the earlier values takes it back.",
        "{caller} 更改了跟踪 {resource} 的记录内容或投递位置。请用 `aws cloudtrail get-trail` 和 `get-event-selectors` 核\
         对区域、管理事件和存储桶是否有变；用先前的值再次调用即可恢复。";
    CONFIG_STOPPED:
        "the recorder of AWS Config was stopped or deleted",
        "{caller} stopped the recorder of AWS Config, {resource}: changes of resources are not \
         recorded and rules are not evaluated. `aws configservice start-configuration-recorder` \
         starts it again; a deleted one has to be set up first.",
        "{caller} 停止了 AWS Config 的记录器 {resource}：资源变更不再记录，规则不再评估。\
         `aws configservice start-configuration-recorder` 可恢复；若已删除，须先重新设置。";
    DETECTION_OFF:
        "GuardDuty, Security Hub, Macie, Detective, Inspector or IAM Access Analyzer was switched \
         off",
        "{caller} switched {service} off in this Region, or took accounts away from it: \
         {resource}. Findings are no longer made, or those in charge do not see them. Switch it \
         on again unless it was agreed, and look at what was done in the meantime.",
        "{caller} 在该区域关闭了 {service}，或使账号脱离了它：{resource}。此后不再产生发现结果，或负责\
         人员无法看到。除非事先约定，请重新启用，并查看其间的操作。";
    DETECTION_CHANGED:
        "the detectors of GuardDuty were changed",
        "{caller} changed a detector of GuardDuty, {resource}: it may be suspended, or a source \
         of data may be off. Check with `aws guardduty get-detector`; the same call with the \
         earlier values takes it back.",
        "{caller} 更改了 GuardDuty 的检测器 {resource}：它可能已被暂停，或某个数据源被关闭。请用 `aws guardduty get-detector` 核\
         对；用先前的值再次调用即可恢复。";
    DETECTION_DETACHED:
        "the account left its administrator in GuardDuty or Security Hub",
        "{caller} took this account away from the administrator account of {service}: the \
         security team does not see its findings any more. Ask them; an invitation of the \
         administrator connects it again.",
        "{caller} 使该账号脱离了 {service} 的管理员账号：安全团队无法再看到其发现结果。请向他们确\
         认；由管理员账号重新邀请即可恢复关联。";
    LOGS_REMOVED:
        "log groups or log streams were deleted",
        "{caller} deleted {resource}, which recorded activity. What was recorded there may be \
         lost. Ask its owner; create it again unless it was agreed, and look at what was done in \
         the meantime.",
        "{caller} 删除了用于记录活动的 {resource}，其中已有的记录可能已丢失。请向其负责人确认；除非事\
         先约定，请重新创建，并查看其间的操作。";
    KEY_DISABLED:
        "a key was disabled or its material deleted",
        "{caller} disabled the key {resource}: all that is encrypted with it cannot be read at \
         present. `aws kms enable-key` takes it back, deleted material has to be imported again; \
         check which services use the key.",
        "{caller} 禁用了密钥 {resource}，用它加密的内容目前都无法读取。`aws kms enable-key` 可撤销，已\
         删除的密钥材料须重新导入；请检查哪些服务在使用该密钥。";
    KEY_DELETION:
        "`ScheduleKeyDeletion` succeeded",
        "{caller} scheduled the deletion of the key {resource}: after the waiting period of 7 to \
         30 days all that is encrypted with it is lost permanently. `aws kms \
         cancel-key-deletion`, then `enable-key`, take it back until then.",
        "{caller} 已计划删除密钥 {resource}：7 至 30 天的等待期过后，用它加密的内容将永久丢失。在\
         此之前可用 `aws kms cancel-key-deletion` 再 `enable-key` 撤销。";
    ORGANIZATION_LEFT:
        "the account left its organization",
        "{caller} took this account out of its organization: service control policies, central \
         trails and shared services no longer apply. Ask the management account; only a new \
         invitation takes it back.",
        "{caller} 使该账号脱离了组织：服务控制策略、组织级跟踪和共享服务不再适用。请向管理账号确认；\
         只能通过重新邀请恢复。";
    ORGANIZATION_REMOVED:
        "an account was removed from the organization",
        "{caller} removed an account from the organization: {resource}. Its service control \
         policies and central trails no longer apply there; only a new invitation takes it back.",
        "{caller} 将一个账号移出了组织：{resource}。服务控制策略和组织级跟踪对其不再适用；只能通过重新\
         邀请恢复。";
    BUCKET_POLICY_WRITTEN:
        "the policy of a bucket was written",
        "{caller} wrote the bucket policy of {bucket}: read whether it gives access to the public \
         or to accounts that are not yours. The earlier text, written again, takes it back.",
        "{caller} 写入了 {bucket} 的存储桶策略：请确认是否向公众或不属于您的账号开放。重新写入先前的内\
         容即可撤销。";
    BUCKET_POLICY_REMOVED:
        "the policy of a bucket was deleted",
        "{caller} deleted the bucket policy of {bucket}: its denies and the permissions of log \
         delivery are gone with it. Write the earlier text again unless it was agreed.",
        "{caller} 删除了 {bucket} 的存储桶策略，其中的拒绝规则和日志投递权限也随之消失。除非事先\
         约定，请重新写入先前的内容。";
    BUCKET_ACL:
        "the access control list of a bucket was written",
        "{caller} changed the access control list of {bucket}: look whether it gives access to \
         everyone or to another account. The grant `private` takes it back.",
        "{caller} 更改了 {bucket} 的访问控制列表：请确认是否向所有人或其他账号开放。设为 \
         `private` 即可撤销。";
    POLICY_PREPARED:
        "a policy with power over the account was created: `CreatePolicy`",
        "{caller} created the policy {resource}, which gives power over the account to all that \
         it will be attached to. Read it with `aws iam get-policy-version` and ask what it is \
         for; delete it if it is not needed.",
        "{caller} 创建了策略 {resource}，附加了它的身份都将拥有控制整个账号的权限。请用 `aws iam get-policy-version` 阅\
         读并确认用途；若无人需要，请删除。";
    KEY_ACTIVATED:
        "an access key was activated again: `UpdateAccessKey`",
        "{caller} activated an access key of {resource} that was switched off. Find out why it \
         was off: a key that leaked must stay off. If it is not needed, set it inactive again, and \
         see with `aws iam get-access-key-last-used` whether it was used.",
        "{caller} 重新启用了 {resource} 的一个已停用的访问密钥。请查明当初停用的原因：泄露过的密钥不得\
         再用。若无人需要，请再次停用，并用 `aws iam get-access-key-last-used` 查看是否用过。";
    CREDENTIAL_CREATED:
        "another credential was created: for CodeCommit or Keyspaces, an SSH key, a certificate",
        "{caller} created a credential for {resource} that is no access key and works until it is \
         deleted. Ask what it is for; if no owner is found, delete it with the matching Delete \
         call, and look at what {resource} did since then.",
        "{caller} 为 {resource} 创建了访问密钥以外的凭证，在删除之前一直有效。请确认用途；若无人知晓，\
         请用对应的 Delete 调用删除，并查看 {resource} 此后的操作。";
    MFA_ADDED:
        "an MFA device was enabled for another user: `EnableMFADevice`",
        "{caller} enabled an MFA device for {resource}: who has this device passes multi-factor \
         authentication (MFA). Ask {resource} whether the device is theirs; if not, deactivate it, \
         and set a new password.",
        "{caller} 为 {resource} 启用了一个 MFA 设备，持有该设备者即可通过多因素认证。请向 {resource} 确\
         认设备是否归其所有；若否，请停用该设备并重设密码。";
    PASSWORD_RULES:
        "the rules for passwords were changed or deleted",
        "{caller} changed the rules for passwords of this account. Read them with `aws iam \
         get-account-password-policy`, compare them with what was agreed, and write the earlier \
         ones again if they are weaker now.",
        "{caller} 更改了该账号的密码策略。请用 `aws iam get-account-password-policy` 查看并与约定的要\
         求比较；若变弱了，请恢复先前的设置。";
    ROLE_CREATED:
        "a role was created that others can assume",
        "{caller} created the role {resource}, which another account or the public can assume. \
         Read its trust policy with `aws iam get-role`: whose account is it, and is an external \
         id required? If its owner is not found, delete the role and look for sessions of it.",
        "{caller} 创建了角色 {resource}，其他账号或任何人都可担任它。请用 `aws iam get-role` 阅读信任\
         策略：对方账号归谁所有，是否要求外部 ID？若无人知晓，请删除该角色，并查找它的会话。";
    INSTANCE_ROLE:
        "instances got another role",
        "{caller} changed the role of an instance or instance profile: {resource}. Programs there \
         act as that role now. Check that the role is meant for this host, and look at what was \
         done with it; associate the earlier profile again to take it back.",
        "{caller} 更改了实例或实例配置文件的角色：{resource}。其中的程序现在以该角色的身份操作。请确认\
         该角色是否应由这台主机使用，并查看它的操作；重新关联先前的配置文件即可撤销。";
    ROOT_OF_MEMBER:
        "root sessions of member accounts: `AssumeRoot`, `EnableOrganizationsRootSessions`",
        "{caller} acts as root of a member account, or made that possible: {resource}. Such a \
         session serves a single task, such as to delete a bucket policy; look at what was done \
         in it. If no administrator knows of it, take the credentials of {caller} away now.",
        "{caller} 以成员账号的 根用户身份操作，或启用了这种方式：{resource}。这类会话只用于单一任务，例\
         如删除存储桶策略；请查看其中的操作。若没有管理员知晓，请立即停用 {caller} 的凭证。";
    TRUST_ANCHOR:
        "IAM Roles Anywhere accepts certificates or got other roles",
        "{caller} changed what IAM Roles Anywhere accepts: {resource}. Holders of a certificate \
         of that authority can get credentials from outside AWS. Check whose certificate it is; \
         `aws rolesanywhere disable-trust-anchor` or `disable-profile` stops it at once.",
        "{caller} 更改了 IAM Roles Anywhere 接受的内容：{resource}。持有该 CA 所签证书者可在 AWS 之外\
         获得凭证。请确认证书归谁所有；`aws rolesanywhere disable-trust-anchor` 或 `disable-profile` 可\
         立即停用。";
    FEDERATION_TOKEN:
        "`GetFederationToken` succeeded",
        "{caller} made a session of its own, {resource}. It stays valid for up to 36 hours, also \
         when the access key is deleted. If no program is known to do this, deactivate the key \
         and attach a policy to the user that denies all; that stops the session too.",
        "{caller} 创建了会话 {resource}，最长 36 小时内有效，即使删除访问密钥也不失效。若没有已知程序\
         会这样做，请停用该密钥，并为该用户附加一条拒绝一切操作的策略，会话也会随之失效。";
    ROOT_SIGN_IN:
        "the root user signed in",
        "The root user of this account signed in. Ask the few people who can do that, and compare \
         with the address in this message. If it was none of them, change the password and the \
         MFA device, delete access keys of root, and contact AWS Support. Caller: {caller}.",
        "该账号的根用户登录了控制台。请向少数有权登录者确认，并核对本消息中的来源地址。若非其本人\
         ，请更换密码和 MFA 设备，删除根用户的访问密钥，并联系 AWS Support。调用者：{caller}。";
    SIGN_IN_WITHOUT_MFA:
        "a user signed in without multi-factor authentication (MFA)",
        "{caller} signed in with a password alone. Ask whether it was them, and look at the \
         address. Then require MFA for this user; until it is set up, a password that \
         is known elsewhere is enough to enter.",
        "{caller} 仅凭密码登录了控制台。请向其本人确认，并核对来源地址。随后为该用户启用多因素认证（MFA）；在此\
         之前，密码一旦泄露即可被人登录。";
    ROOT_MAIL:
        "the password or the address of the root user changes hands",
        "The password or the e-mail address of the root user is being changed, by {caller}. Ask \
         the owner of the account at once. If it was not them, secure the mailbox, reset the \
         password, check the MFA device, and contact AWS Support.",
        "根用户的密码或邮箱地址正在被更改，操作者为 {caller}。请立即向账号所有者确认。若非其本人，\
         请保护好邮箱，重置密码，检查 MFA 设备，并联系 AWS Support。";
    PERMISSION_SET:
        "access by IAM Identity Center was given or extended",
        "{caller} gave access by IAM Identity Center: {resource}. All users with this assignment \
         or permission set have it now. Check that it was wanted; delete the assignment or detach \
         the policy to take it back, and look for sessions with it.",
        "{caller} 通过 IAM Identity Center 授予了访问权限：{resource}。拥有该分配或权限集的用户都会获\
         得它。请确认是否需要；删除分配或分离策略即可撤销，并请查找使用它的会话。";
    CLUSTER_ACCESS:
        "an identity got access to a cluster of EKS",
        "{caller} gave an identity access to the EKS cluster {resource}. List it with `aws eks \
         list-access-entries` and `list-associated-access-policies`; delete the entry if it was \
         not wanted, and look into the audit log of the cluster for what it did.",
        "{caller} 为某个身份授予了 EKS 集群 {resource} 的访问权限。请用 `aws eks list-access-entries` 和 \
         `list-associated-access-policies` 查看；若无需要，请删除该条目，并在集群审计日志中查看其操作\
         。";
    DATABASE_PASSWORD:
        "the password of the administrator of a database was set",
        "{caller} set the password of the administrator of {resource}: who knows it can read and \
         change all data. Ask the owner of the database. If it was not intended, set another \
         password, and look at the connections since then.",
        "{caller} 重设了 {resource} 的管理员密码，知道密码者可读取并更改全部数据。请向数据库负责人确认\
         。若非有意为之，请再次更换密码，并查看此后的连接。";
    SHELL_KEY:
        "a key or a registration that opens a host or a server",
        "{caller} created or brought a key, or a registration, that opens hosts or servers: \
         {resource}. Ask what it is for, look at where it is used, and delete it if it is not \
         needed.",
        "{caller} 创建或导入了可进入主机或服务器的密钥或注册凭据：{resource}。请确认用途，查看在何处使\
         用；若无人需要，请删除。";
    HOST_OPENED:
        "the metadata of an instance can be read without a token",
        "{caller} allowed requests without a token to the metadata of {resource}: a forged \
         request through a web application can get the credentials of its role. Require tokens \
         again with `aws ec2 modify-instance-metadata-options --http-tokens required`.",
        "{caller} 允许不带令牌访问 {resource} 的元数据：通过 Web 应用伪造的请求可获取其角色的凭证。请\
         用 `aws ec2 modify-instance-metadata-options --http-tokens required` 恢复强制令牌。";
    POOL_OPENED:
        "an identity pool of Cognito gives credentials without a sign-in",
        "{caller} let the identity pool {resource} give credentials to all visitors without a \
         sign-in. Check what its role for guests allows; if guests are not needed, switch them \
         off in the pool.",
        "{caller} 使身份池 {resource} 无需登录即可向任何人发放凭证。请检查其访客角色的权限；若不需要访\
         客访问，请在身份池中关闭。";
    ORGANIZATION_CHANGED:
        "an account, a policy or an administrator of the organization changed",
        "{caller} changed the organization: {resource}. Which policies hold for an account, or \
         who administers it, may be different now. Ask the owners of the management account; most \
         of these calls have an opposite that takes them back.",
        "{caller} 更改了组织：{resource}。对某个账号生效的策略或其管理者可能已改变。请向管理账号的负责\
         人确认；这类调用大多可用相反的调用撤销。";
    DOMAIN_FREED:
        "a domain can be moved to others",
        "{caller} moved the domain {resource} to another account or registrar, or made that \
         possible. Mail and web sites of the domain follow. Enable the transfer lock again, or \
         cancel the transfer with `aws route53domains \
         cancel-domain-transfer-to-another-aws-account`, unless it was agreed.",
        "{caller} 将域名 {resource} 转移到其他账号或注册商，或为此放开了限制，其邮件和网站也会随之转移\
         。除非事先约定，请重新启用转移锁，或用 `aws route53domains cancel-domain-transfer-to-another-aws-account` 取\
         消转移。";
    LOGGING_OFF:
        "flow logs, query logs, access logs or similar were switched off",
        "{caller} switched off a log of {service}: {resource}. What happens from now on is not \
         recorded there. Switch it on again unless it was agreed, and look at what was done in \
         the meantime.",
        "{caller} 关闭了 {service} 的日志：{resource}，此后的活动不再记录。除非事先约定，请重新启用，\
         并查看其间的操作。";
    ALARM_REMOVED:
        "alarms, rules, filters or contacts that warn people were removed or changed",
        "{caller} removed or changed what warns people: {resource} of {service}. Check with its \
         owner whether it is still needed; create it again, or enable it, if it was not intended, \
         and look at what was done in the meantime.",
        "{caller} 移除或更改了用于发出警告的设置：{service} 的 {resource}。请向其负责人确认是否仍需要\
         ；若非有意为之，请重新创建或启用，并查看其间的操作。";
    FINDINGS_HIDDEN:
        "findings are archived or addresses trusted, so that they are not seen",
        "{caller} made a filter or a list, {resource}, by which GuardDuty archives findings or \
         does not make them. Read it: which findings, which addresses? Delete it if it was not \
         agreed, and look at archived findings since then.",
        "{caller} 创建或更改了过滤器或列表 {resource}，GuardDuty 会据此归档或不再产生某些发现结果。请\
         查看其内容：哪些发现、哪些地址？若非事先约定，请删除，并查看此后被归档的发现结果。";
    FINDINGS_HANDLED:
        "what is checked, or how findings are handled, was changed",
        "{caller} changed what {service} checks or how its findings are handled: {resource}. Read \
         whether something is now suppressed, archived or not looked for; the call with the \
         earlier values, or the opposite call, takes it back.",
        "{caller} 更改了 {service} 的检查内容或发现结果的处理方式：{resource}。请确认是否有内容被抑制\
         、归档或不再检查；用先前的值再次调用或用相反的调用即可恢复。";
    FILTER_REMOVED:
        "a firewall or another protection of the network was removed",
        "{caller} removed or changed a protection of {service}: {resource}. Requests or traffic \
         that it stopped come through now. Attach it again unless it was agreed, and look at the \
         requests in the meantime.",
        "{caller} 移除或更改了 {service} 的防护：{resource}，此前被拦截的请求或流量现在可以通过。除非\
         事先约定，请重新关联，并查看其间的请求。";
    PORT_OPENED:
        "a port was opened to the whole internet",
        "{caller} opened {resource} to the whole internet; the message names port and range. Ask \
         its owner whether that is meant. If not, take it back with the matching Revoke or Delete \
         call, and look at who connected in the meantime.",
        "{caller} 将 {resource} 向整个互联网开放，端口和地址范围见本消息。请向其负责人确认是否有意为之\
         ；若否，请用对应的 Revoke 或 Delete 调用撤销，并查看其间有谁连接过。";
    NETWORK_JOINED:
        "another account was connected with the network",
        "{caller} connected the network with another account: {resource}. Ask whose account it \
         is; delete the connection or the permission if its owner is not found, and look at the \
         routes to it.",
        "{caller} 将网络与其他账号连通：{resource}。请确认对方账号归谁所有；若无人知晓，请删除该连接或\
         权限，并检查指向它的路由。";
    FUNCTION_PUBLIC:
        "a function can be started over the internet without credentials",
        "{caller} gave the function {resource} a URL that needs no credentials: all visitors can \
         start it. Ask its owner; `aws lambda delete-function-url-config` takes it back. Look at \
         its log for requests in the meantime.",
        "{caller} 为函数 {resource} 配置了无需凭证的 URL，任何人都可调用它。请向其负责人确认；`aws lambda delete-function-url-config` 可\
         撤销。请在其日志中查看其间的请求。";
    KEY_SHARED:
        "others can use a key of KMS",
        "{caller} let another account or the public use the key {resource}. Read the key policy \
         with `aws kms get-key-policy` and the grants with `list-grants`; write the earlier \
         policy again, or revoke the grant, if it was not intended.",
        "{caller} 允许其他账号或任何人使用密钥 {resource}。请用 `aws kms get-key-policy` 查看密钥策略\
         ，用 `list-grants` 查看授权；若非有意为之，请写回先前的策略或撤销授权。";
    BACKUP_WEAKENED:
        "backups or versions were deleted, or are no longer made",
        "{caller} deleted backups, or weakened what could be restored: {resource}. Ask the owner \
         of the data at once. Switch the protection on again, and check that the data itself is \
         still there and that other copies exist.",
        "{caller} 删除了备份，或削弱了恢复能力：{resource}。请立即向数据负责人确认。请重新启用保护，并\
         检查数据本身是否完好、是否另有副本。";
    DATA_DESTROYED:
        "data were destroyed, or will be",
        "{caller} destroyed data, or saw to it that they will be lost: {resource}. Ask the owner \
         of the data at once. A rule of a bucket can be replaced before it works; what is gone \
         has to come from a backup. If it was not wanted, take the credentials of {caller} away \
         now.",
        "{caller} 销毁了数据，或使数据即将丢失：{resource}。请立即向数据负责人确认。存储桶的规则在生效\
         前可以替换；已丢失的数据只能从备份恢复。若无人需要，请立即停用 {caller} 的凭证。";
    PUBLIC_BLOCK_REMOVED:
        "public access is no longer blocked",
        "{caller} removed or loosened a setting that keeps data from being made public: \
         {resource} of {service}. Switch it on again unless it was agreed, and look at whether a \
         policy, a list or an image became public in the meantime.",
        "{caller} 移除或放宽了防止数据公开的设置：{service} 的 {resource}。除非事先约定，请重新启用，\
         并检查其间是否有策略、访问控制列表或镜像变为公开。";
    DATA_EXPORTED:
        "data are copied to another place",
        "{caller} had data copied to another place: {resource}. Check whose bucket, account or \
         destination it is, and whether the copy was wanted. Stop the replication, filter or task \
         if it was not; what was copied already cannot be taken back.",
        "{caller} 将数据复制到了其他位置：{resource}。请确认目标存储桶、账号或目的地归谁所有，以及是否\
         需要此复制。若否，请停止该复制规则、过滤器或任务；已复制的数据无法收回。";
    SNAPSHOT_SHARED:
        "a snapshot or an image was shared",
        "{caller} shared {resource} with another account or the public. The same call with the \
         account removed takes it back, but a copy may have been made already. Ask whose account \
         it is, and look at which data the disk or database holds.",
        "{caller} 将 {resource} 共享给了其他账号或所有人。用同一调用移除该账号即可撤销，但对方可能已经\
         复制。请确认对方账号归谁所有，并查看其中包含哪些数据。";
    SHARED:
        "a resource was shared by its policy",
        "{caller} gave another account or the public access to {resource} of {service}. Ask its \
         owner whether that account is known. If not, write the earlier policy again or remove \
         the permission, and look at who used it in the meantime.",
        "{caller} 向其他账号或所有人开放了 {service} 的 {resource}。请向其负责人确认对方账号是否已知；\
         若否，请写回先前的策略或移除该权限，并查看其间有谁使用过。";
    CODE_CHANGED:
        "code that runs with other permissions was replaced",
        "{caller} changed code that runs with the permissions of {resource}. Check that it was a \
         deployment: who built it, from which commit? If no owner is found, put the earlier \
         version back, and look at what the code did with its role.",
        "{caller} 更改了以 {resource} 的权限运行的代码。请确认是否为一次部署：由谁构建、出自哪个提交？\
         若无人知晓，请恢复先前的版本，并查看代码用其角色做了什么。";
    HOST_ENTERED:
        "a shell on a host was opened, or made possible",
        "{caller} opened a way into a host: {resource}. Ask whether it was them and why; sessions \
         of Systems Manager can be ended with `aws ssm terminate-session`. If it was not them, \
         isolate the host and take the credentials away.",
        "{caller} 打开了进入主机的通道：{resource}。请向其确认是否本人操作及原因；Systems Manager 的会\
         话可用 `aws ssm terminate-session` 终止。若非本人，请隔离主机并停用其凭证。";
    COMMAND_RUN:
        "commands were run on hosts or in containers",
        "{caller} ran commands on hosts or in containers: {resource}. Read which ones with `aws \
         ssm list-commands` and `get-command-invocation`, or in the log of the task. If they have \
         no owner, isolate the host and take the credentials away.",
        "{caller} 在主机或容器中执行了命令：{resource}。请用 `aws ssm list-commands` 和 `get-command-invocation` 或\
         在任务日志中查看内容。若无人知晓，请隔离主机并停用其凭证。";
    SECRET_READ:
        "secrets were read",
        "{caller} read secrets: {resource}. For a program this may be normal; ask its owner. If \
         it was not expected, replace the secrets, beginning with those that open most, and look \
         at where they were used since then.",
        "{caller} 读取了机密：{resource}。对程序而言这可能是正常行为，请向其负责人确认。若出乎意料，请\
         更换这些机密，先换影响最大的，并查看此后它们被用在何处。";
    COST_OPENED:
        "the account can be used at its cost: models, hosts with GPUs, mail, text messages, \
         quotas",
        "{caller} made use of {service} possible that costs money, or began it: {resource}. Ask \
         whether it was planned. If not, stop what runs, in other Regions too, take the \
         credentials away, and look at the bill.",
        "{caller} 启用或开始了会产生费用的 {service} 使用：{resource}。请确认是否在计划之内。若否，请\
         停止正在运行的资源（包括其他区域），停用其凭证，并查看账单。";
    SENSITIVE:
        "any other sensitive call succeeded",
        "{caller} called {action} on {resource}, and it succeeded. Ask its owner whether it was \
         intended; the event in CloudTrail shows what was changed.",
        "{caller} 对 {resource} 成功执行了 {action}。请向其负责人确认是否有意为之；更改的内容见 \
         CloudTrail 事件。";
}
