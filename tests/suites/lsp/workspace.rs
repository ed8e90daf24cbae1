//! A folder with definitions, as an author has it on disk.

use std::path::Path;

/// A flow, its script in two languages, and a cadence that calls it.
pub const FLOW: &str = "\
flow: hello
title: Say hello
steps:
  greet: { say: greeting, next: question }
  question:
    ask: good_time
    save_as: choice
    then: { accept: done, default: done }
  done: { end: finished }
";

pub const SCRIPT: &str = "\
script: hello
fallback: [en]
languages:
  en:
    texts:
      greeting: \"Hi {{ lead.firstName | default(\\\"there\\\") | name }}, this is {{ agent.name }}, the AI assistant of {{ campaign.company }}, {{ agent.number | phone }}. Say stop to end.\"
      good_time: \"Is this a good time?\"
    answers:
      accept: [\"yes\", sure]
  hi:
    texts:
      greeting: \"नमस्ते 😀 {{ lead.firstName | default(\\\"जी\\\") | name }}, मैं {{ agent.name }}, {{ campaign.company }} की AI सहायक, {{ agent.number | phone }}। रोकने के लिए stop कहें।\"
      good_time: \"क्या अभी बात कर सकते हैं?\"
      opted_out: \"हम फिर कॉल नहीं करेंगे।\"
    answers:
      accept: [हाँ, जी]
      opt_out: [कॉल मत करो]
discloses: { greeting: [artificial-voice, automated-opt-out] }
";

pub const CADENCE: &str = "\
cadence: hello
title: Three tries
hours: { days: mon-fri, between: 09:00-18:00, zone: lead, holidays: skip }
limits: { per_day: 1, total: 3 }
steps:
  - id: first
    call: hello
    then:
      no_answer: { retry: 2, after: 1 business day }
      finished: { end: talked }
";

/// Paths of the three.
pub const FLOW_PATH: &str = "flows/hello.yaml";
pub const SCRIPT_PATH: &str = "flows/scripts/hello.yaml";
pub const CADENCE_PATH: &str = "cadences/hello.yaml";

/// Writes them to a new folder.
pub fn workspace() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in [(FLOW_PATH, FLOW), (SCRIPT_PATH, SCRIPT), (CADENCE_PATH, CADENCE)] {
        write(folder.path(), path, text);
    }
    folder
}

pub fn write(folder: &Path, path: &str, text: &str) {
    let path = folder.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}
