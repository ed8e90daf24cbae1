//! Reads the calling rules in `rules/`, and the words that scripts share, into JSON texts that become part of the program: a
//! process that starts, and every `check` on save, then need not read fifty YAML files first. Comments are left behind, nothing
//! else is.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

const HOLIDAYS: &str = "holidays.yaml";
const WORDS: &str = "../../flows/scripts/common.yaml";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=../rules");
    println!("cargo::rerun-if-changed={WORDS}");
    let mut files = read(Path::new("../rules"))?;
    let holidays = files.remove(HOLIDAYS).ok_or("rules/holidays.yaml is missing")?;
    let all = serde_json::json!({ "files": files, "holidays": holidays });
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("cargo runs this")?);
    fs::write(out.join("rules.json"), serde_json::to_string(&all)?)?;
    fs::write(out.join("words.json"), serde_json::to_string(&read_file(Path::new(WORDS))?)?)?;
    Ok(())
}

/// The YAML files of a folder by name.
fn read(folder: &Path) -> Result<BTreeMap<String, Value>, Box<dyn Error>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "yaml") {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            files.insert(name, read_file(&path)?);
        }
    }
    Ok(files)
}

fn read_file(path: &Path) -> Result<Value, Box<dyn Error>> {
    // `ON` is Ontario, `NO` is Norway.
    let mut options = serde_yaml::Options::default();
    options.strict_booleans = true;
    let text = fs::read_to_string(path)?;
    serde_yaml::from_str_with_options(&text, options)
        .map_err(|error| format!("{}: {error}", path.display()).into())
}
