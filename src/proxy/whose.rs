//! Whose a credential is, by the hub's word.

use bytes::Bytes;
use http::StatusCode;

use super::Proxy;
use crate::clock::stopwatch;
use crate::credential::Unknown;
use crate::fields::Fields;
use crate::hub::{ANSWER_LIMIT, Heard, Question, Said, Shown, Whoami};

impl Proxy {
    /// Asks the hub whose a credential is, and waits no longer than is configured.
    ///
    /// # Errors
    /// When the hub does not say.
    pub async fn whose(&self, whoami: &Whoami, shown: &Shown) -> Result<Said, Unknown> {
        let asked = async {
            let (status, _, body) = self.once(whoami.question(shown)?).await?;
            let mut heard = whoami.read(status, &body)?;
            loop {
                match heard {
                    Heard::Said(said) => return Ok(said),
                    Heard::More(hearing) => {
                        let question = whoami.further(&hearing, shown)?;
                        let (status, headers, body) = self.once(question).await?;
                        heard = whoami.read_more(hearing, status, &headers, &body)?;
                    }
                }
            }
        };
        let started = stopwatch();
        let said = tokio::time::timeout(whoami.timeout(), asked).await;
        let said =
            said.unwrap_or_else(|_| Err(Unknown::Unanswered("no answer in time".to_owned())));
        self.metrics().whoami_asked(said.is_ok(), started.elapsed());
        if let Err(error) = &said {
            tracing::warn!(%error, "the hub did not say whose a credential is");
        }
        said
    }

    async fn once(&self, question: Question) -> Result<(StatusCode, Fields, Bytes), Unknown> {
        let answer = self.ask(question).await;
        let answer = answer.map_err(|error| Unknown::Unanswered(chain(&error)))?;
        let (status, headers, body) = answer.into_parts();
        let read = body.read_whole(ANSWER_LIMIT).await;
        let (body, _) = read.map_err(|error| Unknown::Unanswered(chain(&error)))?;
        Ok((status, headers, body))
    }
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
