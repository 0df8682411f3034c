//! Gives the refusals of the HTTP parser a body.
//!
//! A head that is malformed, too long for the parser (128 KiB, 96 headers, a URL of 64 KiB) or too slow never reaches a
//! handler: the parser answers it with a bare status. Those few answers are replaced here, on their way to the socket.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use actix_web::{
    ResponseError as _,
    http::StatusCode,
    web::{Buf as _, Bytes},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::http::error::ApiError;

/// A socket whose bare refusals get a body.
#[derive(Debug)]
pub(super) struct Refusals<T> {
    socket: T,
    /// What is left of a replacement that is being written.
    pending: Bytes,
}

impl<T> Refusals<T> {
    pub fn over(socket: T) -> Self {
        Self { socket, pending: Bytes::new() }
    }

    /// The socket below.
    pub fn socket(&self) -> &T {
        &self.socket
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Refusals<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, buf)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Refusals<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.pending.is_empty() {
            match replacement(buf) {
                Some(answer) => this.pending = answer,
                None => return Pin::new(&mut this.socket).poll_write(cx, buf),
            }
        }
        while !this.pending.is_empty() {
            let written = ready!(Pin::new(&mut this.socket).poll_write(cx, &this.pending))?;
            if written == 0 {
                return Poll::Ready(Ok(0));
            }
            this.pending.advance(written);
        }
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

/// The answer to write instead, if this is a bare refusal and nothing else. Our own answers with these statuses have a body.
fn replacement(answer: &[u8]) -> Option<Bytes> {
    let status = answer.strip_prefix(b"HTTP/1.1 ")?.get(..3)?;
    let error = match status {
        b"400" => ApiError::new(StatusCode::BAD_REQUEST, "The request is not well-formed HTTP."),
        b"408" => ApiError::new(StatusCode::REQUEST_TIMEOUT, "The request did not arrive in time."),
        b"431" => ApiError::too_large(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "The head of the request is too long, or has too many headers.",
        ),
        _ => return None,
    };
    let head = std::str::from_utf8(answer).ok()?.strip_suffix("\r\n\r\n")?;
    let has_body = head.lines().skip(1).any(|line| {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        name.eq_ignore_ascii_case("content-length") && value.trim() != "0"
            || name.eq_ignore_ascii_case("transfer-encoding")
    });
    if has_body || head.contains("\r\n\r\n") {
        return None;
    }
    let code = error.status_code();
    let ApiError::Error(body) = error else { return None };
    let body = serde_json::to_string(&body).ok()?;
    let head = format!(
        "HTTP/1.1 {code}\r\ncontent-length: {}\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n",
        body.len()
    );
    Some(Bytes::from(head + &body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bare_refusals_are_replaced() {
        for (answer, is_replaced) in [
            ("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", true),
            ("HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\n\r\n", true),
            ("HTTP/1.1 408 Request Timeout\r\n\r\n", true),
            ("HTTP/1.1 204 No Content\r\n\r\n", false),
            ("HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\n{}", false),
            ("HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\n", false),
            ("HTTP/1.1 400 Bad Request\r\ntransfer-encoding: chunked\r\n\r\n", false),
            ("HTTP/1.1 400 Bad Request\r\n\r\nHTTP/1.1 400 Bad Request\r\n\r\n", false),
            ("{}", false),
        ] {
            assert_eq!(replacement(answer.as_bytes()).is_some(), is_replaced, "{answer}");
        }
    }
}
