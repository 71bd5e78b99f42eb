//! A change of protocol: both sides agree, and then bytes go both ways (RFC 9110 §7.8).

use http::header;
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional;
use tokio::task::spawn_local;
use tracing::debug;

use super::Error;
use super::outgoing::Switch;
use crate::body::{Body, Lifeline};
use crate::fields::FieldValue;
use crate::headers::strip_response;
use crate::message::Response;

/// Answers the client as the hub did, and joins the two connections once both have changed.
pub(super) fn join(
    mut response: http::Response<Incoming>,
    switch: Option<Switch>,
    lifeline: Lifeline,
) -> Result<Response, Error> {
    let hub = hyper::upgrade::on(&mut response);
    let mut response = Response::from(response);
    let headers = response.headers_mut();
    let agreed = strip_response(headers).ok_or(Error::UnaskedUpgrade)?;
    let switch = switch
        .filter(|asked| asked.protocol.as_bytes().eq_ignore_ascii_case(agreed.0.as_bytes()))
        .ok_or(Error::UnaskedUpgrade)?;
    headers.insert(header::CONNECTION, const { FieldValue::from_static("upgrade") });
    headers.insert(header::UPGRADE, agreed.0);
    // A 101 has no body, and no length (RFC 9110 §8.6).
    headers.remove(header::CONTENT_LENGTH);
    spawn_local(async move {
        tokio::select! {
            () = copy(switch.client, hub) => {}
            () = lifeline.ending() => debug!("a tunnel ended with its session"),
        }
    });
    *response.body_mut() = Body::Empty;
    Ok(response)
}

/// Copies both ways; the end of one direction is passed on and leaves the other open.
async fn copy(client: OnUpgrade, hub: OnUpgrade) {
    let (client, hub) = match tokio::try_join!(client, hub) {
        Ok(both) => both,
        Err(error) => {
            debug!(%error, "a change of protocol failed");
            return;
        }
    };
    let (mut client, mut hub) = (TokioIo::new(client), TokioIo::new(hub));
    match copy_bidirectional(&mut client, &mut hub).await {
        Ok((up, down)) => debug!(bytes.up = up, bytes.down = down, "a tunnel ended"),
        Err(error) => debug!(%error, "a tunnel broke off"),
    }
}
