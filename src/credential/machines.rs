//! Service accounts, by the hash of their token.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use ipnet::IpNet;

use super::pledge::Refused;
use super::token::Hash;
use crate::config::OrganizationConfig;
use crate::policy::{Machine, OrganizationId, Principal, Reason};
use crate::session::Session;

/// Every service account of a configuration.
#[derive(Debug, Default)]
pub(super) struct Machines {
    by_token: HashMap<Hash, Account>,
}

#[derive(Debug)]
struct Account {
    session: Arc<Session>,
    organization: OrganizationId,
    expires: Option<SystemTime>,
    networks: Vec<IpNet>,
}

impl Machines {
    pub(super) fn new(organizations: &[Arc<OrganizationConfig>]) -> Self {
        let mut by_token = HashMap::new();
        for organization in organizations {
            let id = &organization.policy.id;
            for account in &organization.service_accounts {
                let (name, role) = (&account.name, account.role);
                let sign_in = Machine::ServiceAccount.sign_in(
                    id,
                    name,
                    role,
                    SystemTime::UNIX_EPOCH,
                    account.expires,
                );
                let session = Session::standing(Principal::anonymous().with(sign_in), account.hash);
                let token = Hash::from_bytes(account.hash);
                let account = Account {
                    session: Arc::new(session),
                    organization: id.clone(),
                    expires: account.expires,
                    networks: account.networks.clone(),
                };
                by_token.insert(token, account);
            }
        }
        Self { by_token }
    }

    /// The account whose token this is, used from `client`.
    ///
    /// # Errors
    /// Says why it opens nothing.
    pub(super) fn find(
        &self,
        token: Hash,
        client: impl FnOnce() -> IpAddr,
        now: SystemTime,
    ) -> Result<Arc<Session>, Refused> {
        let account = self.by_token.get(&token).ok_or_else(|| Refused::of(Reason::TokenUnknown))?;
        let whose = account.session.principal.sign_ins().first();
        let whose = whose.map(|own| Box::new((own.organization.clone(), own.subject.clone())));
        let refused = |reason| Refused { whose: whose.clone(), ..Refused::of(reason) };
        if account.expires.is_some_and(|end| now >= end) {
            return Err(refused(Reason::ServiceAccountExpired));
        }
        if !account.networks.is_empty() {
            let client = client().to_canonical();
            if !account.networks.iter().any(|network| network.contains(&client)) {
                tracing::warn!(
                    event = "service-account-elsewhere",
                    organization = %account.organization,
                    client.address = %client,
                    "the token of a service account was used outside of its networks"
                );
                return Err(refused(Reason::NetworkNotAllowed));
            }
        }
        Ok(Arc::clone(&account.session))
    }
}
