//! Analysis of files as they are typed. A `‸` in a text is the cursor.

mod completing;
mod finding;
mod forgiving;
mod hovering;
mod renaming;

use super::super::embedded;
use super::project::Project;

/// The shipped definitions with some files put in, the first of which has the cursor.
struct Bench {
    project: Project,
    path: String,
    offset: usize,
}

fn bench(files: &[(&str, &str)]) -> Bench {
    let mut project = Project::of(embedded::FILES.iter().copied());
    for (path, text) in &files[1..] {
        project.set(path, text);
    }
    let (path, marked) = files[0];
    let offset = marked.find('‸').expect("a cursor");
    project.set(path, &marked.replace('‸', ""));
    project.refresh();
    Bench { project, path: path.to_owned(), offset }
}

/// What the span of a file says.
fn words<'p>(project: &'p Project, path: &str, span: &std::ops::Range<usize>) -> &'p str {
    &project.text(path).expect("a file")[span.clone()]
}
