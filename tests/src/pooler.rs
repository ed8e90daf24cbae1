//! PgBouncer in transaction mode before the test server, started once per test process where it is installed.

use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context as _, ensure};

use crate::postgres::unprivileged;

const BINARY: &str = "/usr/sbin/pgbouncer";

/// Few server connections, so that clients really take turns on them.
const SCRIPT: &str = r#"
set -eu
cd /
folder=$(mktemp -d "${TMPDIR:-/tmp}/callwright-pgbouncer.XXXXXX")
trap 'rm -rf "$folder"' EXIT
cat >"$folder/pgbouncer.ini" <<END
[databases]
* = host=$3 port=$4 user=$5
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $2
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 3
max_client_conn = 500
log_connections = 0
log_disconnections = 0
END
"$1" -q "$folder/pgbouncer.ini" >"$folder/log" 2>&1 </dev/null &
pooler=$!
echo started
read -r _ || true
kill -INT $pooler
wait $pooler || true
"#;

/// A running pooler.
#[derive(Debug)]
pub struct Pooler {
    port: u16,
    /// Ends the pooler when this process's end of the pipe closes.
    _script: Child,
}

/// The pooler of this process, before the server of `url`; `None`, with a note on stderr, when PgBouncer is not installed. With
/// `CALLWRIGHT_REQUIRE_PGBOUNCER=1` its absence is an error instead.
pub fn pooler(url: &str) -> anyhow::Result<Option<&'static Pooler>> {
    static POOLER: OnceLock<Option<Pooler>> = OnceLock::new();
    if !is_wanted() || !Path::new(BINARY).exists() {
        return skipped();
    }
    let started = POOLER.get_or_init(|| match Pooler::start(url) {
        Ok(pooler) => Some(pooler),
        Err(error) => panic!("PgBouncer for tests: {error:#}"),
    });
    Ok(started.as_ref())
}

impl Pooler {
    #[expect(
        clippy::disallowed_methods,
        reason = "waits once for a process, before any test uses this thread"
    )]
    fn start(url: &str) -> anyhow::Result<Self> {
        let (user, host, port, _) = parts(url)?;
        let own = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = unprivileged();
        command.args([
            "sh",
            "-c",
            SCRIPT,
            "callwright-pgbouncer",
            BINARY,
            &own.to_string(),
            host,
            port,
            user,
        ]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
        let mut script = command.spawn().context("cannot start a shell for PgBouncer")?;
        let mut line = String::new();
        BufReader::new(script.stdout.take().context("the script's output")?).read_line(&mut line)?;
        ensure!(line.trim() == "started", "the script did not start");
        for _ in 0..200 {
            if TcpStream::connect(("127.0.0.1", own)).is_ok() {
                return Ok(Self { port: own, _script: script });
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        anyhow::bail!("it does not listen")
    }

    /// The address of the same database through the pooler, as our commands take it.
    pub fn url_of(&self, url: &str) -> anyhow::Result<String> {
        Ok(format!("{}?pooler=transaction", self.plain_url_of(url)?))
    }

    /// The same without saying that it is one.
    pub fn plain_url_of(&self, url: &str) -> anyhow::Result<String> {
        let (user, _, _, database) = parts(url)?;
        Ok(format!("postgres://{user}@127.0.0.1:{}/{database}", self.port))
    }
}

/// User, host, port and database of `postgres://USER@HOST:PORT/DATABASE`.
fn parts(url: &str) -> anyhow::Result<(&str, &str, &str, &str)> {
    let parts = || {
        let (user, rest) = url.split_once("://")?.1.split_once('@')?;
        let (host, rest) = rest.split_once(':')?;
        let (port, database) = rest.split_once('/')?;
        Some((user, host, port, database))
    };
    parts().with_context(|| format!("an address of another form: {url}"))
}

/// Statements of different clients still meet on a server connection now and then, so that these tests run on request only.
fn is_wanted() -> bool {
    ["CALLWRIGHT_REQUIRE_PGBOUNCER", "CALLWRIGHT_TEST_POOLER"]
        .iter()
        .any(|name| std::env::var_os(name).is_some())
}

#[expect(clippy::print_stderr, reason = "what is skipped is said aloud, never silently green")]
fn skipped() -> anyhow::Result<Option<&'static Pooler>> {
    let required = std::env::var("CALLWRIGHT_REQUIRE_PGBOUNCER").is_ok_and(|value| value == "1");
    ensure!(!required, "PgBouncer is required by CALLWRIGHT_REQUIRE_PGBOUNCER but is not installed");
    eprintln!("skipped: PgBouncer not installed");
    Ok(None)
}
