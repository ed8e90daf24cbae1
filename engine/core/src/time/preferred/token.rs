//! Words, times and zone names of a preferred time. What they mean together is in [`super::grammar`].

use super::PreferredTimeError;
use crate::time::days::DaySet;
use crate::time::local::{LocalTime, excerpt};
use crate::time::zone::Zone;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Clock(Clock),
    /// Days by themselves; ranges are made by the grammar from two single days.
    Day(usize),
    Days(DaySet),
    /// A part of the day with hours of its own.
    Part(LocalTime, LocalTime),
    /// `business hours`: a part and days at once.
    BusinessHours,
    Anytime,
    Dash,
    /// `to`, `until`, `through`: joins times and days like a dash; `until` and `till` also stand alone.
    To {
        may_open: bool,
    },
    /// `,` `;` `and` `or` `&`.
    Separator,
    After,
    Before,
    Between,
    Onwards,
    Zone(Zone),
}

/// A time of day, possibly without am or pm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Clock {
    /// Minutes after midnight, 0–1440, said with am, pm or a word such as noon.
    Exact(u16),
    /// Minutes after midnight, 0–1440, written the 24-hour way.
    Full(u16),
    /// Minutes after midnight or noon, 0–719: it is not said which.
    Bare(u16),
}

const ABBREVIATIONS: [&str; 35] = [
    "est", "edt", "et", "cst", "cdt", "ct", "mst", "mdt", "mt", "pst", "pdt", "pt", "akst", "akdt", "akt",
    "hst", "hast", "ist", "bst", "gmt", "utc", "cet", "cest", "aest", "aedt", "aet", "awst", "acst", "wst",
    "sgt", "pht", "jst", "hkt", "gst", "nzst",
];

/// Politeness without meaning.
const FILLERS: [&str; 15] = [
    "on",
    "in",
    "the",
    "at",
    "only",
    "please",
    "preferably",
    "best",
    "call",
    "me",
    "during",
    "my",
    "local",
    "time",
    "times",
];

pub(super) fn tokens(text: &str, country: Option<&str>) -> Result<Vec<Token>, PreferredTimeError> {
    let text = text.replace(['–', '—', '−', '‑', '‒'], "-").replace(['(', ')'], " ");
    let mut scanner = Scanner { country, tokens: Vec::new(), words: Vec::new() };
    for chunk in text.split_whitespace() {
        scanner.chunk(chunk)?;
    }
    scanner.words_end()?;
    Ok(scanner.tokens)
}

struct Scanner<'a> {
    country: Option<&'a str>,
    tokens: Vec<Token>,
    /// Words read but not yet turned into tokens, because a phrase may still go on (`any time`, `eastern time`).
    words: Vec<String>,
}

impl Scanner<'_> {
    /// One run of characters without blanks.
    fn chunk(&mut self, chunk: &str) -> Result<(), PreferredTimeError> {
        let bare = chunk.trim_end_matches([',', ';', '.']);
        if bare.eq_ignore_ascii_case("a.m") || bare.eq_ignore_ascii_case("p.m") {
            self.word(&bare.replace('.', ""));
            return self.rest(&chunk[bare.len()..]);
        }
        if is_offset(bare) {
            return Err(PreferredTimeError::UnknownWord { word: excerpt(bare) });
        }
        if bare.contains('/') && bare.starts_with(|c: char| c.is_ascii_alphabetic()) {
            let days = bare.split('/').all(|part| DaySet::index_of(part).is_some());
            if !days {
                self.words_end()?;
                self.tokens.push(Token::Zone(Zone::find(bare)?));
                return self.rest(&chunk[bare.len()..]);
            }
        }
        self.rest(chunk)
    }

    fn rest(&mut self, mut rest: &str) -> Result<(), PreferredTimeError> {
        while let Some(first) = rest.chars().next() {
            let taken = match first {
                '0'..='9' => {
                    self.words_end()?;
                    let (clock, length) = clock(rest)?;
                    self.tokens.push(Token::Clock(clock));
                    length
                }
                '-' => self.symbol(Token::Dash)?,
                ',' | ';' | '&' | '/' => self.symbol(Token::Separator)?,
                '+' => self.symbol(Token::Onwards)?,
                '.' => 1,
                _ if first.is_alphabetic() => {
                    let length = rest.find(|c: char| !(c.is_alphabetic() || c == '\'')).unwrap_or(rest.len());
                    self.word(&rest[..length]);
                    length
                }
                _ => return Err(PreferredTimeError::UnknownWord { word: excerpt(rest) }),
            };
            rest = &rest[taken..];
        }
        Ok(())
    }

    fn symbol(&mut self, token: Token) -> Result<usize, PreferredTimeError> {
        self.words_end()?;
        self.tokens.push(token);
        Ok(1)
    }

    fn word(&mut self, word: &str) {
        let word = word.to_lowercase();
        // `9 am`: the half of the day belongs to the time before it.
        if self.words.is_empty()
            && let Some(Token::Clock(clock)) = self.tokens.last_mut()
            && let Clock::Bare(minutes) = *clock
            && let Some(afternoon) = half_of_day(&word)
        {
            *clock = Clock::Exact(minutes + if afternoon { 720 } else { 0 });
            return;
        }
        self.words.push(word);
    }

    /// Turns the collected words into tokens, longest phrase first.
    fn words_end(&mut self) -> Result<(), PreferredTimeError> {
        let words = std::mem::take(&mut self.words);
        let mut at = 0;
        while at < words.len() {
            let pair = words.get(at + 1).map(|next| format!("{} {next}", words[at]));
            if let Some(token) = pair.as_deref().and_then(phrase) {
                self.tokens.push(token);
                at += 2;
                continue;
            }
            let word = words[at].as_str();
            if let Some(zone) = self.zone(word)? {
                self.tokens.push(Token::Zone(zone));
                at += 1 + zone_tail(&words[at + 1..]);
                continue;
            }
            if let Some(token) = single(word) {
                self.tokens.push(token);
            } else if !FILLERS.contains(&word) {
                return Err(PreferredTimeError::UnknownWord { word: excerpt(word) });
            }
            at += 1;
        }
        Ok(())
    }

    fn zone(&self, word: &str) -> Result<Option<Zone>, PreferredTimeError> {
        let spelled = matches!(word, "eastern" | "central" | "mountain" | "pacific" | "alaska" | "hawaii");
        if spelled || ABBREVIATIONS.contains(&word) {
            return Ok(Some(Zone::from_abbreviation(word, self.country)?));
        }
        Ok(None)
    }
}

/// How many words of `standard time` follow a zone.
fn zone_tail(words: &[String]) -> usize {
    let mut words = words.iter().map(String::as_str).peekable();
    let kind = usize::from(words.next_if(|word| matches!(*word, "standard" | "daylight")).is_some());
    kind + usize::from(words.next_if(|word| *word == "time").is_some())
}

fn phrase(pair: &str) -> Option<Token> {
    Some(match pair {
        "any time" | "all day" | "any day" | "no preference" => Token::Anytime,
        "every day" | "each day" | "all days" | "all week" => Token::Days(DaySet::DAILY),
        "business hours" | "office hours" | "working hours" | "work hours" => Token::BusinessHours,
        "week days" => Token::Days(DaySet::WEEKDAYS),
        "week ends" => Token::Days(DaySet::WEEKENDS),
        _ => return None,
    })
}

fn single(word: &str) -> Option<Token> {
    let part = |from, until| Some(Token::Part(LocalTime::hm(from, 0)?, LocalTime::hm(until, 0)?));
    if let Some(day) = DaySet::index_of(word) {
        return Some(Token::Day(day));
    }
    if let Some(days) = DaySet::named(word) {
        return Some(Token::Days(days));
    }
    Some(match word {
        "morning" | "mornings" => return part(8, 12),
        "afternoon" | "afternoons" => return part(12, 17),
        "evening" | "evenings" => return part(17, 21),
        "night" | "nights" => return part(19, 22),
        "lunch" | "lunchtime" => return part(12, 14),
        "noon" | "midday" => Token::Clock(Clock::Exact(720)),
        "midnight" => Token::Clock(Clock::Exact(0)),
        "anytime" | "whenever" | "flexible" | "always" => Token::Anytime,
        "to" | "through" | "thru" => Token::To { may_open: false },
        "until" | "till" | "til" => Token::To { may_open: true },
        "and" | "or" => Token::Separator,
        "after" | "from" => Token::After,
        "before" => Token::Before,
        "between" => Token::Between,
        "onwards" | "onward" => Token::Onwards,
        _ => return None,
    })
}

fn half_of_day(word: &str) -> Option<bool> {
    match word {
        "am" | "a" => Some(false),
        "pm" | "p" => Some(true),
        _ => None,
    }
}

/// Reads a time at the start of `text`: `9`, `9:30`, `9.30pm`, `0900`, `5 p.m.`; also tells its length in bytes.
fn clock(text: &str) -> Result<(Clock, usize), PreferredTimeError> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let wrong = || PreferredTimeError::NotATime { text: number_excerpt(text) };
    let mut length = digits(text);
    let (hour, minute, is_24) = match length {
        1 | 2 => {
            let hour = &text[..length];
            let minute = text[length..].strip_prefix([':', '.']).filter(|tail| digits(tail) == 2);
            length += if minute.is_some() { 3 } else { 0 };
            (hour, minute.map_or("0", |tail| &tail[..2]), hour.starts_with('0') && minute.is_some())
        }
        4 => (&text[..2], &text[2..4], true),
        _ => return Err(wrong()),
    };
    let (hour, minute): (u16, u16) = hour.parse().ok().zip(minute.parse().ok()).ok_or_else(wrong)?;
    let time = LocalTime::hm(hour, minute).ok_or_else(wrong)?;
    let (half, suffix) = suffix(&text[length..]);
    length += suffix;
    let clock = match half {
        Some(_) if hour == 0 || hour > 12 => return Err(wrong()),
        Some(afternoon) => Clock::Exact(time.minutes() % 720 + if afternoon { 720 } else { 0 }),
        None if is_24 || hour == 0 || hour > 12 => Clock::Full(time.minutes()),
        None => Clock::Bare(time.minutes() % 720),
    };
    Ok((clock, length))
}

/// `am`, `p.m.` or `p` directly behind the digits, and its length.
fn suffix(text: &str) -> (Option<bool>, usize) {
    let lower = text.to_ascii_lowercase();
    for (form, afternoon) in [
        ("a.m.", false),
        ("p.m.", true),
        ("a.m", false),
        ("p.m", true),
        ("am", false),
        ("pm", true),
        ("a", false),
        ("p", true),
    ] {
        let Some(rest) = lower.strip_prefix(form) else { continue };
        if !rest.starts_with(|c: char| c.is_alphanumeric()) {
            return (Some(afternoon), form.len());
        }
    }
    (None, 0)
}

/// `UTC+5:30`: an offset is no zone, and its parts must not be read as a time.
fn is_offset(chunk: &str) -> bool {
    let lower = chunk.to_ascii_lowercase();
    let tail = lower.strip_prefix("utc").or_else(|| lower.strip_prefix("gmt"));
    tail.is_some_and(|tail| tail.starts_with(['+', '-']) && tail.len() > 1)
}

/// A pasted phone number must not reach a message or a log.
fn number_excerpt(text: &str) -> String {
    let word: String =
        text.chars().take_while(|c| c.is_ascii_alphanumeric() || ":.".contains(*c)).take(8).collect();
    if word.chars().filter(char::is_ascii_digit).count() > 4 { "a long number".to_owned() } else { word }
}
