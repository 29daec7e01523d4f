//! Asks IAM when a long-term access key was last used, when it was created, and whether it is active.
//!
//! Questions about keys of the stack's account use the given credentials. For keys of another account, a role in that
//! account is assumed.

use std::cell::RefCell;
use std::collections::HashMap;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_sdk_iam::Client;
use aws_sdk_iam::config::SharedCredentialsProvider;
use aws_sdk_iam::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_iam::operation::get_access_key_last_used::GetAccessKeyLastUsedOutput;
use aws_sdk_iam::types::{AccessKeyMetadata, StatusType};
use clusters::keys::{IamAnswer, KeyEntry};
use records::time::Timestamp;
use service::ports::{DirectoryError, KeyDirectory};

use crate::refusal::{self, Cause};

/// Attempts per call, the first included. Few, because everything in an account shares the rate limit of IAM.
const ATTEMPTS_MAX: u32 = 2;

/// The role session name in other accounts.
const SESSION: &str = "cloudtrail-inspector";

/// The IAM role that is assumed in another account, to ask IAM about access keys of that account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roles {
    /// The AWS partition of all accounts, such as `aws` or `aws-cn`.
    pub partition: String,
    /// The name of the role, which is the same in every account.
    pub name: String,
}

/// A client that asks IAM about access keys, see [`KeyDirectory`]: in the stack's own account and, through a role, in other
/// accounts.
#[derive(Debug)]
pub struct Iam {
    config: SdkConfig,
    account_id: String,
    roles: Option<Roles>,
    /// By account id; each client is created at its first use.
    clients: RefCell<HashMap<String, Client>>,
}

impl Roles {
    /// Returns the ARN of the role in an account.
    fn arn(&self, account_id: &str) -> String {
        let Self { partition, name } = self;
        format!("arn:{partition}:iam::{account_id}:role/{name}")
    }
}

impl Iam {
    /// Creates the client. Nothing connects before the first call.
    ///
    /// `account_id` is the account that the credentials of `config` belong to. Without `roles`, questions about keys
    /// of other accounts fail.
    pub fn new(config: &SdkConfig, account_id: &str, roles: Option<Roles>) -> Self {
        Self {
            config: config.clone(),
            account_id: account_id.to_owned(),
            roles,
            clients: RefCell::default(),
        }
    }

    async fn client(&self, account_id: &str) -> Result<Client, DirectoryError> {
        if let Some(client) = self.clients.borrow().get(account_id) {
            return Ok(client.clone());
        }
        let config = aws_sdk_iam::config::Builder::from(&self.config)
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS_MAX));
        let config = match &self.roles {
            _ if account_id == self.account_id => config,
            Some(roles) => {
                let role = roles.arn(account_id);
                let provider = AssumeRoleProvider::builder(role)
                    .session_name(SESSION)
                    .configure(&self.config)
                    .build()
                    .await;
                config.credentials_provider(SharedCredentialsProvider::new(provider))
            }
            None => {
                return Err(DirectoryError::Unavailable {
                    detail: format!("no role is configured to ask IAM in account {account_id}"),
                });
            }
        };
        let client = Client::from_conf(config.build());
        let mut clients = self.clients.borrow_mut();
        clients.insert(account_id.to_owned(), client.clone());
        Ok(client)
    }

    /// Describes why a call about a key of an account failed. A role that is missing, does not trust this one or has too few
    /// permissions is the usual cause, so its ARN is in the text.
    fn problem<E>(&self, account_id: &str, error: &SdkError<E>) -> DirectoryError
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        if refusal::cause(error) == Cause::Throttled {
            return DirectoryError::Throttled;
        }
        let detail = refusal::describe(error);
        let roles = self.roles.as_ref();
        let roles = roles.filter(|_| account_id != self.account_id);
        DirectoryError::Unavailable {
            detail: match roles.map(|of| of.arn(account_id)) {
                Some(role) => format!("with the role {role}: {detail}"),
                None => detail,
            },
        }
    }
}

impl KeyDirectory for Iam {
    async fn last_use(&self, key: &str, account_id: &str) -> Result<IamAnswer, DirectoryError> {
        let client = self.client(account_id).await?;
        let request = client.get_access_key_last_used().access_key_id(key);
        match request.send().await {
            Ok(answer) => Ok(read(&answer)),
            // IAM refuses a key of another account with the same error as a key that does not exist.
            Err(error)
                if matches!(
                    error.code(),
                    Some("AccessDenied" | "AccessDeniedException" | "NoSuchEntity")
                ) =>
            {
                Ok(IamAnswer::Unknown)
            }
            Err(error) => Err(self.problem(account_id, &error)),
        }
    }

    async fn entry(
        &self,
        key: &str,
        user: &str,
        account_id: &str,
    ) -> Result<KeyEntry, DirectoryError> {
        let client = self.client(account_id).await?;
        // A user has two keys at most, so one page has all.
        let request = client.list_access_keys().user_name(user);
        let listed = request.send().await;
        let listed = listed.map_err(|error| self.problem(account_id, &error))?;
        let keys = listed.access_key_metadata();
        let entry = keys.iter().find(|of| of.access_key_id() == Some(key));
        entry
            .and_then(read_entry)
            .ok_or_else(|| DirectoryError::Unavailable {
                detail: "the list of the user's keys does not have the key".to_owned(),
            })
    }
}

/// Reads an answer of IAM. An unknown service or region is `N/A` there, and `None` here.
fn read(answer: &GetAccessKeyLastUsedOutput) -> IamAnswer {
    let user = answer.user_name().and_then(known_text);
    let last = answer.access_key_last_used();
    let at = last.and_then(|last| Timestamp::from_seconds(last.last_used_date()?.secs()));
    match (last, at) {
        (Some(last), Some(at)) => IamAnswer::Used {
            at,
            service: known_text(last.service_name()),
            region: known_text(last.region()),
            user,
        },
        _ => IamAnswer::Never { user },
    }
}

/// Reads a key in the list of its user's keys; `None` if IAM gives no creation time or a status that is not known.
fn read_entry(metadata: &AccessKeyMetadata) -> Option<KeyEntry> {
    let created = Timestamp::from_seconds(metadata.create_date()?.secs())?;
    match metadata.status()? {
        StatusType::Active => Some(KeyEntry::Active { created }),
        StatusType::Inactive => Some(KeyEntry::Inactive { created }),
        _ => None,
    }
}

fn known_text(text: &str) -> Option<String> {
    (!text.is_empty() && text != "N/A").then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use aws_sdk_iam::primitives::DateTime;
    use aws_sdk_iam::types::AccessKeyLastUsed;

    use super::*;

    fn answer(at: Option<i64>, place: &str) -> GetAccessKeyLastUsedOutput {
        let last = AccessKeyLastUsed::builder()
            .set_last_used_date(at.map(DateTime::from_secs))
            .service_name(place)
            .region(place)
            .build()
            .unwrap();
        GetAccessKeyLastUsedOutput::builder()
            .user_name("mia")
            .access_key_last_used(last)
            .build()
    }

    #[test]
    fn a_listed_key_has_its_age_and_its_status() {
        let created = Timestamp::parse("2024-11-21T08:00:00Z").unwrap();
        let listed = |status: &str| {
            let metadata = AccessKeyMetadata::builder()
                .create_date(DateTime::from_secs(created.seconds()))
                .status(StatusType::from(status));
            read_entry(&metadata.build())
        };
        assert_eq!(listed("Active"), Some(KeyEntry::Active { created }));
        assert_eq!(listed("Inactive"), Some(KeyEntry::Inactive { created }));
        assert_eq!(listed("Unheard"), None);
        assert_eq!(read_entry(&AccessKeyMetadata::builder().build()), None);
    }

    #[test]
    fn a_key_without_a_date_was_never_used() {
        let user = Some("mia".to_owned());
        assert_eq!(
            read(&answer(None, "N/A")),
            IamAnswer::Never { user: user.clone() }
        );
        let at = Timestamp::parse("2026-11-21T08:00:00Z").unwrap();
        let used = |place: Option<&str>| IamAnswer::Used {
            at,
            service: place.map(str::to_owned),
            region: place.map(str::to_owned),
            user: user.clone(),
        };
        assert_eq!(read(&answer(Some(at.seconds()), "N/A")), used(None));
        assert_eq!(read(&answer(Some(at.seconds()), "s3")), used(Some("s3")));
    }
}
