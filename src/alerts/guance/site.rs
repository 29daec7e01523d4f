//! The sites of Guance and TrueWatch, with their addresses.
//!
//! Source: the vendor's documentation, "Open API"; the addresses of the gateways are from the vendor's
//! own programs.

use crate::guance::route::Route;

/// A site of Guance or TrueWatch: one region of the service, with its own addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Site {
    /// The name of the site in settings, such as `cn1`.
    pub name: &'static str,
    /// The URL of the site's public gateway (`DataWay`), which accepts line protocol.
    pub openway: &'static str,
    /// The URL of the site's Open API.
    pub openapi: &'static str,
    /// The URL of the site's web console; `None` if the vendor does not document it.
    pub console: Option<&'static str>,
}

impl Site {
    /// Returns the address of the site that requests of a route go to; `None` for the route `datakit`, which has none.
    pub fn address(&self, route: Route) -> Option<&'static str> {
        match route {
            Route::Dataway => Some(self.openway),
            Route::PushEvent | Route::CustomEvent => Some(self.openapi),
            Route::Datakit => None,
        }
    }
}

macro_rules! site {
    ($name:literal, $head:literal, $domain:literal) => {
        Site {
            name: $name,
            openway: concat!("https://", $head, "openway.", $domain),
            openapi: concat!("https://", $head, "openapi.", $domain),
            console: Some(concat!("https://", $head, "console.", $domain)),
        }
    };
    ($name:literal, $head:literal, $domain:literal, no console) => {
        Site {
            console: None,
            ..site!($name, $head, $domain)
        }
    };
}

/// All sites: first those of Guance, then those of TrueWatch.
pub const SITES: [Site; 15] = [
    site!("cn1", "", "guance.com"),
    site!("cn2", "aws-", "guance.com"),
    site!("cn3", "cn3-", "guance.com"),
    site!("cn4", "cn4-", "guance.com"),
    site!("cn5", "cn5-", "guance.com"),
    site!("cn6", "cn6-", "guance.one"),
    site!("us1", "us1-", "guance.com"),
    site!("eu1", "eu1-", "guance.one"),
    site!("ap1", "ap1-", "guance.one"),
    site!("truewatch-us1", "us1-", "truewatch.com", no console),
    site!("truewatch-eu1", "eu1-", "truewatch.com", no console),
    site!("truewatch-ap1", "ap1-", "truewatch.com", no console),
    site!("truewatch-za1", "za1-", "truewatch.com", no console),
    site!("truewatch-id1", "id1-", "truewatch.com", no console),
    site!("truewatch-me1", "me1-", "truewatch.com", no console),
];

/// Returns the site with this name, such as `cn1`; `None` for any other text.
pub fn site(name: &str) -> Option<&'static Site> {
    SITES.iter().find(|site| site.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guance::endpoint::{AllowedHosts, Endpoint};

    #[test]
    fn the_addresses_of_all_sites_are_valid_endpoints() {
        for site in &SITES {
            for url in [Some(site.openway), Some(site.openapi), site.console] {
                let Some(url) = url else { continue };
                let endpoint = Endpoint::parse(url, Route::Dataway, AllowedHosts::default());
                assert_eq!(endpoint.unwrap().to_string(), url);
            }
        }
        let cn2 = site("cn2").unwrap();
        assert_eq!(cn2.openway, "https://aws-openway.guance.com");
        assert_eq!(site("nowhere"), None);
    }
}
