//! `callwright check` as people and editors run it: a thousand definition files, and one of them on save.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant as Stopwatch;

use anyhow::ensure;

use super::figure::{Figure, Goal, Sample};
use super::{Sizes, child};

pub async fn measure(sizes: &Sizes) -> anyhow::Result<Vec<Figure>> {
    let files = if sizes.quick { 30 } else { 1_000 };
    let folder = Folder::write(files)?;
    let one = folder.0.join("cadences/cadence-1.yaml");
    let mut figures = Vec::new();
    for (measure, path, most) in [("a folder", folder.0.clone(), 1_000.0), ("one file of it", one, 20.0)] {
        let mut samples = Vec::new();
        for _ in 0..sizes.runs {
            let watch = Stopwatch::now();
            let status = child::command("sqlite::memory:", &["check"])?.arg(&path).status().await?;
            let figure = watch.elapsed().as_secs_f64() * 1e3;
            ensure!(status.success(), "the definitions of the benchmark have problems: {status}");
            samples.push(Sample { figure, limit: Some(folder.least().await?) });
        }
        let figure = Figure::of("check", "files", "ms", &samples).measure(measure).over(files);
        figures.push(figure.goal(Goal::AtMost(most)));
    }
    Ok(figures)
}

/// Definitions in a folder of the current one, removed with the value.
struct Folder(PathBuf);

impl Folder {
    /// A third each of cadences, flows and scripts.
    fn write(files: u64) -> anyhow::Result<Self> {
        let root = std::env::current_dir()?.join(format!("callwright-bench-{}.check", std::process::id()));
        let folder = Self(root);
        for name in ["flows", "cadences"] {
            fs::create_dir_all(folder.0.join(name))?;
        }
        for number in 0..files.div_ceil(3) {
            folder.save(&format!("flows/flow-{number}.yaml"), &flow(number))?;
            folder.save(&format!("flows/words-{number}.yaml"), &script(number))?;
            folder.save(&format!("cadences/cadence-{number}.yaml"), &cadence(number))?;
        }
        Ok(folder)
    }

    /// What nobody can save, in milliseconds: a process that starts, and every file read.
    async fn least(&self) -> anyhow::Result<f64> {
        let watch = Stopwatch::now();
        let status = child::command("sqlite::memory:", &["--version"])?.status().await?;
        ensure!(status.success(), "{status}");
        for folder in ["flows", "cadences"] {
            for entry in fs::read_dir(self.0.join(folder))? {
                std::hint::black_box(fs::read_to_string(entry?.path())?);
            }
        }
        Ok(watch.elapsed().as_secs_f64() * 1e3)
    }

    fn save(&self, path: &str, text: &str) -> anyhow::Result<()> {
        fs::write(self.0.join(Path::new(path)), text)?;
        Ok(())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What could not be removed is in plain sight.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn flow(number: u64) -> String {
    format!(
        "flow: flow-{number}\ntitle: Offer {number}\nscript: words-{number}\nsteps:\n  greet: {{ say: greeting, next: offer }}\n  offer:\n    ask: offer\n    keys: {{ 1: accept, 2: decline }}\n    then: {{ accept: accepted, decline: declined, default: declined }}\n  accepted: {{ say: thanks, end: accepted }}\n  declined: {{ say: goodbye, end: declined }}\nvoicemail: {{ say: voicemail, end: voicemail_left }}\n"
    )
}

fn script(number: u64) -> String {
    format!(
        "script: words-{number}\nlanguages:\n  en:\n    texts:\n      greeting: \"Hello {{{{ lead.firstName | default('there') }}}}, this is offer {number} of {{{{ campaign.company | default('us') }}}}. Say stop to hear no more.\"\n      offer: Press 1 to take it, press 2 to leave it.\n      thanks: Thank you. Goodbye.\n      goodbye: Goodbye.\n      voicemail: Offer {number} waits for you.\n    answers:\n      accept: [I take it]\n      decline: [I leave it]\n"
    )
}

fn cadence(number: u64) -> String {
    format!(
        "cadence: cadence-{number}\ntitle: Offer {number} twice\nhours: {{ days: mon-fri, between: 09:00-18:00, zone: lead, holidays: skip }}\nlimits: {{ per_day: 2, per_week: 4, gap: 4 hours }}\nsteps:\n  - id: first\n    call: flow-{number}\n    then:\n      no_answer: {{ retry: 2, after: 4 hours }}\n  - {{ id: pause, wait: 2 business days }}\n  - id: again\n    if: lead.score >= 20\n    call: flow-{number}\n"
    )
}
