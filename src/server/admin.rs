//! The admin port: health and metrics, apart from the traffic.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::header::{self, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use super::Phase;
use crate::body::Body;
use crate::observe::Metrics;

/// How many connections there are at once.
const CONNECTIONS: usize = 64;

/// How long a request may take to come.
const HEAD: Duration = Duration::from_secs(10);

/// What the admin port shows.
#[derive(Clone, Debug)]
pub(super) struct Admin {
    pub(super) metrics: Arc<Metrics>,
    pub(super) phases: watch::Receiver<Phase>,
}

impl Admin {
    /// Serves for ever.
    pub(super) async fn serve(self, listener: TcpListener) {
        let room = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
            let Ok((stream, _)) = listener.accept().await else {
                tokio::time::sleep(super::accept::PAUSE).await;
                continue;
            };
            let admin = self.clone();
            tokio::spawn(async move {
                admin.connection(stream).await;
                drop(place);
            });
        }
    }

    async fn connection(self, stream: TcpStream) {
        let service = service_fn(move |request| {
            let response = self.answer(&request);
            async move { Ok::<_, Infallible>(response) }
        });
        // A prober that hangs up is none of our business.
        let _ = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD)
            .serve_connection(TokioIo::new(stream), service)
            .await;
    }

    /// `/livez`: this process answers. `/readyz`: it takes traffic; an identity provider's outage
    /// does not change that, since whoever is signed in stays so. `/metrics`: for Prometheus.
    fn answer<B>(&self, request: &Request<B>) -> Response<Body> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut refused = text(StatusCode::METHOD_NOT_ALLOWED, "only GET\n".into());
            let methods = const { HeaderValue::from_static("GET, HEAD") };
            refused.headers_mut().insert(header::ALLOW, methods);
            return refused;
        }
        match request.uri().path() {
            "/livez" => text(StatusCode::OK, "ok\n".into()),
            "/readyz" => match *self.phases.borrow() {
                Phase::Serving => text(StatusCode::OK, "ok\n".into()),
                Phase::Leaving | Phase::Draining => {
                    text(StatusCode::SERVICE_UNAVAILABLE, "draining\n".into())
                }
            },
            "/metrics" => {
                let mut response = text(StatusCode::OK, self.metrics.text());
                response.headers_mut().insert(
                    header::CONTENT_TYPE,
                    const {
                        HeaderValue::from_static(
                            "application/openmetrics-text; version=1.0.0; charset=utf-8",
                        )
                    },
                );
                response
            }
            _ => text(StatusCode::NOT_FOUND, "/livez, /readyz, /metrics\n".into()),
        }
    }
}

fn text(status: StatusCode, body: String) -> Response<Body> {
    let mut response = Response::new(Body::full(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        const { HeaderValue::from_static("text/plain; charset=utf-8") },
    );
    headers.insert(header::CACHE_CONTROL, const { HeaderValue::from_static("no-store") });
    response
}
