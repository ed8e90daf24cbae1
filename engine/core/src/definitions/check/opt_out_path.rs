//! Protects everybody's right to be left alone: opting out must be understood and confirmed in every language a flow speaks,
//! and a step reached by opting out must really record it (47 CFR 64.1200(b)(3): an automated opt-out in every such call).

use super::super::diagnostic::{Findings, Place};
use super::super::model::flow::{Action, Exit};
use super::graph::{flow_edges, reachable};
use super::{FlowFile, Scope};

pub fn flow(workspace: &Scope<'_>, file: &FlowFile, findings: &mut Findings<'_>) {
    words(workspace, file, findings);
    let edges = flow_edges(&file.model);
    for step in &file.model.steps {
        let Exit::Ask(ask) = &step.exit else { continue };
        let Some(&target) = ask.then.get("opt_out") else { continue };
        let records =
            reachable(&edges, &[target]).into_iter().zip(&file.model.steps).any(|(reached, step)| {
                reached && step.actions.iter().any(|action| matches!(action, Action::OptOut))
            });
        if !records {
            let place = Place::value(format!("/steps/{}/then/opt_out", step.name));
            let name = &file.model.steps[target].name;
            findings
                .error(
                    "opt-out-not-recorded",
                    place,
                    format!("step `{name}` follows an opt-out and does not record it"),
                )
                .label("the person would be called again")
                .help("add `opt_out: true` to that step, or leave `opt_out` out of `then`");
        }
    }
}

fn words(workspace: &Scope<'_>, file: &FlowFile, findings: &mut Findings<'_>) {
    let Some(script) = workspace.script(&file.model.script) else { return };
    for (code, words) in &script.languages {
        let says = words.texts.contains_key("opted_out");
        let understands = words.answers.contains_key("opt_out");
        if says && understands {
            continue;
        }
        let what = if says { "phrases for the answer `opt_out`" } else { "text `opted_out`" };
        let pointer = if file.raw.script.is_some() { "/script" } else { "/flow" };
        findings
            .error(
                "no-opt-out",
                Place::value(pointer),
                format!("script `{}` has no {what} in {code}", script.key),
            )
            .label("people cannot opt out in this language")
            .help(format!("add it to language {code} of the script, or of script `common`"));
    }
}
