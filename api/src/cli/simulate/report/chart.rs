//! Bar charts as inline SVG. Each also stands on the page as a table.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use callwright_engine::simulate::story::{Calls, Story};

/// Bars of one colour.
struct Series {
    name: String,
    values: Vec<u64>,
    class: &'static str,
}

struct Chart {
    id: &'static str,
    title: String,
    /// Below each group of bars; empty ones are left out.
    labels: Vec<String>,
    series: Vec<Series>,
    /// Later series are parts of the first and stand in front of it; otherwise side by side.
    is_stacked: bool,
    /// Width of one group.
    step: f64,
}

const LEFT: f64 = 52.0;
const TOP: f64 = 34.0;
const HEIGHT: f64 = 200.0;
const BELOW: f64 = 30.0;

/// By the hour of the called party, from the first hour with calls to the last.
pub fn hours(runs: &[(&str, &Story)]) -> String {
    let used: Vec<usize> = (0..24)
        .filter(|hour| runs.iter().any(|(_, story)| story.hours.get(*hour).is_some_and(|h| h.calls > 0)))
        .collect();
    let (Some(first), Some(last)) = (used.first(), used.last()) else { return String::new() };
    let range: Vec<usize> = (*first..=*last).collect();
    let chart = Chart {
        id: "hours",
        title: "Calls by the called party’s hour".to_owned(),
        labels: range.iter().map(|hour| format!("{hour:02}")).collect(),
        series: series(runs, |story| range.iter().map(|hour| story.hours[*hour]).collect()),
        is_stacked: runs.len() == 1,
        // As wide as a phone, if that leaves room for the labels.
        step: (294.0 / range.len() as f64).clamp(22.0, 46.0),
    };
    chart.svg()
}

/// By the day of the called party.
pub fn days(runs: &[(&str, &Story)]) -> String {
    let dates: BTreeSet<_> =
        runs.iter().flat_map(|(_, story)| story.days.iter().map(|day| day.date)).collect();
    let (Some(first), Some(last)) = (dates.first(), dates.last()) else { return String::new() };
    let range: Vec<_> = first.iter_days().take_while(|date| date <= last).collect();
    let step = (680.0 / range.len() as f64).clamp(7.0, 46.0);
    // A label needs some 44 pixels.
    let every = (44.0 / step).ceil() as usize;
    let label = |(index, date): (usize, &chrono::NaiveDate)| {
        if index.is_multiple_of(every) { date.format("%d %b").to_string() } else { String::new() }
    };
    let chart = Chart {
        id: "days",
        title: "Calls by day".to_owned(),
        labels: range.iter().enumerate().map(label).collect(),
        series: series(runs, |story| {
            let known: BTreeMap<_, Calls> = story.days.iter().map(|day| (day.date, day.calls)).collect();
            range.iter().map(|date| known.get(date).copied().unwrap_or_default()).collect()
        }),
        is_stacked: runs.len() == 1,
        step,
    };
    chart.svg()
}

/// One run: its calls and, of these, the answered ones. Two: the calls of each.
fn series(runs: &[(&str, &Story)], of: impl Fn(&Story) -> Vec<Calls>) -> Vec<Series> {
    let calls = |all: &[Calls]| all.iter().map(|one| one.calls).collect();
    match runs {
        [(_, story)] => {
            let all = of(story);
            vec![
                Series { name: "calls".to_owned(), values: calls(&all), class: "one" },
                Series {
                    name: "of these answered by a person".to_owned(),
                    values: all.iter().map(|one| one.answered).collect(),
                    class: "two",
                },
            ]
        }
        _ => runs
            .iter()
            .zip(["one", "two"])
            .map(|((label, story), class)| Series {
                name: (*label).to_owned(),
                values: calls(&of(story)),
                class,
            })
            .collect(),
    }
}

impl Chart {
    fn svg(&self) -> String {
        let most = self.series.iter().flat_map(|series| &series.values).copied().max().unwrap_or(0);
        let tick = tick(most);
        let top = most.div_ceil(tick).max(1) * tick;
        let y = |value: u64| TOP + HEIGHT * (1.0 - value as f64 / top as f64);
        let legend = LEFT + self.series.iter().map(|series| legend_width(&short(&series.name))).sum::<f64>();
        let width = (LEFT + self.labels.len() as f64 * self.step + 12.0).max(legend);
        let height = TOP + HEIGHT + BELOW;
        let id = self.id;
        let mut out = format!(
            "<svg class=\"chart\" role=\"img\" aria-labelledby=\"{id}-title {id}-desc\" viewBox=\"0 0 {width:.0} {height:.0}\" \
             width=\"{width:.0}\" height=\"{height:.0}\"><title id=\"{id}-title\">{}</title><desc id=\"{id}-desc\">{}</desc>",
            escape(&self.title),
            escape(&self.sentence()),
        );
        for value in (0..=top / tick).map(|step| step * tick) {
            let at = y(value);
            let _ = write!(
                out,
                "<path class=\"grid\" d=\"M{LEFT} {at:.1}H{:.1}\"/><text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\">{value}</text>",
                width - 12.0,
                LEFT - 6.0,
                at + 4.0
            );
        }
        self.bars(&mut out, &y);
        self.legend(&mut out);
        out.push_str("</svg>");
        out
    }

    fn bars(&self, out: &mut String, y: &impl Fn(u64) -> f64) {
        let beside = if self.is_stacked { 1.0 } else { self.series.len() as f64 };
        let room = self.step * 0.8;
        let bar = room / beside;
        for (group, label) in self.labels.iter().enumerate() {
            let left = LEFT + self.step * (group as f64 + 0.1);
            for (place, series) in self.series.iter().enumerate() {
                let value = series.values.get(group).copied().unwrap_or(0);
                let x = if self.is_stacked { left } else { left + bar * place as f64 };
                if value > 0 {
                    let at = y(value);
                    let _ = write!(
                        out,
                        "<rect class=\"{}\" x=\"{x:.1}\" y=\"{at:.1}\" width=\"{:.1}\" height=\"{:.1}\"/>",
                        series.class,
                        (bar - 1.0).max(1.0),
                        TOP + HEIGHT - at
                    );
                }
            }
            if !label.is_empty() {
                let _ = write!(
                    out,
                    "<text class=\"under\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                    left + room / 2.0,
                    TOP + HEIGHT + 18.0,
                    escape(label)
                );
            }
        }
    }

    /// The page names versions in full in its tables.
    fn legend(&self, out: &mut String) {
        let mut x = LEFT;
        for series in &self.series {
            let name = short(&series.name);
            let _ = write!(
                out,
                "<rect class=\"{}\" x=\"{x:.1}\" y=\"6\" width=\"12\" height=\"12\"/><text class=\"name\" x=\"{:.1}\" y=\"16\">{}</text>",
                series.class,
                x + 17.0,
                escape(&name)
            );
            x += legend_width(&name);
        }
    }

    fn sentence(&self) -> String {
        let total = |series: &Series| format!("{}: {}", series.name, series.values.iter().sum::<u64>());
        let peak = self.series.first().and_then(|series| {
            let (group, value) = series.values.iter().enumerate().max_by_key(|(_, value)| **value)?;
            Some(format!("; most at {} ({value})", self.labels.get(group).filter(|label| !label.is_empty())?))
        });
        let totals: Vec<String> = self.series.iter().map(total).collect();
        format!("{}{}", totals.join(", "), peak.unwrap_or_default())
    }
}

/// A name that a legend has room for.
fn short(name: &str) -> String {
    const MOST: usize = 30;
    match name.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", name[..end].trim_end()),
        None => name.to_owned(),
    }
}

/// With its sign and the space behind it; letters as wide as in the widest common font.
fn legend_width(name: &str) -> f64 {
    36.0 + name.chars().count() as f64 * 7.8
}

/// 1, 2 or 5 times a power of ten: at most five steps to the top.
fn tick(most: u64) -> u64 {
    let mut power = 1;
    loop {
        for factor in [1, 2, 5] {
            if most <= factor * power * 5 {
                return factor * power;
            }
        }
        power *= 10;
    }
}

fn escape(text: &str) -> String {
    minijinja::HtmlEscape(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::tick;

    #[test]
    fn axes_have_few_round_steps() {
        assert_eq!([0, 4, 7, 23, 251, 99_000].map(tick), [1, 1, 2, 5, 100, 20_000]);
    }
}
