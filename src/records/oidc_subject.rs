//! Finds the part of an OIDC subject that is the same in all runs of a pipeline.
//!
//! The caller is an organization, a repository, a project or a workspace, and not one of its branches, commits, jobs or
//! steps. Otherwise each run would be a new caller. What is dropped is replaced by `*`. A subject in any other form stays
//! whole, such as those of Kubernetes service accounts (`system:serviceaccount:shop:cart`), of Google service accounts
//! (a number) and of service connections in Azure DevOps (`sc://org/project/connection`).
//!
//! Sources, read in November 2026:
//!
//! - GitHub Docs, "`OpenID` Connect reference", with custom subjects (`include_claim_keys`) and immutable subjects;
//! - GitLab Docs, "`OpenID` Connect (OIDC) Authentication Using ID Tokens";
//! - Buildkite documentation, "OIDC in Buildkite Pipelines";
//! - Bitbucket Cloud support, "Integrate Pipelines with resource servers using OIDC";
//! - `CircleCI` documentation, "`OpenID` Connect tokens in jobs", `CIRCLE_OIDC_TOKEN_V2`;
//! - HCP Terraform Docs, "Workload identity tokens";
//! - Spacelift documentation, "`OpenID` Connect (OIDC)";
//! - Azure Pipelines and Google Cloud IAM documentation, for subjects that stay whole;
//! - Cognito Developer Guide, "IAM roles".

/// Keys of subjects in the form `key:value:key:value` whose values last from run to run.
const LASTING: [&str; 29] = [
    "account",
    "deployment",
    "enterprise",
    "enterprise_id",
    "group",
    "job_workflow_ref",
    "module",
    "namespace_path",
    "org",
    "organization",
    "organization_id",
    "organization_slug",
    "owner",
    "pipeline",
    "pipeline_slug",
    "project",
    "project_id",
    "project_path",
    "pulumi",
    "repo",
    "repository",
    "repository_id",
    "repository_owner",
    "repository_owner_id",
    "space",
    "stack",
    "workflow",
    "workflow_ref",
    "workspace",
];

/// Keys whose values differ between the runs, branches and environments of one pipeline, or between the people who
/// start it.
const PASSING: [&str; 40] = [
    "actor",
    "actor_id",
    "base_ref",
    "branch",
    "build",
    "build_branch",
    "build_commit",
    "build_number",
    "check_run_id",
    "ci_config_ref_uri",
    "ci_config_sha",
    "commit",
    "environment",
    "event_name",
    "head_ref",
    "job",
    "job_id",
    "job_workflow_sha",
    "operation",
    "pipeline_id",
    "pipeline_source",
    "ref",
    "ref_path",
    "ref_protected",
    "ref_type",
    "repository_visibility",
    "run_attempt",
    "run_id",
    "run_number",
    "run_phase",
    "run_type",
    "runner_environment",
    "scope",
    "sha",
    "step",
    "step_key",
    "tag",
    "user_id",
    "user_login",
    "workflow_sha",
];

/// A word that GitHub writes without a value.
const WITHOUT_VALUE: &str = "pull_request";

/// Returns the lasting part of a subject, with `*` for what was dropped; the whole subject if its form is unknown.
///
/// `provider` is the ARN or the host of the OIDC provider.
pub(crate) fn lasting_part(provider: &str, subject: &str) -> String {
    if provider.contains("cognito-identity.") {
        // All end users of an app are one caller, the app.
        return "*".to_owned();
    }
    let known = if provider.contains("bitbucket.org") || subject.starts_with('{') {
        repository_of_bitbucket(subject)
    } else if subject.starts_with("org/") {
        project_of_circle(subject)
    } else {
        lasting_pairs(subject)
    };
    known.unwrap_or_else(|| subject.to_owned())
}

/// Reads `{repository}:{step}` and `{repository}:{environment}:{step}`, three UUIDs.
fn repository_of_bitbucket(subject: &str) -> Option<String> {
    let (repository, _) = subject.split_once(':')?;
    Some(format!("{repository}:*"))
}

/// Reads `org/ORGANIZATION/project/PROJECT/user/USER`, which may go on with the origin and the branch.
fn project_of_circle(subject: &str) -> Option<String> {
    let (organization, rest) = subject.split_once("/project/")?;
    let (project, _) = rest.split_once('/')?;
    Some(format!("{organization}/project/{project}/*"))
}

/// Reads `key:value:key:value` and drops the pairs that pass. Returns `None` if nothing is dropped, or nothing is left.
fn lasting_pairs(subject: &str) -> Option<String> {
    let mut parts = subject.split(':');
    let mut kept: Vec<&str> = Vec::new();
    let (mut is_lasting, mut is_cut) = (None, false);
    while let Some(part) = parts.next() {
        if LASTING.contains(&part) {
            let value = parts.next().unwrap_or_default();
            // A workflow is followed by the branch: `acme/flows/.github/workflows/deploy.yml@refs/heads/main`.
            let (file, branch) = match part {
                "job_workflow_ref" | "workflow_ref" => value.split_once('@').unwrap_or((value, "")),
                _ => (value, ""),
            };
            is_cut |= !branch.is_empty();
            kept.extend([part, file]);
            is_lasting = Some(true);
        } else if PASSING.contains(&part) || part == WITHOUT_VALUE {
            if part != WITHOUT_VALUE {
                parts.next();
            }
            is_cut = true;
            is_lasting = Some(false);
        } else if is_lasting? {
            // Part of a value that contains a colon. In the first place it is no key, so the form is unknown.
            kept.push(part);
        }
    }
    (is_cut && !kept.is_empty()).then(|| format!("{}:*", kept.join(":")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_lasting(provider: &str, cases: &[(&str, &str)]) {
        for (subject, expected) in cases {
            assert_eq!(lasting_part(provider, subject), *expected, "{subject}");
        }
    }

    #[test]
    fn a_repository_at_github_is_one_caller_also_with_a_custom_or_immutable_subject() {
        assert_lasting(
            "token.actions.githubusercontent.com",
            &[
                ("repo:acme/shop:ref:refs/heads/x", "repo:acme/shop:*"),
                ("repo:acme/shop:environment:prod", "repo:acme/shop:*"),
                ("repo:acme/shop:pull_request", "repo:acme/shop:*"),
                (
                    "repo:acme@123456/shop@456789:ref:refs/heads/main",
                    "repo:acme@123456/shop@456789:*",
                ),
                (
                    "repository_owner_id:12:repository_id:34:environment:prod",
                    "repository_owner_id:12:repository_id:34:*",
                ),
                (
                    "job_workflow_ref:acme/flows/.github/workflows/deploy.yml@refs/tags/v3",
                    "job_workflow_ref:acme/flows/.github/workflows/deploy.yml:*",
                ),
                (
                    "repo:acme/shop:pull_request:run_id:77:workflow:release",
                    "repo:acme/shop:workflow:release:*",
                ),
                (
                    "environment:prod:repository_owner:acme",
                    "repository_owner:acme:*",
                ),
            ],
        );
    }

    #[test]
    fn pipelines_of_other_systems_are_one_caller_in_all_their_runs() {
        assert_lasting(
            "ci.example.com",
            &[
                (
                    "project_path:a/b:ref_type:branch:ref:main",
                    "project_path:a/b:*",
                ),
                (
                    "organization:acme:pipeline:shop:ref:refs/heads/main:commit:9f3b:step:deploy",
                    "organization:acme:pipeline:shop:*",
                ),
                (
                    "organization:o:project:p:workspace:w:run_phase:plan",
                    "organization:o:project:p:workspace:w:*",
                ),
                (
                    "organization:o:project:p:stack:s:deployment:d:operation:apply",
                    "organization:o:project:p:stack:s:deployment:d:*",
                ),
                (
                    "space:legacy:stack:infra:run_type:TRACKED:scope:write",
                    "space:legacy:stack:infra:*",
                ),
                (
                    "space:root:module:vpc:run_type:TESTING:scope:read",
                    "space:root:module:vpc:*",
                ),
            ],
        );
        assert_lasting(
            "arn:aws:iam::111122223333:oidc-provider/api.bitbucket.org/2.0/workspaces/acme/pipelines-config/identity/oidc",
            &[
                ("{11aa-22}:{33bb-44}", "{11aa-22}:*"),
                ("{11aa-22}:{55cc-66}:{33bb-44}", "{11aa-22}:*"),
            ],
        );
        assert_lasting(
            "oidc.circleci.com/org/0a1b",
            &[
                ("org/0a1b/project/2c3d/user/4e5f", "org/0a1b/project/2c3d/*"),
                (
                    "org/0a1b/project/2c3d/user/9f9f/vcs-origin/github.com/acme/shop/vcs-ref/refs/heads/x",
                    "org/0a1b/project/2c3d/*",
                ),
            ],
        );
    }

    #[test]
    fn a_subject_without_parts_of_a_run_stays_whole() {
        for subject in [
            "system:serviceaccount:shop:cart",
            "system:serviceaccount:ref:step",
            "sc://acme/shop/aws-prod",
            "p://acme/shop/deploy",
            "108512345678901234567",
            "organization:acme:pipeline:shop",
            "mia@example.com",
            "ref:refs/heads/main",
            "auth0|5f7c8ec7c33c6c004bbafe82",
            ":::",
            "",
        ] {
            assert_eq!(lasting_part("idp.example.com", subject), subject);
        }
    }

    #[test]
    fn all_users_of_an_app_are_one_caller() {
        let provider = "cognito-identity.amazonaws.com";
        assert_eq!(lasting_part(provider, "eu-west-1:7e57"), "*");
    }
}
