//! One address for a page and for the service that it speaks to, wherever that is at the moment: a browser wants both from the
//! same origin, and after a new start the service has another port.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
};

const HEAD_END: &[u8] = b"\r\n\r\n";
const MAX_HEAD: usize = 64 * 1024;

/// `/page` is the page, what is posted to `/told` is kept, all else is the service's. Each connection carries one request.
#[derive(Debug, Clone)]
pub struct Relay {
    /// Such as `http://127.0.0.1:1234`.
    pub origin: String,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    page: String,
    service: Mutex<String>,
    told: Mutex<Vec<String>>,
}

impl Relay {
    /// Serves until the process ends.
    ///
    /// # Panics
    /// When there is no free port.
    pub async fn start(page: String, service: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("there are ports");
        let origin = format!("http://{}", listener.local_addr().expect("it is bound"));
        let state = Arc::new(State { page, service: Mutex::new(service.to_owned()), told: Mutex::default() });
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                // What breaks off is the client's to notice.
                tokio::spawn(async move { drop(state.serve(client).await) });
            }
        });
        Self { origin, state }
    }

    /// From now on the service is there.
    pub fn lead_to(&self, service: &str) {
        service.clone_into(&mut lock(&self.state.service));
    }

    /// What was posted so far.
    pub fn told(&self) -> Vec<String> {
        lock(&self.state.told).clone()
    }
}

impl State {
    async fn serve(&self, mut client: TcpStream) -> io::Result<()> {
        let mut head = Vec::new();
        while !head.windows(HEAD_END.len()).any(|window| window == HEAD_END) {
            if client.read_buf(&mut head).await? == 0 || head.len() > MAX_HEAD {
                return Ok(());
            }
        }
        let text = String::from_utf8_lossy(&head).into_owned();
        match text.split(' ').take(2).collect::<Vec<_>>()[..] {
            ["GET", "/page"] => answer(&mut client, "200 OK", &self.page).await,
            ["POST", "/told"] => {
                let (head, begun) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
                let length =
                    head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
                let mut body = begun.as_bytes().to_vec();
                body.resize(length.unwrap_or(0), 0);
                client.read_exact(&mut body[begun.len()..]).await?;
                lock(&self.told).push(String::from_utf8_lossy(&body).into_owned());
                answer(&mut client, "200 OK", "").await
            }
            _ => {
                let service = lock(&self.service).trim_start_matches("http://").to_owned();
                let mut service = TcpStream::connect(service).await?;
                service.write_all(&head).await?;
                copy_bidirectional(&mut client, &mut service).await.map(drop)
            }
        }
    }
}

async fn answer(client: &mut TcpStream, status: &str, body: &str) -> io::Result<()> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/html\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    client.write_all((head + body).as_bytes()).await?;
    client.shutdown().await
}

fn lock<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}
