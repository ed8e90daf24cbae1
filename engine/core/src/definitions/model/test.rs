//! A test file read: its cases, with tables written out and what is given merged.

use serde_json::{Map, Value};

use crate::definitions::raw::test::{RawExpect, RawTalk, RawWalk};

/// What the cases of a file are about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    Flow(String),
    Cadence(String),
    /// A file that only holds fixtures.
    Nothing,
}

/// One test file.
#[derive(Debug, Clone)]
pub struct TestFile {
    pub path: String,
    pub title: String,
    pub subject: Subject,
    pub fixtures: Map<String, Value>,
    pub cases: Vec<Case>,
}

/// One case, or one row of a table.
#[derive(Debug, Clone)]
pub struct Case {
    pub name: String,
    /// JSON pointer of the case in its file.
    pub pointer: String,
    pub given: Vec<Given>,
    pub kind: CaseKind,
    pub expect: RawExpect,
}

/// A piece of what is given; later pieces go over earlier ones.
#[derive(Debug, Clone)]
pub enum Given {
    Fixture(String),
    Values(Map<String, Value>),
}

/// What is played.
#[derive(Debug, Clone)]
pub enum CaseKind {
    Talk(Vec<RawTalk>),
    Walk(Vec<RawWalk>),
}
