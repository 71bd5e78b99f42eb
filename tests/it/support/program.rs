//! A program that signs in by way of somebody's browser, with the bytes that `hf` sends.

use std::net::SocketAddr;

use serde_json::Value;

use super::answer::Answer;
use super::browser::{Ask, Browser};
use super::setup::SITE;
use super::tool;
use super::world::World;

/// The client id of `hf`.
pub(crate) const CLIENT_ID: &str = "26be6b09-91c5-47da-9861-d2d2bb7a7e36";

const DEVICE_CODE: &str = "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code";

/// One program.
pub(crate) struct Program {
    pub(crate) gate: SocketAddr,
    pub(crate) device_code: String,
    pub(crate) user_code: String,
    pub(crate) link: String,
}

/// What a program was given.
#[derive(Clone, Debug)]
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
    pub(crate) expires_in: u64,
}

/// A form to an OAuth address, as the client sends it.
pub(crate) async fn oauth(gate: SocketAddr, path: &str, form: &str) -> Answer {
    let headers = "Accept: */*\r\nAccept-Encoding: gzip, deflate\r\n\
                   User-Agent: python-httpx2/2.16.2\r\n\
                   Content-Type: application/x-www-form-urlencoded\r\n";
    tool::send(gate, &format!("POST {path}"), headers, form.as_bytes()).await
}

impl Program {
    /// Begins to wait.
    pub(crate) async fn begin(gate: SocketAddr) -> Self {
        let answer = oauth(gate, "/oauth/device", &format!("client_id={CLIENT_ID}")).await;
        let told = answer.expect(200).json();
        let text = |name: &str| told[name].as_str().unwrap().to_owned();
        Self {
            gate,
            device_code: text("device_code"),
            user_code: text("user_code"),
            link: text("verification_uri_complete"),
        }
    }

    /// Asks for its tokens once.
    pub(crate) async fn poll(&self) -> Answer {
        let form = format!(
            "grant_type={DEVICE_CODE}&device_code={}&client_id={CLIENT_ID}",
            self.device_code
        );
        oauth(self.gate, "/oauth/token", &form).await
    }

    /// The page that asks the person of this browser.
    pub(crate) async fn question(&self, browser: &mut Browser) -> Answer {
        browser.load(self.link.strip_prefix(SITE).unwrap()).await
    }

    /// The person of this browser answers.
    pub(crate) async fn answered(&self, browser: &mut Browser, answer: &str) -> Answer {
        let page = self.question(browser).await.expect(200);
        let form = page.forms().remove(0);
        browser.submit(&page, &form, Some(("answer", answer))).await
    }
}

impl Tokens {
    #[track_caller]
    pub(crate) fn of(answer: &Value) -> Self {
        let text = |name: &str| answer[name].as_str().unwrap_or_else(|| panic!("{answer}"));
        Self {
            access: text("access_token").to_owned(),
            refresh: text("refresh_token").to_owned(),
            expires_in: answer["expires_in"].as_u64().unwrap(),
        }
    }
}

impl World {
    /// Lets a program act as the person of this browser.
    pub(crate) async fn program_of(&self, browser: &mut Browser) -> Tokens {
        let program = Program::begin(self.gate.address).await;
        program.answered(browser, "allow").await.expect(200);
        Tokens::of(&program.poll().await.expect(200).json())
    }

    /// Exchanges a refresh token.
    pub(crate) async fn refreshed(&self, refresh: &str) -> Answer {
        let form =
            format!("grant_type=refresh_token&refresh_token={refresh}&client_id={CLIENT_ID}");
        oauth(self.gate.address, "/oauth/token", &form).await
    }

    /// Asks as a program with this token.
    pub(crate) async fn bearing(&self, line: &str, token: &str) -> Answer {
        let headers = format!("Authorization: Bearer {token}\r\n");
        tool::ask(self.gate.address, line, &headers).await
    }
}

/// A sign-out, of one organization or of all.
pub(crate) fn sign_out(organization: Option<&str>) -> Ask {
    let ask = Ask::post("/-/sso/logout").page().header("Origin", SITE);
    match organization {
        Some(id) => ask.form(&[("organization", id)]),
        None => ask.form(&[]),
    }
}
