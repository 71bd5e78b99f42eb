//! The hub's word on each credential: remembered for a minute, and asked for once however many
//! requests wait for it.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_lc_rs::{hmac, rand};
use moka::sync::Cache;
use tokio::sync::watch;

use super::Visitor;
use crate::clock::{Clock, stopwatch};
use crate::hub::{Carrier, Contradiction, Odd, Said, Shown, Whoami};
use crate::observe::{Calls, Metrics, Question};
use crate::policy::Account;

/// How long the word on a known credential holds.
const KNOWN: Duration = Duration::from_secs(60);
/// How long a refusal holds: a token may have been made since.
const REFUSED: Duration = Duration::from_secs(10);
/// The most credentials that are remembered.
const REMEMBERED: u64 = 50_000;
/// The most questions under way at once.
const AT_ONCE: usize = 1024;

/// Why the hub's word could not be had.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Unknown {
    /// No answer.
    #[error("the hub could not be asked: {0}")]
    Unanswered(String),
    /// An answer that says nothing.
    #[error(transparent)]
    Odd(#[from] Odd),
    /// Too many questions at once.
    #[error("too many credentials are asked about at once")]
    Busy,
    /// Credentials that contradict each other.
    #[error(transparent)]
    Contradiction(#[from] Contradiction),
}

/// The hub's word on one credential, and what was made of it.
#[derive(Debug)]
pub struct Known {
    pub(super) whose: Whose,
    until: SystemTime,
    /// The caller that this account was with the last request.
    pub(super) visitor: Mutex<Option<Arc<Visitor>>>,
}

/// Whose credential it is.
#[derive(Clone, Debug)]
pub(super) enum Whose {
    Account(Arc<Account>),
    Nobody,
    Unidentified,
}

/// What is known of the hub's credentials.
#[derive(Debug)]
pub struct Acquaintances {
    whoami: Arc<Whoami>,
    /// Credentials are remembered by a keyed hash: nothing here opens anything.
    key: hmac::Key,
    known: Cache<[u8; 32], Arc<Known>>,
    asking: Mutex<HashMap<[u8; 32], watch::Receiver<Option<Answer>>>>,
    metrics: Arc<Metrics>,
    calls: Calls,
}

type Answer = Result<Arc<Known>, Unknown>;

/// Ends a question whatever happens to it.
struct Asking {
    all: Arc<Acquaintances>,
    key: [u8; 32],
    answer: watch::Sender<Option<Answer>>,
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.all.asking.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

impl Acquaintances {
    /// Knows nobody yet.
    ///
    /// # Errors
    /// When the system has no random bytes.
    pub fn new(
        whoami: Whoami,
        metrics: Arc<Metrics>,
        calls: Calls,
    ) -> Result<Self, aws_lc_rs::error::Unspecified> {
        let mut secret = [0; 32];
        rand::fill(&mut secret)?;
        Ok(Self {
            whoami: Arc::new(whoami),
            key: hmac::Key::new(hmac::HMAC_SHA256, &secret),
            known: Cache::builder().max_capacity(REMEMBERED).time_to_live(2 * KNOWN).build(),
            asking: Mutex::default(),
            metrics,
            calls,
        })
    }

    /// How the hub is asked.
    #[must_use]
    pub const fn whoami(&self) -> &Arc<Whoami> {
        &self.whoami
    }

    /// The hub's word on a credential; `ask` is called by one request of those that wait for it,
    /// and goes on when that request is broken off.
    ///
    /// # Errors
    /// When the hub does not say.
    pub async fn find<F>(
        self: &Arc<Self>,
        shown: &Shown,
        now: SystemTime,
        ask: impl FnOnce(Arc<Whoami>, Shown) -> F,
    ) -> Answer
    where
        F: Future<Output = Result<Said, Unknown>> + 'static,
    {
        let key = self.key_of(shown);
        if let Some(known) = self.remembered(&key, now) {
            self.metrics.whoami_remembered();
            return Ok(known);
        }
        if !self.whoami.can_ask(shown) {
            return Ok(Arc::new(Known::new(Said::Unidentified, now)));
        }
        let mut answer = {
            let mut asking = self.asking.lock().unwrap_or_else(PoisonError::into_inner);
            // Remembered first, taken out second: whoever finds nobody asking looks again.
            if let Some(known) = self.remembered(&key, now) {
                return Ok(known);
            }
            match asking.get(&key) {
                Some(answer) => answer.clone(),
                None if asking.len() >= AT_ONCE => return Err(Unknown::Busy),
                None => {
                    let (sender, answer) = watch::channel(None);
                    asking.insert(key, answer.clone());
                    let question = Asking { all: Arc::clone(self), key, answer: sender };
                    let asked = ask(Arc::clone(&self.whoami), shown.clone());
                    // What is asked beside the request does not know where it stands.
                    let span = self.calls.question();
                    tokio::task::spawn_local(question.go(asked, span, now));
                    answer
                }
            }
        };
        match answer.wait_for(Option::is_some).await {
            Ok(answer) => answer.clone().unwrap_or(Err(Unknown::Busy)),
            Err(_) => Err(Unknown::Unanswered("the question was broken off".to_owned())),
        }
    }

    fn remembered(&self, key: &[u8; 32], now: SystemTime) -> Option<Arc<Known>> {
        self.known.get(key).filter(|known| now < known.until)
    }

    fn key_of(&self, shown: &Shown) -> [u8; 32] {
        let carrier = match &shown.carrier {
            Carrier::Cookie => "cookie",
            Carrier::Header(name) => name.as_str(),
        };
        let mut context = hmac::Context::with_key(&self.key);
        context.update(carrier.as_bytes());
        context.update(&[0]);
        context.update(shown.value.as_bytes());
        context.sign().as_ref().try_into().unwrap_or([0; 32])
    }
}

impl Asking {
    async fn go(
        self,
        asked: impl Future<Output = Result<Said, Unknown>>,
        span: Option<Question>,
        now: SystemTime,
    ) {
        let (began, started) = (Clock::system().now(), stopwatch());
        let said = asked.await;
        if let Some(span) = span {
            span.ended(began, started.elapsed(), said.is_ok());
        }
        let answer = match said {
            Ok(said) => {
                let known = Arc::new(Known::new(said, now));
                self.all.known.insert(self.key, Arc::clone(&known));
                Ok(known)
            }
            Err(error) => Err(error),
        };
        self.answer.send_replace(Some(answer));
    }
}

impl Known {
    fn new(said: Said, now: SystemTime) -> Self {
        let (whose, life) = match said {
            Said::Account(account) => (Whose::Account(Arc::new(account)), KNOWN),
            Said::Refused => (Whose::Nobody, REFUSED),
            Said::Unidentified => (Whose::Unidentified, REFUSED),
        };
        Self { whose, until: now + life, visitor: Mutex::default() }
    }

    /// The account, if the hub named one.
    #[must_use]
    pub fn account(&self) -> Option<&Arc<Account>> {
        match &self.whose {
            Whose::Account(account) => Some(account),
            Whose::Nobody | Whose::Unidentified => None,
        }
    }
}
