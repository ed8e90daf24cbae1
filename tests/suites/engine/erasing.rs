//! Erasing people: nothing of them is left anywhere but what the law wants kept, and that for its time only; their numbers are not
//! called again, whoever brings them, until a manager opts them in; and a restore does not bring them back.

use anyhow::Context as _;
use callwright_engine::decide::verdict::Reason;
use callwright_engine::domain::consent::{Channel, Consent, Details, Form, Purpose};
use callwright_engine::domain::lead::LeadStatus;
use callwright_engine::domain::new_lead::{NewLead, NewPhone};
use callwright_engine::domain::outcome::Outcome;
use callwright_engine::domain::suppression::{Source, Suppression};
use callwright_engine::engine::{Erased, NewEvent};
use callwright_engine::flow::session::{Conversation, Line};
use callwright_engine::id::LeadId;
use callwright_engine::journal::{self, Journal, Word};
use callwright_engine::phone::fingerprint::NumberKey;
use callwright_engine::phone::number::PhoneNumber;
use callwright_engine::store::import::{ImportKind, Progress, RowError};
use callwright_engine::store::lead::Edited;
use callwright_engine::store::{Db, consent, erase, erased_number, idempotency, import, lead, suppression};
use chrono::TimeDelta;
use serde_json::json;
use sqlx::AssertSqlSafe;

use crate::facts::{declined, said, talk};
use crate::fake::Fake;
use crate::given::{ALICE, BOB, World, noon};
use crate::on_both;

/// Words of the person that stand nowhere else, in small letters.
const WORDS: [&str; 5] = ["quagmire", "zebulon", "2024561111", "202) 456", "4169671111"];
const TORONTO: &str = "+14169671111";

fn zebulon(number: &str, given: &str) -> NewLead {
    NewLead {
        external_id: "crm-quagmire-7".into(),
        email: "zebulon@quagmire.example".into(),
        first_name: "Zebulon".into(),
        last_name: "Quagmire".into(),
        company: "Quagmire Ltd".into(),
        tags: Some(vec!["quagmire-tag".to_owned()]),
        phones: Some(vec![
            NewPhone { number: number.to_owned(), is_primary: true },
            NewPhone { number: given.to_owned(), is_primary: false },
        ]),
        ..NewLead::default()
    }
}

/// `table.column` of every text in the database that has a word of the person.
async fn found(db: &Db) -> anyhow::Result<Vec<String>> {
    let columns: Vec<(String, String)> = match db {
        Db::Sqlite { write, .. } => {
            sqlx::query_as(
                "SELECT t.name, c.name FROM sqlite_schema t, pragma_table_info(t.name) c
                 WHERE t.type = 'table' AND c.type = 'TEXT' AND t.name NOT LIKE 'sqlite%' AND t.name <> 'callwright_migrations'
                 ORDER BY 1, 2",
            )
            .fetch_all(write)
            .await?
        }
        Db::Postgres { pool, .. } => {
            sqlx::query_as(
                "SELECT CAST(table_name AS TEXT), CAST(column_name AS TEXT) FROM information_schema.columns
                 WHERE table_schema = 'public' AND data_type = 'text' AND table_name <> 'callwright_migrations' ORDER BY 1, 2",
            )
            .fetch_all(pool)
            .await?
        }
    };
    anyhow::ensure!(columns.len() > 150, "only {} columns were looked at", columns.len());
    let likes = |column: &str| WORDS.map(|word| format!("lower(\"{column}\") LIKE '%{word}%'")).join(" OR ");
    let counts = columns.iter().map(|(table, column)| {
        format!("SELECT '{table}.{column}', count(*) FROM \"{table}\" WHERE {}", likes(column))
    });
    let counts: Vec<String> = counts.collect();
    let mut places = Vec::new();
    for some in counts.chunks(50) {
        let sql = AssertSqlSafe(some.join(" UNION ALL "));
        let rows: Vec<(String, i64)> = match db {
            Db::Sqlite { write, .. } => sqlx::query_as(sql).fetch_all(write).await?,
            Db::Postgres { pool, .. } => sqlx::query_as(sql).fetch_all(pool).await?,
        };
        places.extend(rows.into_iter().filter(|(_, rows)| *rows > 0).map(|(place, _)| place));
    }
    places.sort_unstable();
    Ok(places)
}

impl World {
    async fn erase(&self, lead: LeadId) -> anyhow::Result<Erased> {
        Ok(self.engine.erase(lead, "dana", "asked by letter", false).await?)
    }

    /// Leaves traces of a person wherever outside systems write.
    async fn traces(&self, lead: LeadId, number: &str) -> anyhow::Result<()> {
        let details = Details {
            number: Some(PhoneNumber::e164_only(number)?),
            channel: Some(Channel::Web),
            evidence_url: Some("https://quagmire.example/form".to_owned()),
            ..Details::default()
        };
        let given = Consent {
            id: self.engine.ids.next(self.now()),
            lead_id: lead,
            purpose: Purpose::VoiceContact,
            form: Form::ExpressWritten,
            granted_at: self.now(),
            revoked_at: None,
            wording: Some("Dear Zebulon, may we call?".to_owned()),
            evidence: Some("signed: Zebulon Quagmire".to_owned()),
            source: "form".to_owned(),
            details,
        };
        let mut tx = self.engine.db.begin().await?;
        consent::add_many(&mut tx, &[given]).await?;
        drop(idempotency::begin(&mut tx, "key:1", "create-1", "hash", self.now()).await?);
        let answer = json!({"leadId": lead, "email": "zebulon@quagmire.example"}).to_string();
        idempotency::finish(&mut tx, "key:1", "create-1", 201, &answer).await?;
        let id = self.engine.ids.next(self.now());
        import::start(&mut tx, id, ImportKind::Leads, "source", self.now()).await?;
        let error = |message: &str| RowError { line: 2, field: None, message: message.to_owned() };
        let errors = vec![error("`zebulon@quagmire.example` is taken"), error("another's")];
        assert!(
            import::progress(&mut tx, id, &Progress { errors, ..Progress::default() }, self.now()).await?
        );
        tx.commit().await?;
        self.log_as(NewEvent {
            kind: "REPLY_RECEIVED".to_owned(),
            lead_id: lead,
            campaign_id: None,
            at: None,
            data: json!({"text": "It is Zebulon, call me later"}),
            dedupe: Some("quagmire-4711".to_owned()),
        })
        .await?;
        Ok(())
    }

    async fn add_entry(&self, number: &str, source: Source) -> anyhow::Result<()> {
        let entry = Suppression {
            id: self.engine.ids.next(self.now()),
            number: PhoneNumber::e164_only(number)?,
            source,
            campaign_id: None,
            reason: "Zebulon Quagmire sues".to_owned(),
            added_by: String::new(),
            created_at: self.now(),
            expires_at: None,
        };
        let mut tx = self.engine.db.begin().await?;
        suppression::add_many(&mut tx, &[entry]).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Why the lead would not be called now; `None`: it would be.
    async fn refused(&self, lead: LeadId) -> anyhow::Result<Option<String>> {
        self.plan().await?;
        Ok(self.walks(lead).await?.pop().context("an enrollment")?.result)
    }

    async fn rest(&self) -> anyhow::Result<usize> {
        Ok(self.engine.erase_rest(10).await?)
    }
}

fn spoken() -> Conversation {
    let mut talk = said(Outcome::Answered, "declined", Vec::new());
    talk.transcript.push(Line::Callee("This is Zebulon Quagmire".to_owned()));
    talk
}

on_both! {
    async fn nothing_is_left_but_what_the_law_wants_kept_and_that_for_five_years(db) {
        let world = World::open(db).await?;
        let lead = world.lead_like(zebulon(ALICE, "(202) 456-1414")).await?;
        world.traces(lead, ALICE).await?;
        world.enroll(lead, "welcome").await?;
        let attempt = world.dialed(lead, &Fake::default()).await?;
        world.record(talk(attempt, noon(), spoken())).await?;
        let before = found(&world.db.db).await?;
        for place in ["leads.email", "phones.given", "consents.evidence", "events.data", "events.dedupe", "calls.conversation",
                      "callbacks.fact", "idempotency_keys.response", "imports.errors", "attempts.number"] {
            assert!(before.contains(&place.to_owned()), "{place} is not looked at: {before:?}");
        }

        world.pass(TimeDelta::hours(1));
        let erased = world.erase(lead).await?;
        assert_eq!((erased.numbers, erased.calls_under_way, erased.repeated), (2, 0, false));
        let kept = found(&world.db.db).await?;
        let by_law = ["attempts.number", "consents.evidence", "consents.evidence_url", "consents.number", "consents.wording"];
        assert_eq!(kept, by_law, "16 CFR 310.5(a)");
        let until = erased.kept_until.context("records are kept")?;
        assert_eq!(until.date_naive().to_string(), "2031-07-15", "16 CFR 310.5(b): five years from the call");

        world.clock.advance_to(until - TimeDelta::days(1));
        world.rest().await?;
        assert_eq!(found(&world.db.db).await?, by_law);
        world.clock.advance_to(until + TimeDelta::hours(1));
        assert_eq!(world.rest().await?, 1);
        assert_eq!(found(&world.db.db).await?, Vec::<String>::new());
        world.pass(TimeDelta::days(400));
        assert_eq!(world.rest().await?, 0, "nothing is left to come back to");
    }

    async fn of_numbers_elsewhere_nothing_is_kept(db) {
        let world = World::open(db).await?;
        let lead = world.lead_like(zebulon(TORONTO, "416 967 1111 x")).await?;
        world.traces(lead, TORONTO).await?;
        world.add_entry(TORONTO, Source::Litigator).await?;
        let erased = world.erase(lead).await?;
        assert_eq!(erased.kept_until, None);
        assert_eq!(found(&world.db.db).await?, Vec::<String>::new());
        assert_eq!(world.stored_lead(lead).await?.status, LeadStatus::OptedOut);
        assert_eq!(world.count(lead, "lead.erased").await?, 1);
    }

    async fn figures_outlive_the_person(db) {
        let world = World::open(db).await?;
        let lead = world.lead_like(zebulon(ALICE, BOB)).await?;
        world.enroll(lead, "welcome").await?;
        let attempt = world.dialed(lead, &Fake::default()).await?;
        world.record(declined(attempt, noon())).await?;
        let totals = async || {
            let mut tx = world.engine.db.begin_read().await?;
            let events = callwright_engine::store::totals::of_events(&mut tx).await?;
            anyhow::Ok((events, callwright_engine::store::totals::of_attempts(&mut tx).await?))
        };
        let before = totals().await?;
        assert!(before.0.1 > 0, "somebody was spoken to: {before:?}");
        world.erase(lead).await?;
        assert_eq!(totals().await?, before);
    }

    async fn the_number_is_refused_whoever_brings_it_until_a_manager_opts_it_in(db) {
        let world = World::open(db).await?;
        let lead = world.lead_like(zebulon(ALICE, BOB)).await?;
        world.enroll(lead, "welcome").await?;
        world.erase(lead).await?;
        assert_eq!(world.walk(lead).await?.result.as_deref(), Some("opted_out"));

        let (again, _) = world.welcomed(ALICE).await?;
        let why = world.engine.why(again, None).await?;
        let gates = why.enrollments.first().map(|each| each.gates.iter().map(|gate| gate.reason).collect::<Vec<_>>());
        assert!(gates.is_some_and(|reasons| reasons.contains(&Reason::Erased)), "{}", why.text());
        assert!(why.text().contains("was erased on 2026-07-15"), "{}", why.text());
        assert_eq!(world.refused(again).await?.as_deref(), Some("erased"));
        let provider = Fake::default();
        world.dial(&provider).await?;
        assert!(provider.asked().is_empty());

        let back = world.engine.opt_in(again, "dana", "signed form of today").await?;
        assert_eq!((back.erased, back.lifted), (1, 0));
        world.pass(TimeDelta::days(31));
        world.enroll(again, "welcome").await?;
        assert_eq!(world.refused(again).await?, None, "the one number that was opted in is called again");
        let (other, _) = world.welcomed(BOB).await?;
        assert_eq!(world.refused(other).await?.as_deref(), Some("erased"), "the other number of the person is not");
    }

    async fn what_others_had_against_a_call_comes_back_with_the_number(db) {
        let world = World::open(db).await?;
        let lead = world.lead_like(zebulon(ALICE, BOB)).await?;
        world.add_entry(ALICE, Source::Litigator).await?;
        world.erase(lead).await?;
        let again = world.lead(ALICE).await?;
        world.engine.opt_in(again, "dana", "a letter").await?;
        world.enroll(again, "welcome").await?;
        assert_eq!(world.refused(again).await?.as_deref(), Some("suppressed"));
    }

    async fn an_erased_person_is_neither_opted_in_nor_filled_in_again(db) {
        let world = World::open(db).await?;
        let lead = world.lead_like(zebulon(ALICE, BOB)).await?;
        world.erase(lead).await?;
        let refused = world.engine.opt_in(lead, "dana", "a letter").await;
        assert!(refused.is_err_and(|error| error.to_string().contains("was erased")));
        let mut tx = world.engine.db.begin().await?;
        let edited = lead::update(&mut tx, lead, &zebulon(ALICE, BOB), noon()).await?;
        assert!(matches!(edited, Edited::Refused(_)), "{edited:?}");
        // Whoever sends the person again makes a new one.
        assert_eq!(lead::resolve(&mut tx, "crm-quagmire-7").await?, None);
    }

    async fn a_repetition_and_a_dry_run_change_nothing(db) {
        let world = World::open(db).await?;
        let lead = world.lead_like(zebulon(ALICE, BOB)).await?;
        let dry = world.engine.erase(lead, "dana", "asked", true).await?;
        assert_eq!((dry.numbers, dry.removed.get("phones")), (2, Some(&2)));
        assert_eq!(world.stored_lead(lead).await?.full_name(), "Zebulon Quagmire");
        assert!(world.engine.erase(lead, "dana", "  ", false).await.is_err(), "a reason is asked for");
        let first = world.erase(lead).await?;
        world.pass(TimeDelta::days(2));
        let second = world.engine.erase(lead, "somebody else", "again", false).await?;
        assert!(second.repeated);
        assert_eq!((second.erased_at, second.by.as_str()), (first.erased_at, "dana"));
        assert_eq!(world.count(lead, "lead.erased").await?, 1);
    }

    async fn a_call_under_way_is_told_to_end_and_its_words_go_after_it(db) {
        let world = World::open(db).await?;
        let lead = world.lead_like(zebulon(ALICE, BOB)).await?;
        world.enroll(lead, "welcome").await?;
        let attempt = world.dialed(lead, &Fake::default()).await?;
        let erased = world.erase(lead).await?;
        assert_eq!(erased.calls_under_way, 1);
        assert_eq!(world.count(lead, "call.hang_up_requested").await?, 1);
        world.pass(TimeDelta::minutes(1));
        world.record(talk(attempt, noon(), spoken())).await?;
        assert_eq!(world.states(lead).await?, ["finished"]);
        assert!(found(&world.db.db).await?.contains(&"calls.conversation".to_owned()), "its last words came in");
        world.pass(TimeDelta::minutes(5));
        assert_eq!(world.rest().await?, 1);
        assert_eq!(found(&world.db.db).await?, ["attempts.number"], "16 CFR 310.5(a)");
        let again = world.lead(BOB).await?;
        world.enroll(again, "welcome").await?;
        assert_eq!(world.refused(again).await?.as_deref(), Some("erased"));
    }

    async fn a_call_claimed_before_the_erasure_is_not_asked_for(db) {
        let world = World::open(db).await?;
        let lead = world.lead_like(zebulon(ALICE, BOB)).await?;
        // Another at the number, whose own flags say nothing.
        let (housemate, _) = world.welcomed(ALICE).await?;
        let provider = Fake::default();
        world.plan().await?;
        let claimed = world.claim(&provider).await?;
        assert_eq!(claimed.requests.len(), 1);
        world.erase(lead).await?;
        world.place(&provider, claimed.requests).await?;
        assert!(provider.asked().is_empty());
        assert_eq!(world.states(housemate).await?, ["not_sent"]);
        world.pass(TimeDelta::minutes(6));
        world.rest().await?;
        let mut tx = world.engine.db.begin_read().await?;
        assert!(suppression::of_numbers(&mut tx, &[ALICE, BOB]).await?.is_empty(), "in plain they are gone");
        assert_eq!(erased_number::of_numbers(&mut tx, &[ALICE, BOB]).await?.len(), 2);
    }

    async fn everything_about_a_person_is_in_one_document(db) {
        let world = World::open(db).await?;
        let lead = world.lead_like(zebulon(ALICE, BOB)).await?;
        world.traces(lead, ALICE).await?;
        world.add_entry(BOB, Source::Internal).await?;
        world.enroll(lead, "welcome").await?;
        let attempt = world.dialed(lead, &Fake::default()).await?;
        world.record(talk(attempt, noon(), spoken())).await?;
        let document = world.engine.person(lead, "dana").await?;
        assert_eq!(document["lead"]["firstName"], "Zebulon");
        assert_eq!(document["lead"]["tags"], json!(["quagmire-tag"]));
        let many = |name: &str| document[name].as_array().map_or(0, Vec::len);
        for name in ["phones", "consents", "suppressions", "enrollments", "attempts", "calls", "callbacks", "events", "decisions",
                     "imports", "answers"] {
            assert!(many(name) > 0, "{name} is empty");
        }
        assert!(document["calls"][0]["conversation"].to_string().contains("This is Zebulon"));
        assert_eq!(document["attempts"][0]["intentAt"], json!(noon()));
        assert_eq!(world.count(lead, "lead.exported").await?, 1, "that it was asked for is kept");
        world.erase(lead).await?;
        let document = world.engine.person(lead, "dana").await?;
        assert_eq!(document["erasure"]["reason"], "asked by letter");
        assert_eq!(document["lead"]["firstName"], json!(null));
    }

    async fn other_processes_notice_the_first_erasure(db) {
        let world = World::open(db).await?;
        let other = Db::connect(&world.db.url, callwright_engine::store::Durability::Off).await?;
        let asked = async |number: &str| {
            let mut tx = other.begin_read().await?;
            let leads = [(LeadId::default(), Some(number))];
            let facts = callwright_engine::store::gate_facts::of(&mut tx, &leads, &[], noon()).await?;
            anyhow::Ok(facts.erased.len())
        };
        assert_eq!(asked(ALICE).await?, 0);
        let lead = world.lead_like(zebulon(ALICE, BOB)).await?;
        world.erase(lead).await?;
        assert_eq!((asked(ALICE).await?, asked(BOB).await?, asked("+12024561212").await?), (1, 1, 0));
    }

    async fn a_restore_erases_again_and_keeps_the_number_suppressed(db) {
        let folder = tempfile::tempdir()?;
        let mut world = World::open(db).await?;
        world.journaled(folder.path())?;
        let lead = world.lead_like(zebulon(ALICE, BOB)).await?;
        world.enroll(lead, "welcome").await?;
        // Somebody who came, and was erased, after the backup: all that is left is a fingerprint.
        let key: NumberKey = "ab".repeat(32).parse()?;
        let gone = "+12024561212";
        let journal = Journal::open(folder.path(), "other")?;
        let word = |lead: LeadId, numbers: &[&str]| Word::Erased {
            lead,
            by: "dana".to_owned(),
            reason: "asked".to_owned(),
            key: key.digits(),
            hashes: numbers.iter().map(|number| key.fingerprint(number)).collect(),
        };
        let stop = Word::Suppressed {
            source: Source::OptOut,
            campaign: None,
            reason: "said stop".to_owned(),
            created_at: noon(),
            expires_at: None,
            numbers: vec![PhoneNumber::e164_only(gone)?],
        };
        let at = chrono::Utc::now();
        let stranger: LeadId = world.engine.ids.next(noon());
        let words = [stop, word(stranger, &[gone]), word(lead, &[ALICE, BOB])];
        journal.append(words.map(|word| journal::Line { at, word }).to_vec()).await.map_err(anyhow::Error::msg)?;

        let refused = {
            world.engine.mark_recovering(at, world.now()).await?;
            world.engine.erase(lead, "dana", "asked", false).await
        };
        assert!(refused.is_err_and(|error| error.to_string().contains("reconcile")), "the key may be in the journal only");
        let replayed = world.engine.replay_journal(folder.path(), false, |_, _| ()).await?;
        assert_eq!((replayed.erased, replayed.erased_numbers), (1, 3));
        assert_eq!(found(&world.db.db).await?, Vec::<String>::new());
        let again = world.engine.replay_journal(folder.path(), false, |_, _| ()).await?;
        assert_eq!((again.erased, again.erased_numbers), (0, 3), "it may be repeated");
        world.engine.finish_recovery(json!({})).await?;
        let mut tx = world.engine.db.begin_read().await?;
        assert!(suppression::of_numbers(&mut tx, &[gone, ALICE]).await?.is_empty(), "not in plain");
        assert!(erase::find(&mut tx, lead).await?.is_some_and(|known| known.by == "dana"));
        tx.rollback().await?;
        for number in [gone, ALICE, BOB] {
            let (brought, _) = world.welcomed(number).await?;
            assert_eq!(world.refused(brought).await?.as_deref(), Some("erased"));
        }
    }

    async fn an_erasure_leaves_a_line_without_the_number(db) {
        let folder = tempfile::tempdir()?;
        let mut world = World::open(db).await?;
        world.journaled(folder.path())?;
        let lead = world.lead_like(zebulon(ALICE, BOB)).await?;
        world.enroll(lead, "welcome").await?;
        world.dialed(lead, &Fake::default()).await?;
        world.erase(lead).await?;
        let again = world.lead(ALICE).await?;
        world.engine.opt_in(again, "dana", "a letter").await?;
        let mut kinds = Vec::new();
        for file in std::fs::read_dir(folder.path())? {
            let text = std::fs::read_to_string(file?.path())?;
            assert!(WORDS.iter().all(|word| !text.to_lowercase().contains(word)), "{text}");
            kinds.extend(text.lines().filter_map(|line| {
                serde_json::from_str::<serde_json::Value>(line).ok()?["kind"].as_str().map(str::to_owned)
            }));
        }
        kinds.sort_unstable();
        assert_eq!(kinds, ["erased", "erasure_lifted", "opted_out"]);
    }
}
