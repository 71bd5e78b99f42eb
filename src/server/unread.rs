//! Bodies of requests that were answered without them.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use http::{Version, header};
use http_body::Body as _;

use crate::body::{Body, Error};
use crate::message::{Request, Response};

/// How much of a body is let go for the sake of the connection.
const LITTLE: usize = 64 * 1024;

/// Says that the connection ends with an answer where it does: where the rest of a request stands in
/// the way of the next one (RFC 9112 §9.6). What is here already is let go, and nobody waits for more.
///
/// `version` is what the client speaks. In HTTP/2 a request stands in nobody's way, and an answer says
/// nothing of the connection (RFC 9113 §8.2.2).
pub(super) async fn tell(version: Version, request: &mut Request, response: &mut Response) {
    if version == Version::HTTP_2 {
        response.headers_mut().remove(header::CONNECTION);
    } else if !request.body().is_end_stream() && !let_go(request).await {
        response.tell_close();
    }
}

/// Whether the whole body was here.
async fn let_go(request: &mut Request) -> bool {
    // Whoever waits to be asked for it is not asked (RFC 9110 §10.1.1).
    if request.headers().contains_key(header::EXPECT) {
        return false;
    }
    let mut gone = 0;
    let mut patient = true;
    while gone <= LITTLE {
        match poll_fn(|cx| Poll::Ready(next(request.body_mut(), cx))).await {
            Poll::Ready(Some(Ok(length))) => (gone, patient) = (gone + length, true),
            Poll::Ready(Some(Err(_))) => return false,
            Poll::Ready(None) => return true,
            // The connection is read when it has its turn.
            Poll::Pending if patient => {
                patient = false;
                tokio::task::yield_now().await;
            }
            Poll::Pending => return false,
        }
    }
    false
}

/// How long the next piece of the body is.
fn next(body: &mut Body, cx: &mut std::task::Context<'_>) -> Poll<Option<Result<usize, Error>>> {
    let frame = Pin::new(body).poll_frame(cx);
    frame.map_ok(|frame| frame.data_ref().map_or(0, bytes::Bytes::len))
}
