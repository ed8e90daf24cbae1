//! A recorded campaign replayed: three independent counts agree with the recording to the call, the second and the yes.

use callwright_engine::store::totals;

use crate::given::{How, contacts, replay};

#[tokio::test]
async fn attempts_events_and_the_carriers_books_agree_with_the_recording() -> anyhow::Result<()> {
    let contacts = contacts(300);
    let replayed = replay(&contacts, How::default()).await?;
    assert!(replayed.ran.finished);
    let recorded = (
        contacts.iter().map(|contact| u64::from(contact.attempts)).sum::<u64>(),
        contacts.iter().map(|contact| u64::from(contact.duration_s)).sum::<u64>(),
        contacts.iter().filter(|contact| contact.subscribed).count() as u64,
    );
    let report = replayed.trial.report().await?;
    let mut tx = replayed.trial.engine.db.begin_read().await?;
    assert_eq!(totals::of_attempts(&mut tx).await?, recorded, "attempts");
    assert_eq!(totals::of_events(&mut tx).await?, recorded, "events");
    let audit = &report.audit;
    assert_eq!((audit.calls, audit.talk_seconds, audit.converted), recorded, "the carrier's books");
    assert!(audit.is_clean(), "{audit}: {:?}", audit.findings);
    assert_eq!((audit.requests, audit.open, audit.hours_unknown), (recorded.0, 0, 0));
    assert_eq!(report.summary.open.len(), 0, "{:?}", report.summary.open);
    Ok(())
}

#[tokio::test]
async fn the_same_seed_tells_the_same_story() -> anyhow::Result<()> {
    let contacts = contacts(80);
    let (one, other) = (replay(&contacts, How::default()).await?, replay(&contacts, How::default()).await?);
    assert_eq!(one.ran, other.ran);
    let (one, other) = (one.trial.report().await?, other.trial.report().await?);
    assert_eq!(one.summary, other.summary);
    assert_eq!((one.audit, one.hours), (other.audit, other.hours));
    Ok(())
}

#[tokio::test]
async fn people_who_share_a_number_are_called_one_after_the_other() -> anyhow::Result<()> {
    let how = How { shared_numbers: true, ..How::default() };
    let replayed = replay(&contacts(60), how).await?;
    let report = replayed.trial.report().await?;
    assert!(replayed.ran.finished && report.audit.is_clean(), "{}", report.audit);
    Ok(())
}
