//! PostgreSQL for tests: a server given by `CALLWRIGHT_TEST_POSTGRES_URL`, or a private one of the installed binaries, started
//! once per test process on a free loopback port, in a temporary folder, and gone when the process ends.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, bail};
use callwright_engine::store::db::{Db, Durability};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

/// A server with a migrated template database.
#[derive(Debug)]
pub struct Server {
    /// Without a database name.
    base: String,
    template: String,
    next: AtomicU32,
    /// A server of somebody else keeps what is not dropped; a private one is thrown away as a whole.
    is_private: bool,
    /// The script below; it ends the server when this process's end of the pipe closes, however the process ends.
    _script: Option<Child>,
}

/// One test's database.
#[derive(Debug)]
pub struct Database {
    pub url: String,
    server: &'static Server,
    name: String,
}

/// Run as a user that is not root (initdb insists). `read` returns when the test process is gone.
const SCRIPT: &str = r#"
set -eu
cd /
folder=$(mktemp -d "${TMPDIR:-/tmp}/callwright-postgres.XXXXXX")
trap 'rm -rf "$folder"' EXIT
"$1/initdb" -D "$folder/data" -U callwright -A trust -E UTF8 --locale=C --no-sync >"$folder/initdb.log" 2>&1
"$1/postgres" -D "$folder/data" -p "$2" -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=300 \
    -c max_locks_per_transaction=256 -c fsync=off -c synchronous_commit=off -c full_page_writes=off \
    >"$folder/server.log" 2>&1 </dev/null &
server=$!
tries=0
until "$1/pg_isready" -q -h 127.0.0.1 -p "$2"; do
    tries=$((tries + 1))
    if [ $tries -gt 300 ] || ! kill -0 $server 2>/dev/null; then tail -n 5 "$folder/server.log" >&2; exit 1; fi
    sleep 0.1
done
echo ready
read -r _ || true
kill -QUIT $server
wait $server || true
"#;

/// The server of this process, started at the first call; `None` when there is neither an address nor an installation.
pub fn server() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    SERVER
        .get_or_init(|| match Server::start() {
            Ok(server) => server,
            Err(error) => panic!("PostgreSQL for tests: {error:#}"),
        })
        .as_ref()
}

impl Server {
    fn start() -> anyhow::Result<Option<Self>> {
        if let Ok(url) = std::env::var("CALLWRIGHT_TEST_POSTGRES_URL") {
            let base = url.rsplit_once('/').map_or(url.as_str(), |(base, _)| base).to_owned();
            return Self::with_template(base, None).map(Some);
        }
        let Some(binaries) = installed() else { return Ok(None) };
        let mut problem = None;
        // Between choosing a free port and listening on it somebody else may take it.
        for _ in 0..3 {
            match launch(&binaries) {
                Ok((script, port)) => {
                    return Self::with_template(
                        format!("postgres://callwright@127.0.0.1:{port}"),
                        Some(script),
                    )
                    .map(Some);
                }
                Err(error) => problem = Some(error),
            }
        }
        Err(problem.unwrap_or_else(|| anyhow::anyhow!("not tried")))
    }

    fn with_template(base: String, script: Option<Child>) -> anyhow::Result<Self> {
        let template = format!("callwright_test_{}", std::process::id());
        let server =
            Self { is_private: script.is_some(), base, template, next: AtomicU32::new(0), _script: script };
        // On a thread of its own: the caller may be inside a runtime.
        std::thread::scope(|scope| scope.spawn(|| server.migrate_template()).join())
            .map_err(|_| anyhow::anyhow!("migrating panicked"))??;
        Ok(server)
    }

    fn migrate_template(&self) -> anyhow::Result<()> {
        block_on(async {
            self.administer(&format!("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'", self.template))
                .await?;
            let db = Db::connect(&format!("{}/{}", self.base, self.template), Durability::Full).await?;
            db.migrate().await?;
            // A template with an open connection cannot be copied.
            db.close().await;
            Ok(())
        })
    }

    /// A copy of the migrated template.
    pub async fn create_database(&'static self) -> anyhow::Result<Database> {
        let name = format!("{}_{}", self.template, self.next.fetch_add(1, Ordering::Relaxed));
        self.administer(&format!("CREATE DATABASE {name} TEMPLATE {}", self.template)).await?;
        Ok(Database { url: format!("{}/{name}", self.base), server: self, name })
    }

    async fn administer(&self, statement: &str) -> anyhow::Result<()> {
        let mut connection = PgConnection::connect(&format!("{}/postgres", self.base)).await?;
        // Names are made of digits and our own words above; DDL takes no binds.
        sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&mut connection).await?;
        connection.close().await?;
        Ok(())
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if self.server.is_private {
            return;
        }
        let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        let server = self.server;
        // A database left behind on a shared server is untidy, not wrong.
        let _ = std::thread::spawn(move || block_on(server.administer(&statement))).join();
    }
}

fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}

/// The folder with `initdb`: Debian's newest, else where `pg_config` says.
pub(crate) fn installed() -> Option<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .filter(|(_, folder)| folder.join("initdb").exists())
        .collect();
    versions.sort();
    if let Some((_, folder)) = versions.pop() {
        return Some(folder);
    }
    let output = Command::new("pg_config").arg("--bindir").output().ok()?;
    let folder = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim());
    folder.join("initdb").exists().then_some(folder)
}

fn launch(binaries: &Path) -> anyhow::Result<(Child, u16)> {
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let mut command = unprivileged();
    command.args(["sh", "-c", SCRIPT, "callwright-postgres"]).arg(binaries).arg(port.to_string());
    // Its own process group: Ctrl-C ends the tests, and the closed pipe then ends the server in order.
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
    let mut script = command.spawn().context("cannot start a shell for PostgreSQL")?;
    let output = script.stdout.take().context("the script's output")?;
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line)?;
    if line.trim() != "ready" {
        let status = script.wait()?;
        bail!("the server of {} did not start ({status})", binaries.display());
    }
    Ok((script, port))
}

/// `env`, as `nobody` when we are root.
pub(crate) fn unprivileged() -> Command {
    let is_root =
        Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0");
    if !is_root {
        return Command::new("env");
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups", "--", "env"]);
    command
}
