//! The HTTP client for voice providers and their callbacks: asks once, follows nothing, goes through nobody.

use std::sync::Once;
use std::time::Duration;

/// A client for requests that must leave at most once: no redirects, no proxy from the environment, no retries, and no
/// reuse of connections, because a request on a connection that just closed is one nobody can tell the fate of.
///
/// What was given up is not delivered later either: the system would go on sending what it holds until the network is back.
pub fn ask_once(timeout: Duration) -> reqwest::Result<reqwest::Client> {
    let builder = builder().timeout(timeout).pool_max_idle_per_host(0);
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let builder = builder.tcp_user_timeout(timeout);
    builder.build()
}

/// A client for messages that may be repeated; reuses connections.
pub fn repeatable(timeout: Duration) -> reqwest::Result<reqwest::Client> {
    builder().timeout(timeout).build()
}

fn builder() -> reqwest::ClientBuilder {
    static TLS: Once = Once::new();
    TLS.call_once(|| {
        // Fails only when the process has chosen a provider already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .user_agent(concat!("callwright/", env!("CARGO_PKG_VERSION")))
}
