//! Reads the calling rules in `rules/` into one JSON text that becomes part of the program: a process that starts, and every
//! `check` on save, then need not read forty YAML files first. Comments are left behind, nothing else is.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

const HOLIDAYS: &str = "holidays.yaml";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=../rules");
    let mut files = read(Path::new("../rules"))?;
    let holidays = files.remove(HOLIDAYS).ok_or("rules/holidays.yaml is missing")?;
    let all = serde_json::json!({ "files": files, "holidays": holidays });
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("cargo runs this")?);
    fs::write(out.join("rules.json"), serde_json::to_string(&all)?)?;
    Ok(())
}

/// The YAML files of a folder by name.
fn read(folder: &Path) -> Result<BTreeMap<String, Value>, Box<dyn Error>> {
    // `ON` is Ontario, `NO` is Norway.
    let mut options = serde_yaml::Options::default();
    options.strict_booleans = true;
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "yaml") {
            let value = serde_yaml::from_str_with_options(&fs::read_to_string(&path)?, options.clone())
                .map_err(|error| format!("{}: {error}", path.display()))?;
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            files.insert(name, value);
        }
    }
    Ok(files)
}
