//! Filters that authors use in texts: money, dates, phones and names as people say them.

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, Timelike, Utc};
use minijinja::value::{Rest, Value};
use minijinja::{Error, ErrorKind, State};
use rust_decimal::Decimal;

use super::calendar_words::CalendarWords;
use crate::money::{Currency, spoken_amount};
use crate::time::zone::Zone;

const LONGEST_JOIN: usize = 4 << 10;

fn wrong(words: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, words.into())
}

/// `value | default("there")`: also for null and for empty texts, which nobody wants to hear.
pub fn default(value: &Value, other: Option<Value>) -> Value {
    let is_empty =
        value.is_undefined() || value.is_none() || value.as_str().is_some_and(|text| text.trim().is_empty());
    if is_empty { other.unwrap_or_else(|| Value::from("")) } else { value.clone() }
}

/// `list | join(", ")` with a bound on the result.
pub fn join(list: &Value, separator: Option<&str>) -> Result<String, Error> {
    let mut text = String::new();
    for (index, item) in list.try_iter()?.enumerate() {
        if index > 0 {
            text.push_str(separator.unwrap_or_default());
        }
        text.push_str(&item.to_string());
        if text.len() > LONGEST_JOIN {
            return Err(wrong("the joined text is too long"));
        }
    }
    Ok(text)
}

/// `value | capitalize`
pub fn capitalize(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters.flat_map(char::to_lowercase)).collect()
}

/// `price | times(0.9)`: numbers only; the operator would also repeat texts. Multiplied as decimals, and no digit of the product is
/// lost: one that a template's number cannot hold goes on as its digits, which `money` and `times` read as well.
pub fn times(value: &Value, factor: &Value) -> Result<Value, Error> {
    let product =
        decimal(value)?.checked_mul(decimal(factor)?).ok_or_else(|| wrong("the product is too large"))?;
    let product = product.normalize();
    if let (true, Ok(whole)) = (product.is_integer(), i64::try_from(product)) {
        return Ok(Value::from(whole));
    }
    let digits = product.to_string();
    let number = digits.parse::<f64>().map(Value::from);
    let kept = number.ok().filter(|number| decimal(number).is_ok_and(|held| held == product));
    Ok(kept.unwrap_or_else(|| Value::from(digits)))
}

/// `amount | money` or `amount | money("INR")`: `₹ 2,48,900`, `$1,234.50`. The currency is the argument, the value's own
/// (`{amount, currency}`), or the call's `currency`, `product.currency`, `offer.currency`.
pub fn money(state: &State, value: &Value, currency: Option<&str>) -> Result<String, Error> {
    let own = value.get_attr("currency").ok().and_then(|code| code.as_str().map(str::to_owned));
    let amount = value
        .get_attr("amount")
        .ok()
        .filter(|amount| !amount.is_undefined())
        .unwrap_or_else(|| value.clone());
    let code = currency
        .map(str::to_owned)
        .or(own)
        .or_else(|| call_currency(state))
        .ok_or_else(|| wrong("the currency is not known; write for example money(\"USD\")"))?;
    let currency = Currency::find(&code).map_err(|error| wrong(error.to_string()))?;
    Ok(spoken_amount(decimal(&amount)?, currency))
}

fn call_currency(state: &State) -> Option<String> {
    let direct = state.lookup("currency").and_then(|code| code.as_str().map(str::to_owned));
    direct.or_else(|| {
        ["product", "offer"].iter().find_map(|owner| {
            let code = state.lookup(owner)?.get_attr("currency").ok()?;
            code.as_str().map(str::to_owned)
        })
    })
}

fn decimal(value: &Value) -> Result<Decimal, Error> {
    let text = value.to_string();
    text.trim()
        .parse()
        .or_else(|_| Decimal::from_scientific(text.trim()))
        .map_err(|_| wrong(format!("a number is needed, not a {}", value.kind())))
}

/// `instant | date` or `| date("short" | "weekday" | "time" | "numeric")`, in the lead's zone, in the words and the order of the text's language.
pub fn date(state: &State, value: &Value, style: Option<&str>) -> Result<String, Error> {
    let text = value.as_str().ok_or_else(|| wrong("a date such as 2026-03-01 is needed"))?;
    let (day, time) = local(state, text)?;
    // The language of the text, which need not be the lead's own; outside a script the lead's.
    let spoken = state.lookup("language").and_then(|language| language.as_str().map(str::to_owned));
    let language = spoken.or_else(|| lead_field(state, "language")).unwrap_or_else(|| "en".to_owned());
    let american = language == "en";
    let words = CalendarWords::of(&language);
    let month = words.month(day.month());
    let short = if words.abbreviates() { &month[..3] } else { month };
    let weekday = words.weekday(day.weekday());
    let number = day.day();
    Ok(match style.unwrap_or("long") {
        "time" => {
            let time = time.ok_or_else(|| wrong("a date has no time of day"))?;
            let (afternoon, hour) = time.hour12();
            format!("{hour}:{:02} {}", time.minute(), if afternoon { "PM" } else { "AM" })
        }
        "numeric" if american => format!("{}/{number}/{}", day.month(), day.year()),
        "numeric" => format!("{number}/{}/{}", day.month(), day.year()),
        "weekday" if american => format!("{weekday}, {month} {number}"),
        "weekday" => format!("{weekday}, {number} {month}"),
        "short" if american => format!("{short} {number}"),
        "short" => format!("{number} {short}"),
        "long" if american => format!("{month} {number}, {}", day.year()),
        "long" => format!("{number} {month} {}", day.year()),
        other => {
            return Err(wrong(format!(
                "date style `{other}` is unknown; use long, short, numeric, weekday or time"
            )));
        }
    })
}

fn local(state: &State, text: &str) -> Result<(NaiveDate, Option<NaiveTime>), Error> {
    if let Ok(day) = text.parse::<NaiveDate>() {
        return Ok((day, None));
    }
    let instant: DateTime<Utc> = DateTime::parse_from_rfc3339(text)
        .map_err(|_| wrong("a date such as 2026-03-01 or 2026-03-01T10:00:00Z is needed"))?
        .to_utc();
    let zone = lead_field(state, "zone").and_then(|name| Zone::find(&name).ok());
    let Some(zone) = zone else { return Ok((instant.date_naive(), Some(instant.time()))) };
    let there = zone.local(instant);
    let seconds = u32::from(there.time.minutes()) * 60 + u32::from(there.seconds);
    Ok((there.date, NaiveTime::from_num_seconds_from_midnight_opt(seconds, 0)))
}

fn lead_field(state: &State, field: &str) -> Option<String> {
    state.lookup("lead")?.get_attr(field).ok()?.as_str().map(str::to_owned)
}

/// `number | phone`: grouped so that it can be read out.
pub fn phone(value: &Value) -> Result<String, Error> {
    let text = value.as_str().ok_or_else(|| wrong("a phone number in quotes is needed"))?;
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    if !(7..=15).contains(&digits.len()) {
        return Err(wrong("this is not a phone number"));
    }
    let international = text.trim_start().starts_with('+');
    Ok(match (international, digits.as_str()) {
        (true, number) if number.len() == 11 && number.starts_with('1') => north_american(&number[1..]),
        (false, number) if number.len() == 10 => north_american(number),
        (true, number) if number.len() == 12 && number.starts_with("91") => {
            format!("{} {}", &number[2..7], &number[7..])
        }
        (_, number) => {
            let groups: Vec<&str> =
                (0..number.len()).step_by(3).map(|at| &number[at..(at + 3).min(number.len())]).collect();
            groups.join(" ")
        }
    })
}

fn north_american(number: &str) -> String {
    format!("({}) {}-{}", &number[..3], &number[3..6], &number[6..])
}

/// `lead.firstName | name`: without markup, digits or shouting, at most 60 characters.
pub fn name(value: &Value, _: Rest<Value>) -> Result<String, Error> {
    let text = value.as_str().ok_or_else(|| wrong("a name is needed"))?;
    let clean: String =
        text.chars().filter(|c| c.is_alphabetic() || " '’-.".contains(*c) || is_mark(*c)).take(60).collect();
    let words: Vec<String> = clean.split_whitespace().map(capitalised).collect();
    if words.is_empty() { Err(wrong("a name is needed")) } else { Ok(words.join(" ")) }
}

/// Vowel signs of Indian scripts are marks, not letters.
fn is_mark(c: char) -> bool {
    ('\u{0900}'..='\u{0dff}').contains(&c)
}

fn capitalised(word: &str) -> String {
    // McDonald and deSouza know best; only words in one case are changed.
    let one_case = word.chars().all(|c| !c.is_lowercase()) || word.chars().all(|c| !c.is_uppercase());
    if !one_case {
        return word.to_owned();
    }
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters.flat_map(char::to_lowercase)).collect()
    })
}
