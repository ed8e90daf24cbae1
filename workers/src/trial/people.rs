//! Synthetic people as leads.

use callwright_engine::clock::Instant;
use callwright_engine::domain::lead::Lead;
use callwright_engine::domain::new_lead::{Field, NewLead, prepare};
use callwright_engine::id::IdSource;
use callwright_engine::simulate::population::{Person, Population};

/// The people with these indexes, as leads marked synthetic.
pub fn leads(
    population: &Population,
    indexes: impl IntoIterator<Item = u64>,
    ids: &IdSource,
    now: Instant,
) -> Vec<Lead> {
    indexes.into_iter().map(|index| lead(&population.person(index), ids, now)).collect()
}

/// One person as a lead. A preferred time that cannot be read would be a fault of the population, so it is left out.
pub fn lead(person: &Person, ids: &IdSource, now: Instant) -> Lead {
    let mut new = NewLead {
        external_id: Field::Set(person.external_id.clone()),
        email: Field::Set(format!("{}@example.com", person.external_id)),
        first_name: Field::Set(person.first_name.to_owned()),
        last_name: Field::Set(person.last_name.to_owned()),
        company: maybe(person.company.clone()),
        language: Some(person.language.to_owned()),
        country: Field::Set(person.country.to_owned()),
        region: maybe(person.region.clone()),
        preferred_contact_time: maybe(person.preferred_time.map(str::to_owned)),
        phone: Field::Set(person.number.e164()),
        synthetic: true,
        ..NewLead::default()
    };
    let id = ids.next(now);
    prepare(&new, id, now)
        .or_else(|_| {
            new.preferred_contact_time = Field::Keep;
            prepare(&new, id, now)
        })
        .expect("a synthetic person is a correct lead")
}

fn maybe(text: Option<String>) -> Field<String> {
    text.map_or(Field::Keep, Field::Set)
}
