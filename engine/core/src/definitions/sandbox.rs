//! The one configuration under which authors' templates and expressions run: no loader, no file, no network, a short
//! list of filters and tests, strict limits. What is not named here does not exist for an author (DEF-9).

use std::sync::LazyLock;

use minijinja::value::{Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Output, State, UndefinedBehavior, filters, tests};

use super::filters as own;

/// Instructions one evaluation may take.
pub const FUEL: u64 = 20_000;
const RECURSION: usize = 32;
const LONGEST_RANGE: i64 = 200;
const LONGEST_FILTERED: usize = 4 << 10;

/// For texts: a missing value is an error, never silence in the callee's ear; only `if` may ask whether it is there.
pub static TEXTS: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = base();
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    environment.set_formatter(speak);
    environment
});

/// For conditions and values: a missing value is null, and equal to nothing.
pub static EXPRESSIONS: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = base();
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment
});

fn base() -> Environment<'static> {
    let mut env = Environment::empty();
    env.set_fuel(Some(FUEL));
    env.set_recursion_limit(RECURSION);
    env.set_debug(false);
    env.add_filter("lower", |text: &str| short(text).map(str::to_lowercase));
    env.add_filter("upper", |text: &str| short(text).map(str::to_uppercase));
    env.add_filter("title", |text: &str| short(text).map(|text| filters::title(text.into())));
    env.add_filter("capitalize", |text: &str| short(text).map(own::capitalize));
    env.add_filter("trim", filters::trim);
    env.add_filter("length", filters::length);
    env.add_filter("first", filters::first);
    env.add_filter("last", filters::last);
    env.add_filter("round", filters::round);
    env.add_filter("abs", filters::abs);
    env.add_filter("int", filters::int);
    env.add_filter("float", filters::float);
    env.add_filter("min", filters::min);
    env.add_filter("max", filters::max);
    env.add_filter("default", own::default);
    env.add_filter("join", own::join);
    env.add_filter("times", own::times);
    env.add_filter("money", own::money);
    env.add_filter("date", own::date);
    env.add_filter("phone", own::phone);
    env.add_filter("name", own::name);
    env.add_test("defined", tests::is_defined);
    env.add_test("undefined", tests::is_undefined);
    env.add_test("none", tests::is_none);
    env.add_test("number", tests::is_number);
    env.add_test("string", tests::is_string);
    env.add_test("odd", tests::is_odd);
    env.add_test("even", tests::is_even);
    env.add_test("startingwith", tests::is_startingwith);
    env.add_test("endingwith", tests::is_endingwith);
    env.add_test("in", tests::is_in);
    env.add_function("range", range);
    env
}

/// A text that a filter may copy: a loop of copies of long texts would keep a core busy for seconds.
fn short(text: &str) -> Result<&str, Error> {
    if text.len() <= LONGEST_FILTERED {
        return Ok(text);
    }
    let words = format!("filters take at most {LONGEST_FILTERED} bytes of text");
    Err(Error::new(ErrorKind::InvalidOperation, words))
}

/// Names of tests, as in `lead.email is defined`.
pub const TESTS: [&str; 10] =
    ["defined", "undefined", "none", "number", "string", "odd", "even", "startingwith", "endingwith", "in"];

/// Names of filters and functions, for suggestions.
pub fn filter_names() -> &'static [&'static str] {
    &[
        "lower",
        "upper",
        "title",
        "capitalize",
        "trim",
        "length",
        "first",
        "last",
        "round",
        "abs",
        "int",
        "float",
        "min",
        "max",
        "default",
        "join",
        "times",
        "money",
        "date",
        "phone",
        "name",
    ]
}

/// Writes a value into a text. Nothing and collections are refused: "Hello none" must never be spoken.
fn speak(out: &mut Output, _: &mut State, value: &Value) -> Result<(), Error> {
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => {
            Err(Error::new(ErrorKind::UndefinedError, "the value is missing; give one with | default(\"…\")"))
        }
        ValueKind::String | ValueKind::Number | ValueKind::Bool => {
            let written = match value.as_str() {
                Some(text) => out.write_str(text),
                None => write!(out, "{value}"),
            };
            written.map_err(|_| Error::new(ErrorKind::WriteFailure, "the text is too long"))
        }
        other => Err(Error::new(ErrorKind::InvalidOperation, format!("a {other} cannot be spoken"))),
    }
}

fn range(lower: i64, upper: Option<i64>) -> Result<Vec<i64>, Error> {
    let (from, until) = upper.map_or((0, lower), |upper| (lower, upper));
    if until.saturating_sub(from) > LONGEST_RANGE {
        let words = format!("a range may have at most {LONGEST_RANGE} items");
        return Err(Error::new(ErrorKind::InvalidOperation, words));
    }
    Ok((from..until).collect())
}
