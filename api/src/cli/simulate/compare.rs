//! The figures that are put side by side.

use callwright_engine::simulate::story::rate;
use serde::Serialize;

use super::version::Version;

/// One figure of one run, or of two.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figure {
    /// Key in JSON.
    pub key: &'static str,
    /// Name for people.
    pub name: &'static str,
    pub kind: Kind,
    pub base: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Count,
    /// A share of one.
    Share,
    Ratio,
}

impl Figure {
    pub fn difference(&self) -> Option<f64> {
        self.other.map(|other| other - self.base)
    }

    pub fn text(&self, value: f64) -> String {
        match self.kind {
            Kind::Count => thousands(value as i64),
            Kind::Share => format!("{:.1} %", value * 100.0),
            Kind::Ratio => format!("{value:.2}"),
        }
    }

    /// With its sign; shares in percentage points.
    pub fn difference_text(&self) -> String {
        let Some(difference) = self.difference() else { return String::new() };
        match self.kind {
            _ if difference.abs() < 0.000_5 => "±0".to_owned(),
            Kind::Count => format!("{}{}", sign(difference), thousands(difference.abs() as i64)),
            Kind::Share => format!("{}{:.1} pp", sign(difference), difference.abs() * 100.0),
            Kind::Ratio => format!("{}{:.2}", sign(difference), difference.abs()),
        }
    }
}

const fn sign(value: f64) -> &'static str {
    if value < 0.0 { "−" } else { "+" }
}

fn thousands(value: i64) -> String {
    let digits = value.abs().to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if value < 0 { format!("−{out}") } else { out }
}

/// Key, name, kind, and how it is read off a run.
type Measure = (&'static str, &'static str, Kind, fn(&Version) -> f64);

/// The figures, most important first.
pub fn figures(base: &Version, other: Option<&Version>) -> Vec<Figure> {
    let measures: [Measure; 13] = [
        ("enrolled", "Enrolled", Kind::Count, |run| run.report.summary.enrolled as f64),
        ("calls", "Calls", Kind::Count, |run| run.report.summary.attempts as f64),
        ("answered", "Answered by a person", Kind::Count, |run| run.report.summary.answered as f64),
        ("answer_rate", "Answer rate", Kind::Share, |run| {
            share(run.report.summary.answered, run.report.summary.attempts)
        }),
        ("voicemail", "Voicemail", Kind::Count, |run| run.report.summary.voicemail as f64),
        ("converted", "Converted", Kind::Count, |run| run.report.summary.converted as f64),
        ("conversion_rate", "Conversion rate", Kind::Share, |run| {
            share(run.report.summary.converted, run.report.summary.enrolled)
        }),
        ("opted_out", "Opted out", Kind::Count, |run| run.report.summary.opted_out as f64),
        ("calls_per_lead", "Calls per enrolled lead", Kind::Ratio, |run| {
            share(run.report.summary.attempts, run.report.summary.enrolled)
        }),
        ("put_off", "Decisions to put off", Kind::Count, |run| {
            run.report.summary.deferred.values().sum::<u64>() as f64
        }),
        ("refused", "Decisions to refuse", Kind::Count, |run| {
            run.report.summary.refused.values().sum::<u64>() as f64
        }),
        ("talk_minutes", "Minutes of talk", Kind::Count, |run| {
            (run.report.summary.talk_seconds as f64 / 60.0).round()
        }),
        ("virtual_days", "Virtual days", Kind::Count, |run| run.virtual_days as f64),
    ];
    measures
        .into_iter()
        .map(|(key, name, kind, of)| Figure { key, name, kind, base: of(base), other: other.map(of) })
        .collect()
}

fn share(part: u64, whole: u64) -> f64 {
    rate(part, whole).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(kind: Kind, base: f64, other: f64) -> Figure {
        Figure { key: "x", name: "X", kind, base, other: Some(other) }
    }

    #[test]
    fn differences_carry_their_sign_and_unit() {
        assert_eq!(figure(Kind::Count, 12_340.0, 1_000.0).difference_text(), "−11,340");
        assert_eq!(figure(Kind::Count, 5.0, 5.0).difference_text(), "±0");
        assert_eq!(figure(Kind::Share, 0.25, 0.301).difference_text(), "+5.1 pp");
        assert_eq!(figure(Kind::Ratio, 2.0, 1.5).difference_text(), "−0.50");
        assert_eq!(figure(Kind::Count, 1_234_567.0, 0.0).text(1_234_567.0), "1,234,567");
    }
}
