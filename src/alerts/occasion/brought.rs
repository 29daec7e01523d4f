//! What an occasion brings along, read from its detail, and what that says of how far it has come.

use serde_json::{Value, json};

use crate::evidence::{Evidence, Stage};
use crate::occasion::{Kind, Occasion};

/// How many bytes of an occasion's detail are read; more was not written by us.
const DETAIL_BYTES_MAX: usize = 64 << 10;

impl Occasion {
    /// Returns what it brings along; `None` where that is nothing, or has not the shape that belongs
    /// to its kind.
    pub fn evidence(&self) -> Option<Evidence> {
        let detail = self.detail.as_str();
        if detail.len() > DETAIL_BYTES_MAX {
            return None;
        }
        match self.kind {
            Kind::Campaign => serde_json::from_str(detail).ok().map(Evidence::Campaign),
            Kind::Escalating => serde_json::from_str(detail).ok().map(Evidence::Escalation),
            Kind::Recovered => serde_json::from_str(detail).ok().map(Evidence::Recovery),
            Kind::Regressed => serde_json::from_str(detail).ok().map(Evidence::Regression),
            Kind::NoData => serde_json::from_str(detail).ok().map(Evidence::Silence),
            Kind::AccountSummary => serde_json::from_str(detail).ok().map(Evidence::Summary),
            Kind::New | Kind::NewPrincipal | Kind::AccessKey => None,
        }
    }

    /// Returns the detail as JSON: no more of it than is evidence, `null` where it should be some and
    /// is none. Access keys, digests and the end of learning have details of any shape.
    pub fn brought(&self) -> Value {
        match (self.evidence(), self.kind) {
            (Some(Evidence::Campaign(of)), _) => json!(of),
            (Some(Evidence::Escalation(of)), _) => json!(of),
            (Some(Evidence::Recovery(of)), _) => json!(of),
            (Some(Evidence::Regression(of)), _) => json!(of),
            (Some(Evidence::Silence(of)), _) => json!(of),
            (Some(Evidence::Summary(of)), _) => json!(of),
            (None, Kind::AccessKey | Kind::AccountSummary)
                if self.detail.len() <= DETAIL_BYTES_MAX =>
            {
                serde_json::from_str(&self.detail).unwrap_or_default()
            }
            (None, _) => Value::Null,
        }
    }

    /// Returns the stable name of what it says: that of its kind, or of how far that has come.
    pub fn state(&self) -> &'static str {
        let stage = self.evidence().and_then(|evidence| evidence.stage());
        match (self.kind, stage) {
            (Kind::Escalating, Some(Stage::Ended)) => "calmed",
            (Kind::Campaign, Some(Stage::Grew(_))) => "campaign_grew",
            (Kind::Campaign, Some(Stage::Ended)) => "campaign_ended",
            (Kind::NoData, Some(Stage::Ended)) => "data_again",
            (kind, _) => kind.name(),
        }
    }

    /// Tells whether it is the end of what another one began: a recovery, or the end of an
    /// escalation, a campaign or a silence.
    pub fn is_end(&self) -> bool {
        let stage = self.evidence().and_then(|evidence| evidence.stage());
        self.kind == Kind::Recovered || stage == Some(Stage::Ended)
    }
}

#[cfg(test)]
mod tests {
    use clusters::fingerprint::ClusterId;

    use super::*;
    use crate::evidence::RegressionEvidence;

    fn occasion(kind: Kind, detail: &str) -> Occasion {
        Occasion {
            detail: detail.to_owned(),
            ..Occasion::of_cluster(
                kind,
                "111122223333",
                (ClusterId::from_bytes([7; 16]), 1),
                0,
                0,
            )
        }
    }

    #[test]
    fn what_has_not_the_shape_of_its_kind_is_no_evidence_and_changes_nothing() {
        let quiet = r#"{"quiet_seconds": 90000}"#;
        let evidence = occasion(Kind::Regressed, quiet).evidence();
        let known = RegressionEvidence {
            quiet_seconds: 90_000,
        };
        assert_eq!(evidence, Some(Evidence::Regression(known)));
        let long = format!("{}{quiet}", " ".repeat(DETAIL_BYTES_MAX));
        for (kind, detail) in [
            (Kind::New, quiet),
            (Kind::Campaign, quiet),
            (Kind::Escalating, "{"),
            (Kind::Regressed, r#"{"quiet_seconds": -1}"#),
            (Kind::Regressed, &long),
            (Kind::NoData, ""),
            (Kind::AccountSummary, r#"{"hours": 24}"#),
        ] {
            let occasion = occasion(kind, detail);
            assert_eq!(occasion.evidence(), None, "{kind:?}");
            assert_eq!(occasion.state(), kind.name());
            assert!(!occasion.is_end());
        }
    }

    #[test]
    fn what_cannot_be_looked_up_is_passed_on_by_its_shape_alone() {
        let brought = |kind, detail| occasion(kind, detail).brought();
        let more = r#"{"quiet_seconds": 60, "more": "x"}"#;
        assert_eq!(brought(Kind::Regressed, more), json!({"quiet_seconds": 60}));
        assert_eq!(brought(Kind::Campaign, more), Value::Null);
        assert_eq!(
            brought(Kind::AccountSummary, r#"{"hours": 24}"#),
            json!({"hours": 24})
        );
        assert_eq!(
            brought(Kind::AccessKey, r#"{"days": 120}"#),
            json!({"days": 120})
        );
    }
}
