//! The spans of a request, in the words of the semantic conventions for HTTP.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use http::{Method, StatusCode};

use super::refuse::About;
use super::{Gate, Trace};
use crate::fields::Fields;
use crate::message::Response;
use crate::observe::{RequestSpan, Span, SpanValue};
use crate::peer::Peer;
use crate::policy::Reason;

/// The methods that the conventions know; every other is `_OTHER`.
const METHODS: [Method; 9] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
    Method::CONNECT,
    Method::TRACE,
];

impl Gate {
    /// Begins the trace of a request, where traces are kept.
    pub(super) fn begin_span(&self, headers: &Fields, peer: &Peer) -> Option<Box<RequestSpan>> {
        let spans = self.recorder.spans()?;
        Some(spans.begin(headers, self.site.forwarding.trusts(peer.address.ip())))
    }

    /// Hands the spans of a request over.
    pub(super) fn end_span(
        &self,
        span: &RequestSpan,
        trace: &Trace,
        about: &About,
        response: &Response,
        (began, took): (SystemTime, Duration),
        request_id: &str,
    ) {
        let Some(spans) = self.recorder.spans() else { return };
        let method = METHODS.iter().find(|known| **known == about.method);
        let method = method.map_or("_OTHER", Method::as_str).to_owned();
        // Names are of patterns: there are few, whatever clients send.
        let name = match &trace.route {
            Some(route) => format!("{method} {route}"),
            None => method.clone(),
        };
        let Some((mut own, hub)) = span.end(name.into(), began, took) else { return };
        let text = |text: &str| SpanValue::from(text.to_owned());
        let status = response.status();
        own.attributes.extend([
            ("http.request.method", SpanValue::from(method.clone())),
            ("url.path", text(about.path())),
            ("url.scheme", self.site.public_url.scheme().into()),
            ("server.address", text(self.site.public_url.authority())),
            ("client.address", SpanValue::from(about.client().to_string())),
            ("http.response.status_code", status.as_u16().into()),
            ("hubgate.decision", trace.outcome.as_str().into()),
            ("hubgate.request_id", text(request_id)),
        ]);
        own.attributes
            .extend(trace.route.clone().map(|route| ("http.route", SpanValue::Text(route))));
        let reason = trace.reason.map(Reason::as_str);
        own.attributes.extend(reason.map(|reason| ("hubgate.reason", reason.into())));
        let organization = trace.organization.as_ref();
        own.attributes.extend(organization.map(|id| ("hubgate.organization", text(id.as_str()))));
        // What the client did wrong is no error of the asked side; what we did is.
        fail(&mut own, status.is_server_error().then_some(Some(status)));
        if let Some((mut hub, answered)) = hub {
            hub.name = Cow::Owned(method.clone());
            hub.attributes.push(("http.request.method", method.into()));
            hub.attributes.push(("url.path", text(about.path())));
            hub.attributes.push(("peer.service", "hub".into()));
            let code = answered.map(|status| ("http.response.status_code", status.as_u16().into()));
            hub.attributes.extend(code);
            let bad = |status: &StatusCode| status.is_client_error() || status.is_server_error();
            fail(
                &mut hub,
                answered.map_or(Some(None), |status| bad(&status).then_some(Some(status))),
            );
            spans.end(hub);
        }
        spans.end(own);
    }
}

/// Marks a span as failed, by a status or without an answer.
fn fail(span: &mut Span, why: Option<Option<StatusCode>>) {
    let Some(status) = why else { return };
    span.failed = true;
    let kind = status.map_or_else(|| "_OTHER".to_owned(), |status| status.as_str().to_owned());
    span.attributes.push(("error.type", kind.into()));
}
