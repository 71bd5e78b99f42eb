//! Does the hub say whose a credential is? Part of `hubgate check --online`.

use http::HeaderValue;
use http::header::AUTHORIZATION;

use crate::config::{Config, Upstream, Whoami as Settings};
use crate::credential::Unknown;
use crate::headers::Managed;
use crate::hub::{Carrier, Odd, Said, Shown, Whoami};
use crate::observe::{Observer, Sink};
use crate::policy::Account;
use crate::proxy::{Connector, Proxy};

use super::online::Finding;
use super::run::chain;

/// A token of the hub's in this variable shows the shape of an answer, too.
const TOKEN: &str = "HUBGATE_CHECK_TOKEN";
/// A token that nobody has made.
const NOBODYS: &str = "hubgate-check-that-nobody-has-made";

/// Asks the hub about a token that nobody has made and, if there is one, about somebody's.
pub(super) async fn reach(config: &Config, address: &Upstream, settings: &Settings) -> Finding {
    let what = format!("hub.whoami {}", settings.path);
    let connector = match Connector::new(&config.hub, address) {
        Ok(connector) => connector,
        Err(error) => return Finding::failed(what, chain(&error)),
    };
    let recorder = Observer::new(Sink::none()).recorder();
    let managed = Managed::new(config.headers.clone());
    let proxy = Proxy::new(&connector, &managed, recorder);
    let whoami = Whoami::new(settings.clone(), &config.public_url);
    let mut warnings = Vec::new();
    let mut how = match proxy.whose(&whoami, &bearer(NOBODYS)).await {
        Ok(Said::Refused) => "refuses a token that nobody has made".to_owned(),
        Ok(Said::Unidentified) => {
            warnings.push(
                "forbids the question to a token that nobody has made; the gate cannot tell it \
                 from a good token that may not ask"
                    .to_owned(),
            );
            "answers".to_owned()
        }
        Ok(Said::Account(account)) => {
            let why = format!("names {} for a token that nobody has made", account.name);
            return Finding::failed(what, why);
        }
        Err(error) => return Finding::failed(what, advice(&error)),
    };
    match std::env::var(TOKEN).ok().filter(|token| !token.is_empty()) {
        None => warnings.push(format!(
            "what it says of an account was not seen: put a token of the hub's into {TOKEN}"
        )),
        Some(token) => match proxy.whose(&whoami, &bearer(&token)).await {
            Ok(Said::Account(account)) => how.push_str(&format!(", and names {}", told(&account))),
            Ok(Said::Refused) => {
                return Finding::failed(what, format!("refuses the token in {TOKEN}"));
            }
            Ok(Said::Unidentified) => {
                let why = format!("does not say whose the token in {TOKEN} is");
                return Finding::failed(what, why);
            }
            Err(error) => return Finding::failed(what, advice(&error)),
        },
    }
    Finding { what, reached: Ok(how), warnings }
}

fn bearer(token: &str) -> Shown {
    let value = HeaderValue::from_str(&format!("Bearer {token}"));
    let mut value = value.unwrap_or(const { HeaderValue::from_static("Bearer") });
    value.set_sensitive(true);
    Shown { carrier: Carrier::Header(AUTHORIZATION), value: value.into() }
}

/// What the hub says of an account.
fn told(account: &Account) -> String {
    let email = account.email.as_ref().map_or("no verified address", |email| email.as_str());
    let organizations: Vec<&str> =
        account.organizations.iter().map(|namespace| namespace.as_str()).collect();
    let member = if organizations.is_empty() {
        "a member of nothing".to_owned()
    } else {
        format!("a member of {}", organizations.join(", "))
    };
    format!("{} (id:{}, {email}), {member}", account.name, account.id)
}

/// What is wrong, and what to do.
fn advice(error: &Unknown) -> String {
    let what = chain(error);
    match error {
        Unknown::Odd(Odd::Status(_) | Odd::Json) => {
            format!("{what}; set hub.whoami.preset or hub.whoami.path to what the hub has")
        }
        Unknown::Odd(Odd::Lacks(_)) => {
            format!("{what}; correct id, name or organizations in [hub.whoami]")
        }
        Unknown::Odd(Odd::Endless | Odd::Unwritable)
        | Unknown::Unanswered(_)
        | Unknown::Busy
        | Unknown::Contradiction(_) => what,
    }
}
