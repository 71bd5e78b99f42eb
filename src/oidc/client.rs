//! The OAuth client: how we prove who we are, and what the token endpoint answers.

use std::borrow::Cow;
use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Request;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreGenderClaim, CoreJsonWebKey,
    CoreJweContentEncryptionAlgorithm, CoreRevocableToken, CoreRevocationErrorResponse,
    CoreTokenIntrospectionResponse,
};
use openidconnect::{
    AuthType, AuthUrl, AuthorizationCode, Client, ClientId, ClientSecret, CodeTokenRequest,
    EmptyAdditionalClaims, EndpointNotSet, EndpointSet, IssuerUrl, JsonWebKeySet, PkceCodeVerifier,
    RedirectUrl, RefreshToken, TokenUrl,
};
use url::{Url, form_urlencoded};

use crate::config::{ClientAssertionAudience, ClientAuth, Oidc, Secret};
use crate::http_client::HttpClient;
use crate::jose::{ClientKey, SigningError};
use crate::observe::Call;

use super::discovery::Metadata;
use super::error::{AnswerError, Endpoint, Error};
use super::raw_tokens::{RawTokens, TokenError, read};
use super::settings::SettingsError;

/// RFC 7523 §2.2.
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The library's client, with our own reading of its answers.
pub(super) type OauthClient = Client<
    EmptyAdditionalClaims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    TokenError,
    RawTokens,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
    EndpointNotSet,
>;

/// How we prove that we are the client.
pub(super) struct Credentials {
    client_id: ClientId,
    redirect: RedirectUrl,
    proof: Proof,
}

enum Proof {
    Post(ClientSecret),
    Basic(ClientSecret),
    Key(Box<ClientKey>, ClientAssertionAudience),
    None,
}

impl Credentials {
    /// Reads what the settings name.
    pub(super) fn read(settings: &Oidc, redirect_uri: String) -> Result<Self, SettingsError> {
        let secret = |secret: &Secret| ClientSecret::new(secret.expose_secret().to_owned());
        let proof = match &settings.client_auth {
            ClientAuth::SecretPost(value) => Proof::Post(secret(value)),
            ClientAuth::SecretBasic(value) => Proof::Basic(secret(value)),
            ClientAuth::PrivateKeyJwt { key, key_id, certificate, audience } => {
                let read = |path: &std::path::PathBuf| {
                    std::fs::read(path)
                        .map_err(|source| SettingsError::Unreadable { path: path.clone(), source })
                };
                let pem = certificate.as_ref().map(read).transpose()?;
                let key = ClientKey::parse(key, key_id.as_deref(), pem.as_deref())?;
                Proof::Key(Box::new(key), *audience)
            }
            ClientAuth::None => Proof::None,
        };
        Ok(Self {
            client_id: ClientId::new(settings.client_id.clone()),
            redirect: RedirectUrl::new(redirect_uri).map_err(|_| SettingsError::RedirectUri)?,
            proof,
        })
    }

    /// The keys of the configuration that the proof is made of.
    pub(super) const fn keys(&self) -> &'static str {
        match self.proof {
            Proof::Post(_) | Proof::Basic(_) => {
                "organization.oidc.client_secret, client_id and client_auth"
            }
            Proof::Key(..) => {
                "organization.oidc.private_key, key_id, certificate, assertion_audience, client_id and client_auth"
            }
            Proof::None => "organization.oidc.client_id and client_auth",
        }
    }

    /// The library's client for this provider.
    pub(super) fn client(
        &self,
        settings: &Oidc,
        metadata: &Metadata,
    ) -> Result<OauthClient, Error> {
        // The issuer is a URL, or it would not have been read; the library only carries it.
        let issuer = IssuerUrl::new(settings.issuer.as_str().to_owned())
            .map_err(|_| Error::answer(Endpoint::Metadata, AnswerError::Form))?;
        let client = Client::new(self.client_id.clone(), issuer, JsonWebKeySet::new(Vec::new()))
            .set_auth_uri(AuthUrl::from_url(metadata.authorization.clone()))
            .set_token_uri(TokenUrl::from_url(metadata.token.clone()))
            .set_redirect_uri(self.redirect.clone());
        Ok(match &self.proof {
            Proof::Post(secret) => {
                client.set_client_secret(secret.clone()).set_auth_type(AuthType::RequestBody)
            }
            Proof::Basic(secret) => {
                client.set_client_secret(secret.clone()).set_auth_type(AuthType::BasicAuth)
            }
            Proof::Key(..) | Proof::None => client.set_auth_type(AuthType::RequestBody),
        })
    }

    /// `client_assertion` and its type, where a key proves who we are.
    fn assertion(
        &self,
        settings: &Oidc,
        metadata: &Metadata,
        now: SystemTime,
    ) -> Result<Vec<(&'static str, String)>, SigningError> {
        let Proof::Key(key, audience) = &self.proof else { return Ok(Vec::new()) };
        let audience = match audience {
            ClientAssertionAudience::Issuer => settings.issuer.as_str(),
            ClientAssertionAudience::TokenEndpoint => metadata.token.as_str(),
        };
        let advertised = &metadata.client_assertion_algorithms;
        let assertion = key.sign(&self.client_id, audience, advertised, now)?;
        let kind = ("client_assertion_type", ASSERTION_TYPE.to_owned());
        Ok(vec![kind, ("client_assertion", assertion)])
    }

    /// Exchanges a code (RFC 6749 §4.1.3, RFC 7636 §4.5).
    pub(super) async fn exchange_code(
        &self,
        settings: &Oidc,
        metadata: &Metadata,
        http: &HttpClient,
        code: &str,
        verifier: &str,
        now: SystemTime,
    ) -> Result<RawTokens, Error> {
        let client = self.client(settings, metadata)?;
        let mut request: CodeTokenRequest<'_, TokenError, RawTokens> = client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .set_pkce_verifier(PkceCodeVerifier::new(verifier.to_owned()));
        for (name, value) in self.assertion(settings, metadata, now)? {
            request = request.add_extra_param(name, Cow::Owned(value));
        }
        read(request.request_async(&http.calling(Call::Token)).await, self.keys())
    }

    /// Exchanges a refresh token (RFC 6749 §6).
    pub(super) async fn exchange_refresh_token(
        &self,
        settings: &Oidc,
        metadata: &Metadata,
        http: &HttpClient,
        token: &str,
        now: SystemTime,
    ) -> Result<RawTokens, Error> {
        let client = self.client(settings, metadata)?;
        let token = RefreshToken::new(token.to_owned());
        let mut request = client.exchange_refresh_token(&token);
        for (name, value) in self.assertion(settings, metadata, now)? {
            request = request.add_extra_param(name, Cow::Owned(value));
        }
        read(request.request_async(&http.calling(Call::Token)).await, self.keys())
    }
}

impl Credentials {
    /// A form with our proof, for an endpoint that the library does not know; `None` when the
    /// address cannot be asked.
    pub(super) fn form(
        &self,
        settings: &Oidc,
        metadata: &Metadata,
        address: &Url,
        parameters: &[(&str, &str)],
        now: SystemTime,
    ) -> Result<Option<Request<Vec<u8>>>, SigningError> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        // Where the proof says it too, it is not said twice.
        let basic = matches!(self.proof, Proof::Basic(_));
        form.extend_pairs(parameters.iter().filter(|(name, _)| basic || *name != "client_id"));
        form.extend_pairs(self.assertion(settings, metadata, now)?);
        let mut request = Request::post(address.as_str())
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        match &self.proof {
            Proof::Basic(secret) => {
                // RFC 6749 §2.3.1: both are form-encoded before they are joined.
                let encoded = |text: &str| -> String {
                    form_urlencoded::byte_serialize(text.as_bytes()).collect()
                };
                let pair = format!("{}:{}", encoded(&self.client_id), encoded(secret.secret()));
                request = request.header(AUTHORIZATION, format!("Basic {}", STANDARD.encode(pair)));
            }
            Proof::Post(secret) => {
                form.append_pair("client_id", &self.client_id);
                form.append_pair("client_secret", secret.secret());
            }
            Proof::Key(..) | Proof::None => {
                form.append_pair("client_id", &self.client_id);
            }
        }
        Ok(request.body(form.finish().into_bytes()).ok())
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials(…)")
    }
}
