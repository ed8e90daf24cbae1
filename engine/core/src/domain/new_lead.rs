//! What people, files and other systems say about a lead: raw texts in, a checked [`Lead`] or every mistake at once out.
//! Where its number may be is [`super::reach`]; storing and matching leads is not done here.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::lead::{Lead, LeadStatus, Phone};
use crate::clock::Instant;
use crate::id::LeadId;
use crate::phone::number::PhoneNumber;
use crate::time::preferred::PreferredTime;
use crate::time::zone::Zone;

pub(in crate::domain) mod read;

/// A value that may be left as it is, emptied or set: absent, `null` or given in JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Field<T> {
    #[default]
    Keep,
    Clear,
    Set(T),
}

/// A lead as somebody describes it, unchecked. The same for a new lead, an import row and a partial change:
/// what is not mentioned stays as it is, or gets its default in a new lead.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct NewLead {
    pub external_id: Field<String>,
    /// The household or company it belongs to: caps may count its calls together.
    pub account_id: Field<String>,
    pub email: Field<String>,
    pub first_name: Field<String>,
    pub last_name: Field<String>,
    pub company: Field<String>,
    pub segment: Field<String>,
    pub status: Option<String>,
    /// Language code; `en` in a new lead.
    pub language: Option<String>,
    /// Zone name such as `America/Denver` or `EST`.
    #[serde(rename = "timezone")]
    pub zone: Field<String>,
    /// ISO 3166, two letters; numbers without a country code are read as this country's.
    pub country: Field<String>,
    /// US state or other part of the country.
    pub region: Field<String>,
    pub preferred_contact_time: Field<String>,
    pub do_not_call: Option<bool>,
    pub do_not_email: Option<bool>,
    /// 0 to 100.
    pub score: Option<i64>,
    pub tags: Option<Vec<String>>,
    /// Merged by key; `null` removes a key.
    pub custom: BTreeMap<String, Value>,
    pub synthetic: bool,
    /// The primary number alone; the lead's other numbers stay.
    pub phone: Field<String>,
    /// All numbers; replaces those on file.
    pub phones: Option<Vec<NewPhone>>,
}

/// A number as given.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewPhone {
    pub number: String,
    /// Without any primary one the first is.
    #[serde(default)]
    pub is_primary: bool,
}

/// A mistake in one field, by its camelCase name.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, thiserror::Error)]
#[error("{field}: {message}")]
pub struct FieldError {
    pub field: String,
    pub message: String,
}

/// A new lead from what was said, or every mistake in it. An unreadable number is no mistake: it is kept with the reason
/// and not called.
pub fn prepare(new: &NewLead, id: LeadId, now: Instant) -> Result<Lead, Vec<FieldError>> {
    new.apply(&blank(id, now), now)
}

fn blank(id: LeadId, now: Instant) -> Lead {
    Lead {
        id,
        external_id: None,
        account_id: None,
        email: None,
        first_name: None,
        last_name: None,
        company: None,
        segment: None,
        status: LeadStatus::Cold,
        language: "en".to_owned(),
        zone: None,
        country: None,
        region: None,
        preferred_text: None,
        preferred: None,
        do_not_call: false,
        do_not_email: false,
        score: 0,
        tags: Vec::new(),
        custom: BTreeMap::new(),
        synthetic: false,
        created_at: now,
        updated_at: now,
        last_contacted_at: None,
        phones: Vec::new(),
    }
}

impl NewLead {
    /// The lead after this change, or every mistake in it. `opted_out` absorbs: neither status nor `doNotCall` leave it.
    pub fn apply(&self, before: &Lead, now: Instant) -> Result<Lead, Vec<FieldError>> {
        let mut lead = before.clone();
        let mut errors = Errors::default();
        self.identity(&mut lead, &mut errors);
        self.place(&mut lead, &mut errors);
        self.standing(&mut lead, &mut errors);
        self.details(&mut lead, &mut errors);
        let country_changed = before.country != lead.country;
        self.numbers(&mut lead, country_changed, &mut errors);
        lead.updated_at = now;
        if errors.0.is_empty() { Ok(lead) } else { Err(errors.0) }
    }

    fn identity(&self, lead: &mut Lead, errors: &mut Errors) {
        errors.field("externalId", &self.external_id, &mut lead.external_id, read::line);
        errors.field("accountId", &self.account_id, &mut lead.account_id, read::line);
        errors.field("email", &self.email, &mut lead.email, read::email);
        errors.field("firstName", &self.first_name, &mut lead.first_name, read::line);
        errors.field("lastName", &self.last_name, &mut lead.last_name, read::line);
        errors.field("company", &self.company, &mut lead.company, read::line);
    }

    fn place(&self, lead: &mut Lead, errors: &mut Errors) {
        errors.field("timezone", &self.zone, &mut lead.zone, |text| {
            Zone::find(text).map(Some).map_err(|e| e.to_string())
        });
        errors.field("country", &self.country, &mut lead.country, read::country);
        errors.field("region", &self.region, &mut lead.region, read::line);
        if let Some(text) = &self.language {
            errors.value("language", read::language(text), &mut lead.language);
        }
        let country = lead.country.as_deref();
        let mut preferred = None;
        match &self.preferred_contact_time {
            Field::Keep => return,
            Field::Set(text) if !text.trim().is_empty() => match PreferredTime::parse(text, country, None) {
                Ok(parsed) => preferred = Some((text.trim().to_owned(), parsed)),
                Err(error) => return errors.add("preferredContactTime", error.to_string()),
            },
            Field::Set(_) | Field::Clear => {}
        }
        (lead.preferred_text, lead.preferred) = preferred.unzip();
    }

    fn standing(&self, lead: &mut Lead, errors: &mut Errors) {
        errors.field("segment", &self.segment, &mut lead.segment, |text| {
            text.parse().map(Some).map_err(|e: super::UnknownText| e.to_string())
        });
        let was_opted_out = lead.status == LeadStatus::OptedOut;
        if let Some(text) = &self.status {
            let status = text.parse::<LeadStatus>().map_err(|e| e.to_string());
            errors.value("status", status, &mut lead.status);
        }
        lead.do_not_call = self.do_not_call.unwrap_or(lead.do_not_call);
        lead.do_not_email = self.do_not_email.unwrap_or(lead.do_not_email);
        if was_opted_out {
            lead.status = LeadStatus::OptedOut;
        }
        lead.do_not_call |= lead.status == LeadStatus::OptedOut;
        match self.score {
            Some(score) if !(0..=100).contains(&score) => {
                errors.add("score", "a score is between 0 and 100".to_owned());
            }
            Some(score) => lead.score = score,
            None => {}
        }
    }

    fn details(&self, lead: &mut Lead, errors: &mut Errors) {
        lead.synthetic |= self.synthetic;
        if let Some(tags) = &self.tags {
            errors.value("tags", read::tags(tags), &mut lead.tags);
        }
        for (key, value) in &self.custom {
            if value.is_null() {
                lead.custom.remove(key);
            } else {
                lead.custom.insert(key.clone(), value.clone());
            }
        }
        if let Err(message) = read::custom(&lead.custom) {
            errors.add("custom", message);
        }
    }

    fn numbers(&self, lead: &mut Lead, country_changed: bool, errors: &mut Errors) {
        if let Some(phones) = &self.phones {
            if phones.len() > read::MOST_PHONES {
                return errors.add("phones", format!("a lead has at most {} numbers", read::MOST_PHONES));
            }
            lead.phones = read_phones(phones, lead.country.as_deref());
        } else if country_changed {
            // A number without a country code may have become readable, or another number.
            for phone in &mut lead.phones {
                *phone = read_phone(&phone.given, phone.is_primary, lead.country.as_deref());
            }
        }
        match &self.phone {
            Field::Keep => {}
            Field::Set(text) if !text.trim().is_empty() => {
                let primary = read_phone(text, true, lead.country.as_deref());
                lead.phones.retain(|phone| !phone.is_primary && phone.given != primary.given);
                lead.phones.insert(0, primary);
            }
            Field::Set(_) | Field::Clear => lead.phones.retain(|phone| !phone.is_primary),
        }
    }
}

fn read_phones(given: &[NewPhone], country: Option<&str>) -> Vec<Phone> {
    let given: Vec<&NewPhone> = given.iter().filter(|phone| !phone.number.trim().is_empty()).collect();
    let primary = given.iter().position(|phone| phone.is_primary).unwrap_or(0);
    given.iter().enumerate().map(|(at, phone)| read_phone(&phone.number, at == primary, country)).collect()
}

fn read_phone(given: &str, is_primary: bool, country: Option<&str>) -> Phone {
    let given: String = given.trim().chars().filter(|c| !c.is_control()).take(64).collect();
    match PhoneNumber::parse(&given, country) {
        Ok(number) => Phone { given, number: Some(number), invalid: None, is_primary },
        Err(error) => {
            Phone { given, number: None, invalid: Some(error.reason.code().to_owned()), is_primary }
        }
    }
}

/// Mistakes found so far.
#[derive(Default)]
pub(in crate::domain) struct Errors(pub(in crate::domain) Vec<FieldError>);

impl Errors {
    pub(in crate::domain) fn add(&mut self, field: &str, message: String) {
        self.0.push(FieldError { field: field.to_owned(), message });
    }

    pub(in crate::domain) fn value<T>(&mut self, field: &str, read: Result<T, String>, slot: &mut T) {
        match read {
            Ok(value) => *slot = value,
            Err(message) => self.add(field, message),
        }
    }

    /// Blank text clears, as an empty cell of a file does.
    pub(in crate::domain) fn field<T>(
        &mut self,
        name: &str,
        given: &Field<String>,
        slot: &mut Option<T>,
        read: impl FnOnce(&str) -> Result<Option<T>, String>,
    ) {
        match given {
            Field::Keep => {}
            Field::Set(text) if !text.trim().is_empty() => self.value(name, read(text.trim()), slot),
            Field::Set(_) | Field::Clear => *slot = None,
        }
    }
}

impl<T> From<T> for Field<T> {
    fn from(value: T) -> Self {
        Self::Set(value)
    }
}

impl From<&str> for Field<String> {
    fn from(value: &str) -> Self {
        Self::Set(value.to_owned())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Clear, Self::Set))
    }
}

#[cfg(test)]
mod tests;
