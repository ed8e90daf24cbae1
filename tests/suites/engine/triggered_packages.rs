//! The package of a call: the example of the call system it replaces, field by field; frozen, and sent as it was promised.

use anyhow::Context as _;
use callwright_engine::definitions::library::Library;
use callwright_engine::domain::new_lead::NewLead;
use callwright_engine::domain::new_purchase::NewPurchase;
use callwright_engine::domain::trigger::{TriggerKind, TriggerSource};
use callwright_engine::engine::triggers::{NewTrigger, SingleCall};
use callwright_engine::id::LeadId;
use callwright_engine::package;
use callwright_tests::TestDb;
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::fake::Fake;
use crate::given::{World, at};
use crate::on_both;
use crate::triggering::{Shop, number, percent, record, stock, usd};

/// Half past two on a Thursday in New York: inside the hours that Alice asked for.
const START: &str = "2024-01-11T19:30:00Z";

async fn shop(db: TestDb) -> anyhow::Result<(Shop, LeadId)> {
    let world = World::starting(db, Library::embedded(), at(START)).await?;
    let campaign = world
        .campaign("price-drop", |campaign| {
            "iPhone 15 Pro Holiday Sale".clone_into(&mut campaign.name);
            "Rachel".clone_into(&mut campaign.agent_name);
            "Acme".clone_into(&mut campaign.company);
        })
        .await?;
    let product = stock(&world, "iphone", "iPhone 15 Pro", "999.99").await?;
    stock(&world, "shoe", "Nike Air Max", "129.99").await?;
    let alice = NewLead {
        external_id: "alice".into(),
        first_name: "Alice".into(),
        last_name: "Johnson".into(),
        email: "alice@example.com".into(),
        phone: "+12124567890".into(),
        preferred_contact_time: "2pm-4pm EST".into(),
        zone: "America/New_York".into(),
        ..NewLead::default()
    };
    let alice = world.lead_like(alice).await?;
    for (product, price, quantity, day) in
        [("shoe", "129.99", 2, "2024-01-05"), ("iphone", "999.99", 1, "2024-01-10")]
    {
        let new = NewPurchase {
            lead_id: Some("alice".to_owned()),
            product_id: Some(product.to_owned()),
            quantity: Some(quantity),
            unit_price: Some(number(price)),
            purchased_at: Some(at(&format!("{day}T17:00:00Z"))),
            ..NewPurchase::default()
        };
        record(&world, &new).await?;
    }
    Ok((Shop { world, campaign, product }, alice))
}

fn call(shop: &Shop, lead: LeadId) -> NewTrigger {
    NewTrigger {
        product_id: Some(shop.product),
        lead_id: Some(lead),
        original: Some(usd(99_999)),
        new: Some(usd(84_999)),
        discount: Some(percent("15")),
        ..NewTrigger::new(TriggerKind::PriceDrop, TriggerSource::Api, shop.campaign)
    }
}

async fn queued(shop: &Shop, lead: LeadId) -> anyhow::Result<SingleCall> {
    let answer = shop.world.engine.call_one(&call(shop, lead)).await?;
    answer.map_err(|refusal| anyhow::anyhow!("{refusal:?}"))
}

/// The fields of the source's example, with the coupon and the ids that are ours.
fn example(package: &Value) -> Value {
    let coupon = package["coupon_code"].as_str().unwrap_or_default();
    json!({
        "customer_name": "Alice Johnson",
        "phone_number": "+12124567890",
        "product_name": "iPhone 15 Pro",
        "product_id": package["product_id"],
        "discount": "15%",
        "coupon_code": coupon,
        "reason": "Price drop alert for iPhone 15 Pro - Customer eligible for refund",
        "campaign_name": "iPhone 15 Pro Holiday Sale",
        "campaign_id": package["campaign_id"],
        "original_price": 999.99,
        "new_price": 849.99,
        "savings_amount": 150.00,
        "call_script": format!(
            "Hi Alice Johnson, this is Rachel from Acme. I have great news! The iPhone 15 Pro you purchased on 1/10/2024 has \
             dropped in price from $999.99 to $849.99. You're eligible for a 15% refund of $150.00. Would you like me to \
             process this refund for you today? Your coupon code is {coupon}."
        ),
        "priority": "high",
        "best_call_time": "2:00 PM - 4:00 PM EST",
        "customer_timezone": "EST",
        "purchase_history": [
            {"product_name": "iPhone 15 Pro", "purchase_date": "2024-01-10", "amount_paid": 999.99, "currency": "USD"},
            {"product_name": "Nike Air Max", "purchase_date": "2024-01-05", "amount_paid": 259.98, "currency": "USD"},
        ],
    })
}

on_both! {
    async fn the_example_of_the_source_comes_out_field_by_field(db) {
        let (shop, alice) = shop(db).await?;
        let called = queued(&shop, alice).await?;
        let package: Value = serde_json::from_str(&called.package.body)?;
        for (field, expected) in example(&package).as_object().context("fields")? {
            assert_eq!(&package[field], expected, "{field}");
        }
        assert!(package["coupon_code"].as_str().is_some_and(|code| code.starts_with("PRICE_DROP-15-")), "{package}");
        assert!(called.package.body.contains("\"savings_amount\":150.00"), "digits as they are written");
        assert_eq!(package["call_id"], json!(called.call_id));
        assert_eq!((&package["email"], &package["availability"]), (&json!("alice@example.com"), &json!("in_stock")));
        assert_eq!((&package["refund_eligible"], &package["refund_amount"]), (&json!(true), &json!(150.0)));
        assert_eq!(package["consent"]["source"], "campaign");
        assert_eq!((&package["flow_id"], &package["attempt"]), (&json!("price-drop"), &json!(1)));
        let problems = violations(&package);
        assert!(problems.is_empty(), "{problems:?}");
    }

    async fn the_call_is_made_with_the_package_that_was_promised(db) {
        let (shop, alice) = shop(db).await?;
        let called = queued(&shop, alice).await?;
        let world = &shop.world;
        assert_eq!(world.engine.call_package(called.call_id).await?.package, called.package);
        world.plan().await?;
        let provider = Fake::default();
        let claimed = world.claim(&provider).await?;
        let [request] = claimed.requests.as_slice() else { anyhow::bail!("{claimed:?}") };
        assert_eq!(request.attempt_id, called.call_id, "the call has the id that was promised");
        assert_eq!(request.complete.as_deref(), Some(&called.package));
        world.place(&provider, claimed.requests).await?;
        let kept = world.engine.call_package(called.call_id).await?;
        assert_eq!(kept.package, called.package);
        assert!(kept.frozen_at.is_some());
    }

    async fn asking_again_is_the_same_call(db) {
        let (shop, alice) = shop(db).await?;
        let first = queued(&shop, alice).await?;
        let again = queued(&shop, alice).await?;
        assert_eq!((again.call_id, again.repeated), (first.call_id, true));
        assert_eq!(again.package, first.package);
        assert_eq!(shop.world.walks(alice).await?.len(), 1);
        // The mass trigger of the same drop leaves her out.
        let everybody = shop.spread(&NewTrigger { lead_id: None, ..call(&shop, alice) }).await?;
        assert_eq!((everybody.eligible, everybody.skipped.get("already-offered")), (0, Some(&1)));
    }

    async fn who_bought_nothing_is_not_called(db) {
        let (shop, _) = shop(db).await?;
        let stranger = shop.person(1).await?;
        let answer = shop.world.engine.call_one(&call(&shop, stranger)).await?;
        assert_eq!(answer.err().map(|refusal| refusal.reason).as_deref(), Some("no-purchase"));
        assert!(shop.world.walks(stranger).await?.is_empty());
    }

    async fn a_package_is_frozen_when_the_call_is_made(db) {
        let (shop, alice) = shop(db).await?;
        shop.spread(&NewTrigger { lead_id: None, ..call(&shop, alice) }).await?;
        let (world, provider) = (&shop.world, Fake::default());
        world.plan().await?;
        let planned = world.last(alice).await?.id;
        let before = world.engine.call_package(planned).await?;
        assert_eq!(before.frozen_at, None);
        let call = world.dialed(alice, &provider).await?;
        let sent = world.engine.call_package(call).await?;
        assert!(sent.frozen_at.is_some());
        record(world, &NewPurchase {
            lead_id: Some("alice".to_owned()),
            product_id: Some("shoe".to_owned()),
            purchased_at: Some(world.now() - TimeDelta::minutes(1)),
            ..NewPurchase::default()
        }).await?;
        assert_eq!(world.engine.call_package(call).await?, sent);
    }
}

/// What is wrong with a package by its published schema.
fn violations(package: &Value) -> Vec<String> {
    let schema = package::schema();
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let missing =
        required.filter(|name| package.get(name).is_none()).map(|name| format!("{name} is missing"));
    let properties = schema["properties"].as_object();
    let unknown = package.as_object().into_iter().flatten();
    let unknown = unknown
        .filter(|(name, _)| properties.is_none_or(|known| !known.contains_key(*name)))
        .map(|(name, _)| format!("{name} is not described"));
    missing.chain(unknown).collect()
}
