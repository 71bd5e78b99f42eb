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
use crate::fields::{Kind, Names};
use crate::headers::Managed;

/// What is kept of the names of questions' fields, by one thread for one configuration.
#[derive(Debug, Default)]
pub struct Marks(Names<Mark>);

/// What a question says with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    /// Nothing that the answer rests on.
    Nothing,
    /// The same, in words that many clients share.
    Usual,
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

/// Names of fields in which browsers and programs say the same again and again.
const USUAL: [&str; 16] = [
    "host",
    "accept",
    "accept-encoding",
    "accept-language",
    "cache-control",
    "pragma",
    "user-agent",
    "priority",
    "sec-ch-ua",
    "sec-ch-ua-mobile",
    "sec-ch-ua-platform",
    "sec-fetch-dest",
    "sec-fetch-mode",
    "sec-fetch-site",
    "sec-fetch-user",
    "upgrade-insecure-requests",
];

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
    /// Reads a question with at most so many fields from what a client has sent, and says how long it
    /// is; `None` when it is not plain, or not whole.
    #[must_use]
    pub fn read(
        read: &'q [u8],
        most: usize,
        marks: &Marks,
        managed: &Managed,
        public_url: &PublicUrl,
    ) -> Option<(Self, usize)> {
        let begins = |address: &[u8]| read.starts_with(address).then_some(address.len());
        let (contract, mut at) = match begins(b"GET /-/sso/authz/nginx HTTP/1.1\r\n") {
            Some(length) => (Contract::Nginx, length),
            None => (Contract::Forward, begins(b"GET /-/sso/authz/forward HTTP/1.1\r\n")?),
        };
        let mut parts = [None; PARTS];
        let mut reading = marks.0.reading();
        let mut count = 0;
        while !read.get(at..)?.starts_with(b"\r\n") {
            let keep = |name| Mark::of(&name, managed);
            let (mark, value, length) = reading.take_line(read.get(at..)?, keep, Mark::is_usual)?;
            at += length;
            count += 1;
            match mark {
                Mark::Nothing | Mark::Usual => {}
                Mark::Redirect if contract == Contract::Nginx => {}
                Mark::Once(part) => {
                    let place = parts.get_mut(part as usize)?;
                    if place.replace(value.without_blanks().bytes()).is_some() {
                        return None;
                    }
                }
                Mark::Redirect | Mark::NotPlain => return None,
            }
            if count > most {
                return None;
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
        let question = || Self {
            method,
            path,
            cookies: said(Part::Cookie),
            request_id: said(Part::RequestId),
            forwarded_for: said(Part::ForwardedFor),
        };
        plain.then(|| (question(), at + 2))
    }
}

impl Mark {
    /// Whether many questions say the same with it. What a person alone says is not remembered.
    fn is_usual(self) -> bool {
        match self {
            Self::Usual => true,
            Self::Once(part) => {
                matches!(part, Part::Proto | Part::Method | Part::OriginalMethod | Part::Host)
                    || part == Part::Connection
            }
            Self::Nothing | Self::Redirect | Self::NotPlain => false,
        }
    }

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
            name if USUAL.contains(&name) => return Self::Usual,
            _ => return Self::Nothing,
        };
        Self::Once(part)
    }
}
