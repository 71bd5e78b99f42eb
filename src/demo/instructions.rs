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
  3. {gate}/globex/vision
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::hub::{Catalogue, Kind};

    fn text() -> String {
        let (gate, acme, globex) =
            ("http://127.0.0.1:8080", "http://127.0.0.1:40001", "http://127.0.0.1:40002");
        instructions(&Addresses { gate, acme, globex })
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
