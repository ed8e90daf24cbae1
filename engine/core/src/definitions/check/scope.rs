//! What several checks ask about all files together, found out once: otherwise a thousand files would each look at a
//! thousand others.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;

use serde_json::Value;

use super::super::context;
use super::super::model::cadence::StepAction;
use super::super::model::flow::{Action, Exit};
use super::super::model::script::Script;
use super::super::workspace::Workspace;
use crate::rules::{Jurisdiction, Rules};

/// The workspace with its cross references.
pub struct Scope<'w> {
    workspace: &'w Workspace,
    scripts: BTreeMap<&'w str, Script>,
    /// Names that calls learn anywhere: sub-flows share the answers of their callers.
    pub answers: BTreeSet<String>,
    /// Fields that flows record, by event.
    pub recorded: BTreeMap<&'w str, BTreeSet<&'w str>>,
    /// Flows that a cadence calls, and flows that another flow runs.
    pub called: BTreeSet<&'w str>,
    pub run_by: BTreeMap<&'w str, Vec<&'w str>>,
    flow_variables: BTreeMap<&'w str, BTreeSet<String>>,
    script_variables: BTreeMap<&'w str, BTreeSet<String>>,
    /// Variables of a script that some caller need not bring.
    optional: BTreeMap<&'w str, BTreeSet<String>>,
    samples: BTreeMap<&'w str, Value>,
    /// Flows and cadences that speak each script.
    pub speakers: BTreeMap<&'w str, Vec<&'w str>>,
    /// The law by which hours and words are judged.
    pub rules: &'w Rules,
    /// By flow, whom its cadences call: places they name, and whether one names none.
    pub audiences: BTreeMap<&'w str, Audience>,
}

/// Whom the cadences of a flow call.
#[derive(Debug, Clone, Default)]
pub struct Audience {
    pub places: BTreeSet<Jurisdiction>,
    /// Some cadence does not say.
    pub is_open: bool,
}

impl Deref for Scope<'_> {
    type Target = Workspace;

    fn deref(&self) -> &Workspace {
        self.workspace
    }
}

impl<'w> Scope<'w> {
    pub fn new(workspace: &'w Workspace, rules: &'w Rules) -> Self {
        let scripts = workspace
            .scripts
            .keys()
            .filter_map(|key| Some((key.as_str(), workspace.script_with_common(key)?)));
        let mut scope = Self {
            workspace,
            scripts: scripts.collect(),
            answers: BTreeSet::new(),
            recorded: BTreeMap::new(),
            called: BTreeSet::new(),
            run_by: BTreeMap::new(),
            flow_variables: BTreeMap::new(),
            script_variables: BTreeMap::new(),
            optional: BTreeMap::new(),
            samples: BTreeMap::new(),
            speakers: BTreeMap::new(),
            rules,
            audiences: BTreeMap::new(),
        };
        scope.read_flows(workspace);
        scope.read_cadences(workspace);
        scope.pass_variables_down(workspace);
        scope
    }

    /// A script with the words of `common` in it.
    pub fn script(&self, key: &str) -> Option<&Script> {
        self.scripts.get(key)
    }

    /// Variables that a flow's callers bring, and those it declares itself.
    pub fn variables_of_flow(&self, key: &str) -> &BTreeSet<String> {
        self.flow_variables.get(key).unwrap_or(&EMPTY)
    }

    pub fn variables_of_script(&self, key: &str) -> &BTreeSet<String> {
        self.script_variables.get(key).unwrap_or(&EMPTY)
    }

    pub fn optional_of_script(&self, key: &str) -> &BTreeSet<String> {
        self.optional.get(key).unwrap_or(&EMPTY)
    }

    /// One example of every variable that a script may see.
    pub fn sample_of_script(&self, key: &str) -> Value {
        self.samples.get(key).cloned().unwrap_or_else(context::sample)
    }

    fn read_flows(&mut self, workspace: &'w Workspace) {
        for (key, file) in &workspace.flows {
            let own = file.raw.uses.iter().flatten();
            self.flow_variables.entry(key).or_default().extend(own.clone().map(|(name, _)| name.clone()));
            self.speakers.entry(&file.model.script).or_default().push(key);
            if file.raw.uses.is_some() {
                let sample = self.samples.entry(&file.model.script).or_insert_with(context::sample);
                for (name, example) in own {
                    sample[name] = example.clone();
                }
            }
            for step in file.raw.steps.values() {
                let set = step.set.iter().flatten().map(|(name, _)| name);
                self.answers.extend(step.save_as.iter().chain(set).cloned());
            }
            for step in &file.model.steps {
                if let Exit::SubFlow { flow, .. } = &step.exit {
                    self.run_by.entry(flow).or_default().push(key);
                }
                for action in &step.actions {
                    if let Action::RecordEvent { event, fields } = action {
                        let known = self.recorded.entry(event).or_default();
                        known.extend(fields.keys().map(String::as_str));
                    }
                }
            }
        }
    }

    fn read_cadences(&mut self, workspace: &'w Workspace) {
        for (key, file) in &workspace.cadences {
            let variables = &file.model.variables;
            for flow in file.model.flows() {
                self.called.insert(flow);
                let audience = self.audiences.entry(flow).or_default();
                audience.places.extend(&file.model.targets);
                audience.is_open |= file.model.targets.is_empty();
                self.flow_variables.entry(flow).or_default().extend(variables.keys().cloned());
                if let Some(flow) = workspace.flows.get(flow) {
                    self.bring(&flow.model.script, variables);
                }
            }
            for step in &file.model.steps {
                if let StepAction::Message { script, .. } = &step.action {
                    self.bring(script, variables);
                    self.script_variables.entry(script).or_default().extend(variables.keys().cloned());
                    self.speakers.entry(script).or_default().push(key);
                }
            }
        }
    }

    fn bring(&mut self, script: &'w str, variables: &BTreeMap<String, bool>) {
        let optional =
            variables.iter().filter(|(_, is_required)| !**is_required).map(|(name, _)| name.clone());
        self.optional.entry(script).or_default().extend(optional);
    }

    /// What a flow knows, the flows it runs know too, and so do their scripts.
    fn pass_variables_down(&mut self, workspace: &'w Workspace) {
        let mut open: Vec<&'w str> = self.run_by.keys().copied().collect();
        while let Some(flow) = open.pop() {
            let callers = self.run_by.get(flow).into_iter().flatten();
            let brought: BTreeSet<String> =
                callers.flat_map(|caller| self.variables_of_flow(caller)).cloned().collect();
            let known = self.flow_variables.entry(flow).or_default();
            let before = known.len();
            known.extend(brought);
            if known.len() > before {
                open.extend(
                    self.run_by.iter().filter(|(_, callers)| callers.contains(&flow)).map(|(key, _)| *key),
                );
            }
        }
        for (key, file) in &workspace.flows {
            let known = self.variables_of_flow(key).clone();
            self.script_variables.entry(&file.model.script).or_default().extend(known);
        }
    }
}

static EMPTY: BTreeSet<String> = BTreeSet::new();
