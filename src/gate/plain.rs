//! Plain questions, answered where they lie: what most of them come to, without what only others
//! need. It is made of the same pieces as the way of every other request, in the same order.

use http::StatusCode;

use super::request_id::ID;
use super::{Gate, target};
use crate::clock::stopwatch;
use crate::forward_auth::{Contract, Question};
use crate::headers::write_others;
use crate::hub::Found;
use crate::message::Sent;
use crate::observe::{Access, Outcome, Said};
use crate::peer::Door;
use crate::policy::{Decision, decide};

impl Gate {
    /// Answers a plain question by yes: writes the fields of a 200 without a body, and says how long
    /// the question is.
    ///
    /// `None` when it is none, or when the answer may be another one, or needs more: then nothing has
    /// happened, and what was written says nothing.
    pub(super) fn plainly(&self, sent: Sent<'_>, fields: &mut Vec<u8>) -> Option<usize> {
        let Sent { bytes, most, peer } = sent;
        let site = &*self.site;
        let asked = match peer.door {
            Door::Web => !site.kept.asked_apart,
            Door::Asked => true,
            Door::Grpc => false,
        };
        // Accounts of the hub, and traces, take longer.
        let plain = asked && site.reception.is_none() && self.recorder.spans().is_none();
        if !plain || !site.forwarding.trusts(peer.address.ip()) {
            return None;
        }
        let (question, length) =
            Question::read(bytes, most, &self.marks, &site.managed, &site.public_url)?;
        let (started, now) = (stopwatch(), site.clock.now());
        let target = target::plain(question.method, question.path)?;
        if self.endpoint(&target).is_some() {
            return None;
        }
        let Ok(Found::Claimed(claimed)) = site.hub.find(&target) else { return None };
        let cookies = question.cookies.unwrap_or_default();
        let own = write_others(cookies, site.cookie.name(), fields);
        let credential = site.credentials.of_cookie(own, now).ok()?;
        let Decision::Allow(permit) = decide(&claimed, credential.principal(), now) else {
            return None;
        };
        if permit.notice().is_some() || permit.offer().is_some() {
            return None;
        }
        let identity = site.identity(&permit, &credential, now);
        let subject = permit.caller().map(|sign_in| &sign_in.subject);
        let organization = permit.organization().map(|organization| &organization.id);
        Contract::write_allow(permit, &site.managed, &identity, fields);
        let mut own = [0; ID];
        let request_id = self.ids.given_or(question.request_id, &mut own);
        fields.extend_from_slice(b"x-request-id: ");
        fields.extend_from_slice(request_id.as_bytes());
        fields.extend_from_slice(b"\r\n");
        let client = match question.forwarded_for {
            Some(hops) => site.forwarding.client_of(std::iter::once(hops), peer.address).address,
            None => peer.address.ip().to_canonical(),
        };
        self.recorder.access(&Access {
            at: now,
            request_id,
            client,
            method: target.method(),
            host: Said::Any(site.public_url.authority()),
            path: Said::Plain(target.path()),
            status: StatusCode::OK,
            outcome: Outcome::Allow,
            reason: None,
            organization,
            subject,
            duration: started.elapsed(),
            bytes: Some(0),
            trace: None,
        });
        Some(length)
    }
}
