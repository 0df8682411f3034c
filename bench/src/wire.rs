//! A lean HTTP/1.1 client: one kept connection, requests as bytes, answers parsed as far as needed. It shares two cores with
//! what it measures.

use std::{io::Write as _, net::SocketAddr};

use anyhow::{Context as _, bail, ensure};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

const MAX_HEADERS: usize = 32;

/// A kept connection.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    host: SocketAddr,
    request: Vec<u8>,
    answer: Vec<u8>,
}

/// What to ask.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub headers: &'a [(&'a str, &'a str)],
    pub body: &'a str,
}

/// An answer.
#[derive(Debug)]
pub struct Answer<'a> {
    pub status: u16,
    head: &'a [u8],
    pub body: &'a [u8],
}

impl Connection {
    /// Connects.
    pub async fn open(host: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(host).await.with_context(|| format!("nobody answers at {host}"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, host, request: Vec::with_capacity(4096), answer: Vec::with_capacity(64 * 1024) })
    }

    /// Asks, and waits for the whole answer.
    pub async fn exchange(&mut self, request: Request<'_>) -> anyhow::Result<Answer<'_>> {
        self.write(request)?;
        self.stream.write_all(&self.request).await?;
        self.answer.clear();
        let head = loop {
            self.read().await?;
            if let Some(head) = Head::parse(&self.answer)? {
                break head;
            }
        };
        while self.answer.len() < head.bytes + head.body_bytes {
            self.read().await?;
        }
        let (head_bytes, body) = self.answer.split_at(head.bytes);
        Ok(Answer { status: head.status, head: head_bytes, body })
    }

    fn write(&mut self, request: Request<'_>) -> std::io::Result<()> {
        let out = &mut self.request;
        out.clear();
        write!(out, "{} {} HTTP/1.1\r\nhost: {}\r\n", request.method, request.path, self.host)?;
        for (name, value) in request.headers {
            write!(out, "{name}: {value}\r\n")?;
        }
        if !request.body.is_empty() {
            write!(out, "content-length: {}\r\n", request.body.len())?;
        }
        write!(out, "\r\n{}", request.body)
    }

    async fn read(&mut self) -> anyhow::Result<()> {
        ensure!(self.stream.read_buf(&mut self.answer).await? > 0, "the server closed the connection");
        Ok(())
    }
}

struct Head {
    status: u16,
    bytes: usize,
    body_bytes: usize,
}

impl Head {
    /// None while it is not all there.
    fn parse(bytes: &[u8]) -> anyhow::Result<Option<Self>> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        let httparse::Status::Complete(length) = response.parse(bytes)? else { return Ok(None) };
        let status = response.code.context("an answer without status")?;
        let mut body_bytes = 0;
        for header in response.headers.iter() {
            if header.name.eq_ignore_ascii_case("content-length") {
                body_bytes = str::from_utf8(header.value)?.trim().parse()?;
            } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
                bail!("an answer in chunks, which this client does not read");
            }
        }
        Ok(Some(Self { status, bytes: length, body_bytes }))
    }
}

impl Answer<'_> {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        response.parse(self.head).ok()?;
        let found = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
        str::from_utf8(found.value).ok()
    }

    /// Whether it is the answer that was counted on; figures made of anything else mean nothing.
    ///
    /// # Errors
    /// When it is not.
    pub fn expect(self, status: u16) -> anyhow::Result<Self> {
        ensure!(
            self.status == status,
            "answered {}, not {status}: {}",
            self.status,
            String::from_utf8_lossy(self.body)
        );
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_an_answer_is_known_as_soon_as_its_head_is_there() {
        for (bytes, expected) in [
            ("HTTP/1.1 200 OK\r\nContent-Le", None),
            ("HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n{}", Some((200, 39, 12))),
            ("HTTP/1.1 204 No Content\r\n\r\n", Some((204, 27, 0))),
        ] {
            let head = Head::parse(bytes.as_bytes()).expect("well formed");
            assert_eq!(head.map(|head| (head.status, head.bytes, head.body_bytes)), expected, "{bytes}");
        }
        assert!(Head::parse(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").is_err());
    }

    #[test]
    fn headers_are_found_whatever_their_case() {
        let head = b"HTTP/1.1 201 Created\r\nX-Consistency-Token: s1.a\r\ncontent-length: 0\r\n\r\n";
        let answer = Answer { status: 201, head, body: b"" };
        assert_eq!(answer.header("x-consistency-token"), Some("s1.a"));
        assert_eq!(answer.header("etag"), None);
        assert!(answer.expect(200).is_err());
    }
}
