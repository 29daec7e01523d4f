//! The routes by which alerts are sent to a workspace. They differ in the form of a request, in the part
//! of the secret that they need, and in what an answer with status 200 proves.

use strum::{IntoStaticStr, VariantArray};

/// A route by which alerts are sent to a Guance workspace: the receiver, the format and the secret of a
/// request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Route {
    /// Points in line protocol to the public gateway, with the token of the workspace.
    Dataway,
    /// Points in line protocol to the user's own `DataKit`. The `DataKit` has the token.
    Datakit,
    /// JSON events through the Open API to a monitor for external events. The monitor's alert policy applies.
    PushEvent,
    /// JSON events through the Open API, without a monitor and without an alert policy.
    CustomEvent,
}

impl Route {
    /// All routes, in the order of declaration.
    pub const ALL: [Self; Self::VARIANTS.len()] =
        *Self::VARIANTS.first_chunk().expect("as many as there are");

    /// Returns the name of the route in settings, such as `push_event`. It does not change between
    /// releases.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Returns the route with this [`Self::name`]; `None` for any other text.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|route| route.name() == name)
    }

    /// Returns `true` if the route uses line protocol, which allows many alerts in one request.
    pub fn uses_line_protocol(self) -> bool {
        matches!(self, Self::Dataway | Self::Datakit)
    }

    /// Returns `true` if requests on this route need a secret: a token, an API key or a push secret.
    pub fn needs_secret(self) -> bool {
        self != Self::Datakit
    }
}
