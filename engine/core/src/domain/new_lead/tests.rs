//! What people write about leads: defaults, partial changes, mistakes reported all at once.

use chrono::{DateTime, TimeDelta};
use rstest::rstest;
use serde_json::json;

use super::{Field, FieldError, NewLead, NewPhone, prepare};
use crate::clock::Instant;
use crate::domain::lead::{Lead, LeadStatus, Segment};
use crate::domain::reach::Reach;
use crate::id::{IdSource, LeadId};
use crate::phone::number::PhoneNumber;

fn now() -> Instant {
    DateTime::from_timestamp(1_790_000_000, 0).unwrap()
}

fn read(new: &NewLead) -> Result<Lead, Vec<FieldError>> {
    prepare(new, IdSource::seeded(1).next::<LeadId>(now()), now())
}

fn lead(new: &NewLead) -> Lead {
    read(new).unwrap()
}

fn phone(number: &str) -> NewPhone {
    NewPhone { number: number.to_owned(), is_primary: false }
}

#[test]
fn an_empty_description_is_a_cold_lead_without_a_number() {
    let lead = lead(&NewLead::default());
    assert_eq!((lead.status, lead.language.as_str(), lead.score), (LeadStatus::Cold, "en", 0));
    assert_eq!(Reach::of(&lead), Reach::default());
}

#[test]
fn json_tells_absent_from_null() {
    let new: NewLead =
        serde_json::from_value(json!({"email": null, "phone": "+12025550143", "company": "Acme"})).unwrap();
    assert_eq!(new.email, Field::Clear);
    assert_eq!(new.first_name, Field::Keep);
    assert_eq!(new.company, Field::from("Acme"));
}

#[test]
fn reports_every_mistake_at_once() {
    let new = NewLead {
        email: "nobody".into(),
        segment: "agency".into(),
        status: Some("hot".to_owned()),
        zone: "Mars/Olympus".into(),
        country: "United States".into(),
        preferred_contact_time: "when the moon is full".into(),
        language: Some("e".to_owned()),
        score: Some(101),
        ..NewLead::default()
    };
    let fields: Vec<String> = read(&new).unwrap_err().into_iter().map(|mistake| mistake.field).collect();
    let expected =
        ["email", "timezone", "country", "language", "preferredContactTime", "segment", "status", "score"];
    assert_eq!(fields, expected);
}

#[rstest]
#[case("alice@example.com", true)]
#[case("  Alice@Example.COM ", true)]
#[case("a@b", false)]
#[case("a@b@c.example", false)]
#[case("a b@c.example", false)]
#[case("@c.example", false)]
#[case("a@c..example", false)]
fn reads_email_addresses(#[case] text: &str, #[case] is_good: bool) {
    let email = read(&NewLead { email: text.into(), ..NewLead::default() });
    assert_eq!(email.as_ref().is_ok(), is_good, "{text}");
    if let Ok(lead) = email {
        assert_eq!(lead.email.unwrap(), "alice@example.com");
    }
}

#[test]
fn an_unreadable_number_is_kept_with_its_reason_and_not_called() {
    let new =
        NewLead { phones: Some(vec![phone("555-0100 ext"), phone("+1 202 456 1111")]), ..NewLead::default() };
    let lead = lead(&new);
    assert_eq!(lead.phones[0].invalid.as_deref(), Some("not-a-number"));
    assert!(lead.phones[0].is_primary);
    let reach = Reach::of(&lead);
    assert_eq!(reach.number.map(PhoneNumber::e164).as_deref(), Some("+12024561111"));
    assert_eq!(reach.invalid, None);
    assert_eq!(reach.jurisdictions.iter().map(ToString::to_string).collect::<Vec<_>>(), ["US-DC"]);
}

#[test]
fn only_unreadable_numbers_give_the_reason_of_the_primary_one() {
    let new = NewLead {
        phones: Some(vec![phone("hello"), NewPhone { number: "911".to_owned(), is_primary: true }]),
        ..NewLead::default()
    };
    let reach = Reach::of(&lead(&new));
    assert_eq!((reach.number, reach.invalid.as_deref()), (None, Some("short-code")));
    assert!(reach.zones.is_empty() && reach.jurisdictions.is_empty());
}

#[test]
fn a_country_makes_a_national_number_readable() {
    let before = lead(&NewLead { phone: "98765 43210".into(), ..NewLead::default() });
    let after = NewLead { country: "in".into(), ..NewLead::default() }.apply(&before, now()).unwrap();
    assert_eq!(Reach::of(&after).number.map(PhoneNumber::e164).as_deref(), Some("+919876543210"));
    assert_eq!(after.country.as_deref(), Some("IN"));
}

#[test]
fn a_new_primary_number_leaves_the_others() {
    let before = lead(&NewLead {
        phones: Some(vec![phone("+12024561111"), phone("+13034441234")]),
        ..NewLead::default()
    });
    let after = NewLead { phone: "+14152345678".into(), ..NewLead::default() }.apply(&before, now()).unwrap();
    let given: Vec<(&str, bool)> =
        after.phones.iter().map(|phone| (phone.given.as_str(), phone.is_primary)).collect();
    assert_eq!(given, [("+14152345678", true), ("+13034441234", false)]);
}

#[test]
fn a_partial_change_leaves_the_rest_and_null_clears() {
    let full = NewLead {
        email: "alice@example.com".into(),
        company: "Acme".into(),
        segment: "agencies".into(),
        preferred_contact_time: "9am-5pm EST".into(),
        tags: Some(vec!["vip".to_owned(), " vip ".to_owned(), "eu".to_owned()]),
        custom: [("plan".to_owned(), json!("pro")), ("seats".to_owned(), json!(3))].into(),
        ..NewLead::default()
    };
    let before = lead(&full);
    assert_eq!(before.tags, ["vip", "eu"]);
    let change = NewLead {
        company: Field::Clear,
        preferred_contact_time: "".into(),
        custom: [("plan".to_owned(), json!(null)), ("city".to_owned(), json!("Oslo"))].into(),
        ..NewLead::default()
    };
    let later = now() + TimeDelta::hours(1);
    let after = change.apply(&before, later).unwrap();
    assert_eq!((after.company.as_deref(), after.segment), (None, Some(Segment::Agencies)));
    assert_eq!((after.preferred_text, after.preferred), (None, None));
    assert_eq!(after.custom.keys().collect::<Vec<_>>(), ["city", "seats"]);
    assert_eq!((after.email, after.created_at, after.updated_at), (before.email, now(), later));
}

#[test]
fn opted_out_absorbs() {
    let before = lead(&NewLead { status: Some("opted_out".to_owned()), ..NewLead::default() });
    assert!(before.do_not_call);
    let change =
        NewLead { status: Some("customer".to_owned()), do_not_call: Some(false), ..NewLead::default() };
    let after = change.apply(&before, now()).unwrap();
    assert_eq!((after.status, after.do_not_call), (LeadStatus::OptedOut, true));
}

#[rstest]
#[case::control("a\u{0}b")]
#[case::long(&"x".repeat(201))]
fn refuses_text_that_cannot_be_kept(#[case] text: &str) {
    let mistakes = read(&NewLead { company: text.into(), ..NewLead::default() }).unwrap_err();
    assert_eq!(mistakes[0].field, "company");
}
