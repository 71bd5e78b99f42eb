//! The two modes: what is being asked for, and what "yes" looks like.

use super::Gate;
use crate::error::Error;
use crate::forward_auth::Contract;
use crate::message::Request;
use crate::peer::{Door, Peer};
use crate::policy::Reason;
use crate::proxy::Proxy;

/// How a request is let through.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mode<'g> {
    /// It goes on to the hub.
    Proxy(&'g Proxy),
    /// Somebody else's proxy asks, and is answered.
    Asked(Contract),
}

impl Gate {
    /// The mode of a request, by its address and the port that it came to; `None` where others
    /// forward, and this is no question of theirs.
    pub(super) fn mode(&self, request: &Request, door: Door) -> Option<Mode<'_>> {
        // Where questions have a port of their own, nobody can write one who does not reach it.
        let questions = door == Door::Asked || !self.site.kept.asked_apart;
        match Contract::of(request.uri()) {
            Some(contract) if questions => Some(Mode::Asked(contract)),
            Some(_) | None => self.proxy.as_ref().map(Mode::Proxy),
        }
    }

    /// Puts what is being asked for in the place of a proxy's question.
    ///
    /// # Errors
    /// When the question is not one that may be asked, or cannot be read in one way.
    pub(super) fn open(
        &self,
        mode: Option<Mode<'_>>,
        request: &mut Request,
        peer: &Peer,
    ) -> Result<(), Error> {
        let site = &*self.site;
        match mode {
            Some(Mode::Asked(contract)) => Ok(contract.open(
                request,
                peer,
                &site.forwarding,
                &site.managed,
                &site.public_url,
            )?),
            // Where proxies ask, nothing is served and nothing forwarded.
            Some(Mode::Proxy(_)) | None if peer.door == Door::Asked => {
                Err(Error::Page(Reason::NoSuchPage))
            }
            Some(Mode::Proxy(_)) | None => Ok(()),
        }
    }
}
