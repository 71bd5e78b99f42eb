//! A plain question, read where it lies: no request is made of it.
//!
//! Most questions are alike, and most are answered by yes. What is not clearly one of those, or would
//! be answered otherwise, goes the way of every other request, from the same bytes. So nothing is
//! refused here, and nothing is allowed that would be refused there.

use http::Method;
use http::header::{self, HeaderName};

use super::{Asked, Contract, forward, nginx};
use crate::config::PublicUrl;
use crate::credential::HEADERS;
use crate::fields::{Kind, Names, Text};
use crate::headers::Managed;

/// What is kept of the names of questions' fields, by one thread for one configuration.
#[derive(Debug, Default)]
pub struct Marks(Names<Mark>);

/// What a question says with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    /// Nothing that the answer rests on.
    Nothing,
    /// Something that stands there once.
    Once(Part),
    /// Something that nginx's ingress controller writes by itself, and that others must not let
    /// through.
    Redirect,
    /// Something that has to be looked at.
    NotPlain,
}

/// What stands in a plain question at most once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    OriginalUrl,
    OriginalMethod,
    Proto,
    Method,
    Host,
    Uri,
    Cookie,
    RequestId,
    ForwardedFor,
    Connection,
}

/// How many parts there are.
const PARTS: usize = Part::Connection as usize + 1;

/// A plain question: the client names the host of `public_url`, shows no credential but cookies, and no
/// name that could be ours.
#[derive(Debug)]
pub struct Question<'q> {
    /// The method that the client uses.
    pub method: Method,
    /// The path and the query, not judged yet.
    pub path: &'q [u8],
    /// Its cookies.
    pub cookies: Option<&'q [u8]>,
    /// What the proxy calls the request.
    pub request_id: Option<&'q [u8]>,
    /// Where the request has come from, by the proxy's word.
    pub forwarded_for: Option<&'q [u8]>,
}

impl<'q> Question<'q> {
    /// Reads a question from the lines of a head; `None` when it is not plain.
    #[must_use]
    pub fn read(
        mut lines: impl Iterator<Item = Text<'q>>,
        marks: &Marks,
        managed: &Managed,
        public_url: &PublicUrl,
    ) -> Option<Self> {
        let contract = match lines.next()?.bytes() {
            b"GET /-/sso/authz/nginx HTTP/1.1" => Contract::Nginx,
            b"GET /-/sso/authz/forward HTTP/1.1" => Contract::Forward,
            _ => return None,
        };
        let mut parts = [None; PARTS];
        let mut reading = marks.0.reading();
        for line in lines {
            let (mark, value) = reading.take_copied(line, |name| Mark::of(&name, managed))?;
            match mark {
                Mark::Nothing => {}
                Mark::Redirect if contract == Contract::Nginx => {}
                Mark::Once(part) => {
                    let place = parts.get_mut(part as usize)?;
                    if place.replace(value.without_blanks().bytes()).is_some() {
                        return None;
                    }
                }
                Mark::Redirect | Mark::NotPlain => return None,
            }
        }
        let said = |part: Part| parts.get(part as usize).copied().flatten();
        let original = (said(Part::OriginalUrl), said(Part::OriginalMethod));
        let asked = match (contract, original) {
            (Contract::Nginx, (Some(url), Some(method))) => nginx::read(url, method),
            (Contract::Forward, (None, None)) => forward::read(
                said(Part::Proto)?,
                said(Part::Method)?,
                said(Part::Host)?,
                said(Part::Uri)?,
            ),
            // What nginx writes by itself, others would let through.
            (Contract::Nginx | Contract::Forward | Contract::Envoy | Contract::Grpc, _) => {
                return None;
            }
        };
        let Asked { method, host, path } = asked.ok()?;
        // Nearly everybody writes it as it is.
        let own = public_url.authority().as_bytes();
        let stays = |word: &[u8]| word.eq_ignore_ascii_case(b"keep-alive");
        let plain = host == own && said(Part::Connection).is_none_or(stays);
        plain.then(|| Self {
            method,
            path,
            cookies: said(Part::Cookie),
            request_id: said(Part::RequestId),
            forwarded_for: said(Part::ForwardedFor),
        })
    }
}

impl Mark {
    fn of(name: &HeaderName, managed: &Managed) -> Self {
        let part = match name.as_str() {
            nginx::URL => Part::OriginalUrl,
            nginx::METHOD => Part::OriginalMethod,
            nginx::REDIRECT => return Self::Redirect,
            _ if managed.is_ours(name) || HEADERS.contains(name) => return Self::NotPlain,
            forward::PROTO => Part::Proto,
            forward::METHOD => Part::Method,
            forward::HOST => Part::Host,
            forward::URI => Part::Uri,
            "x-forwarded-for" => Part::ForwardedFor,
            "x-request-id" => Part::RequestId,
            _ if *name == header::COOKIE => Part::Cookie,
            _ if *name == header::CONNECTION => Part::Connection,
            _ if Kind::of(name) != Kind::Said => return Self::NotPlain,
            _ => return Self::Nothing,
        };
        Self::Once(part)
    }
}
