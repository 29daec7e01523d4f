//! The routes into a workspace. They differ in what a request looks like, in whose secret it needs,
//! and in what its answer proves.

use strum::{IntoStaticStr, VariantArray};

/// A way into a workspace, a closed list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Route {
    /// Points in line protocol to the public gateway, with the workspace's token.
    Dataway,
    /// The same to a `DataKit` of one's own, which has the token.
    Datakit,
    /// Events to a monitor for external events, which applies its alert policy.
    PushEvent,
    /// Events of one's own, through the Open API.
    CustomEvent,
}

impl Route {
    /// All routes.
    pub const ALL: [Self; Self::VARIANTS.len()] =
        *Self::VARIANTS.first_chunk().expect("as many as there are");

    /// Returns the stable name.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Returns the route of a stable name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|route| route.name() == name)
    }

    /// Tells whether points in line protocol go this way, many in one request.
    pub fn takes_lines(self) -> bool {
        matches!(self, Self::Dataway | Self::Datakit)
    }

    /// Tells whether a secret is needed.
    pub fn needs_secret(self) -> bool {
        self != Self::Datakit
    }
}
