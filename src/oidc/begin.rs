//! How a sign-in begins: where the browser goes, and what must come back.

use std::time::SystemTime;

use http::StatusCode;
use openidconnect::core::{CoreAuthPrompt, CoreResponseType};
use openidconnect::{
    AuthenticationContextClass, AuthenticationFlow, CsrfToken, LoginHint, Nonce, PkceCodeChallenge,
    PkceCodeVerifier, Scope,
};
use url::Url;

use crate::config::ResponseMode;
use crate::http_client;
use crate::jose::object;
use crate::observe::Call;

use super::discovery::Metadata;
use super::error::{AnswerError, Endpoint, Error};
use super::{Begun, Prompt, RelyingParty, Transaction, Wish};

impl RelyingParty {
    /// Begins a sign-in: an authorization request (OIDC Core §3.1.2.1) with `state`, `nonce` and
    /// PKCE S256, pushed to the provider beforehand where it offers that (RFC 9126).
    ///
    /// # Errors
    /// When the provider's metadata cannot be had, or it refuses the pushed request.
    pub async fn begin(&self, wish: Wish, now: SystemTime) -> Result<Begun, Error> {
        let metadata = self.provider.metadata(now).await?;
        let metadata = &metadata.value;
        let settings = self.settings();
        let max_age = [wish.max_age, settings.max_age].into_iter().flatten().min();
        let acr_values = if wish.acr_values.is_empty() {
            settings.acr_values.clone()
        } else {
            wish.acr_values.clone()
        };
        let transaction = Transaction::new(&settings.issuer, max_age, acr_values, now)?;
        let url = self.authorization_url(&wish, &transaction, metadata)?;
        let pushed = metadata.pushed_required || settings.pushed_requests;
        let location = match &metadata.pushed_authorization {
            Some(endpoint) if pushed => self.push(&url, endpoint, metadata, now).await?,
            Some(_) | None => url,
        };
        Ok(Begun { location: location.into(), transaction })
    }

    fn authorization_url(
        &self,
        wish: &Wish,
        transaction: &Transaction,
        metadata: &Metadata,
    ) -> Result<Url, Error> {
        let settings = self.settings();
        let client = self.credentials.client(settings, metadata)?;
        let verifier = PkceCodeVerifier::new(transaction.verifier.clone());
        let (state, nonce) = (transaction.state.clone(), transaction.nonce.clone());
        let mut request = client
            .authorize_url(
                AuthenticationFlow::<CoreResponseType>::AuthorizationCode,
                || CsrfToken::new(state),
                || Nonce::new(nonce),
            )
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier));
        // The library adds `openid` itself.
        let scopes = settings.scopes.iter().filter(|scope| *scope != "openid");
        request = request.add_scopes(scopes.map(|scope| Scope::new(scope.clone())));
        for class in &transaction.acr_values {
            request =
                request.add_auth_context_value(AuthenticationContextClass::new(class.clone()));
        }
        if let Some(seconds) = transaction.max_age {
            request = request.set_max_age(std::time::Duration::from_secs(seconds));
        }
        if let Some(hint) = &wish.login_hint {
            request = request.set_login_hint(LoginHint::new(hint.clone()));
        }
        if let Some(prompt) = wish.prompt {
            request = request.add_prompt(match prompt {
                Prompt::None => CoreAuthPrompt::None,
                Prompt::Login => CoreAuthPrompt::Login,
                Prompt::SelectAccount => CoreAuthPrompt::SelectAccount,
            });
        }
        if settings.response_mode == ResponseMode::FormPost {
            request = request.add_extra_param("response_mode", "form_post");
        }
        for (name, value) in &settings.extra_parameters {
            let wished = name == "login_hint" && wish.login_hint.is_some()
                || name == "prompt" && wish.prompt.is_some();
            if !wished {
                request = request.add_extra_param(name.clone(), value.clone());
            }
        }
        Ok(request.url().0)
    }

    /// Sends the request's parameters to the provider first; the browser carries a reference
    /// (RFC 9126 §2 and §4).
    async fn push(
        &self,
        url: &Url,
        endpoint: &Url,
        metadata: &Metadata,
        now: SystemTime,
    ) -> Result<Url, Error> {
        let place = Endpoint::PushedAuthorization;
        let settings = self.settings();
        let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        let parameters: Vec<(&str, &str)> =
            pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let unreachable = |source| Error::Unreachable { endpoint: place, source };
        let request = self
            .credentials
            .form(settings, metadata, endpoint, &parameters, now)?
            .ok_or(unreachable(http_client::Error::Address))?;
        let answer = self
            .provider
            .http()
            .calling(Call::PushedRequest)
            .send(request)
            .await
            .map_err(unreachable)?;
        let document = object(answer.body());
        let text = |name: &str| document.as_ref()?.get(name)?.as_str();
        if !matches!(answer.status(), StatusCode::CREATED | StatusCode::OK) {
            let status = AnswerError::Status(answer.status().as_u16());
            return Err(match text("error") {
                Some(code) => {
                    let keys = self.credentials.keys();
                    Error::refused(place, code, text("error_description"), keys)
                }
                None => Error::answer(place, status),
            });
        }
        let reference = text("request_uri").ok_or(Error::answer(place, AnswerError::Form))?;
        let mut short = metadata.authorization.clone();
        short
            .query_pairs_mut()
            .append_pair("client_id", &settings.client_id)
            .append_pair("request_uri", reference);
        Ok(short)
    }
}
