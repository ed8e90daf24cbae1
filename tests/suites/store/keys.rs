//! Users, API keys, idempotency keys, imports, the shared clock and events read back.

use anyhow::Context as _;
use callwright_engine::domain::event::Event;
use callwright_engine::domain::user::{Role, User};
use callwright_engine::id::{EventId, ImportId, LeadId};
use callwright_engine::store::api_key::{self, KEY_BYTES, NewKey};
use callwright_engine::store::clock::{self, VirtualClock};
use callwright_engine::store::event_read::{self, EventFilter};
use callwright_engine::store::idempotency::{self, Begun};
use callwright_engine::store::import::{self, ImportKind, ImportState, Progress, RowError};
use callwright_engine::store::{event, user};
use chrono::TimeDelta;
use serde_json::json;

use crate::given::{after, id, now};
use crate::on_both;

fn someone(email: &str) -> User {
    User {
        id: id(),
        email: email.to_owned(),
        name: "Mia".to_owned(),
        role: Role::Agent,
        is_active: true,
        created_at: now(),
    }
}

fn happened(kind: &str, lead: LeadId, seconds: i64) -> Event {
    Event {
        id: id::<EventId>(),
        kind: kind.to_owned(),
        lead_id: Some(lead),
        enrollment_id: None,
        attempt_id: None,
        campaign_id: None,
        at: after(seconds),
        version: Some("v1".to_owned()),
        data: json!({"text": "naïve \"quotes\" 🙂", "n": seconds}),
        dedupe: None,
    }
}

on_both! {
    async fn users_are_found_by_address_in_any_case(db) {
        let mut tx = db.db.begin().await?;
        let mia = someone("Mia@Example.com");
        user::create(&mut tx, &mia, Some("$argon2id$…")).await?;
        user::create(&mut tx, &someone("bot@example.com"), None).await?;
        let (found, hash) = user::by_email(&mut tx, " MIA@example.com ").await?.context("the user")?;
        assert_eq!((found.id, found.email.as_str(), hash.as_deref()), (mia.id, "mia@example.com", Some("$argon2id$…")));
        assert!(user::set_active(&mut tx, mia.id, false).await? && user::set_role(&mut tx, mia.id, Role::Manager).await?);
        let found = user::find(&mut tx, mia.id).await?.context("the user")?;
        assert_eq!((found.is_active, found.role), (false, Role::Manager));
        assert_eq!(user::list(&mut tx).await?.len(), 2);
        assert!(!user::set_active(&mut tx, id(), false).await?);
    }

    async fn an_address_belongs_to_one_user(db) {
        let mut tx = db.db.begin().await?;
        user::create(&mut tx, &someone("mia@example.com"), None).await?;
        let error = user::create(&mut tx, &someone("MIA@example.com"), None).await.err().context("an error")?;
        assert!(error.breaks("users_email_unique", "users.email"), "{error}");
    }

    async fn a_key_is_shown_once_and_verified_by_its_digest(db) {
        let mut tx = db.db.begin().await?;
        let new = NewKey { id: id(), name: "crm", role: Role::Manager };
        let (key, text) = api_key::create(&mut tx, new, &[7; KEY_BYTES], now()).await?;
        assert!(text.starts_with("cw_0707070707070707."));
        let verified = api_key::verify(&mut tx, &text).await?.context("the key")?;
        assert_eq!((verified.id, verified.role, verified.name.as_str()), (key.id, Role::Manager, "crm"));
        for wrong in [&text[..text.len() - 1], &text.replace("cw_07", "cw_08"), &text[3..], "", "cw_0707070707070707"] {
            assert!(api_key::verify(&mut tx, wrong).await?.is_none(), "{wrong}");
        }
        let listed = format!("{:?}", api_key::list(&mut tx).await?);
        assert!(!listed.contains(&text[20..]), "the secret is not stored");
    }

    async fn a_revoked_key_opens_nothing(db) {
        let mut tx = db.db.begin().await?;
        let new = NewKey { id: id(), name: "crm", role: Role::Agent };
        let (key, text) = api_key::create(&mut tx, new, &[1; KEY_BYTES], now()).await?;
        api_key::touch(&mut tx, &key, after(1)).await?;
        let used = api_key::verify(&mut tx, &text).await?.context("the key")?;
        assert_eq!(used.last_used_at, Some(after(1)));
        assert!(api_key::is_fresh(&used, after(60)) && !api_key::is_fresh(&used, after(62)));
        assert!(api_key::revoke(&mut tx, key.id, after(5)).await?);
        assert!(!api_key::revoke(&mut tx, key.id, after(6)).await?);
        assert!(api_key::verify(&mut tx, &text).await?.is_none());
        assert_eq!(api_key::list(&mut tx).await?[0].revoked_at, Some(after(5)));
    }

    async fn the_same_request_gets_the_same_answer(db) {
        let mut tx = db.db.begin().await?;
        assert_eq!(idempotency::begin(&mut tx, "k1", "a", "h1", now()).await?, Begun::Fresh);
        assert_eq!(idempotency::begin(&mut tx, "k1", "a", "h1", now()).await?, Begun::InProgress);
        idempotency::finish(&mut tx, "k1", "a", 201, r#"{"id":1}"#).await?;
        let replay = Begun::Replay { status: 201, response: r#"{"id":1}"#.to_owned() };
        assert_eq!(idempotency::begin(&mut tx, "k1", "a", "h1", after(9)).await?, replay);
        assert_eq!(idempotency::begin(&mut tx, "k1", "a", "h2", after(9)).await?, Begun::Mismatch);
        assert_eq!(idempotency::begin(&mut tx, "k2", "a", "h2", after(9)).await?, Begun::Fresh);
        idempotency::abandon(&mut tx, "k2", "a").await?;
        assert_eq!(idempotency::begin(&mut tx, "k2", "a", "h2", after(9)).await?, Begun::Fresh);
        assert!(idempotency::finish(&mut tx, "k1", "a", 500, "").await.is_err(), "an answer is kept once");
        assert_eq!(idempotency::prune(&mut tx, after(5), 10).await?, 1);
    }

    async fn a_request_that_was_cut_off_is_carried_out_again(db) {
        let mut tx = db.db.begin().await?;
        assert_eq!(idempotency::begin(&mut tx, "k1", "a", "h1", now()).await?, Begun::Fresh);
        assert_eq!(idempotency::begin(&mut tx, "k1", "a", "h1", after(59)).await?, Begun::InProgress);
        assert_eq!(idempotency::begin(&mut tx, "k1", "a", "h2", after(60)).await?, Begun::Mismatch);
        assert_eq!(idempotency::begin(&mut tx, "k1", "a", "h1", after(60)).await?, Begun::Fresh);
        assert_eq!(idempotency::begin(&mut tx, "k1", "a", "h1", after(61)).await?, Begun::InProgress, "by one of them");
    }

    async fn an_import_goes_on_where_it_stopped(db) {
        let mut tx = db.db.begin().await?;
        let import_id: ImportId = id();
        import::start(&mut tx, import_id, ImportKind::Leads, "hash", now()).await?;
        let mistake = RowError { line: 7, field: Some("email".to_owned()), message: "is not an address".to_owned() };
        let progress = Progress { rows_read: 10, created: 8, updated: 1, rejected: 1, errors: vec![mistake] };
        assert!(import::progress(&mut tx, import_id, &progress, after(1)).await?);
        let behind = Progress { rows_read: 5, ..Progress::default() };
        assert!(!import::progress(&mut tx, import_id, &behind, after(2)).await?);
        let found = import::of_source(&mut tx, "hash").await?.context("the import")?;
        assert_eq!((found.id, found.state, &found.progress), (import_id, ImportState::Running, &progress));
        assert!(import::end(&mut tx, import_id, ImportState::Failed, after(3)).await?);
        assert!(!import::progress(&mut tx, import_id, &progress, after(4)).await?, "an ended import counts no more");
        assert!(import::resume(&mut tx, import_id, after(5)).await?);
        assert!(import::progress(&mut tx, import_id, &progress, after(6)).await?);
        assert!(import::end(&mut tx, import_id, ImportState::Finished, after(7)).await?);
        assert!(!import::resume(&mut tx, import_id, after(8)).await?);
        assert_eq!(import::find(&mut tx, import_id).await?.map(|found| found.state), Some(ImportState::Finished));
        assert_eq!(import::recent(&mut tx, 5).await?.len(), 1);
    }

    async fn a_virtual_clock_rules_while_it_is_set(db) {
        let mut tx = db.db.begin().await?;
        let real = clock::database_now(&mut tx).await?;
        assert!((chrono::Utc::now() - real).abs() < TimeDelta::minutes(1));
        let set = VirtualClock { virtual_at: now(), real_at: real - TimeDelta::seconds(10), rate: 60.0 };
        clock::set_virtual_clock(&mut tx, set).await?;
        assert_eq!(clock::virtual_clock(&mut tx).await?, Some(set));
        let shown = clock::now(&mut tx).await? - now();
        assert!(shown >= TimeDelta::seconds(600) && shown < TimeDelta::seconds(3600), "{shown}");
        let still = VirtualClock { rate: 0.0, ..set };
        clock::set_virtual_clock(&mut tx, still).await?;
        assert_eq!(clock::now(&mut tx).await?, now());
        assert!(clock::database_now(&mut tx).await? >= real);
        clock::clear_virtual_clock(&mut tx).await?;
        assert!(clock::now(&mut tx).await? >= real && clock::virtual_clock(&mut tx).await?.is_none());
    }

    async fn events_are_read_back_last_first(db) {
        let mut tx = db.db.begin().await?;
        let (alice, bob): (LeadId, LeadId) = (id(), id());
        let mut events: Vec<Event> = (0..5).map(|n| happened("CALL_PLACED", alice, n / 2)).collect();
        events.push(happened("CALL_ANSWERED", bob, 9));
        event::append(&mut tx, &events, after(20)).await?;
        let first = event_read::timeline(&mut tx, alice, None, 3).await?;
        let rest = event_read::timeline(&mut tx, alice, first.next, 3).await?;
        let mut expected: Vec<_> = events[..5].iter().map(|event| (event.at, event.id)).collect();
        expected.sort_unstable_by(|a, b| b.cmp(a));
        let seen: Vec<_> = first.items.iter().chain(&rest.items).map(|found| (found.event.at, found.event.id)).collect();
        assert_eq!(seen, expected);
        assert!(rest.next.is_none());
        let stored = event_read::find(&mut tx, events[5].id).await?.context("the event")?;
        assert_eq!(format!("{:?}", stored.event), format!("{:?}", events[5]));
        assert_eq!(stored.recorded_at, after(20));
        let kind = EventFilter { kind: Some("CALL_ANSWERED".to_owned()), ..EventFilter::default() };
        assert_eq!(event_read::page(&mut tx, &kind, None, 9).await?.items.len(), 1);
        let span = EventFilter { from: Some(after(1)), until: Some(after(2)), lead_id: Some(alice), ..EventFilter::default() };
        assert_eq!(event_read::page(&mut tx, &span, None, 9).await?.items.len(), 2);
        assert_eq!(event_read::page(&mut tx, &EventFilter::default(), None, 4).await?.items.len(), 4);
    }

    async fn a_senders_id_names_one_event(db) {
        let mut tx = db.db.begin().await?;
        let once = Event { dedupe: Some("crm:1".to_owned()), ..happened("CALL_PLACED", id(), 0) };
        event::append(&mut tx, std::slice::from_ref(&once), now()).await?;
        assert_eq!(event::known(&mut tx, &["crm:1", "crm:2"]).await?, [(once.id, "crm:1".to_owned())]);
        let twice = Event { id: id(), ..once };
        let error = event::append(&mut tx, &[twice], now()).await.err().context("an error")?;
        assert!(error.breaks("events_dedupe", "events.dedupe"), "{error}");
    }
}
