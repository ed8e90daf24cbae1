//! `callwright render`: the words, the package and the provider request of one call, without calling.

use std::process::ExitCode;

use anyhow::Context as _;
use callwright_engine::definitions::context;
use callwright_engine::definitions::library::Library;
use callwright_engine::definitions::model::script::Script;
use callwright_engine::definitions::template::RenderLimits;
use callwright_engine::id::{AttemptId, CampaignId};
use callwright_engine::phone::number::PhoneNumber;
use callwright_engine::provider::Package;
use callwright_engine::store::{campaign, lead};
use callwright_workers::provider::carrier_http::{HttpCarrier, HttpCarrierOptions, Prepared};
use clap::Args;
use serde_json::{Map, Value, json};
use url::Url;

use super::definitions::DefinitionsArgs;
use super::output::{self, Format};
use super::{Global, session};

/// The number of the sample lead; nobody has it.
const SAMPLE_NUMBER: &str = "+12025550143";

/// Shows the words of a flow in each language, the package of the call and what the carrier would be asked. Nothing is sent.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  callwright render price-drop\n  callwright render new-lead --lead lead_123\n  callwright render new-lead --lead lead_123 --campaign spring --carrier http://127.0.0.1:4010\n  callwright render price-drop --language hi-Latn --variables '{\"offer\":{\"percent\":25}}'\n\nExit code 1 when a text does not render."
)]
pub struct RenderArgs {
    /// Its name in its file.
    flow: String,
    /// A lead on file, by our id or yours; otherwise the sample that `check` uses. What only a trigger or a campaign would
    /// bring (offer, product, agent) is the sample's as well.
    #[arg(long)]
    lead: Option<String>,
    /// The campaign of the call, by id or key; otherwise that of the lead's enrollment.
    #[arg(long, value_name = "KEY", requires = "lead")]
    campaign: Option<String>,
    /// Only this language.
    #[arg(long)]
    language: Option<String>,
    /// Further variables, as JSON: `offer`, `product`, …
    #[arg(long, default_value = "{}", value_parser = super::json_object)]
    variables: Value,
    /// The carrier that would be asked (`callwright carrier`).
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:4010")]
    carrier: Url,
    /// Where that carrier would find this API.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8000/callbacks/carrier")]
    callback_url: Url,
    #[command(flatten)]
    definitions: DefinitionsArgs,
    /// How the result is written.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub async fn run(args: RenderArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let library = args.definitions.load()?;
    let known = || library.flows().map(|flow| flow.key.as_str()).collect::<Vec<_>>().join(", ");
    anyhow::ensure!(
        library.flow(&args.flow).is_some(),
        "there is no flow `{}`; known here: {}",
        args.flow,
        known()
    );
    let package = package(&args, global, library).await?;
    let flow = package.bundle.flows.get(&args.flow);
    let script = flow.and_then(|flow| package.bundle.scripts.get(&flow.script));
    let script = script.with_context(|| format!("flow `{}` has no usable script", args.flow))?;
    let (texts, has_errors) = rendered(script, &package.variables, args.language.as_deref())?;
    let request = carrier(&args)?.preview(&package)?;
    let spoken = script.language_for(&package.language).map_or("", |(code, _)| code);
    match args.format {
        Format::Json => output::print_json(&json!({
            "language": spoken, "script": texts, "package": package.to_json(), "request": request,
        }))?,
        Format::Human => human(&package, spoken, &texts, &request)?,
    }
    Ok(if has_errors { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// As `serve --carrier` would ask it; the carrier inside the process takes the package as it is.
fn carrier(args: &RenderArgs) -> anyhow::Result<HttpCarrier> {
    Ok(HttpCarrier::new(HttpCarrierOptions {
        url: args.carrier.clone(),
        callback_url: args.callback_url.to_string(),
        token: None,
        timeout: HttpCarrierOptions::TIMEOUT,
    })?)
}

async fn package(args: &RenderArgs, global: &Global, library: Library) -> anyhow::Result<Package> {
    let mut package = match &args.lead {
        Some(named) => of_lead(args, named, global, library).await?,
        None => sample(&args.flow, &library)?,
    };
    let Value::Object(further) = &args.variables else { anyhow::bail!("--variables must be a JSON object") };
    for (name, value) in further {
        merge(&mut package.variables[name], value);
    }
    context::complete(&mut package.variables);
    Ok(package)
}

/// The next call to a lead, put together by the engine.
async fn of_lead(
    args: &RenderArgs,
    named: &str,
    global: &Global,
    library: Library,
) -> anyhow::Result<Package> {
    let engine = session::engine(session::database(global).await?, library);
    let mut tx = engine.db.begin_read().await?;
    let found = lead::resolve(&mut tx, named).await?;
    let campaign = match &args.campaign {
        Some(key) => {
            let id = campaign::resolve(&mut tx, key).await?;
            Some(id.with_context(|| format!("campaign `{key}` does not exist"))?)
        }
        None => None,
    };
    tx.rollback().await?;
    let lead = found.with_context(|| format!("lead `{named}` does not exist"))?;
    let mut package = engine.preview(lead, &args.flow, campaign).await?;
    // What the trigger would hand in is not known before it does: the sample's stands for it.
    let sample = context::sample();
    for name in ["offer", "product", "campaign", "agent"] {
        let own = &mut package.variables[name];
        let is_empty = own.as_object().is_none_or(|fields| fields.values().all(Value::is_null));
        if is_empty {
            *own = sample[name].clone();
        }
    }
    Ok(package)
}

/// The sample lead that `check` renders every text with.
fn sample(flow: &str, library: &Library) -> anyhow::Result<Package> {
    let bundle = library.flow_bundle(flow).with_context(|| format!("flow `{flow}` is not complete"))?;
    let variables = context::sample();
    Ok(Package {
        attempt_id: AttemptId::default(),
        enrollment_id: None,
        campaign_id: CampaignId::default(),
        to: PhoneNumber::e164_only(SAMPLE_NUMBER)?,
        from: None,
        flow: flow.to_owned(),
        max_duration_s: bundle.flows.get(flow).map_or(0, |flow| flow.max_duration_s),
        bundle,
        language: variables["lead"]["language"].as_str().unwrap_or("en").to_owned(),
        variables,
        synthetic: true,
        step: "call".to_owned(),
        visit: 1,
        attempt: 1,
        complete: None,
    })
}

/// Given fields replace those that are there; the others stay.
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

/// Texts by language and name; a text that fails is shown as what is wrong with it.
fn rendered(
    script: &Script,
    variables: &Value,
    only: Option<&str>,
) -> anyhow::Result<(Map<String, Value>, bool)> {
    let values = context::value(variables);
    let (mut all, mut has_errors) = (Map::new(), false);
    for (language, words) in
        script.languages.iter().filter(|(language, _)| only.is_none_or(|only| only == *language))
    {
        let mut texts = Map::new();
        let context = context::in_language(&values, language);
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

fn human(
    package: &Package,
    spoken: &str,
    texts: &Map<String, Value>,
    request: &Prepared,
) -> anyhow::Result<()> {
    for (language, texts) in texts {
        let note = if language == spoken { "  what this lead would hear" } else { "" };
        output::print(&format!("[{language}]{note}"));
        for (name, text) in texts.as_object().into_iter().flatten() {
            output::print(&format!("  {name}: {}", text.as_str().unwrap_or_default()));
        }
    }
    output::print("\nPackage (ids of zeros are made when the call is):");
    output::print_json(&package.to_json())?;
    output::print(&format!("\nProvider request (not sent):\n{} {}", request.method, request.url));
    for (name, value) in &request.headers {
        output::print(&format!("{name}: {value}"));
    }
    output::print_json(&request.body)
}
