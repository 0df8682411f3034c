//! A socket that a client must go on reading from: an answer that nobody takes would be held for as long as the client likes. It
//! also tells when the client has closed its side, which answers that never end want to know.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures::FutureExt as _;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::watch,
    time::{Sleep, sleep},
};

/// Within this time a client takes something of what is sent to it.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// See the module.
#[derive(Debug)]
pub(super) struct Patience<T> {
    socket: T,
    limit: Duration,
    /// Since when nothing could be written, if so.
    waiting: Option<Pin<Box<Sleep>>>,
    left: watch::Sender<bool>,
}

/// Whether the client of a connection has closed its side.
#[derive(Debug, Clone)]
pub(in crate::http) struct Left(watch::Receiver<bool>);

impl Left {
    /// Resolves when it has, or the connection is gone altogether.
    pub async fn resolved(mut self) {
        // Without a sender there is no connection.
        drop(self.0.wait_for(|left| *left).await);
    }
}

impl<T> Patience<T> {
    pub fn with(socket: T, limit: Duration) -> Self {
        Self { socket, limit, waiting: None, left: watch::Sender::new(false) }
    }

    /// Whether its client has closed its side.
    pub fn left(&self) -> Left {
        Left(self.left.subscribe())
    }

    /// Passes on what became of a write, unless it has waited for too long.
    fn watched<O>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<O>>) -> Poll<io::Result<O>> {
        if written.is_ready() {
            self.waiting = None;
            return written;
        }
        let limit = self.limit;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(limit)));
        waiting.poll_unpin(cx).map(|()| Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes nothing")))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Patience<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.socket).poll_read(cx, buf);
        let is_over = match &read {
            Poll::Ready(Ok(())) => buf.filled().len() == before && buf.remaining() > 0,
            Poll::Ready(Err(_)) => true,
            Poll::Pending => false,
        };
        if is_over {
            self.left.send_replace(true);
        }
        read
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Patience<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(cx, buf);
        self.watched(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.socket).poll_flush(cx);
        self.watched(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_a_little_may_stay_and_one_that_takes_nothing_may_not() {
        let (ours, mut theirs) = tokio::io::duplex(8);
        let mut socket = Patience::with(ours, PATIENCE);
        let slow = tokio::spawn(async move {
            for _ in 0..4 {
                sleep(PATIENCE - Duration::from_secs(1)).await;
                theirs.read_exact(&mut [0; 8]).await.expect("bytes");
            }
            theirs
        });
        socket.write_all(&[1; 40]).await.expect("the client reads on");
        let _theirs = slow.await.expect("it has read");
        let error = socket.write_all(&[1; 40]).await.expect_err("nobody reads");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn that_a_client_has_closed_its_side_is_told() {
        let (ours, mut theirs) = tokio::io::duplex(8);
        let mut socket = Patience::with(ours, PATIENCE);
        let mut left = Box::pin(socket.left().resolved());
        theirs.write_all(b"x").await.expect("room");
        socket.read_exact(&mut [0]).await.expect("a byte");
        assert_eq!(left.as_mut().now_or_never(), None);
        theirs.shutdown().await.expect("closed");
        assert_eq!(socket.read(&mut [0]).await.expect("the end"), 0);
        left.await;
    }
}
