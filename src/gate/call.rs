//! Calls on the gRPC port: a question is answered as any other, in Envoy's own messages.

use http::HeaderName;

use super::{Gate, Mode};
use crate::forward_auth::Contract;
use crate::forward_auth::grpc::{self, Call, Failure};
use crate::message::{Request, Response};
use crate::peer::Peer;

impl Gate {
    /// Answers a call, whatever happens.
    pub(super) async fn called(&self, request: &mut Request, peer: &Peer) -> Response {
        self.call(request, peer).await.unwrap_or_else(|failure| {
            tracing::info!(client = %peer.address, ?failure, "a call failed");
            failure.response()
        })
    }

    async fn call(&self, request: &mut Request, peer: &Peer) -> Result<Response, Failure> {
        let call = Call::of(request)?;
        if call == Call::Check && !self.site.forwarding.trusts(peer.address.ip()) {
            return Err(Failure::PermissionDenied);
        }
        let message = grpc::message(std::mem::take(request.body_mut())).await?;
        match call {
            Call::Health => grpc::health(message),
            Call::Check => {
                let mut question = grpc::question(message)?;
                let sent: Vec<HeaderName> = question.headers().keys().cloned().collect();
                let mode = Some(Mode::Asked(Contract::Grpc));
                let answered = self.respond(&mut question, mode, peer).await;
                Ok(grpc::answer(answered, &self.site.managed, &sent))
            }
        }
    }
}
