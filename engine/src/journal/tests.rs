//! Lines come back as they were written, also after a torn end; what is damaged is named.

use std::io::Write as _;

use super::*;
use crate::clock::{Instant, instant_from_micros};
use crate::domain::suppression::Source;
use crate::id::{IdSource, LeadId, SuppressionId};
use crate::phone::number::PhoneNumber;

const DAY: i64 = 86_400_000_000;

fn at(micros: i64) -> Instant {
    instant_from_micros(1_780_000_000_000_000 + micros)
}

fn number(last: u32) -> PhoneNumber {
    PhoneNumber::e164_only(&format!("+1202456{last:04}")).unwrap()
}

fn suppressed(micros: i64, last: u32) -> Line {
    let word = Word::Suppressed {
        source: Source::OptOut,
        campaign: None,
        reason: "said \"stop\"".to_owned(),
        created_at: at(micros),
        expires_at: None,
        numbers: vec![number(last)],
    };
    Line { at: at(micros), word }
}

fn lifted(micros: i64, last: u32) -> Line {
    let entry: SuppressionId = IdSource::seeded(9).next(at(micros));
    Line {
        at: at(micros),
        word: Word::Lifted { entry, number: number(last), source: Source::OptOut, campaign: None },
    }
}

fn opted_out(micros: i64) -> Line {
    let lead: LeadId = IdSource::seeded(1).next(at(micros));
    Line { at: at(micros), word: Word::OptedOut { lead } }
}

fn only_file(folder: &Path) -> PathBuf {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files.remove(0)
}

#[tokio::test]
async fn lines_of_several_processes_come_back_in_one_order() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) =
        (Journal::open(folder.path(), "one").unwrap(), Journal::open(folder.path(), "two").unwrap());
    one.append(vec![suppressed(3, 1), opted_out(3)]).await.unwrap();
    other.append(vec![suppressed(1, 2)]).await.unwrap();
    one.append(vec![suppressed(DAY, 3)]).await.unwrap();
    let found = read(folder.path(), at(0)).unwrap();
    assert_eq!(found.lines, [suppressed(1, 2), suppressed(3, 1), opted_out(3), suppressed(DAY, 3)]);
    assert_eq!((found.files, found.torn, found.damaged.len()), (3, 0, 0), "a new day is a new file");
    assert_eq!(read(folder.path(), at(2)).unwrap().lines.len(), 3);
    assert_eq!(newest(folder.path()).unwrap().map(|found| found.torn), Some(0));
}

#[tokio::test]
async fn a_stop_outweighs_a_lift_of_the_same_instant() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path(), "one").unwrap();
    journal.append(vec![suppressed(5, 1), lifted(5, 1)]).await.unwrap();
    assert_eq!(read(folder.path(), at(0)).unwrap().lines, [lifted(5, 1), suppressed(5, 1)]);
}

#[tokio::test]
async fn commits_of_one_instant_keep_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path(), "one").unwrap();
    let instants = [7, 7, 7, 3, 9].map(|micros| journal.clone().instant_of_commit(at(micros)));
    assert_eq!(instants, [at(7), at(8), at(9), at(10), at(11)], "whatever a clock shows");
}

#[tokio::test]
async fn a_torn_last_line_was_promised_to_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path(), "one").unwrap();
    journal.append(vec![suppressed(1, 1), suppressed(2, 2)]).await.unwrap();
    let path = only_file(folder.path());
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(br#"{"n":3,"at":"2026-"#).unwrap();
    let found = read(folder.path(), at(0)).unwrap();
    assert_eq!((found.lines.len(), found.torn, found.damaged.len()), (2, 1, 0));
    assert_eq!(newest(folder.path()).unwrap().map(|found| found.torn), Some(1));
}

#[tokio::test]
async fn a_changed_or_missing_line_is_damage() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path(), "one").unwrap();
    journal.append(vec![suppressed(1, 1), suppressed(2, 2), suppressed(3, 3)]).await.unwrap();
    let path = only_file(folder.path());
    let text = std::fs::read_to_string(&path).unwrap();

    std::fs::write(&path, text.replace("+12024560002", "+12024560009")).unwrap();
    let found = read(folder.path(), at(0)).unwrap();
    assert_eq!(found.damaged.iter().map(|damage| damage.line).collect::<Vec<_>>(), [2]);

    let without: Vec<&str> =
        text.lines().enumerate().filter(|(at, _)| *at != 1).map(|(_, line)| line).collect();
    std::fs::write(&path, format!("{}\n", without.join("\n"))).unwrap();
    assert!(!read(folder.path(), at(0)).unwrap().damaged.is_empty(), "a line was taken out");
}

#[cfg(unix)]
#[tokio::test]
async fn numbers_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("journal");
    let journal = Journal::open(&own, "one").unwrap();
    journal.append(vec![suppressed(1, 1)]).await.unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&own), mode(&only_file(&own))), (0o700, 0o600));
}

#[tokio::test]
async fn what_cannot_be_written_is_not_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("journal");
    let journal = Journal::open(&own, "one").unwrap();
    std::fs::write(&own, "in the way").unwrap();
    assert!(journal.append(vec![suppressed(1, 1)]).await.is_err());
    std::fs::remove_file(&own).unwrap();
    journal.append(vec![suppressed(2, 2)]).await.unwrap();
    assert_eq!(read(&own, at(0)).unwrap().lines, [suppressed(2, 2)], "it goes on when it can");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_are_all_on_disk_when_they_are_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path(), "one").unwrap();
    let waiting: Vec<_> = (0..200)
        .map(|index| {
            let journal = journal.clone();
            tokio::spawn(async move { journal.append(vec![suppressed(index, 1)]).await })
        })
        .collect();
    for each in waiting {
        each.await.unwrap().unwrap();
    }
    assert_eq!(read(folder.path(), at(0)).unwrap().lines.len(), 200);
}
