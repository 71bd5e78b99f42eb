//! The banner in the hub's pages, for members who have not signed in where that is optional.

use crate::rig::{Hub, Wire};
use crate::support::browser::Browser;
use crate::support::served::Served;
use crate::support::tool;
use crate::support::world::World;

const LOAD: &str = "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n\
                    Accept: text/html,*/*;q=0.8\r\nAccept-Encoding: gzip, br\r\n";
const PAGE: &str = "<!doctype html><title>x</title><body><p>y</p>";
const OPEN: &str = "<div id=\"hubgate-banner\"";

/// A gate with an optional sign-in, in front of a hub that says what a test says.
struct Stage {
    _world: World,
    hub: Hub,
    gate: Served,
}

impl Stage {
    async fn start() -> Self {
        let world = World::with(|setup| {
            setup.set("acme", "enforcement", "\"optional\"");
            setup.set("acme", "display_name", "\"<ACME> & Söhne\"");
        })
        .await;
        let hub = Hub::bind().await;
        let address = format!("http://{}", hub.address());
        let gate = world.another_gate(|text| text.replace(world.hub.origin(), &address));
        Self { _world: world, hub, gate }
    }

    /// Asks, and hands over the hub's end; the request has been read.
    async fn ask(
        &self,
        request: &str,
        headers: &str,
    ) -> (tool::Wire, Wire<tokio::net::TcpStream>, String) {
        let request = format!(
            "{request} HTTP/1.1\r\nHost: hub.example.com\r\nConnection: close\r\n{headers}\r\n"
        );
        let client = tool::Wire::open(self.gate.address, request).await;
        let mut hub = self.hub.accept().await;
        let head = hub.head().await;
        (client, hub, head)
    }

    /// The whole answer as the client sees it, when the hub answers with these lines and this body.
    async fn answered(&self, request: &str, headers: &str, lines: &str, body: &[u8]) -> Seen {
        let (mut client, mut hub, asked) = self.ask(request, headers).await;
        let status = if lines.starts_with("HTTP/") { "" } else { "HTTP/1.1 200 OK\r\n" };
        let length = if request.starts_with("HEAD ") { 42 } else { body.len() };
        hub.send(format!("{status}{lines}Content-Length: {length}\r\n\r\n")).await;
        hub.send(body).await;
        let seen = client.rest().await;
        let end = seen.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let head = String::from_utf8_lossy(&seen[..end + 2]).to_ascii_lowercase();
        let body = seen[end + 4..].to_vec();
        Seen { asked: asked.to_ascii_lowercase(), head, body }
    }
}

#[derive(Debug)]
struct Seen {
    asked: String,
    head: String,
    body: Vec<u8>,
}

impl Seen {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

fn at_hub(world: &World, account: &str) -> Browser {
    let mut browser = world.browser();
    browser.plant("token", &format!("hf_{account}"));
    browser
}

#[tokio::test]
async fn a_member_without_a_sign_in_is_asked_for_it_and_brought_back() {
    let world = World::with(|setup| {
        setup.with_accounts().set("acme", "enforcement", "\"optional\"");
    })
    .await;
    let mut bob = at_hub(&world, "bob");
    let page = bob.load("/acme/bert?tab=files&x=%22").await.expect(200);
    let text = page.text();
    assert_eq!(text.matches(OPEN).count(), 1, "{text}");
    assert!(text.contains("<u>Complete single sign-on with ACME Corp</u>"), "{text}");
    let link = text.split(OPEN).nth(1).unwrap().split("href=\"").nth(1).unwrap();
    let link = link.split('"').next().unwrap().replace("&#61;", "=").replace("&#38;", "&");
    let begun = bob.load_url(&link.parse().unwrap()).await;
    let asked = bob.finish(begun).await;
    let back = bob.click(&asked, "bob").await;
    let landed = bob.finish(back).await.expect(200);
    assert!(landed.url.as_str().ends_with("/acme/bert?tab=files&x=%22"), "{}", landed.url);
    assert!(!landed.text().contains(OPEN));
    assert!(landed.text().contains("bert"));
    // Nobody else is spoken to: strangers, collaborators, and members of other organizations.
    for other in ["moe", "gina"] {
        let page = at_hub(&world, other).load("/acme/demo").await.expect(200);
        assert!(!page.text().contains(OPEN), "{other}");
    }
    assert!(!world.browser().load("/acme/demo").await.expect(200).text().contains(OPEN));
    // Programs and scripts hear of it in a header.
    let answer = bob_again(&world).fetch("/acme/demo").await.expect(200);
    assert!(answer.must("x-hf-warning").contains("/-/sso/acme/login"));
    assert!(!answer.text().contains(OPEN));
    let answer =
        tool::ask(world.gate.address, "GET /acme/demo", "Authorization: Bearer hf_carol\r\n");
    let answer = answer.await.expect(200);
    assert!(answer.must("x-hf-warning").contains("/-/sso/acme/login"));
    assert!(!answer.text().contains(OPEN));
}

fn bob_again(world: &World) -> Browser {
    at_hub(world, "bob")
}

#[tokio::test]
async fn a_page_with_a_banner_is_nobody_elses_and_is_not_known_by_the_hubs_marks() {
    let stage = Stage::start().await;
    let lines = "Content-Type: Text/HTML; Charset=\"UTF-8\"\r\nETag: \"a\"\r\nAccept-Ranges: bytes\r\n\
                 Last-Modified: Thu, 01 Jan 1970 00:00:00 GMT\r\nDigest: sha-256=x\r\n\
                 Content-Digest: sha-256=:x:\r\nRepr-Digest: sha-256=:x:\r\nContent-MD5: x\r\n\
                 Cache-Control: public, max-age=60\r\nExpires: 0\r\nSurrogate-Control: max-age=60\r\n\
                 CDN-Cache-Control: max-age=60\r\nHub-CDN-Cache-Control: max-age=60\r\n\
                 Vary: Accept-Encoding\r\nContent-Security-Policy: default-src 'none'; sandbox\r\n\
                 X-Other: kept\r\nContent-Encoding: identity\r\nContent-Disposition: inline\r\n";
    let conditions = "If-None-Match: \"a\"\r\nIf-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT\r\n";
    let request = format!("{LOAD}{conditions}");
    let seen = stage.answered("GET /acme/bert?a=1&b=2", &request, lines, PAGE.as_bytes()).await;
    assert!(seen.asked.contains("accept-encoding: identity\r\n"), "{}", seen.asked);
    assert!(!seen.asked.contains("\r\nif-"), "{}", seen.asked);
    for gone in [
        "etag",
        "accept-ranges",
        "last-modified",
        "digest",
        "content-digest",
        "repr-digest",
        "content-md5",
        "content-length",
        "expires",
        "surrogate-control",
        "cdn-cache-control",
        "hub-cdn-cache-control",
    ] {
        assert!(!seen.head.contains(&format!("\r\n{gone}:")), "{gone}: {}", seen.head);
    }
    for there in [
        "cache-control: private, no-cache",
        "vary: accept-encoding",
        "vary: cookie, accept, sec-fetch-mode, sec-fetch-dest",
        "content-security-policy: default-src 'none'; sandbox",
        "x-other: kept",
        "transfer-encoding: chunked",
    ] {
        assert!(seen.head.contains(&format!("\r\n{there}\r\n")), "{there}: {}", seen.head);
    }
    let text = seen.text();
    assert!(text.contains("with &#60;ACME&#62; &#38; S&#246;hne</u>"), "{text}");
    let link = "href=\"https://hub.example.com/-/sso/acme/login?return_to&#61;%2Facme%2Fbert%3Fa%3D1%26b%3D2\"";
    assert!(text.contains(link), "{text}");
    assert!(!text.contains("style") && !text.contains("<script"), "{text}");
    let never = stage.answered(
        "GET /acme/x",
        LOAD,
        "Content-Type: text/html\r\nCache-Control: no-store\r\n",
        b"<p>",
    );
    assert!(never.await.head.contains("\r\ncache-control: private, no-store\r\n"));
}

#[tokio::test]
async fn nothing_but_a_page_for_the_browsers_own_window_is_changed() {
    let stage = Stage::start().await;
    let html = "Content-Type: text/html\r\nETag: \"a\"\r\n";
    let changed = async |request: &str, headers: &str, lines: &str, body: &[u8]| {
        let seen = stage.answered(request, headers, lines, body).await;
        let changed = seen.text().contains(OPEN);
        if !changed && !request.starts_with("HEAD") {
            assert_eq!(seen.body, body, "{request} {headers} {lines}");
        }
        assert_eq!(seen.head.contains("\r\netag: \"a\"\r\n"), !changed, "{}", seen.head);
        changed
    };
    let get = "GET /acme/bert";
    let page = PAGE.as_bytes();
    // Whoever asks.
    for headers in [LOAD, "Accept: text/html\r\n", "Sec-Fetch-Mode: navigate\r\n"] {
        assert!(changed(get, headers, html, page).await, "{headers}");
    }
    for headers in [
        "",
        "Accept: */*\r\n",
        "Sec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\nAccept: text/html\r\n",
        "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: iframe\r\nAccept: text/html\r\n",
        "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: object\r\nAccept: text/html\r\n",
        "Accept: text/html\r\nX-Requested-With: XMLHttpRequest\r\n",
        "Accept: text/html\r\nHX-Request: true\r\n",
        "Accept: text/html\r\nTurbo-Frame: files\r\n",
        "Accept: text/html\r\nRange: bytes=0-\r\n",
        "Accept: text/html\r\nUser-Agent: git/2.47\r\n",
    ] {
        assert!(!changed(get, headers, html, page).await, "{headers}");
    }
    assert!(!changed("HEAD /acme/bert", LOAD, html, b"").await);
    assert!(!changed("POST /acme/bert", LOAD, html, page).await);
    // Another organization's pages, and nobody's.
    assert!(!changed("GET /acme2/bert", LOAD, html, page).await);
    // Whatever is answered.
    for status in ["404 Not Found", "403 Forbidden", "500 Oops"] {
        let lines = format!("HTTP/1.1 {status}\r\n{html}");
        assert!(changed(get, LOAD, &lines, page).await, "{status}");
    }
    for lines in [
        "HTTP/1.1 206 Partial\r\nContent-Range: bytes 0-1/2\r\nContent-Type: text/html\r\n",
        "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Type: text/html\r\n",
        "HTTP/1.1 203 Changed\r\nContent-Type: text/html\r\n",
        "Content-Type: text/plain\r\n",
        "Content-Type: application/xhtml+xml\r\n",
        "Content-Type: text/html-sandboxed\r\n",
        "Content-Type: application/signed-exchange;v=b3\r\n",
        "Content-Type: text/html\r\nContent-Type: text/plain\r\n",
        "X-No-Type: 1\r\n",
        "Content-Type: text/html; charset=utf-16le\r\n",
        "Content-Type: text/html; charset=iso-2022-jp\r\n",
        "Content-Type: text/html\r\nContent-Encoding: gzip\r\n",
        "Content-Type: text/html\r\nContent-Encoding: identity\r\nContent-Encoding: br\r\n",
        "Content-Type: text/html\r\nContent-Disposition: attachment; filename=x.html\r\n",
        "Content-Type: text/html\r\nCache-Control: max-age=1, No-Transform\r\n",
        "Content-Type: text/html\r\nX-Repo-Commit: 0\r\n",
        "Content-Type: text/html\r\nSignature: sig=:x:\r\n",
    ] {
        let lines = format!("{lines}ETag: \"a\"\r\n");
        assert!(!changed(get, LOAD, &lines, page).await, "{lines}");
    }
    for charset in ["utf-8", "UTF8", "\"us-ascii\"", "ISO-8859-15", "windows-1252"] {
        let lines = format!("Content-Type: text/html; charset={charset}\r\nETag: \"a\"\r\n");
        assert!(changed(get, LOAD, &lines, page).await, "{lines}");
    }
    assert!(!changed(get, LOAD, html, b"").await, "there is no page");
    // A byte order mark is stronger than what the header says.
    let (mut client, mut hub, _) = stage.ask(get, LOAD).await;
    hub.send("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 8\r\n\r\n").await;
    hub.send(b"\xFE\xFF\0<\0p\0>").await;
    assert_eq!(tool::parse(&client.rest().await).body[..], b"\xFE\xFF\0<\0p\0>"[..]);
}

#[tokio::test]
async fn a_page_goes_on_as_it_comes() {
    let stage = Stage::start().await;
    let (mut client, mut hub, _) = stage.ask("GET /acme/bert", LOAD).await;
    hub.send("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n")
        .await;
    // Each piece is seen before the next one is sent.
    for (piece, mark) in [
        ("<html><head><title>one</title>", "<title>one</title>"),
        ("<script>'<body>'</script></head><bo", "</head>"),
        ("dy>two", "</div>two"),
        ("three<body><p>", "three<body><p>"),
        ("four", "four"),
    ] {
        hub.send(format!("{:x}\r\n{piece}\r\n", piece.len())).await;
        client.until(mark).await;
    }
    hub.send("0\r\nDigest: x\r\n\r\n").await;
    let seen = String::from_utf8(client.rest().await).unwrap();
    assert_eq!(seen.matches(OPEN).count(), 1, "{seen}");
    assert!(!seen.to_ascii_lowercase().contains("digest"), "{seen}");
    // And what breaks off does not look whole. The gate would use the same connection again.
    drop(hub);
    let (mut client, mut hub, _) = stage.ask("GET /acme/bert", LOAD).await;
    hub.send("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 99\r\n\r\n<body>x")
        .await;
    client.until("</div>x").await;
    hub.shutdown().await;
    let seen = String::from_utf8(client.rest().await).unwrap();
    assert!(!seen.ends_with("0\r\n\r\n"), "{seen}");
}

#[tokio::test]
async fn a_long_page_is_whole_behind_its_banner() {
    const LENGTH: usize = 16 * 1024 * 1024;
    let stage = Stage::start().await;
    let page: Vec<u8> =
        b"<p>0123456789 \xFF<!-- "[..].iter().copied().cycle().take(LENGTH).collect();
    let (mut client, mut hub, _) = stage.ask("GET /acme/bert", LOAD).await;
    let sent = page.clone();
    let sending = tokio::spawn(async move {
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {LENGTH}\r\n\r\n"
        );
        hub.send(head).await;
        for piece in sent.chunks(1 << 20) {
            hub.send(piece).await;
        }
    });
    let answer = tool::parse(&client.rest().await);
    sending.await.unwrap();
    let end = answer.body.windows(6).position(|six| six == b"</div>").unwrap() + 6;
    assert!(answer.body.starts_with(OPEN.as_bytes()));
    assert!(answer.body[end..] == page, "{} bytes", answer.body.len() - end);
}
