//! A strict reader of the Prometheus text format: what it takes, Prometheus takes.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, bail, ensure};

/// A family as announced, and its samples: name and labels, in the order of the text, to value.
#[derive(Debug, Default)]
pub struct Exposition {
    pub kinds: BTreeMap<String, String>,
    pub samples: Vec<Sample>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    pub value: f64,
}

impl Exposition {
    /// Reads and checks a whole text.
    pub fn read(text: &str) -> anyhow::Result<Self> {
        ensure!(text.ends_with('\n'), "the last line must end");
        let mut found = Self::default();
        let mut helps = BTreeSet::new();
        let mut seen = BTreeSet::new();
        for line in text.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let name = help.split(' ').next().unwrap_or_default();
                ensure!(helps.insert(name.to_owned()), "two HELP lines for {name}");
            } else if let Some(kind) = line.strip_prefix("# TYPE ") {
                let (name, kind) = kind.split_once(' ').context("a TYPE without a type")?;
                ensure!(["counter", "gauge", "histogram"].contains(&kind), "{name}: {kind}");
                ensure!(kind != "counter" || name.ends_with("_total"), "{name} must end in _total");
                let old = found.kinds.insert(name.to_owned(), kind.to_owned());
                ensure!(old.is_none(), "two TYPE lines for {name}");
            } else if line.starts_with('#') {
                bail!("neither HELP nor TYPE: {line}");
            } else {
                let sample = sample(line).with_context(|| line.to_owned())?;
                ensure!(seen.insert(format!("{}{:?}", sample.name, sample.labels)), "twice: {line}");
                found.family(&sample.name).with_context(|| format!("no TYPE before {line}"))?;
                found.samples.push(sample);
            }
        }
        ensure!(helps.iter().eq(found.kinds.keys()), "HELP and TYPE lines differ");
        found.histograms()?;
        Ok(found)
    }

    /// Value of the one sample with this name and these labels; 0 when there is none.
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let fits = |sample: &&Sample| {
            sample.name == name
                && labels.iter().all(|(key, value)| sample.labels.get(*key).is_some_and(|v| v == value))
        };
        self.samples.iter().filter(fits).map(|sample| sample.value).sum()
    }

    fn family(&self, sample: &str) -> Option<&str> {
        if let Some((name, kind)) = self.kinds.get_key_value(sample) {
            return (kind != "histogram").then_some(name);
        }
        ["_bucket", "_sum", "_count"].iter().find_map(|end| {
            let (name, kind) = self.kinds.get_key_value(sample.strip_suffix(end)?)?;
            (kind == "histogram").then_some(name.as_str())
        })
    }

    /// Buckets grow, and the last one counts everything.
    fn histograms(&self) -> anyhow::Result<()> {
        let mut last: BTreeMap<String, (f64, f64)> = BTreeMap::new();
        for bucket in self.samples.iter().filter(|sample| sample.name.ends_with("_bucket")) {
            let mut labels = bucket.labels.clone();
            let limit = labels.remove("le").context("a bucket without le")?;
            let limit = if limit == "+Inf" { f64::INFINITY } else { limit.parse()? };
            let series = format!("{} {labels:?}", bucket.name);
            if let Some((before, count)) = last.insert(series.clone(), (limit, bucket.value)) {
                ensure!(before < limit && count <= bucket.value, "{series}: buckets must grow");
            }
        }
        for (series, (limit, count)) in last {
            ensure!(limit.is_infinite(), "{series} has no bucket for everything");
            let (name, labels) = series.split_once("_bucket ").context("a bucket")?;
            let total = self.samples.iter().find(|sample| {
                sample.name == format!("{name}_count") && format!("{:?}", sample.labels) == labels
            });
            let total = total.with_context(|| format!("{series} has no count"))?;
            ensure!(total.value.to_bits() == count.to_bits(), "{series}: {count} of {}", total.value);
        }
        Ok(())
    }
}

fn sample(line: &str) -> anyhow::Result<Sample> {
    let (name, rest) = if let Some((name, rest)) = line.split_once('{') {
        (name, rest.rsplit_once("} ").context("no end of labels")?)
    } else {
        let (name, value) = line.split_once(' ').context("no value")?;
        (name, ("", value))
    };
    let word = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    ensure!(word(name), "the name `{name}`");
    let mut labels = BTreeMap::new();
    let mut left = rest.0;
    while !left.is_empty() {
        let (key, value) = left.split_once("=\"").context("a label without a value")?;
        ensure!(word(key), "the label `{key}`");
        // No value of ours needs an escape, and none may.
        let (value, next) = value.split_once('"').context("an open value")?;
        ensure!(!value.contains('\\'), "an escape in {value}");
        ensure!(labels.insert(key.to_owned(), value.to_owned()).is_none(), "{key} twice");
        left = next.strip_prefix(',').unwrap_or(next);
    }
    Ok(Sample { name: name.to_owned(), labels, value: rest.1.parse()? })
}

#[test]
fn it_refuses_what_prometheus_would() {
    let good = "# HELP a_total A.\n# TYPE a_total counter\na_total{b=\"c\"} 1\n";
    assert!(Exposition::read(good).is_ok());
    for bad in [
        "a_total 1\n",
        "# HELP a A.\n# TYPE a counter\na 1\n",
        "# HELP a_total A.\n# TYPE a_total counter\na_total{b=\"c\"} 1\na_total{b=\"c\"} 2\n",
        "# HELP a A.\n# TYPE a histogram\na_bucket{le=\"1\"} 2\na_bucket{le=\"+Inf\"} 1\na_sum 1\na_count 1\n",
        "# HELP a A.\n# TYPE a gauge\na one\n",
        "# EOF\n",
    ] {
        assert!(Exposition::read(bad).is_err(), "{bad}");
    }
}
