//! Questions at a port of their own, which no client reaches.

use super::{ALL, Contract, PAGE, cookie, world, world_with};
use crate::support::tool;
use crate::support::world::World;

async fn apart() -> World {
    world_with(&[("server", "forward_auth", "\"127.0.0.1:0\"")]).await
}

/// What a client sends who writes a proxy's question by itself, through a proxy that passes on
/// everything and is trusted.
fn forged(contract: Contract, who: &str) -> (String, String) {
    let (line, fields) = contract.question("GET /acme/bert");
    (line, format!("{fields}{who}{PAGE}X-Forwarded-For: 203.0.113.9\r\n"))
}

#[tokio::test]
async fn a_question_is_answered_at_the_port_of_its_own_and_nowhere_else() {
    let world = apart().await;
    let carol = cookie(&world, "acme", "carol").await;
    for contract in ALL {
        let (line, headers) = forged(contract, &carol);
        let told =
            tool::ask_both_ways(world.gate.asked.unwrap(), &line, &headers).await.expect(200);
        assert_eq!(told.must("x-auth-email"), "carol@acme.com", "{contract:?}");
        let none = tool::ask_both_ways(world.gate.address, &line, &headers).await;
        let none = none.refused(404, "no-such-page");
        let ours = |name: &http::HeaderName| name.as_str().starts_with("x-auth-");
        assert!(!none.headers.keys().any(ours), "{contract:?}: {none:?}");
    }
    assert!(world.hub.received().is_empty());
}

#[tokio::test]
async fn nothing_else_is_served_at_the_port_of_questions() {
    let world = apart().await;
    let carol = cookie(&world, "acme", "carol").await;
    let asked = world.gate.asked.unwrap();
    for line in [
        "GET /",
        "GET /acme/demo",
        "GET /acme/bert",
        "GET /pub/x",
        "GET /-/sso/",
        "GET /-/sso/session",
        "GET /-/sso/acme/login",
        "POST /-/sso/logout",
        "GET /-/sso/authz",
        "GET /-/sso/authz/other",
    ] {
        tool::ask_both_ways(asked, line, &carol).await.refused(404, "no-such-page");
    }
    assert!(world.hub.received().is_empty());
}

#[tokio::test]
async fn a_client_that_asks_where_proxies_do_learns_of_itself_and_changes_nothing() {
    let world = world().await;
    let carol = cookie(&world, "acme", "carol").await;
    for contract in ALL {
        let (line, headers) = forged(contract, &carol);
        let answer = tool::ask_both_ways(world.gate.address, &line, &headers).await.expect(200);
        assert_eq!(answer.must("x-auth-email"), "carol@acme.com");
        assert_eq!(answer.header("set-cookie"), None);
        assert_eq!(answer.must("cookie"), "", "its session is not said again");
        let (line, headers) = forged(contract, "");
        let answer = tool::ask_both_ways(world.gate.address, &line, &headers).await;
        answer.refused(contract.passed_on(303), "sign-in-required");
    }
    assert!(world.hub.received().is_empty());
}
