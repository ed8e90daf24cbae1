//! `callwright render`: the words of a flow for one lead or the sample, without calling.

use std::process::ExitCode;

use callwright_engine::definitions::context;
use callwright_engine::definitions::model::script::Script;
use callwright_engine::definitions::template::RenderLimits;
use callwright_engine::domain::lead::Lead;
use callwright_engine::store::lead;
use clap::Args;
use serde_json::{Map, Value, json};

use super::definitions::DefinitionsArgs;
use super::output::{self, Format};
use super::{Global, session};

/// Prints every text of a flow's script, rendered, in each language.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  callwright render price-drop\n  callwright render new-lead --lead lead_123\n  callwright render price-drop --language hi-Latn --variables '{\"offer\":{\"percent\":25}}'\n\nExit code 1 when a text does not render."
)]
pub struct RenderArgs {
    /// Its name in its file.
    flow: String,
    /// A lead on file, by our id or yours; otherwise the sample that `check` uses.
    #[arg(long)]
    lead: Option<String>,
    /// Only this language.
    #[arg(long)]
    language: Option<String>,
    /// Further variables, as JSON: `offer`, `product`, …
    #[arg(long, default_value = "{}", value_parser = super::json_object)]
    variables: Value,
    #[command(flatten)]
    definitions: DefinitionsArgs,
    /// How the result is written.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub async fn run(args: RenderArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let library = args.definitions.load()?;
    let known = || library.flows().map(|flow| flow.key.as_str()).collect::<Vec<_>>().join(", ");
    let flow = library
        .flow(&args.flow)
        .ok_or_else(|| anyhow::anyhow!("there is no flow `{}`; known here: {}", args.flow, known()))?;
    let script = library
        .script(&flow.script)
        .ok_or_else(|| anyhow::anyhow!("flow `{}` has no usable script `{}`", args.flow, flow.script))?;
    let variables = variables(&args, global).await?;
    let (texts, has_errors) = rendered(script, &variables, args.language.as_deref())?;
    match args.format {
        Format::Json => output::print_json(&texts)?,
        Format::Human => {
            for (language, texts) in &texts {
                output::print(&format!("[{language}]"));
                for (name, text) in texts.as_object().into_iter().flatten() {
                    output::print(&format!("  {name}: {}", text.as_str().unwrap_or_default()));
                }
            }
        }
    }
    Ok(if has_errors { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn variables(args: &RenderArgs, global: &Global) -> anyhow::Result<Value> {
    let mut variables = context::sample();
    if let Some(named) = &args.lead {
        let engine = session::open(global).await?;
        let mut tx = engine.db.begin_read().await?;
        let found = match lead::resolve(&mut tx, named).await? {
            Some(id) => lead::find(&mut tx, id).await?,
            None => None,
        };
        tx.rollback().await?;
        let found = found.ok_or_else(|| anyhow::anyhow!("lead `{named}` does not exist"))?;
        variables["lead"] = lead_variables(&found);
    }
    let Value::Object(further) = &args.variables else { anyhow::bail!("--variables must be a JSON object") };
    for (name, value) in further {
        merge(&mut variables[name], value);
    }
    context::complete(&mut variables);
    Ok(variables)
}

/// Given fields replace the sample's; the sample's other fields stay.
fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (name, value) in from {
                into.insert(name.clone(), value.clone());
            }
        }
        (into, from) => *into = from.clone(),
    }
}

fn lead_variables(lead: &Lead) -> Value {
    json!({
        "firstName": lead.first_name, "lastName": lead.last_name, "fullName": lead.full_name(), "company": lead.company,
        "segment": lead.segment, "status": lead.status, "language": lead.language, "email": lead.email,
        "zone": lead.zone.as_ref().map(ToString::to_string), "country": lead.country, "region": lead.region,
        "score": lead.score, "tags": lead.tags, "custom": lead.custom, "synthetic": lead.synthetic,
        "doNotCall": lead.do_not_call,
    })
}

/// Texts by language and name; a text that fails is shown as what is wrong with it.
fn rendered(
    script: &Script,
    variables: &Value,
    only: Option<&str>,
) -> anyhow::Result<(Map<String, Value>, bool)> {
    let context = context::value(variables);
    let (mut all, mut has_errors) = (Map::new(), false);
    for (language, words) in
        script.languages.iter().filter(|(language, _)| only.is_none_or(|only| only == *language))
    {
        let mut texts = Map::new();
        for (name, template) in &words.texts {
            let text = template.render(&context, RenderLimits::default()).unwrap_or_else(|error| {
                has_errors = true;
                format!("!! {}", error.message)
            });
            texts.insert(name.clone(), Value::String(text));
        }
        all.insert(language.clone(), Value::Object(texts));
    }
    let languages = || script.languages.keys().cloned().collect::<Vec<_>>().join(", ");
    anyhow::ensure!(!all.is_empty(), "the script is written in {}", languages());
    Ok((all, has_errors))
}
