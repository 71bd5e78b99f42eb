//! Who is asking: the browser's session, and the hub's word where the hub has accounts.

use std::sync::Arc;
use std::time::SystemTime;

use http::HeaderMap;

use super::Gate;
use crate::clock::stopwatch;
use crate::credential::{self, Credential, Reading, Reception, Refused, Unidentified, Unknown};
use crate::error::Error;
use crate::hub::{ANSWER_LIMIT, Heard, Question, Said, Shown, Whoami};
use crate::peer::Peer;
use crate::policy::{Account, Challenge, Claimed, Reason};
use crate::proxy::Proxy;

impl Gate {
    /// The credential of a request for what is claimed.
    ///
    /// Without accounts at the hub this is a look into the sessions, and nothing is awaited.
    ///
    /// # Errors
    /// When credentials contradict each other, or nobody can say whose they are.
    pub(super) async fn credential(
        &self,
        headers: &HeaderMap,
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
        headers: &HeaderMap,
        claimed: &Claimed<'_>,
        now: SystemTime,
    ) -> Result<Credential, Error> {
        let session = match own {
            Credential::Session(session) => Some(session),
            Credential::Anonymous => None,
            known @ (Credential::Visitor(_) | Credential::Token(..)) => return Ok(known),
        };
        let welcomed = reception.welcome(headers, session.clone(), now, self.asking()).await;
        match (welcomed, claimed) {
            (Ok(visitor), _) => Ok(Credential::Visitor(visitor)),
            // On pages of no organization nothing rests on it: the hub itself will answer.
            (Err(Unidentified::Unknown(_)), Claimed::Unclaimed { .. }) => {
                Ok(Credential::Visitor(reception.somebody(session)))
            }
            (Err(error), _) => Err(error.into()),
        }
    }

    /// The hub's account in whose browser a sign-in ends; nobody when the hub does not say: the
    /// two are put together when it does.
    pub(super) async fn account(
        &self,
        headers: &HeaderMap,
        now: SystemTime,
    ) -> Option<Arc<Account>> {
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
                ask(proxy.ok_or_else(nowhere)?, whoami, shown).await
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

/// Asks the hub whose a credential is, and waits no longer than is configured.
async fn ask(proxy: Proxy, whoami: Arc<Whoami>, shown: Shown) -> Result<Said, Unknown> {
    let asked = async {
        let first = once(&proxy, whoami.question(&shown)?).await?;
        let mut heard = whoami.read(first.status(), first.body())?;
        loop {
            match heard {
                Heard::Said(said) => return Ok(said),
                Heard::More(hearing) => {
                    let more = once(&proxy, whoami.further(&hearing, &shown)?).await?;
                    heard =
                        whoami.read_more(hearing, more.status(), more.headers(), more.body())?;
                }
            }
        }
    };
    let started = stopwatch();
    let said = tokio::time::timeout(whoami.timeout(), asked).await;
    let said = said.unwrap_or_else(|_| Err(Unknown::Unanswered("no answer in time".to_owned())));
    proxy.metrics().whoami_asked(said.is_ok(), started.elapsed());
    if let Err(error) = &said {
        tracing::warn!(%error, "the hub did not say whose a credential is");
    }
    said
}

async fn once(proxy: &Proxy, question: Question) -> Result<http::Response<bytes::Bytes>, Unknown> {
    let answer = proxy.ask(question).await;
    let (parts, body) = answer.map_err(|error| Unknown::Unanswered(chain(&error)))?.into_parts();
    let read = body.read_whole(ANSWER_LIMIT).await;
    let (body, _) = read.map_err(|error| Unknown::Unanswered(chain(&error)))?;
    Ok(http::Response::from_parts(parts, body))
}

/// An error and its causes, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
