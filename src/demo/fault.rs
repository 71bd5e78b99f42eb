//! Ways in which a demo server can fail on request, for the tests.

use std::future::pending;
use std::io;

use bytes::Bytes;
use http::header::LOCATION;
use http::{Response, StatusCode};
use http_body::Frame;

use super::answer::{Body, answer, full, put, scripted, text};

/// What a server does in the place of its honest answer.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Answers with this status and a line of text.
    Status(u16),
    /// Never answers.
    Hang,
    /// Sends the head of an answer and never its body.
    HangInBody,
    /// Closes the connection without an answer.
    Close,
    /// Answers 200 with this many bytes of JSON white space, as they can be sent.
    Huge(u64),
    /// Redirects (302) to this address.
    Redirect(String),
    /// Answers 200 with this content type and body.
    Body(String, String),
}

impl Fault {
    /// Does it.
    pub(crate) async fn commit(self) -> io::Result<Response<Body>> {
        match self {
            Fault::Status(status) => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
                Ok(text(status, "this failure was ordered\n"))
            }
            Fault::Hang => pending().await,
            Fault::HangInBody => {
                let (script, body) = scripted();
                tokio::spawn(async move { script.closed().await });
                Ok(answer(StatusCode::OK, "application/json", body))
            }
            Fault::Close => Err(io::Error::other("this failure was ordered")),
            Fault::Huge(bytes) => {
                let (script, body) = scripted();
                tokio::spawn(async move {
                    let spaces = Bytes::from_static(&[b' '; 16 * 1024]);
                    for _ in 0..bytes.div_ceil(spaces.len() as u64) {
                        if script.send(Ok(Frame::data(spaces.clone()))).await.is_err() {
                            break;
                        }
                    }
                });
                Ok(answer(StatusCode::OK, "application/json", body))
            }
            Fault::Redirect(location) => {
                let mut response = text(StatusCode::FOUND, "");
                put(&mut response, LOCATION, &location);
                Ok(response)
            }
            Fault::Body(content_type, body) => {
                Ok(answer(StatusCode::OK, &content_type, full(body)))
            }
        }
    }
}
