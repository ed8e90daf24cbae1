//! One look at a page: a copy of it measures itself and writes what it found into its own document, which Chromium prints.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use serde::Deserialize;

/// What a page says about itself.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Seen {
    pub inner_width: u32,
    /// Width of the document with everything that sticks out.
    pub scroll_width: u32,
    /// Errors on the console and of things that could not be loaded.
    pub errors: Vec<String>,
    /// Addresses that were asked for.
    pub requests: Vec<String>,
    /// Texts in pictures.
    pub texts: u32,
    /// Those that leave their box or their picture.
    pub outside: Vec<String>,
}

/// Longest time for one page.
const WITHIN: Duration = Duration::from_secs(90);
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// Runs before anything else of the page.
const LISTEN: &str = "<script>
window.__errors = [];
const tell = console.error;
console.error = (...words) => { window.__errors.push(words.join(' ')); tell(...words); };
addEventListener('error', event => window.__errors.push(event.message || 'not loaded: ' + (event.target.src || event.target.href)), true);
addEventListener('unhandledrejection', event => window.__errors.push(String(event.reason)));
addEventListener('securitypolicyviolation', event => window.__errors.push('blocked: ' + event.blockedURI));
</script>";

/// Runs when everything is there: opens what is folded, measures, and writes the answer down.
const MEASURE: &str = "<script>
addEventListener('load', () => {
  document.querySelectorAll('details').forEach(each => { each.open = true; });
  const outside = [];
  let texts = 0;
  const within = (inner, outer, slack) => inner.left >= outer.left - slack && inner.right <= outer.right + slack
    && inner.top >= outer.top - slack && inner.bottom <= outer.bottom + slack;
  document.querySelectorAll('svg text').forEach(text => {
    texts += 1;
    const box = text.getBoundingClientRect();
    const group = text.closest('g');
    const rect = group && !text.classList.contains('cw-again') && group.querySelector('rect');
    const label = text.classList.contains('cw-why') && text.previousElementSibling;
    const frame = (rect || text.ownerSVGElement).getBoundingClientRect();
    // Letters reach a little above and below their line.
    if (!within(box, frame, 2)) outside.push(text.textContent);
    else if (label && label.tagName === 'rect' && (box.left < label.getBoundingClientRect().left - 1 || box.right > label.getBoundingClientRect().right + 1)) outside.push(text.textContent);
  });
  const requests = performance.getEntriesByType('resource').map(entry => entry.name).filter(name => !name.startsWith('data:'));
  const answer = { innerWidth, scrollWidth: document.documentElement.scrollWidth, errors: window.__errors, requests, texts, outside };
  parent.postMessage(JSON.stringify(answer).replace(/[<>&]/g, '?'), '*');
});
</script>";

/// A window is never narrower than 500 pixels; a frame is as narrow as it is told.
const FRAME: &str = "<!DOCTYPE html><html><body style=\"margin:0\"><script>
addEventListener('message', event => {
  const place = document.createElement('pre');
  place.id = 'seen';
  place.textContent = event.data;
  document.body.append(place);
});
</script><iframe src=\"page.html\" style=\"border:0;height:1600px;width:WIDTHpx\"></iframe></body></html>";

/// Whatever a page would load from elsewhere is reported as blocked.
const NOTHING_ELSE: &str = "<meta http-equiv=\"Content-Security-Policy\" \
    content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:\">";

/// Where Chromium is, if it is installed.
pub fn find() -> Option<PathBuf> {
    let named = std::env::var_os("CALLWRIGHT_CHROMIUM").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let installed = || NAMES.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    named.into_iter().chain(installed()).find(|path| path.is_file())
}

/// Opens a copy of the page in a frame of this width.
pub async fn look(browser: &Path, page: &str, width: u32) -> anyhow::Result<Seen> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("page.html"), prepared(page)?)?;
    let frame = folder.path().join("frame.html");
    std::fs::write(&frame, FRAME.replace("WIDTH", &width.to_string()))?;
    let mut command = tokio::process::Command::new(browser);
    command
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
        ])
        .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
        .arg(format!("--window-size={},1600", width.max(600)))
        .arg("--dump-dom")
        .arg(format!("file://{}", frame.display()))
        .kill_on_drop(true);
    let output =
        tokio::time::timeout(WITHIN, command.output()).await.context("Chromium did not finish")??;
    let document = String::from_utf8_lossy(&output.stdout);
    let found = document.split("<pre id=\"seen\">").nth(1).and_then(|rest| rest.split("</pre>").next());
    let found = found
        .with_context(|| format!("Chromium answered nothing: {}", String::from_utf8_lossy(&output.stderr)))?;
    serde_json::from_str(found).with_context(|| found.to_owned())
}

/// The page with the two scripts, under a policy that lets them run and tells of everything else.
fn prepared(page: &str) -> anyhow::Result<String> {
    let policy = page.find("<meta http-equiv=\"Content-Security-Policy\"");
    let page = match policy {
        Some(at) => {
            let end = page[at..].find('>').context("an end of the policy")? + at + 1;
            format!("{}{}", &page[..at], &page[end..])
        }
        None => page.to_owned(),
    };
    let (head, rest) = page.split_once("<head>").context("a head")?;
    let (body, end) = rest.rsplit_once("</body>").context("a body")?;
    Ok(format!("{head}<head>{NOTHING_ELSE}{LISTEN}{body}{MEASURE}</body>{end}"))
}
