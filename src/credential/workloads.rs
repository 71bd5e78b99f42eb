//! Machines for which somebody else vouches: a JWT of a CI system or a cluster, as bearer.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use moka::sync::Cache;

use super::Error;
use super::pledge::Refused;
use super::token::Hash;
use crate::config::{OrganizationConfig, Workload};
use crate::http_client::{HttpClient, TrustError};
use crate::jose::{self, Claims, Expected, Use, unverified_issuer};
use crate::oidc::{self, IssuerKeys};
use crate::policy::{Machine, OrganizationId, Principal, Reason, SignIn};
use crate::session::Session;

/// How long a verdict is kept: a key that its issuer takes back is believed no longer than that.
const KEPT: Duration = Duration::from_secs(300);
/// More than there are jobs at one time.
const MOST: u64 = 10_000;

/// Every workload of a configuration.
#[derive(Debug)]
pub(super) struct Workloads {
    by_issuer: HashMap<String, Vec<Rule>>,
    verdicts: Cache<Hash, Verdict>,
}

/// One organization's word on what a token must say.
#[derive(Debug)]
struct Rule {
    organization: OrganizationId,
    workload: Workload,
    keys: Arc<IssuerKeys>,
}

#[derive(Clone, Debug)]
struct Verdict {
    session: Arc<Session>,
    until: SystemTime,
}

impl Default for Workloads {
    fn default() -> Self {
        let verdicts = Cache::builder().max_capacity(MOST).time_to_live(KEPT).build();
        Self { by_issuer: HashMap::new(), verdicts }
    }
}

impl Workloads {
    /// Prepares the rules; nothing is fetched yet.
    ///
    /// # Errors
    /// The file of authorities that cannot be read.
    pub(super) fn new(
        organizations: &[Arc<OrganizationConfig>],
        http: &HttpClient,
    ) -> Result<Self, TrustError> {
        let mut by_issuer: HashMap<String, Vec<Rule>> = HashMap::new();
        for organization in organizations {
            for workload in &organization.workloads {
                let rules = by_issuer.entry(workload.issuer.as_str().to_owned()).or_default();
                let shared = rules.iter().find(|rule| {
                    rule.workload.jwks_url == workload.jwks_url
                        && rule.workload.ca_certificates == workload.ca_certificates
                });
                let keys = match shared {
                    Some(rule) => Arc::clone(&rule.keys),
                    None => Arc::new(IssuerKeys::new(
                        workload.issuer.clone(),
                        workload.jwks_url.clone(),
                        http.trusting(&workload.ca_certificates)?,
                    )),
                };
                let organization = organization.policy.id.clone();
                rules.push(Rule { organization, workload: workload.clone(), keys });
            }
        }
        Ok(Self { by_issuer, ..Self::default() })
    }

    /// The rules by which a bearer is measured, if its issuer is one of the configuration's;
    /// whatever else it is goes on to the hub as it is.
    pub(super) fn issuer_of(&self, bearer: &str) -> Option<String> {
        if self.by_issuer.is_empty() || !bearer.starts_with("eyJ") {
            return None;
        }
        unverified_issuer(bearer).filter(|issuer| self.by_issuer.contains_key(issuer))
    }

    /// As whom the bearer of this token acts.
    ///
    /// # Errors
    /// When it does not verify, no rule fits it, or the issuer's keys cannot be had.
    pub(super) async fn find(
        &self,
        issuer: &str,
        token: &str,
        now: SystemTime,
    ) -> Result<Arc<Session>, Error> {
        let hash = Hash::of(token);
        if let Some(verdict) = self.verdicts.get(&hash).filter(|verdict| now < verdict.until) {
            return Ok(verdict.session);
        }
        let mut principal = Principal::anonymous();
        let mut first_error = None;
        for rule in self.by_issuer.get(issuer).into_iter().flatten() {
            match rule.verify(token, now).await {
                Ok(sign_in) if principal.sign_in(&rule.organization).is_none() => {
                    principal = principal.with(sign_in);
                }
                Ok(_) => {}
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
        let Some(end) = principal.sign_ins().iter().map(|s| s.expires_at).min() else {
            let error = first_error.unwrap_or(Mismatch::Claims);
            tracing::info!(event = "workload-refused", issuer, cause = %error, "a workload's token was refused");
            let reason = match error {
                Mismatch::Oidc(error) if error.reason() == Reason::IdpUnreachable => {
                    Reason::IdpUnreachable
                }
                Mismatch::Oidc(_) | Mismatch::Invalid(_) | Mismatch::Claims => {
                    Reason::WorkloadRefused
                }
            };
            return Err(Error::Refused(Refused::of(reason)));
        };
        let session = Arc::new(Session::standing(principal, hash.bytes()));
        let verdict = Verdict { session: Arc::clone(&session), until: end.min(now + KEPT) };
        self.verdicts.insert(hash, verdict);
        Ok(session)
    }
}

/// Why a token does not fit a rule.
#[derive(Debug, thiserror::Error)]
enum Mismatch {
    #[error("it {0}")]
    Invalid(#[from] jose::Invalid),
    #[error(transparent)]
    Oidc(#[from] oidc::Error),
    #[error("its claims are those of no workload here")]
    Claims,
}

impl Rule {
    async fn verify(&self, token: &str, now: SystemTime) -> Result<SignIn, Mismatch> {
        let workload = &self.workload;
        let expected = Expected {
            issuer: &workload.issuer,
            audience: &workload.audience,
            algorithms: &workload.algorithms,
        };
        let purpose = Use::Workload { longest: workload.max_lifetime };
        let checked = jose::check(token, purpose, expected, now)?;
        let claims = self.keys.verify(&checked, now).await?;
        let fits = |(name, value): &(String, String)| claims.text(name) == Some(value);
        if !workload.claims.iter().all(fits) {
            return Err(Mismatch::Claims);
        }
        let until = until(&claims)?;
        if now >= until {
            return Err(jose::Invalid::Expired.into());
        }
        let id = &self.organization;
        let sign_in =
            Machine::Workload.sign_in(id, &workload.name, workload.role, now, Some(until));
        Ok(SignIn { name: claims.text("sub").map(Into::into).or(sign_in.name.clone()), ..sign_in })
    }
}

fn until(claims: &Claims) -> Result<SystemTime, jose::Invalid> {
    claims.time("exp")?.ok_or(jose::Invalid::Missing("exp"))
}
