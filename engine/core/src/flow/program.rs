//! A flow made ready for one call: its steps, its words, and the variables of the callee.

use std::collections::BTreeMap;
use std::sync::Arc;

use minijinja::context;
use minijinja::value::Serde;
use serde_json::Value;

use super::session::Session;
use crate::definitions::bundle::Bundle;
use crate::definitions::model::flow::Flow;
use crate::definitions::model::script::Script;

/// Flows and scripts of one version, the flow that is called, and what its texts and conditions may see.
#[derive(Debug, Clone)]
pub struct Program<'a> {
    flows: &'a BTreeMap<String, Arc<Flow>>,
    scripts: &'a BTreeMap<String, Arc<Script>>,
    pub(super) root: &'a str,
    variables: minijinja::Value,
    /// The campaign goes on with callees who do not want to be recorded.
    pub(super) continues_unrecorded: bool,
    pub(super) traced: bool,
}

impl<'a> Program<'a> {
    /// `flow` of `bundle`. `variables` hold `lead`, `campaign`, `agent` and whatever the trigger handed in.
    pub fn new(bundle: &'a Bundle, flow: &'a str, variables: &Value) -> Self {
        Self::of_parts(&bundle.flows, &bundle.scripts, flow, variables)
    }

    /// Like [`Program::new`], of flows and scripts that belong to no bundle.
    pub fn of_parts(
        flows: &'a BTreeMap<String, Arc<Flow>>,
        scripts: &'a BTreeMap<String, Arc<Script>>,
        flow: &'a str,
        variables: &Value,
    ) -> Self {
        let continues = variables.pointer("/campaign/continueUnrecorded").and_then(Value::as_bool);
        Self {
            flows,
            scripts,
            root: flow,
            variables: minijinja::Value::from(Serde(variables)),
            continues_unrecorded: continues.unwrap_or(false),
            traced: false,
        }
    }

    /// The same, with every turn telling which way it took.
    #[must_use]
    pub fn traced(self) -> Self {
        Self { traced: true, ..self }
    }

    pub(super) fn flow(&self, key: &str) -> Option<&'a Flow> {
        self.flows.get(key).map(Arc::as_ref)
    }

    pub(super) fn script(&self, key: &str) -> Option<&'a Script> {
        self.scripts.get(key).map(Arc::as_ref)
    }

    /// Variables with what this call has learned.
    pub(super) fn context(&self, session: &Session) -> minijinja::Value {
        context! { answers => minijinja::Value::from(Serde(&session.answers)), ..self.variables.clone() }
    }
}
