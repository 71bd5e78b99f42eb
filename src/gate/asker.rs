//! Who is asking: the browser's session, and the hub's word where the hub has accounts.

use std::sync::Arc;
use std::time::SystemTime;

use super::Gate;
use crate::credential::{self, Credential, Reading, Reception, Refused, Unidentified, Unknown};
use crate::error::Error;
use crate::fields::Fields;
use crate::hub::{Said, Shown, Whoami};
use crate::peer::Peer;
use crate::policy::{Account, Challenge, Claimed, Reason};

impl Gate {
    /// The credential of a request for what is claimed.
    ///
    /// Without accounts at the hub this is a look into the sessions, and nothing is awaited.
    ///
    /// # Errors
    /// When credentials contradict each other, or nobody can say whose they are.
    pub(super) async fn credential(
        &self,
        headers: &Fields,
        claimed: &Claimed<'_>,
        peer: &Peer,
        now: SystemTime,
    ) -> Result<Credential, Error> {
        let read = match self.site.credentials.read(headers, peer, now) {
            Ok(Reading::Read(own)) => Ok(own),
            Ok(Reading::Asking(asking)) => asking.await,
            Err(error) => Err(error),
        };
        match &read {
            Ok(Credential::Token(..)) => self.recorder.metrics().token_checked(true),
            Err(credential::Error::Refused(_)) => self.recorder.metrics().token_checked(false),
            Ok(_) | Err(credential::Error::Session(_)) => {}
        }
        let own = read.map_err(|error| refused_at(claimed, error))?;
        match &self.site.reception {
            None => Ok(own),
            // In a box: the way of other requests is not made longer by its weight.
            Some(reception) => Box::pin(self.at_hub(reception, own, headers, claimed, now)).await,
        }
    }

    async fn at_hub(
        &self,
        reception: &Reception,
        own: Credential,
        headers: &Fields,
        claimed: &Claimed<'_>,
        now: SystemTime,
    ) -> Result<Credential, Error> {
        let session = match own {
            Credential::Session(session) => Some(session),
            Credential::Anonymous => None,
            Credential::Token(_, ref header) => {
                if reception.shows_another(headers, header)? {
                    let reason = Reason::MixedCredentials;
                    return Err(Error::Credential(Refused {
                        reason,
                        organization: None,
                        whose: None,
                    }));
                }
                return Ok(own);
            }
            known @ Credential::Visitor(_) => return Ok(known),
        };
        let welcomed = reception.welcome(headers, session.clone(), now, self.asking()).await;
        match (welcomed, claimed) {
            (Ok(visitor), _) => Ok(Credential::Visitor(visitor)),
            // On pages of no organization nothing rests on it: the hub itself will answer, or nobody.
            (Err(Unidentified::Unknown(_)), Claimed::Unclaimed { .. } | Claimed::Denied) => {
                Ok(Credential::Visitor(reception.somebody(session)))
            }
            (Err(error), _) => Err(error.into()),
        }
    }

    /// The hub's account in whose browser a sign-in ends; nobody when the hub does not say: the
    /// two are put together when it does.
    pub(super) async fn account(&self, headers: &Fields, now: SystemTime) -> Option<Arc<Account>> {
        let reception = self.site.reception.as_ref()?;
        reception.account(headers, now, self.asking()).await.ok().flatten()
    }

    /// How the hub is asked: by this thread's own connections.
    fn asking(&self) -> impl Fn(Arc<Whoami>, Shown) -> AskFuture {
        let proxy = self.proxy.clone();
        move |whoami, shown| {
            let proxy = proxy.clone();
            Box::pin(async move {
                let nowhere = || Unknown::Unanswered("there is no way to the hub".to_owned());
                proxy.ok_or_else(nowhere)?.whose(&whoami, &shown).await
            })
        }
    }
}

/// A token that nobody knows is refused by the organization whose content was asked for: so whoever
/// holds it reads where to sign in.
fn refused_at(claimed: &Claimed<'_>, error: credential::Error) -> Error {
    let unknown = matches!(
        &error,
        credential::Error::Refused(Refused {
            reason: Reason::TokenUnknown,
            organization: None,
            ..
        })
    );
    match claimed.organizations().next().filter(|_| unknown) {
        Some(organization) => Error::Challenge(Challenge {
            organization: organization.id.clone(),
            reason: Reason::TokenUnknown,
        }),
        None => error.into(),
    }
}

type AskFuture = std::pin::Pin<Box<dyn Future<Output = Result<Said, Unknown>>>>;
