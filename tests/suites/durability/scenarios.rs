//! Each scenario briefly, on each database where it means anything.

use std::path::PathBuf;

use anyhow::ensure;
use callwright_tests::Backend;
use callwright_tests::faults::figures::table;
use callwright_tests::faults::scenario::Scenario;
use callwright_tests::faults::stage::Settings;

const SEED: u64 = 20_260_701;

#[expect(clippy::print_stderr, reason = "what is left out is said aloud, never silently green")]
async fn holds(scenario: Scenario, backend: Backend) -> anyhow::Result<()> {
    for need in scenario.needs(backend) {
        if let Some(missing) = need.check()? {
            eprintln!("skipped: {} on {}: {missing}", scenario.name(), backend.name());
            return Ok(());
        }
    }
    let settings = Settings {
        binary: PathBuf::from(env!("CARGO_BIN_EXE_callwright-under-test")),
        backend,
        times: scenario.brief_times(),
        seed: SEED,
        brief: true,
        progress: false,
    };
    let figures = scenario.run(&settings).await?;
    ensure!(figures.is_clean(), "{}", table(&[figures]));
    Ok(())
}

macro_rules! scenarios {
    ($($(#[$meta:meta])* $name:ident: $scenario:ident on $backend:ident;)+) => {$(
        #[tokio::test(flavor = "multi_thread")]
        $(#[$meta])*
        async fn $name() -> anyhow::Result<()> {
            holds(Scenario::$scenario, Backend::$backend).await
        }
    )+};
}

scenarios! {
    kills_of_serve_lose_and_repeat_nothing: Kill on Sqlite;
    kills_of_workers_and_api_lose_and_repeat_nothing: Kill on Postgres;
    #[ignore = "a minute; also: kill-loop syscall"]
    death_and_errors_at_writes_to_a_file_are_survived: Syscall on Sqlite;
    #[ignore = "a minute; also: kill-loop syscall"]
    death_at_system_calls_of_a_worker_is_survived: Syscall on Postgres;
    #[ignore = "a minute; also: kill-loop postgres-restart"]
    a_database_that_crashes_and_comes_back_is_survived: PostgresRestart on Postgres;
    #[ignore = "a minute; also: kill-loop disk-full"]
    a_full_disk_under_sqlite_is_survived: DiskFull on Sqlite;
    #[ignore = "a minute; also: kill-loop disk-full"]
    a_full_disk_under_postgres_is_survived: DiskFull on Postgres;
    broken_connections_to_the_carrier_are_survived: Cut on Sqlite;
    #[ignore = "a minute; also: kill-loop cut"]
    broken_connections_to_database_and_carrier_are_survived: Cut on Postgres;
    #[ignore = "a minute; also: kill-loop pause"]
    a_worker_that_stood_still_does_no_harm: Pause on Postgres;
    #[ignore = "a minute; also: kill-loop partition"]
    a_worker_that_was_cut_off_does_no_harm: Partition on Postgres;
    a_stopped_server_leaves_nothing_in_doubt: Sigterm on Sqlite;
    stopped_workers_leave_nothing_in_doubt: Sigterm on Postgres;
    workers_race_without_harm: TwoWorkers on Postgres;
    #[ignore = "a minute; also: kill-loop rolling"]
    workers_come_and_go_without_harm: Rolling on Postgres;
}
