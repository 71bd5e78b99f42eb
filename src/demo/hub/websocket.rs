//! Upgraded connections that send back what they are sent: WebSockets (RFC 6455), and plain bytes.

use std::io;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_PROTOCOL, UPGRADE};
use http::{Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::Visit;
use crate::demo::answer::{Body, full, put, text};

/// Larger messages than this end the connection.
const LARGEST: u64 = 1 << 20;

/// Answers 101 and echoes until the client, or the hub, goes away.
pub(super) fn upgrade(visit: Visit) -> Response<Body> {
    let Visit { request, head, mut lifetime, .. } = visit;
    let Some(protocol) = head.value("upgrade") else {
        let mut response = text(StatusCode::UPGRADE_REQUIRED, "ask for an upgrade\n");
        put(&mut response, UPGRADE, "websocket");
        return response;
    };
    let mut response = Response::new(full(""));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    put(&mut response, CONNECTION, "Upgrade");
    put(&mut response, UPGRADE, &protocol);
    let websocket = protocol.eq_ignore_ascii_case("websocket");
    if websocket {
        let Some(key) = head.value("sec-websocket-key") else {
            return text(StatusCode::BAD_REQUEST, "no Sec-WebSocket-Key\n");
        };
        // RFC 6455 §4.2.2, step 5.4
        let proof = format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
        let proof = digest(&SHA1_FOR_LEGACY_USE_ONLY, proof.as_bytes());
        put(&mut response, SEC_WEBSOCKET_ACCEPT, &STANDARD.encode(proof));
        if let Some(offered) = head.value("sec-websocket-protocol") {
            let chosen = offered.split(',').next().unwrap_or_default().trim();
            put(&mut response, SEC_WEBSOCKET_PROTOCOL, chosen);
        }
    }
    tokio::spawn(async move {
        let Ok(upgraded) = hyper::upgrade::on(request).await else { return };
        let stream = TokioIo::new(upgraded);
        tokio::select! {
            () = lifetime.ended() => {}
            _ = echo(stream, websocket) => {}
        }
    });
    response
}

async fn echo<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, websocket: bool) -> io::Result<()> {
    if !websocket {
        let (mut from, mut to) = tokio::io::split(stream);
        tokio::io::copy(&mut from, &mut to).await?;
        return to.shutdown().await;
    }
    loop {
        let (opcode, fin, payload) = read_frame(&mut stream).await?;
        match opcode {
            // Continuation, text, binary: back as they came. Close: likewise, and then the end.
            0..=2 => write_frame(&mut stream, opcode | fin, &payload).await?,
            8 => {
                write_frame(&mut stream, 0x88, &payload).await?;
                return stream.shutdown().await;
            }
            9 => write_frame(&mut stream, 0x8a, &payload).await?,
            10 => {}
            _ => return Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

/// Reads a client's frame (RFC 6455 §5.2): its opcode, its FIN bit in place, its payload.
async fn read_frame<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<(u8, u8, Vec<u8>)> {
    let (first, second) = (stream.read_u8().await?, stream.read_u8().await?);
    let length = match second & 0x7f {
        126 => u64::from(stream.read_u16().await?),
        127 => stream.read_u64().await?,
        short => u64::from(short),
    };
    if second & 0x80 == 0 || length > LARGEST {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut mask = [0; 4];
    stream.read_exact(&mut mask).await?;
    let mut payload = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    stream.read_exact(&mut payload).await?;
    payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
    Ok((first & 0x0f, first & 0x80, payload))
}

async fn write_frame<S: AsyncWrite + Unpin>(
    stream: &mut S,
    first: u8,
    payload: &[u8],
) -> io::Result<()> {
    let mut frame = vec![first];
    match payload.len() {
        short @ 0..=125 => frame.push(short as u8),
        middle @ 126..=0xffff => {
            frame.push(126);
            frame.extend_from_slice(&(middle as u16).to_be_bytes());
        }
        long => {
            frame.push(127);
            frame.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(payload);
    stream.write_all(&frame).await?;
    stream.flush().await
}
