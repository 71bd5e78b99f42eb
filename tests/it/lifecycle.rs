//! How connections begin and end: limits, TLS, the drain, the admin port.

mod drain;
mod limits;
mod notify;
mod tls;

use crate::rig::{Hub, Setup};

#[tokio::test]
async fn the_admin_port_says_how_it_goes() {
    let hub = Hub::bind().await;
    let mut rig = Setup::http(&hub).start();
    assert_eq!(rig.admin("/livez").await, (200, "ok\n".into()));
    assert_eq!(rig.admin("/readyz").await, (200, "ok\n".into()));
    assert_eq!(rig.admin("/acme").await.0, 404);
    let mut client = rig.client().await;
    client.send("GET /1 HTTP/1.1\r\nhost: h\r\n\r\n").await;
    let mut upstream = hub.accept().await;
    upstream.head().await;
    rig.metric("hubgate_connections{kind=\"plain\"} 1").await;
    rig.drain();
    let draining = async { while rig.admin("/readyz").await != (503, "draining\n".into()) {} };
    crate::rig::soon(draining).await;
    assert_eq!(rig.admin("/livez").await, (200, "ok\n".into()));
    upstream.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    client.head().await;
    rig.ended().await.unwrap();
}
