//! Reads `[hub]`.

use std::time::Duration;

use crate::policy::{Need, PathPattern};

use super::section::Section;
use super::{Access, BodyUnknown, Hub, HubProfile, HubRule, Identity, Unclaimed, Upstream, Whoami};

/// A hub beside the gate answers in microseconds; one across a network within a second or two.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Hubs hash what was uploaded before they answer.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(300);

impl Hub {
    /// Reads `[hub]`; `asked`: whether there are proxies that may ask, and forward by themselves.
    pub(super) fn read(section: &Section<'_>, asked: bool) -> Option<Self> {
        let millisecond = Duration::from_millis(1);
        let hour = Duration::from_secs(60 * 60);
        if !asked {
            let remedy = "write the hub's address, such as \"http://127.0.0.1:3000\"; for forward-auth alone, name the proxies that ask in server.trusted_proxies";
            section.missing("upstream", remedy);
        }
        let upstream = section.filled("upstream").and_then(|text| {
            let read = Upstream::parse(&text);
            if read.is_none() {
                let remedy = "write http://host:port, h2c://host:port, https://host:port or unix:/path, and no path after the port";
                section.note("upstream", "is no address of a hub", remedy);
            }
            read
        });
        let identity =
            section.choice("identity", &[("idp", Identity::Idp), ("hub", Identity::Hub)]);
        let identity = identity.unwrap_or(Identity::Idp);
        let profile =
            section.choice("profile", &HubProfile::ALL.map(|profile| (profile.as_str(), profile)));
        let unclaimed = [("pass", Unclaimed::Pass), ("deny", Unclaimed::Deny)];
        let ca_certificates = section.authorities("ca_certificates");
        if !ca_certificates.is_empty()
            && upstream.as_ref().is_some_and(|upstream| !matches!(upstream, Upstream::Https { .. }))
        {
            section.note("ca_certificates", "is for https only", "remove it");
        }
        let profile = profile.unwrap_or(HubProfile::Huggingface);
        if asked && identity == Identity::Hub && upstream.is_none() && !section.has("upstream") {
            let what = "is missing: a hub with accounts is asked whose a credential is";
            section.note("upstream", what, "write the hub's address, or identity = \"idp\"");
        }
        let given = section.has("whoami") || identity == Identity::Hub;
        let whoami = section.section_or_empty("whoami");
        let whoami = whoami.and_then(|section| Whoami::read(&section, profile));
        let links = section.path("links");
        if let Some(path) = links.as_deref().filter(|_| identity == Identity::Hub) {
            section.attempt("links", path);
        }
        // Read to the end first, so that every mistake is seen.
        let unclaimed = section.choice("unclaimed", &unclaimed).unwrap_or(Unclaimed::Pass);
        let body_unknown = [
            ("allow", BodyUnknown::Allow),
            ("require-any-session", BodyUnknown::RequireAnySession),
            ("deny", BodyUnknown::Deny),
        ];
        let body_unknown = section.choice("body_unknown", &body_unknown);
        let rules = section.sections("rule").iter().filter_map(HubRule::read).collect();
        let connect_timeout =
            section.duration("connect_timeout", millisecond..=hour).unwrap_or(CONNECT_TIMEOUT);
        let response_timeout = section
            .duration("response_timeout", millisecond..=24 * hour)
            .unwrap_or(RESPONSE_TIMEOUT);
        Some(Self {
            upstream,
            profile,
            identity,
            whoami: if given { Some(whoami?) } else { None },
            links,
            unclaimed,
            body_unknown: body_unknown.unwrap_or(BodyUnknown::RequireAnySession),
            rules,
            connect_timeout,
            response_timeout,
            ca_certificates,
        })
    }
}

impl HubRule {
    fn read(section: &Section<'_>) -> Option<Self> {
        section.missing("path", "write a pattern such as \"/{org}/{repo}/**\"");
        let path = section.filled("path").and_then(|text| {
            let path = PathPattern::parse(&text);
            if let Err(error) = &path {
                let remedy = "write one such as \"/{org}/{repo}/**\"";
                section.note("path", error.to_string(), remedy);
            }
            path.ok()
        });
        let methods = section.texts("methods").unwrap_or_default();
        let methods = section.parsed("methods", &methods, |text| {
            let upper = !text.bytes().any(|b| b.is_ascii_lowercase());
            http::Method::try_from(text).ok().filter(|_| upper).ok_or_else(|| {
                (format!("{text:?} is no method"), "write one such as \"GET\"".to_owned())
            })
        });
        let needs = [("read", Need::Read), ("write", Need::Write), ("admin", Need::Admin)];
        let access =
            [("member", Access::Member), ("public", Access::Public), ("deny", Access::Deny)];
        let access = section.choice("access", &access).unwrap_or(Access::Member);
        let needs = section.choice("needs", &needs).unwrap_or(Need::Read);
        let path = path?;
        if access == Access::Member && !path.names_organization() {
            let what = "names no {org}, whose members could be meant";
            section.note("path", what, "write {org} where the namespace stands");
        }
        Some(Self { path, methods: methods?, needs, access })
    }
}
