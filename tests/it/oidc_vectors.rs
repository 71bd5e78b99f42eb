//! Tokens as data files: each one reaches the check that it is aimed at, through sockets.

use std::fs;
use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hubgate::config::UserinfoUse;
use hubgate::jose::{self, Expected, KeySet, Use};
use hubgate::oidc::{Error, RefreshError};
use hubgate::policy::Subject;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::oidc_provider::{
    Answer, NOW, RSA, Reply, STRANGER, TestKey, World, failure, now, published, settings,
};

/// One attack, or one honest token that must not be taken for one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vector {
    /// What it tries, for people.
    #[serde(rename = "tries")]
    _tries: String,
    r#use: Purpose,
    /// Members put into the header, and taken out of it.
    #[serde(default)]
    header: Map<String, Value>,
    #[serde(default)]
    without_header: Vec<String>,
    /// Claims put into the payload, and taken out of it.
    #[serde(default)]
    claims: Map<String, Value>,
    #[serde(default)]
    without: Vec<String>,
    /// The whole header, payload or token as text.
    raw_header: Option<String>,
    payload: Option<String>,
    raw: Option<String>,
    #[serde(default = "rsa")]
    signed_by: String,
    /// A path that the provider must not be asked for.
    never_asked: Option<String>,
    /// `ok`, or the check that it does not pass.
    expected: String,
}

fn rsa() -> String {
    "rsa".to_owned()
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum Purpose {
    IdToken,
    RefreshedIdToken,
    LogoutToken,
    Userinfo,
}

/// What a vector's placeholders stand for.
struct Names<'n> {
    issuer: &'n str,
    nonce: &'n str,
}

impl Vector {
    fn read(path: &Path, names: &Names<'_>) -> Self {
        let half =
            |text: &str| URL_SAFE_NO_PAD.encode(&digest(&SHA256, text.as_bytes()).as_ref()[..16]);
        let text = fs::read_to_string(path)
            .unwrap()
            .replace("\"{jwk}\"", &STRANGER.jwk(&json!({})).to_string())
            .replace("{issuer}", names.issuer)
            .replace("{ISSUER}", &names.issuer.to_ascii_uppercase())
            .replace("{nonce}", names.nonce)
            .replace("{at_hash}", &half("an-access-token"))
            .replace("{c_hash}", &half("a-code"));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// The token that the vector describes.
    fn token(&self, names: &Names<'_>) -> String {
        if let Some(raw) = &self.raw {
            return raw.clone();
        }
        let mut header = json!({"alg": "RS256", "kid": "rsa"});
        let mut claims = json!({
            "iss": names.issuer, "aud": "hub", "sub": "alice", "iat": NOW - 10, "exp": NOW + 300,
        });
        match self.r#use {
            Purpose::IdToken | Purpose::RefreshedIdToken => {
                claims["nonce"] = names.nonce.into();
                claims["groups"] = json!(["ml"]);
            }
            Purpose::LogoutToken => {
                header["typ"] = "logout+jwt".into();
                claims["jti"] = "a-name".into();
                claims["sid"] = "s1".into();
                claims["events"] =
                    json!({"http://schemas.openid.net/event/backchannel-logout": {}});
            }
            Purpose::Userinfo => {}
        }
        let edit = |base: &mut Value, with: &Map<String, Value>, without: &[String]| {
            let members = base.as_object_mut().unwrap();
            members.retain(|name, _| !without.contains(name));
            members.extend(with.clone());
        };
        edit(&mut header, &self.header, &self.without_header);
        edit(&mut claims, &self.claims, &self.without);
        let header = self.raw_header.clone().unwrap_or_else(|| header.to_string());
        let payload = self.payload.clone().unwrap_or_else(|| claims.to_string());
        TestKey::named(&self.signed_by).sign(&header, &payload)
    }
}

/// Every file of a folder, through sockets.
async fn check_all(folder: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/oidc").join(folder);
    let mut count = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let world = World::with(|settings| settings.userinfo = UserinfoUse::MissingClaims).await;
        let (outcome, expected) = outcome(&world, &path).await;
        assert_eq!(outcome, expected, "{}", path.display());
        count += 1;
    }
    assert!(count > 10, "{} vectors in {}", count, folder.display());
}

async fn outcome(world: &World, path: &Path) -> (String, String) {
    let (transaction, asked) = world.begin(hubgate::oidc::Wish::default()).await;
    let names = Names { issuer: &world.idp.issuer, nonce: &asked["nonce"] };
    let vector = Vector::read(path, &names);
    let token = vector.token(&names);
    let honest = |answer: &mut Answer| {
        answer.claim("email", "alice@acme.com".into());
        answer.claim("auth_time", (NOW - 100).into());
        answer.tokens.insert("refresh_token".into(), "a-refresh-token".into());
    };
    let result: Result<(), Error> = match vector.r#use {
        Purpose::IdToken => world
            .answer(&transaction, &asked, |answer| {
                answer.raw = Some(token);
                world.idp.reply("/userinfo", Reply::json(&json!({"sub": "alice"})));
            })
            .await
            .map(|_| ()),
        Purpose::RefreshedIdToken => {
            world.idp.reply("/userinfo", Reply::json(&json!({"sub": "alice"})));
            let verified = world.answer(&transaction, &asked, honest).await.unwrap();
            let answer = json!({
                "access_token": "an-access-token", "token_type": "bearer", "id_token": token,
            });
            world.idp.reply("/token", Reply::json(&answer));
            let alice = Subject::parse("alice").unwrap();
            match world.rp.refresh(&verified.tokens, &alice, now()).await {
                Ok(_) => Ok(()),
                Err(RefreshError::Ended(error)) => Err(error),
                Err(error) => panic!("{}: {error}", path.display()),
            }
        }
        Purpose::LogoutToken => world.rp.logout_token(&token, now()).await.map(|_| ()),
        Purpose::Userinfo => {
            world.idp.reply("/userinfo", Reply::text("application/jwt; charset=utf-8", token));
            world.answer(&transaction, &asked, |_| {}).await.map(|_| ())
        }
    };
    if let Some(path) = &vector.never_asked {
        assert!(world.idp.asked(path).is_empty(), "{path}");
    }
    (result.map_or_else(|error| failure(&error), |()| "ok".to_owned()), vector.expected)
}

#[tokio::test]
async fn every_id_token_reaches_the_check_that_it_is_aimed_at() {
    check_all("id-token").await;
}

#[tokio::test]
async fn every_refreshed_id_token_reaches_the_check_that_it_is_aimed_at() {
    check_all("refreshed-id-token").await;
}

#[tokio::test]
async fn every_logout_token_reaches_the_check_that_it_is_aimed_at() {
    check_all("logout-token").await;
}

#[tokio::test]
async fn every_signed_userinfo_reaches_the_check_that_it_is_aimed_at() {
    check_all("userinfo").await;
}

#[test]
fn the_verifier_alone_says_the_same_of_every_id_token() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/oidc/id-token");
    let settings = settings("https://idp.example");
    let keys = KeySet::parse(published().to_string().as_bytes()).unwrap();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let names = Names { issuer: "https://idp.example", nonce: "a-nonce" };
        let vector = Vector::read(&path, &names);
        // Header safety is a matter of names, not of tokens.
        if path.ends_with("sub-control.json") {
            continue;
        }
        let purpose =
            Use::IdToken { nonce: "a-nonce", access_token: "an-access-token", code: "a-code" };
        let expected = Expected {
            issuer: &settings.issuer,
            audience: "hub",
            algorithms: &settings.algorithms,
        };
        let token = vector.token(&names);
        let verdict = jose::check(&token, purpose, expected, now())
            .and_then(|checked| checked.verify(&keys))
            .map_or_else(|invalid| format!("{invalid:?}"), |_| "ok".to_owned());
        assert_eq!(verdict, vector.expected, "{}", path.display());
    }
}

#[test]
fn a_token_of_one_use_passes_for_no_other() {
    let settings = settings("https://idp.example");
    let keys = KeySet::parse(published().to_string().as_bytes()).unwrap();
    let uses = [
        Use::IdToken { nonce: "a-nonce", access_token: "an-access-token", code: "a-code" },
        Use::LogoutToken,
    ];
    let names = Names { issuer: "https://idp.example", nonce: "a-nonce" };
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/oidc");
    for (index, file) in ["id-token/good.json", "logout-token/good.json"].iter().enumerate() {
        let token = Vector::read(&vectors.join(file), &names).token(&names);
        for (other, purpose) in uses.iter().enumerate() {
            let expected = Expected {
                issuer: &settings.issuer,
                audience: "hub",
                algorithms: &settings.algorithms,
            };
            let verdict = jose::check(&token, *purpose, expected, now())
                .and_then(|checked| checked.verify(&keys));
            assert_eq!(verdict.is_ok(), index == other, "{file} as use {other}");
        }
    }
}

#[test]
fn a_key_set_without_a_usable_key_or_with_too_many_is_refused() {
    let parse = |value: &Value| KeySet::parse(value.to_string().as_bytes()).map(|keys| keys.len());
    let good = RSA.jwk(&json!({"kid": "rsa"}));
    assert_eq!(parse(&json!({"keys": [good]})), Ok(1));
    assert_eq!(parse(&published()), Ok(6));
    assert!(parse(&json!({"keys": []})).is_err());
    assert!(parse(&json!({"keys": [TestKey::Hmac.jwk(&json!({}))]})).is_err());
    assert!(parse(&json!({"keys": vec![good.clone(); 101]})).is_err());
    assert!(parse(&json!({"keys": {"0": good}})).is_err());
    assert!(parse(&json!([good])).is_err());
    assert!(KeySet::parse(br#"{"keys":[],"keys":[]}"#).is_err());
    let mut even = good.clone();
    even["e"] = "BA".into();
    assert!(parse(&json!({"keys": [even]})).is_err());
    let mut one = good;
    one["e"] = "AQ".into();
    assert!(parse(&json!({"keys": [one]})).is_err());
}
