//! Voice platforms that place real calls: chosen and reached by these options. Without them the carrier is a simulated one.

use std::sync::Arc;

use anyhow::{Context, ensure};
use callwright_engine::provider::Provider;
use callwright_workers::provider::omnidim::{Omnidim, OmnidimOptions};
use callwright_workers::provider::package_webhook::{PackageWebhook, WebhookOptions};
use clap::{Args, ValueEnum};
use url::Url;

use crate::http::App;

/// Who places the calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Nobody is called: a carrier inside this process, or the one of --carrier.
    Simulated,
    /// A voice platform at --webhook-url, which is sent each call's package.
    Webhook,
    /// OmniDimension, by its dispatch API.
    Omnidim,
}

#[derive(Debug, Clone, Args)]
pub struct PlatformArgs {
    /// Who places the calls. All but `simulated` call real people, and refuse synthetic leads, virtual clocks and --dev.
    #[arg(long, value_enum, default_value_t = Kind::Simulated, env = "CALLWRIGHT_PROVIDER")]
    pub provider: Kind,
    /// With --provider webhook: where packages are posted.
    #[arg(long, value_name = "URL", env = "CALLWRIGHT_WEBHOOK_URL")]
    pub webhook_url: Option<Url>,
    /// Key of the signatures on packages and on the platform's callbacks.
    #[arg(long, env = "CALLWRIGHT_WEBHOOK_SECRET", hide_env_values = true)]
    pub webhook_secret: Option<String>,
    /// With --provider omnidim: the agent that speaks, by its number.
    #[arg(long, value_name = "NUMBER", env = "CALLWRIGHT_OMNIDIM_AGENT")]
    pub omnidim_agent: Option<u64>,
    /// The id of the number it calls from; the agent's own, when left out.
    #[arg(long, value_name = "NUMBER", env = "CALLWRIGHT_OMNIDIM_FROM")]
    pub omnidim_from: Option<u64>,
    /// Key of the account.
    #[arg(long, env = "CALLWRIGHT_OMNIDIM_KEY", hide_env_values = true)]
    pub omnidim_key: Option<String>,
    /// Last part of the webhook's address, `PUBLIC-URL/callbacks/omnidim/TOKEN`; 24 characters or more, known to nobody else.
    #[arg(long, env = "CALLWRIGHT_OMNIDIM_CALLBACK_TOKEN", hide_env_values = true)]
    pub omnidim_callback_token: Option<String>,
    /// Where its API is.
    #[arg(long, value_name = "URL", env = "CALLWRIGHT_OMNIDIM_URL", default_value = OmnidimOptions::URL)]
    pub omnidim_url: Url,
}

/// A platform as it was configured.
#[derive(Clone)]
pub enum Platform {
    Webhook { provider: Arc<PackageWebhook>, secret: String },
    Omnidim(Arc<Omnidim>),
}

/// Shortest key of signatures.
const SECRET_CHARS: usize = 16;

impl PlatformArgs {
    /// Does it call real people?
    pub fn is_real(&self) -> bool {
        self.provider != Kind::Simulated
    }

    /// The platform, ready to be asked; `None`: the carrier is simulated.
    pub fn open(&self) -> anyhow::Result<Option<Platform>> {
        Ok(match self.provider {
            Kind::Simulated => None,
            Kind::Webhook => Some(self.webhook()?),
            Kind::Omnidim => Some(Platform::Omnidim(Arc::new(self.omnidim()?))),
        })
    }

    fn webhook(&self) -> anyhow::Result<Platform> {
        let url = self.webhook_url.clone().context("say where packages go, with --webhook-url")?;
        safe(&url, "--webhook-url")?;
        let secret = self.webhook_secret.clone().unwrap_or_default();
        ensure!(
            secret.len() >= SECRET_CHARS,
            "packages and callbacks are signed: give the platform and this process the same key of at least {SECRET_CHARS} \
             characters, in CALLWRIGHT_WEBHOOK_SECRET"
        );
        let options =
            WebhookOptions { url, secret: secret.clone().into_bytes(), timeout: WebhookOptions::TIMEOUT };
        Ok(Platform::Webhook { provider: Arc::new(PackageWebhook::new(options)?), secret })
    }

    fn omnidim(&self) -> anyhow::Result<Omnidim> {
        safe(&self.omnidim_url, "--omnidim-url")?;
        let key = self.omnidim_key.clone().context("give the account's key, in CALLWRIGHT_OMNIDIM_KEY")?;
        let agent_id = self.omnidim_agent.context("say which agent speaks, with --omnidim-agent")?;
        let callback_token = self.omnidim_callback_token.clone().unwrap_or_default();
        ensure!(
            callback_token.len() >= OmnidimOptions::TOKEN_CHARS,
            "OmniDimension does not sign its webhooks, so their address ends in a secret: give one of at least {} characters, in \
             CALLWRIGHT_OMNIDIM_CALLBACK_TOKEN",
            OmnidimOptions::TOKEN_CHARS
        );
        let (url, from_number_id, timeout) =
            (self.omnidim_url.clone(), self.omnidim_from, OmnidimOptions::TIMEOUT);
        let options = OmnidimOptions { url, key, agent_id, from_number_id, callback_token, timeout };
        Ok(Omnidim::new(options)?)
    }
}

impl Platform {
    pub fn provider(&self) -> Arc<dyn Provider> {
        match self {
            Self::Webhook { provider, .. } => Arc::clone(provider) as Arc<dyn Provider>,
            Self::Omnidim(provider) => Arc::clone(provider) as Arc<dyn Provider>,
        }
    }

    /// Lets its callbacks in.
    pub fn heard_by(&self, app: App) -> App {
        match self {
            Self::Webhook { secret, .. } => {
                app.with_carrier_secret(secret.as_bytes()).with_carrier_name(PackageWebhook::NAME)
            }
            Self::Omnidim(provider) => app.with_omnidim(Arc::clone(provider)),
        }
    }
}

/// Packages hold names, numbers and purchases: in the clear they go nowhere but to this machine.
fn safe(url: &Url, flag: &str) -> anyhow::Result<()> {
    let is_near = url.host_str().is_some_and(super::running::is_loopback);
    ensure!(
        url.scheme() == "https" || (url.scheme() == "http" && is_near),
        "{flag} must begin with https://; http:// is for this machine only"
    );
    Ok(())
}
