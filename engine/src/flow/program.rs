//! One call's program: the flows and scripts of a pinned version with the call's variables, and the rendering of texts.

use std::collections::BTreeMap;
use std::sync::Arc;

use minijinja::value::Value;

use crate::definitions::context;
use crate::definitions::expression::Expression;
use crate::definitions::library::Bundle;
use crate::definitions::model::flow::{Flow, FlowStep};
use crate::definitions::model::script::Script;
use crate::definitions::template::RenderLimits;

use super::session::{Frame, Session};

/// What a call follows.
#[derive(Debug)]
pub struct Program<'a> {
    flows: &'a BTreeMap<String, Arc<Flow>>,
    scripts: &'a BTreeMap<String, Arc<Script>>,
    pub(super) root: &'a str,
    variables: Value,
}

impl<'a> Program<'a> {
    /// The flow `root` of a version, for a call with these variables (`lead`, `campaign`, `agent`, `offer`, …).
    pub fn new(bundle: &'a Bundle, root: &'a str, variables: &serde_json::Value) -> Self {
        Self {
            flows: &bundle.flows,
            scripts: &bundle.scripts,
            root,
            variables: context::value(variables),
        }
    }

    pub(super) fn flow(&self, key: &str) -> Option<&'a Flow> {
        self.flows.get(key).map(Arc::as_ref)
    }

    /// Flow and step of a frame; `None` for a version that does not have them, which ends the call politely.
    pub(super) fn step(&self, frame: &Frame) -> Option<(&'a Flow, &'a FlowStep)> {
        let flow = self.flow(&frame.flow)?;
        Some((flow, flow.steps.get(flow.step(&frame.step)?)?))
    }

    pub(super) fn script(&self, flow: &Flow) -> Option<&'a Script> {
        self.scripts.get(&flow.script).map(Arc::as_ref)
    }

    /// A text of the flow's script in the session's language. A text that cannot be rendered is left unsaid rather than
    /// spoken half: `check` renders every text on sample data, so this takes a lead without the value it needs.
    pub(super) fn text(&self, session: &Session, flow: &Flow, name: &str) -> Option<String> {
        let template = self.script(flow)?.text(&session.language, name)?;
        let rendered = template.render(&self.context(session), RenderLimits::default());
        rendered.ok().filter(|text| !text.is_empty())
    }

    pub(super) fn holds(&self, session: &Session, condition: &Expression) -> bool {
        condition.eval_bool(&self.context(session)).unwrap_or(false)
    }

    pub(super) fn value(&self, session: &Session, expression: &Expression) -> serde_json::Value {
        expression.eval_json(&self.context(session)).unwrap_or(serde_json::Value::Null)
    }

    fn context(&self, session: &Session) -> Value {
        minijinja::context! { answers => Value::from(minijinja::value::Serde(&session.answers)), ..self.variables.clone() }
    }
}
