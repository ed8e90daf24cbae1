//! Pages and pictures in a real browser: nothing is wider than the screen, no text leaves its box, nothing is loaded, nothing
//! is reported on the console. Needs Chromium (`apt-get install chromium`); without it these tests say that they were skipped,
//! and with `CALLWRIGHT_REQUIRE_CHROMIUM=1` they fail.

mod chromium;

use std::process::Command;

use callwright_engine::definitions::graph::Graph;
use callwright_engine::definitions::library::Library;
use chromium::Seen;

/// A desktop and a phone.
const WIDTHS: [u32; 2] = [1280, 390];

/// The answer of a browser, or the end of the test with a notice.
macro_rules! browser {
    () => {
        match chromium::find() {
            Some(path) => path,
            None => {
                assert!(
                    std::env::var_os("CALLWRIGHT_REQUIRE_CHROMIUM").is_none(),
                    "Chromium is required and not installed"
                );
                eprintln!(
                    "SKIPPED: Chromium is not installed (apt-get install chromium); nothing was looked at"
                );
                return Ok(());
            }
        }
    };
}

fn assert_sound(seen: &Seen, width: u32, what: &str) {
    assert_eq!(seen.errors, Vec::<String>::new(), "{what} at {width}: the console has errors");
    assert_eq!(seen.requests, Vec::<String>::new(), "{what} at {width}: something was loaded");
    assert_eq!(seen.inner_width, width, "{what}: the window has another width");
    assert!(seen.scroll_width <= width, "{what} at {width}: {} pixels wide", seen.scroll_width);
    assert_eq!(seen.outside, Vec::<String>::new(), "{what} at {width}: texts leave their boxes");
}

fn report(extra: &[&str]) -> anyhow::Result<String> {
    let folder = tempfile::tempdir()?;
    let status = Command::new(env!("CARGO_BIN_EXE_callwright-under-test"))
        .args(["simulate", "new-lead", "--leads", "60", "--days", "60", "--report", "report.html"])
        .args(extra)
        .current_dir(folder.path())
        .output()?;
    anyhow::ensure!(status.status.success(), "{}", String::from_utf8_lossy(&status.stderr));
    Ok(std::fs::read_to_string(folder.path().join("report.html"))?)
}

#[tokio::test]
async fn a_report_fits_desktop_and_phone() -> anyhow::Result<()> {
    let browser = browser!();
    let page = report(&[])?;
    for width in WIDTHS {
        let seen = chromium::look(&browser, &page, width).await?;
        assert!(seen.texts > 100, "only {} texts in pictures", seen.texts);
        assert_sound(&seen, width, "the report");
    }
    Ok(())
}

#[tokio::test]
async fn a_comparison_fits_desktop_and_phone() -> anyhow::Result<()> {
    let browser = browser!();
    let page =
        report(&["--hours", "10:00-14:00", "--per-day", "1", "--gap", "20 hours", "--against", "what-if"])?;
    for width in WIDTHS {
        assert_sound(&chromium::look(&browser, &page, width).await?, width, "the comparison");
    }
    Ok(())
}

#[tokio::test]
async fn every_text_of_every_shipped_picture_stays_in_its_box() -> anyhow::Result<()> {
    let browser = browser!();
    let library = Library::embedded();
    let flows = library.flows().map(|flow| Graph::of_flow(flow));
    let graphs = flows.chain(library.cadences().map(|cadence| Graph::of_cadence(cadence)));
    let pictures: Vec<String> =
        graphs.map(|graph| format!("<div style=\"overflow-x:auto\">{}</div>", graph.svg(None))).collect();
    let page = format!(
        "<!DOCTYPE html><html lang=\"en\"><head><title>Pictures</title><link rel=\"icon\" href=\"data:,\"></head>\
         <body>{}</body></html>",
        pictures.concat()
    );
    let seen = chromium::look(&browser, &page, WIDTHS[0]).await?;
    assert!(pictures.len() > 15 && seen.texts > 800, "{} texts in {} pictures", seen.texts, pictures.len());
    assert_sound(&seen, WIDTHS[0], "the pictures");
    Ok(())
}

#[tokio::test]
async fn what_is_wrong_with_a_page_is_noticed() -> anyhow::Result<()> {
    let browser = browser!();
    let page = "<!DOCTYPE html><html lang=\"en\"><head><title>Bad</title><link rel=\"icon\" href=\"data:,\"></head><body>\
        <div style=\"width:700px\">wide</div><img src=\"missing.png\" alt=\"\"><script>console.error('broken')</script>\
        <svg width=\"300\" height=\"60\" viewBox=\"0 0 300 60\"><g class=\"cw-node\"><rect class=\"cw-box\" width=\"40\" height=\"40\"/>\
        <text x=\"5\" y=\"20\">much too long for the box</text></g></svg></body></html>";
    let seen = chromium::look(&browser, page, 390).await?;
    assert!(seen.scroll_width > 390, "{seen:?}");
    assert_eq!(seen.outside.len(), 1, "{seen:?}");
    for what in ["broken", "blocked", "not loaded"] {
        assert!(seen.errors.iter().any(|error| error.contains(what)), "{what}: {seen:?}");
    }
    Ok(())
}
