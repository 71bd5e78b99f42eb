//! How a sign-in ends: from the provider's answer to a verified profile.

use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::config::{Issuer, UserinfoUse};
use crate::jose::{Claims, Invalid, Use};
use crate::policy::Profile;

use super::callback::{Outcome, ParameterError};
use super::discovery::Metadata;
use super::error::{AnswerError, Endpoint, Error, Token};
use super::profile::{self, Precedence};
use super::{CallbackParameters, RelyingParty, Tokens, Transaction, userinfo};

/// How far our clock and the provider's may differ when an authentication's age is judged.
const LEEWAY: Duration = Duration::from_secs(60);

/// What a provider vouched for, after every check.
#[derive(Debug)]
pub struct Verified {
    /// Who it is.
    pub profile: Profile,
    /// What renews and ends the sign-in.
    pub tokens: Tokens,
    /// The provider's own session (`sid`), for single logout.
    pub idp_session: Option<String>,
}

impl RelyingParty {
    /// Finishes a sign-in: checks that the answer belongs to it, exchanges the code, verifies the
    /// ID token and reads the profile.
    ///
    /// That a transaction is used only once is the caller's to see to.
    ///
    /// # Errors
    /// The first check that the answer does not pass.
    pub async fn finish(
        &self,
        transaction: &Transaction,
        answer: CallbackParameters,
        now: SystemTime,
    ) -> Result<Verified, Error> {
        let settings = self.settings();
        transaction.admit(answer.state(), &settings.issuer, now)?;
        let metadata = self.provider.metadata(now).await?;
        let metadata = &metadata.value;
        self.check_issuer(answer.issuer(), metadata)?;
        let code = match answer.outcome {
            Outcome::Code(code) => code,
            Outcome::Refused { code, description } => {
                return Err(Error::Refused {
                    endpoint: Endpoint::Authorization,
                    code,
                    description,
                    keys: None,
                });
            }
        };
        let http = self.provider.http();
        let raw = self
            .credentials
            .exchange_code(settings, metadata, http, &code, &transaction.verifier, now)
            .await?;
        let id_token =
            raw.raw_id_token().ok_or(Error::answer(Endpoint::Token, AnswerError::NoIdToken))?;
        let purpose =
            Use::IdToken { nonce: &transaction.nonce, access_token: raw.access(), code: &code };
        let claims = self.provider.verify(id_token, purpose, Token::Id, now).await?;
        check_authentication(transaction, &claims, now)
            .map_err(|invalid| Error::Invalid { token: Token::Id, invalid })?;
        let profile =
            self.describe(&claims, raw.access(), metadata, Precedence::IdToken, now).await?;
        let idp_session = claims.text("sid").map(str::to_owned);
        Ok(Verified { profile, tokens: Tokens::new(&raw, id_token, claims, now), idp_session })
    }

    /// `iss` of the answer is the issuer that was asked (RFC 9207 §2.4): it must be when it is
    /// there, and it must be there when the metadata or the configuration says so.
    fn check_issuer(&self, issuer: Option<&str>, metadata: &Metadata) -> Result<(), Error> {
        let settings = self.settings();
        let promised = metadata.issuer_parameter || settings.require_iss_parameter;
        let fits = match (issuer, &settings.issuer) {
            (None, _) => !promised,
            (Some(issuer), Issuer::Exact(_)) => settings.issuer.matches(issuer),
            (Some(issuer), Issuer::EntraTenants { .. }) => {
                settings.issuer.matches(issuer) || issuer == settings.issuer.of_metadata()
            }
        };
        if fits { Ok(()) } else { Err(ParameterError::Issuer.into()) }
    }

    /// The profile of verified claims, with userinfo and groups where they are needed.
    pub(super) async fn describe(
        &self,
        id_token: &Claims,
        access_token: &str,
        metadata: &Metadata,
        precedence: Precedence,
        now: SystemTime,
    ) -> Result<Profile, Error> {
        let settings = self.settings();
        profile::check_required(settings, id_token)?;
        let subject = profile::subject(settings, id_token)?;
        let wanted = match settings.userinfo {
            UserinfoUse::Always => true,
            UserinfoUse::MissingClaims => {
                precedence == Precedence::Userinfo
                    || profile::is_thin(settings, &self.role_attribute, id_token.all())
            }
            UserinfoUse::Never => false,
        };
        let more = match &metadata.userinfo {
            Some(address) if wanted => {
                let sub = id_token.text("sub").unwrap_or_default();
                Some(userinfo::fetch(&self.provider, address, access_token, sub, now).await?)
            }
            Some(_) | None => None,
        };
        let mut claims = profile::merge(settings, id_token, more, precedence);
        self.resolve_overage(&mut claims, access_token).await?;
        Ok(profile::profile(settings, id_token.issuer(), subject, claims))
    }
}

/// Authentication was as it was asked for (OIDC Core §3.1.3.7, steps 12 and 13).
fn check_authentication(
    transaction: &Transaction,
    claims: &Claims,
    now: SystemTime,
) -> Result<(), Invalid> {
    let authenticated = claims.time("auth_time")?;
    if let Some(seconds) = transaction.max_age {
        let authenticated = authenticated.ok_or(Invalid::Missing("auth_time"))?;
        let age = now.duration_since(authenticated).unwrap_or_default();
        if age > Duration::from_secs(seconds).saturating_add(LEEWAY) {
            return Err(Invalid::AuthenticationTime);
        }
    }
    let asked = &transaction.acr_values;
    let class = claims.value("acr").and_then(Value::as_str);
    if asked.is_empty() || class.is_some_and(|class| asked.iter().any(|asked| asked == class)) {
        Ok(())
    } else {
        Err(Invalid::AuthenticationContext)
    }
}
