//! A TCP proxy that misbehaves on purpose: between a dialer and its database, or a dialer and its carrier.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What is done to every connection, until it is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Pass,
    /// Every chunk of bytes comes later by this much.
    Delay(Duration),
    /// Nothing passes, and nothing is lost: what waits comes when the mode changes, as on a network that heals.
    Hold,
    /// Bytes vanish. Connections that lost some are dead for good, and neither end is told.
    BlackHole,
    /// Every connection is reset, new ones too.
    Reset,
    /// A connection is reset after so many more bytes, mostly in the middle of something.
    ResetAfter(u64),
    /// The next bytes from upstream are followed by an end of the stream, while the other direction stays open.
    HalfClose,
}

/// A listening proxy; gone with the value.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    mode: watch::Sender<Mode>,
    upstream: watch::Sender<String>,
    /// Connections that a fault met.
    hit: AtomicU64,
}

/// One connection through the proxy.
struct Line {
    shared: Arc<Shared>,
    /// It lost bytes.
    dead: AtomicBool,
    /// Bytes since the mode was last looked at.
    bytes: AtomicU64,
    /// Directions that have ended.
    ends: AtomicUsize,
}

/// What one direction does with a chunk.
enum Fate {
    Forward(usize),
    Swallow,
    Break,
    /// So many bytes, and then a reset.
    BreakAfter(usize),
    EndAfter(usize),
}

const CHUNK: usize = 16 * 1_024;

impl Proxy {
    /// Listens on a free loopback port and passes everything to `upstream` (`HOST:PORT`).
    pub async fn start(upstream: &str) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", super::process::free_port()?)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            mode: watch::Sender::new(Mode::Pass),
            upstream: watch::Sender::new(upstream.to_owned()),
            hit: AtomicU64::new(0),
        });
        let task = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, task })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn set(&self, mode: Mode) {
        self.shared.mode.send_replace(mode);
    }

    /// Where new connections go.
    pub fn lead_to(&self, upstream: &str) {
        self.shared.upstream.send_replace(upstream.to_owned());
    }

    /// How many connections were hit by a fault so far: a fault that hits none proves nothing.
    pub fn hits(&self) -> u64 {
        self.shared.hit.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
        self.set(Mode::Reset);
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        tokio::spawn(join(client, Arc::clone(&shared)));
    }
}

async fn join(client: TcpStream, shared: Arc<Shared>) {
    let mode = *shared.mode.borrow();
    let upstream = shared.upstream.borrow().clone();
    let server = if mode == Mode::Reset { None } else { TcpStream::connect(upstream).await.ok() };
    let Some(server) = server else {
        shared.hit.fetch_add(u64::from(mode == Mode::Reset), Ordering::Relaxed);
        return reset(&client);
    };
    let (client_in, client_out) = client.into_split();
    let (server_in, server_out) = server.into_split();
    let line = Line {
        shared: Arc::clone(&shared),
        dead: AtomicBool::new(false),
        bytes: AtomicU64::new(0),
        ends: AtomicUsize::new(0),
    };
    // A failure of either direction ends both; a mere end of one does not.
    tokio::select! {
        () = carry(&line, client_in, server_out, false) => {}
        () = carry(&line, server_in, client_out, true) => {}
    }
}

async fn carry(line: &Line, mut from: OwnedReadHalf, mut to: OwnedWriteHalf, is_answer: bool) {
    let mut mode = line.shared.mode.subscribe();
    let mut buffer = vec![0; CHUNK];
    loop {
        let read = tokio::select! {
            read = from.read(&mut buffer) => read,
            _ = mode.changed() => {
                line.bytes.store(0, Ordering::Relaxed);
                if *mode.borrow_and_update() == Mode::Reset {
                    return line.cut(&from, &to);
                }
                continue;
            }
        };
        let Ok(count) = read else { return };
        if count == 0 {
            // An end of the stream is passed on; the other direction may have more to say.
            let _ = to.shutdown().await;
            return line.one_end().await;
        }
        match line.fate(&mut mode, count, is_answer).await {
            Fate::Swallow => {}
            Fate::Break => return line.cut(&from, &to),
            Fate::Forward(count) => {
                if to.write_all(&buffer[..count]).await.is_err() {
                    return;
                }
            }
            Fate::BreakAfter(count) => {
                let _ = to.write_all(&buffer[..count]).await;
                return line.cut(&from, &to);
            }
            Fate::EndAfter(count) => {
                let _ = to.write_all(&buffer[..count]).await;
                let _ = to.shutdown().await;
                line.hit();
                return line.one_end().await;
            }
        }
    }
}

impl Line {
    async fn fate(&self, mode: &mut watch::Receiver<Mode>, count: usize, is_answer: bool) -> Fate {
        loop {
            let current = *mode.borrow_and_update();
            if self.dead.load(Ordering::Relaxed) {
                return Fate::Swallow;
            }
            match current {
                Mode::Delay(by) => {
                    self.hit();
                    tokio::time::sleep(by).await;
                    return Fate::Forward(count);
                }
                Mode::Hold => {
                    self.hit();
                    if mode.changed().await.is_err() {
                        return Fate::Break;
                    }
                }
                Mode::BlackHole => {
                    self.hit();
                    self.dead.store(true, Ordering::Relaxed);
                    return Fate::Swallow;
                }
                Mode::Reset => return Fate::Break,
                Mode::ResetAfter(bytes) => {
                    let before = self.bytes.fetch_add(count as u64, Ordering::Relaxed);
                    let left = bytes.saturating_sub(before) as usize;
                    return if left < count { Fate::BreakAfter(left) } else { Fate::Forward(count) };
                }
                Mode::HalfClose if is_answer => return Fate::EndAfter(count),
                Mode::Pass | Mode::HalfClose => return Fate::Forward(count),
            }
        }
    }

    /// The line is over with its second end.
    async fn one_end(&self) {
        if self.ends.fetch_add(1, Ordering::Relaxed) == 0 {
            std::future::pending::<()>().await;
        }
    }

    fn hit(&self) {
        self.shared.hit.fetch_add(1, Ordering::Relaxed);
    }

    fn cut(&self, from: &OwnedReadHalf, to: &OwnedWriteHalf) {
        self.hit();
        reset(from.as_ref());
        reset(to.as_ref());
    }
}

/// Closing it sends a reset instead of an end.
fn reset(stream: &TcpStream) {
    let _ = stream.set_zero_linger();
}
