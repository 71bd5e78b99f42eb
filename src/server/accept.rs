//! Accepting connections, for one socket of one thread.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::spawn_local;
use tracing::warn;

use super::connection::serve;
use super::worker::Thread;
use crate::message::Answers;
use crate::observe::Connection;
use crate::peer::Door;

/// How long accepting pauses when the machine has no descriptor or memory left.
pub(super) const PAUSE: Duration = Duration::from_millis(100);

/// Accepts until the drain begins. When there are as many connections as are allowed, it waits:
/// the kernel's queue fills, and clients see that we are slow instead of being turned away.
pub(super) async fn accept<Serve>(listener: TcpListener, door: Door, thread: Rc<Thread<Serve>>)
where
    Serve: Answers,
{
    let mut phases = thread.phases.clone();
    tokio::select! {
        biased;
        _ = phases.wait_for(|phase| *phase == super::Phase::Draining) => {}
        () = accept_all(&listener, door, &thread) => {}
    }
    // Those that the kernel has accepted for us already are served: closing the socket would
    // reset them.
    let Ok(listener) = listener.into_std() else { return };
    while let Ok(place) = Arc::clone(&thread.room).try_acquire_owned()
        && let Ok((stream, _)) = listener.accept()
    {
        if stream.set_nonblocking(true).is_ok()
            && let Ok(stream) = TcpStream::from_std(stream)
        {
            start(stream, place, door, &thread);
        }
    }
}

async fn accept_all<Serve>(listener: &TcpListener, door: Door, thread: &Rc<Thread<Serve>>)
where
    Serve: Answers,
{
    loop {
        let Ok(place) = Arc::clone(&thread.room).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => start(stream, place, door, thread),
            Err(error) if is_the_clients(&error) => {}
            Err(error) => {
                thread.recorder.metrics().connection_failed(Connection::Accept);
                warn!(%error, "cannot accept connections");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

fn start<Serve>(
    stream: TcpStream,
    place: OwnedSemaphorePermit,
    door: Door,
    thread: &Rc<Thread<Serve>>,
) where
    Serve: Answers,
{
    spawn_local(serve(stream, place, door, Rc::clone(thread)));
}

/// Whether accepting failed because the client is gone already (accept(2)).
fn is_the_clients(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
            | io::ErrorKind::WouldBlock
    )
}
