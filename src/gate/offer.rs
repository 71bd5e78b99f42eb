//! What is said beside the hub's own answer: an offered sign-in, a warning, what a list may lack.

use http::StatusCode;
use http::header::{self, HeaderName, HeaderValue};

use super::Site;
use super::banner::Banner;
use crate::headers::value;
use crate::login;
use crate::message::{Request, Response};
use crate::policy::{Notice, OrganizationId, Permit, Principal, Reason, ReturnTo, lacking};
use crate::respond::{self, Dialect};

const X_HUB_SSO: HeaderName = HeaderName::from_static("x-hub-sso");
const X_HF_WARNING: HeaderName = HeaderName::from_static("x-hf-warning");

/// What may have to be said beside the hub's answer.
#[derive(Debug)]
pub(super) enum Beside {
    /// A page load of nobody's: our page in the place of a refusal.
    Offer { organization: OrganizationId, place: Option<ReturnTo>, request_id: String },
    /// A list across organizations, for an account.
    List,
    /// A page load of somebody who has not signed in where that is optional.
    Banner(Banner),
}

impl Beside {
    pub(super) fn banner(banner: Banner) -> Box<Self> {
        Box::new(Self::Banner(banner))
    }

    pub(super) fn of(site: &Site, permit: &Permit<'_>, request: &Request) -> Option<Box<Self>> {
        let (method, path) = (request.method(), request.uri().path());
        if let Some(organization) = permit.offer() {
            // Only a page load is ever given a page of ours.
            let page = Dialect::of(method, path, request.headers()) == Dialect::Page;
            let id = request.headers().get("x-request-id").and_then(|id| id.to_str().ok());
            let place = request.uri().path_and_query();
            return page.then(|| {
                Box::new(Self::Offer {
                    organization: organization.id.clone(),
                    place: place.and_then(|path| ReturnTo::parse(path.as_str())),
                    request_id: id.unwrap_or_default().to_owned(),
                })
            });
        }
        let list = permit.account().is_some() && site.hub.is_list(method, path);
        list.then(|| Box::new(Self::List))
    }
}

/// Whether the hub's answer says that there is nothing here for whoever asked.
fn is_refusal(status: StatusCode) -> bool {
    matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND)
}

impl Site {
    /// The answer with what is said beside it.
    pub(super) fn told_beside(
        &self,
        mut response: Response,
        beside: Beside,
        principal: &Principal,
        now: std::time::SystemTime,
    ) -> Response {
        match beside {
            Beside::List => {
                self.tell_partial(&mut response, principal, now);
                response
            }
            Beside::Offer { organization, place, request_id } if is_refusal(response.status()) => {
                let status = response.status();
                self.offered(status, &organization, place.as_ref(), &request_id).unwrap_or(response)
            }
            Beside::Offer { .. } => response,
            Beside::Banner(banner) => banner.into(response),
        }
    }

    /// Our page in the place of the hub's refusal, with its status: the same whether there is such
    /// a repository or not. Nothing of the hub's answer is left.
    fn offered(
        &self,
        status: StatusCode,
        organization: &OrganizationId,
        place: Option<&ReturnTo>,
        request_id: &str,
    ) -> Option<Response> {
        let policy = &self.directory.find(organization)?.config.policy;
        let name = &policy.display_name;
        let page = respond::Notice {
            title: format!("{name} uses single sign-on"),
            sentence: "There is no such page, or it is not for everyone.".to_owned(),
            way_out: format!(
                "If you are a member of {name}, sign in with its identity provider, and at the \
                 hub, to see what is yours."
            ),
            link: Some((login::path(organization, place), format!("Sign in with {name}"))),
            reason: Reason::SignInRequired,
            request_id: request_id.to_owned(),
            framed: false,
        };
        let mut response = respond::page(status, &page);
        let headers = response.headers_mut();
        let url = self.public_url.join(&login::path(organization, None));
        let text = format!("offered; organization={organization}; url={url}");
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.insert(X_HUB_SSO, value);
        }
        headers.insert(
            header::VARY,
            const {
                HeaderValue::from_static(
                    "Cookie, Authorization, Accept, Sec-Fetch-Mode, Sec-Fetch-Dest",
                )
            },
        );
        Some(response.into())
    }

    /// Tells a client that was let through that a sign-in is offered: `hf` prints the warning.
    pub(super) fn tell(&self, response: &mut Response, notice: &Notice) {
        let Some(entry) = self.directory.find(&notice.organization) else { return };
        let url = self.public_url.join(&login::path(&notice.organization, None));
        let text = format!(
            "sso; {} Sign in to {} at {url}",
            notice.reason.sentence(),
            entry.config.policy.display_name,
        );
        let headers = response.headers_mut();
        headers.insert(X_HF_WARNING, value(&text));
        let text = format!("optional; organization={}; url={url}", notice.organization);
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.insert(X_HUB_SSO, value);
        }
    }

    /// Tells a member, who asks for a list across organizations, whose sign-in is lacking.
    fn tell_partial(
        &self,
        response: &mut Response,
        principal: &Principal,
        now: std::time::SystemTime,
    ) {
        let policies = self.directory.iter().map(|entry| &entry.config.policy);
        let ids: Vec<&str> = lacking(principal, policies, now)
            .map(|organization| organization.id.as_str())
            .collect();
        if ids.is_empty() {
            return;
        }
        let text = format!("partial-results; organizations={}", ids.join(","));
        if let Ok(value) = HeaderValue::from_str(&text) {
            response.headers_mut().insert(X_HUB_SSO, value);
        }
    }
}
