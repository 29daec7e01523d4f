//! Reads the watches of a rules file: they add to the table of watched calls, replace its rows, and take rows out.
//!
//! A watch with a new name is tried before the table, so that it decides about its calls. A watch with the name of a row
//! takes the place of this row.

use std::sync::Arc;

use clusters::watch::row::{Author, RowText};
use clusters::watch::{Watch, Watches};
use toml::Spanned;

use crate::rulefile::{FileProblem, FileReader};

impl FileReader<'_> {
    /// Reads all `[[watch]]` of a rules file. Returns the table as they change it; problems are added to the reader.
    pub(crate) fn watches(&mut self, texts: &[Spanned<RowText>]) -> Arc<Watches> {
        let table = Watches::default();
        if texts.is_empty() {
            return Arc::new(table);
        }
        let mut rows: Vec<Watch> = table.all().to_vec();
        let mut added = Vec::new();
        let mut names = Vec::new();
        for text in texts.iter().map(Spanned::get_ref) {
            let (name, span) = text.name();
            if names.contains(&name) {
                let message = format!("there is another watch {name:?} in this file");
                self.problem(span.start, message);
                continue;
            }
            names.push(name);
            let place = rows.iter().position(|row| row.name == name);
            match (text.is_removal(), place) {
                (true, Some(place)) => {
                    if text.has_more_than_a_name() {
                        let message = "a watch with remove has no key but its name";
                        self.problem(span.start, message.to_owned());
                    }
                    rows.remove(place);
                }
                (true, None) => {
                    let message =
                        format!("no watch is called {name:?}; docs/watch.md lists their names");
                    self.problem(span.start, message);
                }
                (false, place) => {
                    let watch = text.watch(Author::User, &mut |at, message| {
                        self.problem(at.start, message);
                    });
                    match place {
                        Some(place) => rows[place] = watch,
                        None => added.push(watch),
                    }
                }
            }
        }
        added.append(&mut rows);
        Arc::new(Watches::new(added))
    }

    fn problem(&mut self, at: usize, message: String) {
        self.problems.push(FileProblem::at(self.text, at, message));
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::rules::Rules;

    fn names(text: &str) -> Vec<String> {
        let rules = Rules::parse(text).unwrap();
        rules
            .watches()
            .all()
            .iter()
            .map(|watch| watch.name.clone())
            .collect()
    }

    fn check(text: &str, expect: &Expect) {
        let problems = Rules::parse(text).unwrap_err();
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        expect.assert_eq(&lines.join("\n"));
    }

    #[test]
    fn a_file_without_watches_leaves_the_table_as_it_is() {
        let table: Vec<String> = Watches::default()
            .all()
            .iter()
            .map(|watch| watch.name.clone())
            .collect();
        assert_eq!(names(""), table);
    }

    #[test]
    fn watches_are_added_before_the_table_replaced_in_it_and_taken_out() {
        let table = names("");
        let changed = names(
            r#"
            [[watch]]
            name = "our-vault"
            calls = ["s3:GetObject", "s3:PutObject"]
            when = { requestParameters = { bucketName = ["vault"] } }
            tier = "condition"
            why = "the vault is opened twice a year"
            owner = "treasury"

            [[watch]]
            name = "iam-create-user"
            calls = ["iam:CreateUser"]
            tier = "first"
            why = "the identity team makes users daily"

            [[watch]]
            name = "kms-disable"
            remove = true
            "#,
        );
        let mut wanted: Vec<String> = table
            .into_iter()
            .filter(|name| name != "kms-disable")
            .collect();
        wanted.insert(0, "our-vault".to_owned());
        assert_eq!(changed, wanted);
    }

    #[test]
    fn what_a_user_wrote_about_a_watch_is_in_the_details() {
        let rules = Rules::parse(
            r#"
            [[watch]]
            name = "our-vault"
            calls = ["s3:GetObject"]
            when = { requestParameters = { bucketName = ["vault"] } }
            tier = "condition"
            strong = true
            target = "requestParameters.bucketName"
            parameters = { object = ["requestParameters.key"] }
            why = "the vault is opened twice a year"
            "#,
        )
        .unwrap();
        let find = |bucket: &str| {
            let text = format!(
                r#"{{"eventSource":"s3.amazonaws.com","eventName":"GetObject","requestParameters":{{"bucketName":"{bucket}","key":"k"}}}}"#
            );
            let record = records::Record::parse(&text).unwrap();
            rules
                .watches()
                .find(&record, &text)
                .map(|details| details.encode())
        };
        expect![[r#"
            {"watch":"our-vault","tier":"condition","strong":true,"target":"vault","parameters":{"object":"k"},"why":"the vault is opened twice a year"}"#]]
        .assert_eq(&find("vault").unwrap());
        assert_eq!(find("other"), None);
    }

    #[test]
    fn each_mistake_in_a_watch_is_found_with_what_would_be_right() {
        check(
            r#"
[[watch]]
name = "Our Vault"
calls = ["GetObject", "s3:Get*", "lambda:AddPermission20150331v2"]
when = { requestParameter = { bucketName = ["vault"] } }
holds = ["open"]
tier = "often"
technique = "1098"
target = "bucketName"

[[watch]]
name = "no-such-watch"
remove = true

[[watch]]
name = "kms-disable"
remove = true
tier = "first"

[[watch]]
name = "twice"
calls = ["iam:CreateUser"]
tier = "condition"
why = "w"

[[watch]]
name = "twice"
"#,
            &expect![[r#"
                3:8: "Our Vault" is not a name: write lower-case letters, digits and hyphens, at most 64
                3:8: a watch needs why: one sentence that says why the call is watched
                4:10: "GetObject" is not a call: write the event source without its domain, a colon, and the whole name of the event, as in iam:CreateUser
                4:23: "s3:Get*" is not a call: write the event source without its domain, a colon, and the whole name of the event, as in iam:CreateUser
                4:34: "lambda:AddPermission20150331v2" is not a call: write the event source without its domain, a colon, and the whole name of the event, as in iam:CreateUser
                5:8: requestParameter is not a field of a CloudTrail record
                6:10: "open" is not one of open_to_world, open_widely, public, other_account, powerful_policy, target_is_caller, for_another, logging_narrowed, turned_off, all_expire_soon, some_expire_soon
                7:8: "often" is not a tier: always, condition or first
                8:13: "1098" is not the id of a technique, such as T1098.003
                9:10: "bucketName" is not a path: write keys from a field of the record on, such as requestParameters.userName
                12:8: no watch is called "no-such-watch"; docs/watch.md lists their names
                16:8: a watch with remove has no key but its name
                23:8: a watch of tier condition needs when, without, holds or not
                27:8: there is another watch "twice" in this file"#]],
        );
    }

    #[test]
    fn an_unknown_key_is_refused() {
        check(
            "[[watch]]\nname = \"x\"\ncall = \"iam:CreateUser\"\n",
            &expect![
                "3:1: unknown field `call`, expected one of `name`, `calls`, `when`, `without`, `holds`, `not`, `tier`, `strong`, `technique`, `target`, `policies`, `resource_policies`, `grantees`, `switches`, `absent_is_off`, `parameters`, `why`, `why_zh`, `source`, `owner`, `remove`"
            ],
        );
    }
}
