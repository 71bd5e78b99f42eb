//! What is left of a client's credentials for the hub: its own, and never a token of ours.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::{ALL, world_with};
use crate::support::grpc::{HttpRequest, Verdict};
use crate::support::world::World;

const NAMES: [&str; 2] = ["authorization", "x-hf-authorization"];

async fn world() -> World {
    world_with(&[("server", "grpc", "\"127.0.0.1:0\"")]).await
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")))
}

/// What the hub gets by way of a proxy that does what the answer to its question says, in each
/// mode: the values under each of the two names.
async fn passed_on(world: &World, headers: &[(&str, &str)]) -> Vec<(String, [Vec<String>; 2])> {
    let lines: String =
        headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let mut found = Vec::new();
    for contract in ALL {
        let answer = contract.ask(world, "GET /acme/bert", &lines).await.expect(200);
        // A name in the answer replaces the client's own, and one without a value takes it out.
        let passed = NAMES.map(|name| match answer.header(name) {
            Some("") => Vec::new(),
            Some(value) => vec![value.to_owned()],
            None => headers.iter().filter(|h| h.0 == name).map(|h| h.1.to_owned()).collect(),
        });
        found.push((format!("{contract:?}"), passed));
    }
    let question = HttpRequest::new("GET /acme/bert").with(&lines);
    let verdict = question.ask(world.gate.grpc.unwrap()).await;
    let Verdict::Allowed { hub, .. } = verdict else { panic!("{verdict:?}") };
    let values = |name| hub.get_all(name).iter().map(|v| v.to_str().unwrap().to_owned()).collect();
    found.push(("gRPC".to_owned(), NAMES.map(values)));
    found
}

#[tokio::test]
async fn a_token_of_ours_is_taken_out_in_every_mode_and_wherever_it_stands() {
    let world = world().await;
    let mut browser = world.signed_in("acme", "bob").await;
    let token = world.program_of(&mut browser).await.access;
    let bearer = format!("Bearer {token}");
    for (name, value) in [
        ("authorization", bearer.clone()),
        ("authorization", basic("bob", &token)),
        ("authorization", basic(&token, "")),
        ("x-hf-authorization", bearer.clone()),
    ] {
        for (mode, passed) in passed_on(&world, &[(name, &value)]).await {
            assert_eq!(passed, [const { Vec::<String>::new() }; 2], "{mode}: {name}: {value}");
        }
    }
    let own = basic("app", "its own");
    let both = [("authorization", own.as_str()), ("x-hf-authorization", bearer.as_str())];
    for (mode, passed) in passed_on(&world, &both).await {
        assert_eq!(passed, [vec![own.clone()], Vec::new()], "{mode}");
    }
}

#[tokio::test]
async fn a_credential_of_the_hubs_is_said_again_byte_for_byte() {
    let world = world().await;
    let session = super::cookie(&world, "acme", "bob").await;
    let (name, cookie) = session.trim().split_once(": ").unwrap();
    for value in ["Bearer hf_xyz", "bearer  hf_xyz|a,b", "Basic dTpw", "Negotiate YII="] {
        let headers = [(name, cookie), ("authorization", value), ("x-hf-authorization", value)];
        for (mode, passed) in passed_on(&world, &headers).await {
            assert_eq!(passed, [[value.to_owned()], [value.to_owned()]], "{mode}");
        }
        // Traefik takes out what it should copy and does not find; Caddy writes its variable's name.
        let line = format!("{session}Authorization: {value}\r\n");
        for contract in ALL {
            let answer = contract.ask(&world, "GET /acme/bert", &line).await.expect(200);
            assert_eq!(answer.must("authorization"), value);
            assert_eq!(answer.must("x-hf-authorization"), "", "it was not sent");
        }
    }
}
