//! Groups that are too many for the token: asked for at Microsoft Graph, or refused.

use http::header::{ACCEPT, AUTHORIZATION};
use http::{Request, StatusCode};
use serde_json::{Map, Value};

use crate::config::GroupOverage;
use crate::http_client;
use crate::jose::object;
use crate::observe::Call;

use super::RelyingParty;
use super::error::{AnswerError, Endpoint, Error};

/// With 999 groups on each, more than anyone is in.
const MAX_PAGES: usize = 20;
/// What Graph calls a group, among roles and administrative units.
const GROUP: &str = "#microsoft.graph.group";

impl RelyingParty {
    /// Replaces groups that the token only points to (OIDC Core §5.6.2, Entra's overage).
    ///
    /// Where the token says they are is never believed: it may be anyone's address, and the access
    /// token would go there. Other claims that stand elsewhere are as good as missing, and refused
    /// when the role depends on them.
    pub(super) async fn resolve_overage(
        &self,
        claims: &mut Map<String, Value>,
        access_token: &str,
    ) -> Result<(), Error> {
        let elsewhere: Vec<String> = claims
            .get("_claim_names")
            .and_then(Value::as_object)
            .map(|names| names.keys().cloned().collect())
            .unwrap_or_default();
        let has_groups = claims.get("hasgroups").is_some_and(|value| {
            value == &Value::Bool(true) || value.as_str().is_some_and(|text| text == "true")
        });
        let overage = has_groups || elsewhere.iter().any(|name| name == "groups");
        for name in elsewhere.iter().filter(|name| *name != "groups") {
            if self.decides_role(name) {
                return Err(Error::DistributedClaim);
            }
        }
        if !overage || !self.decides_role("groups") {
            return Ok(());
        }
        match self.settings().group_overage {
            GroupOverage::Refuse => Err(Error::GroupOverage),
            GroupOverage::MicrosoftGraph => {
                let groups = self.groups(access_token).await?;
                claims.insert("groups".to_owned(), Value::Array(groups));
                Ok(())
            }
        }
    }

    /// Whether the role mapping may read the claim. Errs on the side of refusing: a path that
    /// mentions the name, or begins with a wildcard, may.
    fn decides_role(&self, claim: &str) -> bool {
        let path = self.role_attribute.as_str();
        let wild = ["$..", "$[*", "$.*", "$[?"].iter().any(|mark| path.starts_with(mark));
        wild || path.contains(claim)
    }

    /// Every group of the person, by all pages.
    async fn groups(&self, access_token: &str) -> Result<Vec<Value>, Error> {
        let base = self.graph.trim_end_matches('/');
        let mut address = format!("{base}/v1.0/me/transitiveMemberOf?$select=id&$top=999");
        let mut groups = Vec::new();
        for _ in 0..MAX_PAGES {
            let page = self.page(&address, access_token).await?;
            let entries = page.get("value").and_then(Value::as_array).ok_or(FORM)?;
            for entry in entries {
                let kind = entry.get("@odata.type").and_then(Value::as_str);
                if kind.is_none_or(|kind| kind == GROUP) {
                    groups.push(entry.get("id").filter(|id| id.is_string()).ok_or(FORM)?.clone());
                }
            }
            match page.get("@odata.nextLink") {
                None => return Ok(groups),
                // The access token goes to Graph and nowhere else.
                Some(Value::String(next)) if next.starts_with(&format!("{base}/")) => {
                    address.clone_from(next);
                }
                Some(_) => return Err(FORM),
            }
        }
        Err(Error::answer(Endpoint::Graph, AnswerError::TooManyPages))
    }

    async fn page(&self, address: &str, access_token: &str) -> Result<Map<String, Value>, Error> {
        let endpoint = Endpoint::Graph;
        let unreachable = |source| Error::Unreachable { endpoint, source };
        let request = Request::get(address)
            .header(ACCEPT, "application/json")
            .header(AUTHORIZATION, format!("Bearer {access_token}"))
            .body(Vec::new())
            .map_err(|_| unreachable(http_client::Error::Address))?;
        let answer =
            self.provider.http().calling(Call::Groups).send(request).await.map_err(unreachable)?;
        if answer.status() != StatusCode::OK {
            return Err(Error::answer(endpoint, AnswerError::Status(answer.status().as_u16())));
        }
        object(answer.body()).ok_or(FORM)
    }
}

const FORM: Error = Error::answer(Endpoint::Graph, AnswerError::Form);
