//! OpenID Connect under attack: through the real callback, by a provider that misbehaves on order.

use hubgate::demo::Fault;
use hubgate::demo::provider::behaviour::{Behaviour, Signing};
use hubgate::demo::provider::{Algorithm, Endpoint};
use serde_json::{Map, Value, json};
use url::Url;

use crate::support::answer::Answer;
use crate::support::browser::{Browser, SESSION};
use crate::support::moving_clock::minutes;
use crate::support::served::cause_of;
use crate::support::setup::{CLIENT_SECRET, Setup};
use crate::support::world::World;

/// One way to misbehave, and the words of the log when it is found out.
struct Attack {
    what: String,
    order: Box<dyn Fn(&mut Behaviour)>,
    cause: &'static str,
}

/// A provider that says something else in its ID token.
fn claim(name: &'static str, value: Value, cause: &'static str) -> Attack {
    let what = format!("{name}: {value}");
    let order = move |behaviour: &mut Behaviour| {
        let value = value.clone();
        behaviour.edit_id_token(move |_, claims| {
            claims.insert(name.to_owned(), value.clone());
        });
    };
    Attack { what, order: Box::new(order), cause }
}

/// A provider that leaves something out of its ID token.
fn lacks(name: &'static str, cause: &'static str) -> Attack {
    let order = move |behaviour: &mut Behaviour| {
        behaviour.edit_id_token(move |_, claims| drop(claims.remove(name)));
    };
    Attack { what: format!("no {name}"), order: Box::new(order), cause }
}

/// A provider that writes something else into the header of its ID token.
fn header(name: &'static str, value: Value, cause: &'static str) -> Attack {
    let what = format!("header {name}: {value}");
    let order = move |behaviour: &mut Behaviour| {
        let value = value.clone();
        behaviour.edit_id_token(move |header, _| {
            header.insert(name.to_owned(), value.clone());
        });
    };
    Attack { what, order: Box::new(order), cause }
}

fn order(what: &str, cause: &'static str, order: impl Fn(&mut Behaviour) + 'static) -> Attack {
    Attack { what: what.to_owned(), order: Box::new(order), cause }
}

fn signing(what: &str, signing: Signing, cause: &'static str) -> Attack {
    order(what, cause, move |behaviour| behaviour.signing = signing.clone())
}

/// Tries to sign in while the provider misbehaves; returns the page on which it ends.
async fn attempt(world: &World, attack: impl FnOnce(&mut Behaviour)) -> (Browser, Answer) {
    // Fetches of keys are counted over time, and other attacks are not what is tested here.
    world.clock.advance(minutes(10));
    world.acme.behave_well();
    world.acme.behave(attack);
    let mut browser = world.browser();
    let landed = browser.sign_in_at("/acme/bert", "bob").await;
    (browser, landed)
}

/// Each attack is refused, for its own reason and no other, and leaves nobody signed in.
async fn refused(world: &World, attacks: Vec<Attack>) {
    for Attack { what, order, cause } in attacks {
        let (browser, landed) = attempt(world, order).await;
        assert_eq!((landed.status, landed.reason()), (403, "idp-invalid"), "{what}");
        let told = cause_of(&landed);
        assert!(told.contains(cause), "{what}: {told}, and not {cause}");
        assert_eq!(browser.cookie(SESSION), None, "{what}");
        assert!(browser.pending().is_empty(), "{what}");
    }
    assert!(world.hub.received().is_empty(), "nothing has reached the hub");
    let (mut browser, landed) = attempt(world, |_| {}).await;
    landed.expect(200);
    browser.fetch("/acme/bert").await.expect(200);
}

#[tokio::test]
async fn an_id_token_of_another_audience_issuer_or_sign_in_is_refused() {
    let world = World::start().await;
    let issuer = world.acme.issuer().to_owned();
    refused(
        &world,
        vec![
            lacks("nonce", "lacks the claim `nonce`"),
            claim("nonce", json!("another"), "has a wrong nonce"),
            claim("nonce", json!(""), "`nonce` of the wrong type"),
            claim("nonce", json!(null), "`nonce` of the wrong type"),
            claim("nonce", json!(["n"]), "`nonce` of the wrong type"),
            lacks("aud", "lacks the claim `aud`"),
            claim("aud", json!("hub-at-globex"), "another audience"),
            claim("aud", json!([]), "another audience"),
            claim("aud", json!(["hub-at-acme", "stranger"]), "another audience"),
            claim("aud", json!(["stranger", "hub-at-acme"]), "another audience"),
            claim("aud", json!(["hub-at-acme", 7]), "another audience"),
            claim("aud", json!("HUB-AT-ACME"), "another audience"),
            claim("aud", json!("hub-at-acme "), "another audience"),
            claim("aud", json!({ "hub-at-acme": 1 }), "`aud` of the wrong type"),
            claim("aud", json!(null), "`aud` of the wrong type"),
            claim("azp", json!("stranger"), "issued to another client"),
            claim("azp", json!(["hub-at-acme"]), "`azp` of the wrong type"),
            lacks("iss", "lacks the claim `iss`"),
            claim("iss", json!("https://evil.example"), "another issuer"),
            claim("iss", json!(format!("{issuer}/")), "another issuer"),
            claim("iss", json!(issuer.to_ascii_uppercase()), "another issuer"),
            claim("iss", json!([issuer]), "`iss` of the wrong type"),
            claim("at_hash", json!("AAAAAAAAAAAAAAAAAAAAAA"), "not belong to the access token"),
            claim("c_hash", json!("AAAAAAAAAAAAAAAAAAAAAA"), "not belong to the code"),
            claim("at_hash", json!(7), "`at_hash` of the wrong type"),
        ],
    )
    .await;
}

#[tokio::test]
async fn an_id_token_with_odd_times_is_refused() {
    let world = World::start().await;
    let now = world.clock.seconds();
    let year = 365 * 24 * 3600;
    refused(
        &world,
        vec![
            lacks("exp", "lacks the claim `exp`"),
            claim("exp", json!(now - 61), "has expired"),
            claim("exp", json!(0), "has expired"),
            claim("exp", json!((now + year).to_string()), "`exp` of the wrong type"),
            claim("exp", json!(1e300), "`exp` of the wrong type"),
            claim("exp", json!(-1), "`exp` of the wrong type"),
            claim("exp", json!(u64::MAX), "`exp` of the wrong type"),
            claim("exp", json!(null), "`exp` of the wrong type"),
            claim("exp", json!([now + year]), "`exp` of the wrong type"),
            lacks("iat", "lacks the claim `iat`"),
            claim("iat", json!(now + year), "issued in the future"),
            claim("iat", json!("now"), "`iat` of the wrong type"),
            claim("iat", json!(1e300), "`iat` of the wrong type"),
            claim("iat", json!(-1), "`iat` of the wrong type"),
            claim("nbf", json!(now + year), "not valid yet"),
            claim("nbf", json!("0"), "`nbf` of the wrong type"),
            claim("auth_time", json!("yesterday"), "`auth_time` of the wrong type"),
        ],
    )
    .await;
}

#[tokio::test]
async fn an_id_token_that_names_nobody_or_is_another_kind_of_token_is_refused() {
    let world = World::start().await;
    let event = "http://schemas.openid.net/event/backchannel-logout";
    refused(
        &world,
        vec![
            lacks("sub", "lacks the claim `sub`"),
            claim("sub", json!(""), "`sub` of the wrong type"),
            claim("sub", json!("  "), "`sub` of the wrong type"),
            claim("sub", json!(7), "`sub` of the wrong type"),
            claim("sub", json!(["00u-acme-bob"]), "`sub` of the wrong type"),
            claim("sub", json!("00u\r\nX-Auth-Role: admin"), "`sub` of the wrong type"),
            claim("sub", json!("a".repeat(256)), "`sub` of the wrong type"),
            claim("events", json!({ event: {} }), "its `events` are wrong"),
            claim("events", json!(null), "its `events` are wrong"),
            header("typ", json!("at+jwt"), "another type"),
            header("typ", json!("logout+jwt"), "another type"),
            header("typ", json!("secevent+jwt"), "another type"),
            header("typ", json!("application/at+jwt"), "another type"),
            header("cty", json!("JWT"), "header member `cty`"),
            header("crit", json!(["exp"]), "header member `crit`"),
            header("crit", json!([]), "header member `crit`"),
            header("b64", json!(false), "header member `b64`"),
            header("zip", json!("DEF"), "header member `zip`"),
            header("enc", json!("A256GCM"), "header member `enc`"),
            order("no ID token", "has no ID token", |behaviour| {
                behaviour.edit_token_response(|tokens| drop(tokens.remove("id_token")));
            }),
            order("the access token as ID token", "is not a signed compact JWT", |behaviour| {
                behaviour.edit_token_response(|tokens| {
                    tokens.insert("id_token".to_owned(), tokens["access_token"].clone());
                });
            }),
            order("another kind of access token", "other than Bearer", |behaviour| {
                behaviour.edit_token_response(|tokens| {
                    tokens.insert("token_type".to_owned(), json!("mac"));
                });
            }),
            order("an encrypted token's five parts", "is not a signed compact JWT", |behaviour| {
                behaviour.edit_token_response(|tokens| {
                    let token = tokens["id_token"].as_str().unwrap();
                    tokens.insert("id_token".to_owned(), json!(format!("{token}.AA.AA")));
                });
            }),
            order("a huge token", "is too large", |behaviour| {
                behaviour.claim("padding", "x".repeat(70_000));
            }),
        ],
    )
    .await;
}

#[tokio::test]
async fn an_id_token_that_is_not_signed_by_the_providers_own_key_is_refused() {
    let world = World::start().await;
    let jwk = world.acme.public_key(Algorithm::Es256).unwrap();
    let point = ["x", "y"].map(|name| jwk[name].as_str().unwrap().to_owned()).concat();
    refused(
        &world,
        vec![
            signing("none", Signing::Nothing, "is not a signed compact JWT"),
            header("alg", json!("none"), "an algorithm that is not configured"),
            header("alg", json!("None"), "an algorithm that is not configured"),
            header("alg", json!("nOnE"), "an algorithm that is not configured"),
            header("alg", json!(""), "`alg` of the wrong type"),
            header("alg", json!(null), "`alg` of the wrong type"),
            header("alg", json!("HS256"), "an algorithm that is not configured"),
            header("alg", json!("RS256"), "an algorithm that is not configured"),
            header("alg", json!("ES256K"), "an algorithm that is not configured"),
            header("alg", json!("es256"), "an algorithm that is not configured"),
            signing("secret", Signing::Hmac(CLIENT_SECRET.into()), "an algorithm that is not"),
            signing("jwk", Signing::Hmac(jwk.to_string().into()), "an algorithm that is not"),
            signing("point", Signing::Hmac(point.into()), "an algorithm that is not"),
            signing("empty", Signing::Hmac(Vec::new()), "an algorithm that is not"),
            signing("a stranger under our kid", Signing::Stranger, "has a wrong signature"),
            signing("a stranger", Signing::Unpublished, "a key that the issuer does not publish"),
            header("kid", json!("unknown"), "a key that the issuer does not publish"),
            header("kid", json!("../../etc/passwd"), "a key that the issuer does not publish"),
            header("kid", json!(7), "`kid` of the wrong type"),
            header("kid", json!(""), "`kid` of the wrong type"),
            order(
                "HS256 in the header, signed by ES256",
                "an algorithm that is not",
                |behaviour| {
                    behaviour.edit_id_token(|header, _| {
                        header.insert("alg".to_owned(), json!("HS256"));
                    });
                },
            ),
            order("a signature of nothing", "has a wrong signature", |behaviour| {
                behaviour.edit_token_response(|tokens| {
                    let token = tokens["id_token"].as_str().unwrap();
                    let (signed, _) = token.rsplit_once('.').unwrap();
                    let zeros = "A".repeat(86);
                    tokens.insert("id_token".to_owned(), json!(format!("{signed}.{zeros}")));
                });
            }),
            order("a changed payload", "has a wrong signature", |behaviour| {
                behaviour.edit_token_response(|tokens| {
                    use base64::Engine;
                    let engine = base64::prelude::BASE64_URL_SAFE_NO_PAD;
                    let token = tokens["id_token"].as_str().unwrap();
                    let parts: Vec<&str> = token.split('.').collect();
                    let claims = String::from_utf8(engine.decode(parts[1]).unwrap()).unwrap();
                    let claims = engine.encode(claims.replace("\"ml\"", "\"hub-admins\""));
                    let forged = [parts[0], &claims, parts[2]].join(".");
                    tokens.insert("id_token".to_owned(), json!(forged));
                });
            }),
        ],
    )
    .await;
}

#[tokio::test]
async fn keys_that_the_token_brings_along_are_never_looked_at() {
    let world = World::start().await;
    // Globex' provider plays the attacker: it signs, and offers its key in every way there is.
    let jwk = world.globex.public_key(Algorithm::Es256).unwrap();
    let url = format!("{}/keys", world.globex.issuer());
    for (name, value) in [
        ("jwk", jwk.clone()),
        ("jku", json!(url)),
        ("x5u", json!(url)),
        ("x5c", json!(["MIIB"])),
        ("x5t", json!("AAAA")),
        ("kid", json!(url)),
    ] {
        world.clock.advance(minutes(10));
        let mut browser = world.browser();
        let callback = browser.callback_of("acme", "bob").await;
        let mut header = json!({ "typ": "JWT", "alg": "ES256", "kid": jwk["kid"] });
        header[name] = value;
        let header = header.as_object().unwrap();
        let token = world.globex.sign(Algorithm::Es256, header, &alice(&world)).unwrap();
        world.acme.behave(|behaviour| {
            behaviour.edit_token_response(move |tokens| {
                tokens.insert("id_token".to_owned(), token.clone().into());
            });
        });
        let answer = browser.load_url(&callback).await.refused(403, "idp-invalid");
        assert!(cause_of(&answer).contains("a key that the issuer does not publish"), "{name}");
        assert_eq!(browser.cookie(SESSION), None);
    }
    assert_eq!(world.globex.calls(Endpoint::Keys), 0, "nobody was asked for keys");
}

#[tokio::test]
async fn a_key_that_is_not_for_signatures_verifies_none() {
    let world = World::start().await;
    let each = |edit: fn(&mut Map<String, Value>)| {
        move |behaviour: &mut Behaviour| {
            behaviour.edit_keys(move |set| {
                for key in set["keys"].as_array_mut().unwrap() {
                    edit(key.as_object_mut().unwrap());
                }
            });
        }
    };
    let set = |name: &'static str, value: Value| {
        move |behaviour: &mut Behaviour| {
            let value = value.clone();
            behaviour.edit_keys(move |set| {
                for key in set["keys"].as_array_mut().unwrap() {
                    key[name] = value.clone();
                }
            });
        }
    };
    let useless = "the answer of the identity provider's key set";
    let unknown = "a key that the issuer does not publish";
    let worlds = [
        (
            "for encryption",
            Box::new(set("use", json!("enc"))) as Box<dyn Fn(&mut Behaviour)>,
            useless,
        ),
        ("for wrapping", Box::new(set("key_ops", json!(["wrapKey"]))), useless),
        ("of another curve", Box::new(set("crv", json!("P-384"))), useless),
        ("of an unknown kind", Box::new(set("kty", json!("XX"))), useless),
        ("a point that is none", Box::new(set("x", json!("AAAA"))), useless),
        ("for another algorithm", Box::new(set("alg", json!("ES384"))), unknown),
        ("for another issuer", Box::new(set("issuer", json!("https://evil.example"))), unknown),
        ("under another name", Box::new(set("kid", json!("other"))), unknown),
        ("without a name", Box::new(each(|key| drop(key.remove("kid")))), unknown),
        (
            "a shared secret",
            Box::new(|behaviour: &mut Behaviour| {
                behaviour.edit_keys(|set| {
                    set.insert(
                        "keys".to_owned(),
                        json!([{ "kty": "oct", "k": "c2VjcmV0", "alg": "HS256" }]),
                    );
                });
            }),
            useless,
        ),
        (
            "no keys",
            Box::new(|behaviour: &mut Behaviour| {
                behaviour.edit_keys(|set| drop(set.insert("keys".to_owned(), json!([]))));
            }),
            useless,
        ),
        (
            "no list",
            Box::new(|behaviour: &mut Behaviour| {
                behaviour.edit_keys(|set| drop(set.insert("keys".to_owned(), json!({ "a": 1 }))));
            }),
            useless,
        ),
        (
            "too many",
            Box::new(|behaviour: &mut Behaviour| {
                behaviour.edit_keys(|set| {
                    let key = set["keys"][0].clone();
                    set.insert("keys".to_owned(), json!(vec![key; 101]));
                });
            }),
            useless,
        ),
    ];
    for (what, order, cause) in worlds {
        // Keys that are useful once would be remembered: a gate of its own for each.
        let gate = world.another_gate(|text| text);
        world.acme.behave_well();
        world.acme.behave(order);
        let mut browser = world.browser_at(gate.address);
        let landed = browser.sign_in_at("/acme/bert", "bob").await;
        assert_eq!((landed.status, landed.reason()), (403, "idp-invalid"), "{what}");
        assert!(cause_of(&landed).contains(cause), "{what}: {}", cause_of(&landed));
        assert_eq!(browser.cookie(SESSION), None, "{what}");
    }
    assert!(world.hub.received().is_empty());
}

#[tokio::test]
async fn several_keys_of_one_name_are_all_tried() {
    let world = World::start().await;
    let other = world.globex.public_key(Algorithm::Es256).unwrap();
    world.acme.behave(move |behaviour| {
        behaviour.edit_keys(move |set| {
            let mut twin = other.clone();
            twin["kid"] = set["keys"][0]["kid"].clone();
            set["keys"].as_array_mut().unwrap().insert(0, twin);
        });
    });
    world.signed_in("acme", "bob").await;
}

#[tokio::test]
async fn a_token_that_names_no_key_is_verified_with_each() {
    let world = World::start().await;
    world.acme.rotate_keys(true).unwrap();
    world.acme.behave(|behaviour| {
        behaviour.edit_id_token(|header, _| drop(header.remove("kid")));
    });
    world.signed_in("acme", "bob").await;
    world.acme.behave(|behaviour| behaviour.signing = Signing::Stranger);
    let mut browser = world.browser();
    browser.sign_in_at("/acme/bert", "bob").await.refused(403, "idp-invalid");
}

#[tokio::test]
async fn keys_may_be_rotated_between_sign_ins_and_just_before_signing() {
    let world = World::start().await;
    world.signed_in("acme", "bob").await;
    world.acme.rotate_keys(false).unwrap();
    world.signed_in("acme", "bob").await;
    world.acme.rotate_keys(true).unwrap();
    world.signed_in("acme", "bob").await;
    world.acme.behave(|behaviour| behaviour.new_key_before_signing = true);
    for _ in 0..4 {
        world.signed_in("acme", "bob").await;
    }
}

#[tokio::test]
async fn a_key_that_is_not_published_any_more_verifies_nothing() {
    let world = World::start().await;
    world.signed_in("acme", "bob").await;
    let mut browser = world.browser();
    let callback = browser.callback_of("acme", "bob").await;
    let key = world.acme.public_key(Algorithm::Es256).unwrap();
    let header = json!({ "typ": "JWT", "alg": "ES256", "kid": key["kid"] });
    let token = world.acme.sign(Algorithm::Es256, header.as_object().unwrap(), &alice(&world));
    let token = token.unwrap();
    world.acme.rotate_keys(false).unwrap();
    world.signed_in("acme", "carol").await; // which shows the gate the new key
    world.acme.behave(|behaviour| {
        behaviour.edit_token_response(move |tokens| {
            tokens.insert("id_token".to_owned(), token.clone().into());
        });
    });
    let answer = browser.load_url(&callback).await.refused(403, "idp-invalid");
    assert!(cause_of(&answer).contains("a key that the issuer does not publish"));
    assert_eq!(browser.cookie(SESSION), None);
}

/// The claims of a good ID token of the administrator's, for the last sign-in that was begun.
fn alice(world: &World) -> Map<String, Value> {
    let asked = world.acme.asked(Endpoint::Authorize);
    let nonce = asked.iter().rev().find_map(|asked| asked.field("nonce")).unwrap();
    let now = world.clock.seconds();
    let claims = json!({
        "iss": world.acme.issuer(), "aud": "hub-at-acme", "sub": "00u-acme-alice",
        "iat": now, "exp": now + 300, "nonce": nonce,
        "email": "alice@acme.com", "email_verified": true, "groups": ["hub-admins"],
    });
    claims.as_object().unwrap().clone()
}

#[tokio::test]
async fn a_flood_of_unknown_keys_does_not_become_a_flood_at_the_provider() {
    let world = World::start().await;
    world.signed_in("acme", "bob").await;
    let before = world.acme.calls(Endpoint::Keys);
    world.acme.behave(|behaviour| behaviour.signing = Signing::Unpublished);
    for _ in 0..30 {
        let mut browser = world.browser();
        let landed = browser.sign_in_at("/acme/bert", "bob").await;
        let reasons = [(403, "idp-invalid"), (503, "idp-unreachable")];
        assert!(reasons.contains(&(landed.status, landed.reason())), "{}", landed.reason());
        assert_eq!(browser.cookie(SESSION), None);
    }
    let asked = world.acme.calls(Endpoint::Keys) - before;
    assert!(asked <= 9, "the keys were asked for {asked} times");
}

#[tokio::test]
async fn the_last_good_keys_are_used_for_a_day_when_there_are_no_newer_ones() {
    let world = World::start().await;
    world.signed_in("acme", "bob").await;
    let fail =
        |endpoint| world.acme.behave(|behaviour| behaviour.fail(endpoint, Fault::Status(500)));
    fail(Endpoint::Keys);
    fail(Endpoint::Discovery);
    world.clock.advance(minutes(23 * 60));
    world.signed_in("acme", "bob").await;
    world.clock.advance(minutes(2 * 60));
    world.browser().open("/acme/bert").await.refused(503, "idp-unreachable");
    world.acme.behave_well();
    world.signed_in("acme", "bob").await;
}

/// The callback with its parameters changed.
fn changed(callback: &Url, change: impl FnOnce(&mut Vec<(String, String)>)) -> Url {
    let mut pairs: Vec<(String, String)> = callback.query_pairs().into_owned().collect();
    change(&mut pairs);
    let mut url = callback.clone();
    url.query_pairs_mut().clear().extend_pairs(pairs);
    url
}

#[tokio::test]
async fn a_callback_whose_parameters_are_missing_doubled_or_foreign_finishes_nothing() {
    let world = World::start().await;
    let mut browser = world.browser();
    let callback = browser.callback_of("acme", "bob").await;
    let issuer = world.acme.issuer().to_owned();
    let without =
        |name: &'static str| changed(&callback, |pairs| pairs.retain(|(own, _)| own != name));
    let with = |name: &str, value: &str| {
        changed(&callback, |pairs| pairs.push((name.to_owned(), value.to_owned())))
    };
    let instead = |name: &'static str, value: &str| {
        changed(&callback, |pairs| {
            pairs.retain(|(own, _)| own != name);
            pairs.push((name.to_owned(), value.to_owned()));
        })
    };
    let bad = (400, "bad-parameters");
    let unknown = (400, "state-unknown");
    for (url, expected) in [
        (without("state"), bad),
        (instead("state", ""), bad),
        (instead("state", "foreign"), unknown),
        (instead("state", &"a".repeat(4000)), unknown),
        (with("state", "x"), bad),
        (without("code"), bad),
        (instead("code", ""), bad),
        (with("code", "x"), bad),
        (with("error", "access_denied"), bad),
        (with("error", ""), bad),
        (with("response", "eyJ"), bad),
        (with("id_token", "eyJ"), bad),
        (with("iss", &issuer), bad),
        (instead("code", &"a".repeat(40_000)), bad),
    ] {
        let mut browser = browser.clone();
        let answer = browser.load_url(&url).await;
        assert_eq!((answer.status, answer.reason()), expected, "{url}");
        assert_eq!(browser.cookie(SESSION), None);
    }
    // These use the state up: an answer that is for this sign-in, and wrong.
    for (name, value) in [
        ("iss", None),
        ("iss", Some("https://evil.example")),
        ("iss", Some("")),
        ("iss", Some("null")),
    ] {
        let mut browser = world.browser();
        let callback = browser.callback_of("acme", "bob").await;
        let url = changed(&callback, |pairs| {
            pairs.retain(|(own, _)| own != name);
            pairs.extend(value.map(|value| (name.to_owned(), value.to_owned())));
        });
        browser.load_url(&url).await.refused(400, "bad-parameters");
        assert_eq!(browser.cookie(SESSION), None);
    }
    assert_eq!(world.acme.calls(Endpoint::Token), 0, "no code was shown to anyone");
    browser.load_url(&callback).await.expect(303);
}

#[tokio::test]
async fn the_issuer_parameter_may_be_missing_only_where_it_was_not_promised() {
    let unpromised = |world: &World| {
        world.acme.behave(|behaviour| {
            behaviour.edit_discovery(|document| {
                document.remove("authorization_response_iss_parameter_supported");
            });
            behaviour.edit_authorization_response(|fields| {
                fields.retain(|(name, _)| name != "iss");
            });
        });
    };
    let world = World::start().await;
    unpromised(&world);
    let mut browser = world.signed_in("acme", "bob").await;
    browser.fetch("/acme/bert").await.expect(200);
    // Where it stands all the same, it is looked at.
    world.acme.behave(|behaviour| {
        behaviour.edit_authorization_response(|fields| {
            fields.retain(|(name, _)| name != "iss");
            fields.push(("iss".to_owned(), "https://evil.example".to_owned()));
        });
    });
    world.browser().sign_in_at("/acme/bert", "bob").await.refused(400, "bad-parameters");

    let world = World::with(|setup: &mut Setup| {
        setup.set("acme.oidc", "require_iss_parameter", "true");
    })
    .await;
    unpromised(&world);
    world.browser().sign_in_at("/acme/bert", "bob").await.refused(400, "bad-parameters");
}

#[tokio::test]
async fn error_answers_end_the_sign_in_and_are_never_repeated_to_the_person() {
    let world = World::start().await;
    for (error, description) in [
        ("access_denied", "<script>alert(1)</script>"),
        ("server_error", "javascript:alert(1)"),
        ("<img src=x onerror=alert(1)>", "x\" onload=\"alert(1)"),
        ("", "click https://evil.example now"),
        ("login_required", "a\r\nSet-Cookie: evil=1"),
    ] {
        let mut browser = world.browser();
        world.acme.behave(|behaviour| {
            behaviour.edit_authorization_response(move |fields| {
                fields.retain(|(name, _)| name != "code");
                fields.push(("error".to_owned(), error.to_owned()));
                fields.push(("error_description".to_owned(), description.to_owned()));
                fields.push(("error_uri".to_owned(), "https://evil.example/".to_owned()));
            });
        });
        let page = browser.sign_in_at("/acme/bert", "bob").await.refused(403, "idp-refused");
        let text = page.text();
        for word in ["alert", "evil", "onload", "onerror"] {
            assert!(!text.contains(word), "{error} {description}: {text}");
        }
        assert!(
            page.headers
                .iter()
                .all(|(_, value)| !value.as_bytes().windows(4).any(|w| w == b"evil"))
        );
        assert!(text.contains("href=\"/-/sso/acme/login?return_to=%2Facme%2Fbert\""));
        assert!(browser.pending().is_empty() && browser.cookie(SESSION).is_none());
    }
    // An error that belongs to no sign-in here says nothing of one.
    let foreign = "/-/sso/acme/oidc/callback?error=access_denied&state=foreign";
    world.browser().load(foreign).await.refused(400, "state-unknown");
}

#[tokio::test]
async fn a_stolen_code_is_worth_nothing_without_the_verifier_of_its_sign_in() {
    let world = World::start().await;
    let stolen = world.browser().callback_of("acme", "alice").await;
    let code = stolen.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
    let mut thief = world.browser();
    let own = thief.callback_of("acme", "carol").await;
    let injected = changed(&own, |pairs| {
        pairs.retain(|(name, _)| name != "code");
        pairs.push(("code".to_owned(), code));
    });
    thief.load_url(&injected).await.refused(403, "idp-refused");
    assert_eq!(thief.cookie(SESSION), None);
    for asked in world.acme.asked(Endpoint::Authorize) {
        assert_eq!(asked.field("code_challenge_method"), Some("S256"));
        assert_eq!(asked.field("code_challenge").unwrap().len(), 43);
    }
}

#[tokio::test]
async fn each_sign_in_has_a_state_a_nonce_and_a_challenge_of_its_own() {
    let world = World::start().await;
    let mut browser = world.browser();
    for _ in 0..3 {
        browser.open("/-/sso/acme/login").await.expect(200);
    }
    let asked = world.acme.asked(Endpoint::Authorize);
    let mut seen: Vec<&str> = Vec::new();
    for name in ["state", "nonce", "code_challenge"] {
        seen.extend(asked.iter().map(|asked| asked.field(name).unwrap()));
    }
    let count = seen.len();
    assert_eq!(count, 9);
    assert!(seen.iter().all(|value| value.len() == 43));
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), count);
}

#[tokio::test]
async fn userinfo_is_believed_about_the_same_person_only() {
    let world = World::with(|setup| setup.acme.claims_in_id_token = false).await;
    let mut attacks = Vec::new();
    for (what, sub) in [
        ("of another person", json!("00u-acme-alice")),
        ("of nobody", json!(null)),
        ("of a list", json!(["00u-acme-bob"])),
        ("in other case", json!("00U-ACME-BOB")),
    ] {
        attacks.push(order(what, "userinfo is about another person", move |behaviour| {
            let sub = sub.clone();
            behaviour.edit_userinfo(move |claims| {
                claims.insert("sub".to_owned(), sub.clone());
            });
        }));
    }
    attacks.push(order("without a subject", "userinfo is about another person", |behaviour| {
        behaviour.edit_userinfo(|claims| drop(claims.remove("sub")));
    }));
    let endpoint = "the answer of the identity provider's userinfo endpoint";
    let body = |text: &str| Fault::Body("application/json".to_owned(), text.to_owned());
    for (what, fault) in [
        ("an array", body(r#"[{"sub":"00u-acme-bob","email":"bob@acme.com"}]"#)),
        ("text", body(r#""00u-acme-bob""#)),
        ("nothing", body("")),
        ("no JSON", body("<html>")),
        ("a member twice", body(r#"{"sub":"00u-acme-bob","groups":[],"groups":["hub-admins"]}"#)),
        ("status 401", Fault::Status(401)),
        ("status 204", Fault::Status(204)),
        ("a redirect", Fault::Redirect(format!("{}/userinfo", world.globex.issuer()))),
    ] {
        attacks.push(order(what, endpoint, move |behaviour| {
            behaviour.fail(Endpoint::UserInfo, fault.clone());
        }));
    }
    let unsigned =
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiIwMHUtYWNtZS1ib2IiLCJncm91cHMiOlsiaHViLWFkbWlucyJdfQ.";
    attacks.push(order(
        "an unsigned JWT",
        "userinfo is not a signed compact JWT",
        move |behaviour| {
            let fault = Fault::Body("application/jwt".to_owned(), unsigned.to_owned());
            behaviour.fail(Endpoint::UserInfo, fault);
        },
    ));
    refused(&world, attacks).await;
    assert_eq!(world.globex.calls(Endpoint::UserInfo), 0, "redirects are not followed");
}

#[tokio::test]
async fn userinfo_cannot_say_what_only_a_signed_token_may() {
    let world = World::with(|setup| {
        setup.acme.claims_in_id_token = false;
        setup.set("acme.oidc", "required_claims", "{ hd = \"acme.com\" }");
    })
    .await;
    world.acme.behave(|behaviour| {
        behaviour.edit_userinfo(|claims| {
            claims.insert("hd".to_owned(), json!("acme.com"));
            claims.insert("iss".to_owned(), json!("https://evil.example"));
        });
    });
    let mut browser = world.browser();
    let landed = browser.sign_in_at("/acme/bert", "bob").await.refused(403, "idp-invalid");
    assert!(cause_of(&landed).contains("lacks what the configuration requires"));
    world.acme.behave(|behaviour| behaviour.claim("hd", "acme.com"));
    let mut browser = world.signed_in("acme", "bob").await;
    browser.load("/acme/bert").await.expect(200);
    assert_eq!(world.last_at_hub().head.values("x-auth-user"), ["acme:00u-acme-bob"]);
}

#[tokio::test]
async fn what_is_configured_of_the_authentication_is_asked_for_and_checked() {
    let world = World::with(|setup| {
        setup.set("acme.oidc", "acr_values", "[\"mfa\", \"phr\"]");
        setup.set("acme.oidc", "max_age", "\"1h\"");
    })
    .await;
    let with = |acr: Value, age: u64| {
        let now = world.clock.seconds() + minutes(10).as_secs();
        move |behaviour: &mut Behaviour| {
            behaviour.edit_id_token(move |_, claims| {
                claims.insert("acr".to_owned(), acr.clone());
                claims.insert("auth_time".to_owned(), json!(now - age));
            });
        }
    };
    let (_, landed) = attempt(&world, with(json!("phr"), 0)).await;
    landed.expect(200);
    let asked = world.acme.asked(Endpoint::Authorize).pop().unwrap();
    assert_eq!(
        (asked.field("acr_values"), asked.field("max_age")),
        (Some("mfa phr"), Some("3600"))
    );
    for (acr, age) in
        [(json!("pwd"), 0), (json!(null), 0), (json!(["mfa"]), 0), (json!("mfa"), 3700)]
    {
        let (browser, landed) = attempt(&world, with(acr, age)).await;
        landed.refused(403, "idp-invalid");
        assert_eq!(browser.cookie(SESSION), None);
    }
    let (_, landed) = attempt(&world, |behaviour| {
        behaviour.edit_id_token(|_, claims| {
            claims.insert("acr".to_owned(), json!("mfa"));
            claims.remove("auth_time");
        });
    })
    .await;
    landed.refused(403, "idp-invalid");
}

#[tokio::test]
async fn metadata_that_is_wrong_begins_no_sign_in() {
    let world = World::start().await;
    let issuer = world.acme.issuer().to_owned();
    let edit = |what: &str, name: &'static str, value: Value, cause: &'static str| {
        order(&format!("{what} {name}"), cause, move |behaviour| {
            let value = value.clone();
            behaviour.edit_discovery(move |document| {
                document.remove(name);
                if !value.is_null() {
                    document.insert(name.to_owned(), value.clone());
                }
            });
        })
    };
    let other = "names another issuer";
    let inside = "is not https, or that points to a private place";
    let form = "metadata is not what the specification asks for";
    let body = |text: String| Fault::Body("application/json".to_owned(), text);
    let fault = |what: &str, fault: Fault, cause: &'static str| {
        order(what, cause, move |behaviour| behaviour.fail(Endpoint::Discovery, fault.clone()))
    };
    let mut attacks = vec![
        edit("no", "issuer", json!(null), other),
        edit("another", "issuer", json!("https://evil.example"), other),
        edit("slashed", "issuer", json!(format!("{issuer}/")), other),
        edit("a list as", "issuer", json!([issuer]), other),
        edit("no", "token_endpoint", json!(null), "has no `token_endpoint`"),
        edit("no", "jwks_uri", json!(null), "has no `jwks_uri`"),
        edit("no", "authorization_endpoint", json!(null), "has no `authorization_endpoint`"),
        fault("an array", body("[]".to_owned()), form),
        fault("no JSON", body("<html>".to_owned()), form),
        fault("status 404", Fault::Status(404), "has status 404"),
        fault("status 204", Fault::Status(204), "has status 204"),
        fault(
            "a redirect",
            Fault::Redirect(format!("{}/.well-known/openid-configuration", world.globex.issuer())),
            "has status 302",
        ),
        fault(
            "a member twice",
            body(format!(r#"{{"issuer":"https://evil.example","issuer":"{issuer}"}}"#)),
            form,
        ),
    ];
    for name in ["authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint"] {
        for address in [
            "http://idp.example/x",
            "https://169.254.169.254/latest/meta-data",
            "http://169.254.169.254/latest/meta-data",
            "https://metadata.google.internal/",
            "https://user@idp.example/",
            "https://idp.example/#x",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "/relative",
        ] {
            attacks.push(edit("inside:", name, json!(address), inside));
        }
    }
    for Attack { what, order, cause } in attacks {
        world.acme.behave_well();
        world.acme.behave(order);
        let answer = world.browser().open("/acme/bert").await;
        assert_eq!((answer.status, answer.reason()), (403, "idp-invalid"), "{what}");
        assert!(cause_of(&answer).contains(cause), "{what}: {}", cause_of(&answer));
        assert!(answer.set_cookies().is_empty());
    }
    for (what, fault) in [
        ("huge", Fault::Huge(50 << 20)),
        ("closed", Fault::Close),
        ("status 500", Fault::Status(500)),
        ("status 429", Fault::Status(429)),
    ] {
        world.acme.behave(|behaviour| behaviour.fail(Endpoint::Discovery, fault));
        let answer = world.browser().open("/acme/bert").await;
        assert_eq!((answer.status, answer.reason()), (503, "idp-unreachable"), "{what}");
    }
    assert_eq!(world.globex.calls(Endpoint::Discovery), 0, "redirects are not followed");
    world.acme.behave_well();
    world.signed_in("acme", "bob").await;
}

#[tokio::test]
async fn a_provider_that_hangs_holds_nobody_elses_sign_in_and_not_its_own_for_ever() {
    let world = World::with(|setup| setup.globex.claims_in_id_token = false).await;
    let mut waiting = world.browser();
    let callback = waiting.callback_of("acme", "bob").await;
    let mut asking = world.browser();
    let asked = asking.callback_of("globex", "gina").await;
    world.acme.behave(|behaviour| behaviour.fail(Endpoint::Token, Fault::Hang));
    world.globex.behave(|behaviour| behaviour.fail(Endpoint::UserInfo, Fault::HangInBody));
    let elsewhere = async {
        world.until(async || (world.acme.calls(Endpoint::Token) > 0).then_some(())).await;
        world.browser().load("/acme/demo").await.expect(200);
        world.browser().open("/-/sso/acme/login").await.expect(200);
    };
    let (first, second, ()) =
        tokio::join!(waiting.load_url(&callback), asking.load_url(&asked), elsewhere);
    first.refused(503, "idp-unreachable");
    second.refused(503, "idp-unreachable");
    assert_eq!((waiting.cookie(SESSION), asking.cookie(SESSION)), (None, None));
}

#[tokio::test]
async fn the_token_endpoint_may_answer_anything_and_nobody_is_signed_in() {
    let world = World::start().await;
    let body = |text: &str| Fault::Body("application/json".to_owned(), text.to_owned());
    for (fault, status, reason) in [
        (Fault::Redirect(format!("{}/token", world.globex.issuer())), 403, "idp-invalid"),
        (Fault::Huge(50 << 20), 503, "idp-unreachable"),
        (Fault::Close, 503, "idp-unreachable"),
        (Fault::Status(500), 503, "idp-unreachable"),
        (Fault::Status(404), 403, "idp-invalid"),
        (body(""), 403, "idp-invalid"),
        (body("[]"), 403, "idp-invalid"),
        (body("{}"), 403, "idp-invalid"),
        (body(r#"{"access_token":"a","token_type":"Bearer"}"#), 403, "idp-invalid"),
        (body(r#"{"access_token":7,"token_type":"Bearer","id_token":"x"}"#), 403, "idp-invalid"),
        (
            body(r#"{"access_token":"a","token_type":"Bearer","id_token":["x"]}"#),
            403,
            "idp-invalid",
        ),
        (body(r#"{"error":"invalid_grant"}"#), 403, "idp-invalid"),
    ] {
        let what = format!("{fault:?}");
        let (browser, landed) =
            attempt(&world, |behaviour| behaviour.fail(Endpoint::Token, fault)).await;
        assert_eq!((landed.status, landed.reason()), (status, reason), "{what}");
        assert_eq!(browser.cookie(SESSION), None, "{what}");
    }
    assert_eq!(world.globex.calls(Endpoint::Token), 0, "redirects are not followed");
}

#[tokio::test]
async fn an_address_counts_only_when_it_is_verified_and_plainly_the_organizations() {
    let world = World::start().await;
    let email = |address: Value, verified: Value| {
        move |behaviour: &mut Behaviour| {
            behaviour.edit_id_token(move |_, claims| {
                claims.insert("email".to_owned(), address.clone());
                claims.remove("email_verified");
                if !verified.is_null() {
                    claims.insert("email_verified".to_owned(), verified.clone());
                }
            });
            behaviour.edit_userinfo(|claims| claims.retain(|name, _| !name.starts_with("email")));
        }
    };
    for (address, verified) in [
        (json!("bob@acme.com"), json!(true)),
        (json!("Bob.B+x@ACME.com"), json!(true)),
        (json!("bob@acme.com"), json!("true")),
    ] {
        let what = format!("{address} {verified}");
        let (_, landed) = attempt(&world, email(address, verified)).await;
        assert_eq!(landed.status, 200, "{what}: {}", landed.reason());
    }
    for (address, verified) in [
        (json!("bob@acme.com"), json!(false)),
        (json!("bob@acme.com"), json!("false")),
        (json!("bob@acme.com"), json!(null)),
        (json!("bob@acme.com"), json!(1)),
        (json!("bob@acme.com"), json!("yes")),
        (json!("bob@acme.com"), json!(["true"])),
        (json!("bob@evil.example@acme.com"), json!(true)),
        (json!("bob@acme.com@evil.example"), json!(true)),
        (json!("\"bob@evil.example\"@acme.com"), json!(true)),
        (json!("bob@acme.com.evil.example"), json!(true)),
        (json!("bob@notacme.com"), json!(true)),
        (json!("bob@sub.acme.com"), json!(true)),
        (json!("bob@acme.com."), json!(true)),
        (json!("bob@acme.com "), json!(true)),
        (json!("bob@acme.com\n"), json!(true)),
        (json!("bob@acme.com\u{0}"), json!(true)),
        (json!("bob@\u{430}cme.com"), json!(true)),
        (json!("bob@acme\u{ff0e}com"), json!(true)),
        (json!("bob@acme\u{3002}com"), json!(true)),
        (json!("bob@ac\u{200b}me.com"), json!(true)),
        (json!("Bob <bob@acme.com>"), json!(true)),
        (json!("bob@evil.example,bob@acme.com"), json!(true)),
        (json!("acme.com"), json!(true)),
        (json!("@acme.com"), json!(true)),
        (json!(["bob@acme.com"]), json!(true)),
        (json!({ "value": "bob@acme.com" }), json!(true)),
        (json!(null), json!(true)),
        (json!(""), json!(true)),
    ] {
        let what = format!("{address} {verified}");
        let (browser, landed) = attempt(&world, email(address, verified)).await;
        assert_eq!((landed.status, landed.reason()), (403, "email-domain"), "{what}");
        assert_eq!(browser.cookie(SESSION), None, "{what}");
    }
}

#[tokio::test]
async fn an_address_that_is_not_verified_is_told_to_nobody() {
    let world = World::with(|setup| {
        setup.unset("acme", "email_domains");
    })
    .await;
    world.acme.change("bob", |bob| bob.email_verified = false);
    let mut browser = world.signed_in("acme", "bob").await;
    browser.load("/acme/bert").await.expect(200);
    let told = world.last_at_hub().head;
    assert_eq!(told.value("x-auth-email"), None);
    assert_eq!(
        crate::headers::claims(&told.value("x-auth-assertion").unwrap())["email"],
        json!(null)
    );
    assert_eq!(browser.sign_in_of("acme").await["email"], json!(null));
}

#[tokio::test]
async fn groups_that_are_odd_give_no_role_beyond_the_default() {
    let world = World::start().await;
    for groups in [
        json!("hub-admins "),
        json!("HUB-ADMINS"),
        json!(["hub-admins/"]),
        json!([["hub-admins"]]),
        json!([{ "name": "hub-admins" }]),
        json!({ "hub-admins": true }),
        json!("everyone,hub-admins"),
        json!("everyone hub-admins"),
        json!(["hub-admins\u{0}"]),
        json!(["hub\u{2d}admins\u{200b}"]),
        json!([7, true, null]),
    ] {
        let what = groups.to_string();
        let (mut browser, landed) =
            attempt(&world, move |behaviour| behaviour.claim("groups", groups)).await;
        if landed.status == 200 {
            assert_eq!(browser.sign_in_of("acme").await["role"], "read", "{what}");
        } else {
            assert_eq!(browser.cookie(SESSION), None, "{what}");
        }
    }
}
