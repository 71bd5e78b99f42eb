//! What the demo prints when everything is up.

/// Where the demo's parts are, as origins without a slash at the end.
#[derive(Clone, Copy, Debug)]
pub struct Addresses<'d> {
    /// The gate, with the hub behind it.
    pub gate: &'d str,
    /// ACME's OpenID provider.
    pub acme: &'d str,
    /// Globex's SAML identity provider.
    pub globex: &'d str,
}

/// What to click and what to type.
#[must_use]
pub fn instructions(addresses: &Addresses<'_>) -> String {
    let Addresses { gate, acme, globex } = addresses;
    format!(
        "\
A hub behind a gate, with an identity provider for each of two organizations.
Everything is on this machine only, and in memory only.

  the hub, through the gate    {gate}/
  your sign-ins                {gate}/-/sso/
  ACME's people (OpenID)       {acme}/
  Globex's people (SAML)       {globex}/

In a browser
  1. {gate}/acme/bert
     is ACME's: you are sent to ACME's sign-in. Click Bob, and you are back where you wanted to be.
     The page shows what the gate tells the hub about you.
  2. {gate}/acme/bert/settings
     is for administrators: Bob is refused. Alice is one; Eve's address is not ACME's.
  3. {gate}/globex/reactor
     is Globex's, who sign in by SAML: ACME's sign-in counts for nothing here. Sign in as Hank,
     and be both at once.
  4. {acme}/
     is where ACME's administrator would be. End Bob's sessions, then reload step 1.

In a terminal
  curl -i {gate}/moe/open-model/resolve/main/config.json
     is nobody's organization: it passes.
  curl -i {gate}/acme/bert/resolve/main/config.json
     is refused: never a redirect for a program, but a sentence and the address to sign in at.
  export HF_ENDPOINT={gate}
  hf download moe/open-model config.json
  hf download acme/open-corpus --repo-type dataset
     is ACME's, and listed as public.
  hf download acme/bert config.json
     is refused, in words that hf shows.
  git clone {gate}/acme/bert
     asks for credentials, as git expects.

Ctrl-C ends everything.
"
    )
}

/// The same for a hub with accounts.
#[must_use]
pub fn with_accounts(addresses: &Addresses<'_>) -> String {
    let Addresses { gate, acme, globex } = addresses;
    format!(
        "\
A hub with accounts behind a gate, with an identity provider for each of two organizations.
Everything is on this machine only, and in memory only.

  the hub, through the gate    {gate}/
  the hub's own sign-in        {gate}/login
  your single sign-ons         {gate}/-/sso/
  ACME's people (OpenID)       {acme}/
  Globex's people (SAML)       {globex}/

  accounts: alice, bob, carol (ACME), alice, gina (Globex), kim (ACME's guest), moe (nobody's)
  the token of each is hf_ and the name

In a browser
  1. {gate}/acme/bert
     as nobody: the hub does not say whether there is such a thing, and ACME's sign-in is offered.
  2. {gate}/login
     click bob, then open step 1 again: bob is ACME's member, and is sent to ACME's sign-in.
     Click Bob, and you are back. Carol's sign-in would not do: bob's account is Bob's.
  3. {gate}/acme/demo
     is public: moe and nobody see it as it is; carol, a member, is asked for ACME's sign-in.
  4. {gate}/login
     click gina, then open {gate}/globex/vision
     Globex's sign-in is optional yet: a banner asks for it.
  5. {gate}/login
     click kim: an external collaborator reaches step 1's page without single sign-on.

In a terminal
  curl -i -H 'Authorization: Bearer hf_carol' {gate}/api/models/acme/bert
     is refused with a sentence: carol has no sign-in. Sign in as carol, then try again.
  curl -i -H 'Authorization: Bearer hf_kim' {gate}/api/models/acme/bert
     is the guest's.
  curl -i -H 'Authorization: Bearer hf_alice' '{gate}/api/models?author=acme'
     says in X-Hub-SSO whose sign-in is lacking.
  export HF_ENDPOINT={gate} HF_TOKEN=hf_bob
  hf auth whoami
  hf download acme/bert config.json
     works as long as Bob is signed in at ACME in some browser (step 2).
  git clone http://bob:hf_bob@{host}/acme/bert
     likewise; a refusal never makes git forget the token.

Ctrl-C ends everything.
",
        host = gate.trim_start_matches("http://"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::hub::{Catalogue, Kind};

    fn text() -> String {
        let (gate, acme, globex) =
            ("http://127.0.0.1:8080", "http://127.0.0.1:40001", "http://127.0.0.1:40002");
        let addresses = Addresses { gate, acme, globex };
        instructions(&addresses) + &with_accounts(&addresses)
    }

    #[test]
    fn every_repository_that_is_named_exists() {
        let (text, catalogue) = (text(), Catalogue::demo());
        let words =
            text.split([' ', '\n']).map(|word| word.trim_start_matches("http://127.0.0.1:8080/"));
        let mut named = 0;
        for word in words {
            let segments: Vec<&str> = word.split('/').collect();
            if let ["acme" | "globex" | "moe", name, ..] = segments.as_slice() {
                let id = format!("{}/{name}", segments[0]);
                let found = Kind::ALL.into_iter().any(|kind| catalogue.find(kind, &id).is_some());
                assert!(found, "{id}");
                named += 1;
            }
        }
        assert!(named >= 8, "{named}");
    }

    #[test]
    fn the_lines_fit_a_terminal() {
        let text = text();
        let widest = text.lines().map(str::len).max().unwrap_or_default();
        assert!(widest <= 100, "{widest}");
        assert!(
            text.contains("http://127.0.0.1:40001/\n")
                && text.contains("http://127.0.0.1:40002/\n")
        );
    }
}
