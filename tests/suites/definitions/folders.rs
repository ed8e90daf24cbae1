//! Folders as they are read: many files, in folders of their own too, and one among them that is no text.

use std::fs;
use std::path::Path;

use callwright_engine::definitions::review::read_folders;

fn write(root: &Path, files: usize) -> Vec<(String, String)> {
    fs::create_dir_all(root.join("flows/scripts")).unwrap();
    fs::create_dir_all(root.join("cadences")).unwrap();
    let mut all = Vec::new();
    for number in 0..files {
        let path = match number % 3 {
            0 => format!("flows/flow-{number}.yaml"),
            1 => format!("flows/scripts/words-{number}.yml"),
            _ => format!("cadences/cadence-{number}.yaml"),
        };
        let text = format!("# नमस्ते {number}\n").repeat(number);
        fs::write(root.join(&path), &text).unwrap();
        all.push((path, text));
    }
    fs::write(root.join("flows/notes.txt"), "no definition").unwrap();
    fs::write(root.join("flows/.hidden.yaml"), "nor this").unwrap();
    all.sort();
    all
}

#[test]
fn every_file_of_a_folder_is_read_however_many_there_are() {
    for files in [0, 1, 2, 95, 96, 97, 300] {
        let root = tempfile::tempdir().unwrap();
        let written = write(root.path(), files);
        let (read, problems) = read_folders(&root.path().join("flows"), &root.path().join("cadences"));
        assert!(read == written && problems.is_empty(), "of {files} files: {problems:?}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), 300);
    fs::write(root.path().join("flows/odd.yaml"), [0x66, 0xff, 0xfe]).unwrap();
    let (read, problems) = read_folders(&root.path().join("flows"), &root.path().join("cadences"));
    let told: Vec<&str> = problems.iter().map(|problem| problem.message.as_str()).collect();
    let says = "flows cannot be read: flows/odd.yaml: it is not UTF-8";
    assert!(told.len() == 1 && told[0].ends_with(says), "{told:?}");
    assert!(read.iter().any(|(path, _)| path.starts_with("cadences/")), "the other folder is read");
}
