//! Each safeguard switched off, one at a time: the carrier's books must notice, or their zeros would mean nothing.

use callwright_engine::engine::Safeguards;

use crate::given::{How, contacts, replay};

#[tokio::test]
async fn without_the_window_gates_people_are_called_at_night() -> anyhow::Result<()> {
    let safeguards = Safeguards { window_gates: false, ..Safeguards::default() };
    let replayed = replay(&contacts(100), How { safeguards, ..How::default() }).await?;
    let audit = replayed.trial.report().await?.audit;
    assert!(audit.outside_window > 0, "{audit}");
    assert_eq!(audit.double_dials, 0, "{audit}");
    Ok(())
}

#[tokio::test]
async fn without_the_number_lock_people_are_called_while_they_are_in_a_call() -> anyhow::Result<()> {
    let safeguards = Safeguards { number_lock: false, ..Safeguards::default() };
    let replayed = replay(&contacts(100), How { safeguards, shared_numbers: true }).await?;
    let audit = replayed.trial.report().await?.audit;
    assert!(audit.double_dials > 0, "{audit}");
    assert_eq!(audit.outside_window, 0, "{audit}");
    Ok(())
}
