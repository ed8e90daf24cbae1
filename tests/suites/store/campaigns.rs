//! Campaigns and their days; published definitions.

use std::collections::BTreeMap;

use anyhow::Context as _;
use callwright_engine::domain::campaign::{Campaign, CampaignStatus, ConsentBasis, Pacing};
use callwright_engine::domain::consent::Form;
use callwright_engine::store::pacing_counter::{self, Counted, Scope};
use callwright_engine::store::{StoreError, campaign, definition};
use callwright_engine::time::{HolidayRule, Hours, LocalTime};
use chrono::NaiveDate;

use crate::given::{ALICE, after, campaign as given_campaign, id, now, planned, walking};
use crate::on_both;

fn date(text: &str) -> anyhow::Result<NaiveDate> {
    Ok(text.parse()?)
}

fn full() -> anyhow::Result<Campaign> {
    let nine_to_five = ("mon-fri".parse()?, "09:00".parse::<LocalTime>()?, "17:00".parse()?);
    Ok(Campaign {
        starts_on: Some(date("2026-09-01")?),
        ends_on: Some(date("2026-12-31")?),
        schedule: Some(Hours::new(&[nine_to_five], HolidayRule::Skip)?),
        pacing: Pacing { calls_per_second: Some(2.5), max_concurrent: Some(10), ..Pacing::default() },
        consent_basis: Some(ConsentBasis {
            form: Form::ExpressWritten,
            covers_ai_voice: true,
            statement: "web form".to_owned(),
            attested_by: "Mia".to_owned(),
            attested_at: now(),
        }),
        caller_pacing: Pacing { max_per_day: Some(40), ..Pacing::default() },
        agent_number: Some("+12025550101".to_owned()),
        continue_unrecorded: true,
        ..given_campaign("full")?
    })
}

on_both! {
    async fn a_campaign_comes_back_as_it_was_stored(db) {
        let mut tx = db.db.begin().await?;
        let stored = full()?;
        campaign::create(&mut tx, &stored).await?;
        let found = campaign::find(&mut tx, stored.id).await?.context("the campaign")?;
        assert_eq!(format!("{found:?}"), format!("{stored:?}"));
        assert_eq!(campaign::resolve(&mut tx, "full").await?, Some(stored.id));
        assert_eq!(campaign::resolve(&mut tx, &stored.id.to_string()).await?, Some(stored.id));
        assert_eq!(campaign::resolve(&mut tx, "other").await?, None);
        let twin = Campaign { id: id(), ..stored };
        let error = campaign::create(&mut tx, &twin).await.err().context("an error")?;
        assert!(error.breaks("campaigns_key_unique", "campaigns.key"), "{error}");
    }

    async fn a_change_keeps_id_status_and_age(db) {
        let mut tx = db.db.begin().await?;
        let stored = given_campaign("c")?;
        campaign::create(&mut tx, &stored).await?;
        let changed = campaign::update(&mut tx, stored.id, after(5), |campaign| {
            "Renamed".clone_into(&mut campaign.name);
            campaign.status = CampaignStatus::Ended;
            campaign.created_at = after(900);
        });
        let changed = changed.await?.context("the campaign")?;
        let expected = Campaign { name: "Renamed".to_owned(), updated_at: after(5), ..stored };
        assert_eq!(format!("{changed:?}"), format!("{expected:?}"));
        let found = campaign::find(&mut tx, changed.id).await?.context("the campaign")?;
        assert_eq!(format!("{found:?}"), format!("{expected:?}"));
        assert!(campaign::update(&mut tx, id(), now(), |_| ()).await?.is_none());
    }

    async fn an_ended_campaign_stays_ended(db) {
        let mut tx = db.db.begin().await?;
        let stored = given_campaign("c")?;
        campaign::create(&mut tx, &stored).await?;
        assert!(campaign::set_status(&mut tx, stored.id, CampaignStatus::Paused, after(1)).await?);
        assert!(campaign::set_status(&mut tx, stored.id, CampaignStatus::Ended, after(2)).await?);
        assert!(!campaign::set_status(&mut tx, stored.id, CampaignStatus::Active, after(3)).await?);
        let missing = campaign::set_status(&mut tx, id(), CampaignStatus::Active, now()).await.err();
        assert!(matches!(missing, Some(StoreError::Missing { what: "campaign", .. })));
    }

    async fn intents_add_up_per_day(db) {
        let mut tx = db.db.begin().await?;
        let (a, b) = (given_campaign("a")?, given_campaign("b")?);
        campaign::create(&mut tx, &a).await?;
        campaign::create(&mut tx, &b).await?;
        let (monday, tuesday) = (date("2026-09-21")?, date("2026-09-22")?);
        campaign::bump_days(&mut tx, &[(a.id, monday, 2), (b.id, monday, 1), (a.id, monday, 1)]).await?;
        campaign::bump_days(&mut tx, &[(a.id, monday, 4), (a.id, tuesday, 5)]).await?;
        let mut found = campaign::intents_today(&mut tx, &[(a.id, monday), (b.id, monday)]).await?;
        let mut expected = vec![(a.id, 7), (b.id, 1)];
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected);
        assert!(campaign::intents_today(&mut tx, &[(b.id, tuesday)]).await?.is_empty());
    }

    async fn counters_of_limits_start_again_each_day(db) {
        let mut tx = db.db.begin().await?;
        let scopes = [Scope::Caller("+12025550100".to_owned()), Scope::Provider("simulated".to_owned())];
        let (monday, tuesday) = (date("2026-09-21")?, date("2026-09-22")?);
        assert_eq!(pacing_counter::lock(&mut tx, &scopes, monday).await?, [Counted::default(); 2]);
        pacing_counter::bump(&mut tx, &[(scopes[1].clone(), 2)], monday, now()).await?;
        pacing_counter::bump(&mut tx, &[(scopes[1].clone(), 3)], monday, after(1)).await?;
        let expected = [Counted::default(), Counted { intents_today: 5, last_intent: Some(after(1)) }];
        assert_eq!(pacing_counter::lock(&mut tx, &scopes, monday).await?, expected);
        let later = Counted { intents_today: 0, last_intent: Some(after(1)) };
        assert_eq!(pacing_counter::lock(&mut tx, &scopes[1..], tuesday).await?, [later]);
        pacing_counter::bump(&mut tx, &[(scopes[1].clone(), 1)], tuesday, after(2)).await?;
        assert_eq!(pacing_counter::lock(&mut tx, &scopes[1..], tuesday).await?[0].intents_today, 1);
    }

    async fn campaigns_with_due_attempts_are_found(db) {
        let mut tx = db.db.begin().await?;
        let busy = walking(&mut tx, "busy", ALICE).await?;
        campaign::create(&mut tx, &given_campaign("idle")?).await?;
        planned(&mut tx, &busy, ALICE).await?;
        let found: Vec<_> =
            campaign::with_planned(&mut tx, now()).await?.iter().map(|found| (found.campaign.id, found.oldest)).collect();
        assert_eq!(found, [(busy.campaign_id, [None, Some(now()), None])]);
        assert!(campaign::with_planned(&mut tx, after(-1)).await?.is_empty());
    }

    async fn campaigns_page_by_status(db) {
        let mut tx = db.db.begin().await?;
        for n in 0..3 {
            let campaign = Campaign { created_at: after(n), ..given_campaign(&format!("c{n}"))? };
            campaign::create(&mut tx, &campaign).await?;
        }
        let first = campaign::page(&mut tx, Some(CampaignStatus::Active), None, 2).await?;
        let rest = campaign::page(&mut tx, None, first.next, 2).await?;
        let keys: Vec<&str> = first.items.iter().chain(&rest.items).map(|campaign| campaign.key.as_str()).collect();
        assert_eq!(keys, ["c2", "c1", "c0"]);
        assert!(campaign::page(&mut tx, Some(CampaignStatus::Draft), None, 2).await?.items.is_empty());
    }

    async fn publishing_a_version_again_changes_nothing(db) {
        let mut tx = db.db.begin().await?;
        let sources = BTreeMap::from([("cadences/welcome.yaml".to_owned(), "cadence: welcome\n".to_owned())]);
        assert!(definition::publish(&mut tx, "h1", "welcome", &sources, now()).await?);
        assert!(!definition::publish(&mut tx, "h1", "welcome", &BTreeMap::new(), after(9)).await?);
        assert!(definition::publish(&mut tx, "h2", "welcome", &sources, after(5)).await?);
        assert!(definition::publish(&mut tx, "h3", "winback", &sources, after(1)).await?);
        let stored = definition::load(&mut tx, "h1").await?.context("the version")?;
        assert_eq!((stored.sources, stored.published_at), (sources, now()));
        assert!(definition::load(&mut tx, "h9").await?.is_none());
        let hashes = |heads: Vec<definition::Head>| heads.into_iter().map(|head| head.hash).collect::<Vec<_>>();
        assert_eq!(hashes(definition::heads(&mut tx).await?), ["h2", "h3"]);
        assert_eq!(hashes(definition::versions(&mut tx, "welcome").await?), ["h2", "h1"]);
    }
}
