//! Types of expressions: unknown variables, comparisons that can never hold, unknown filters, each at its own column.

use std::collections::BTreeSet;
use std::ops::Range;

use super::Mistake;
use super::suggest::{FILTER_SYNONYMS, misspelt_field, quoted, unknown_help};
use super::tree::{Kind, Node, Operator};
use super::types::{Type, type_of};
use crate::definitions::context;
use crate::definitions::diagnostic::{nearest, suggestion};
use crate::definitions::sandbox;
use crate::domain::vocabulary::FieldKind;

/// What an expression may name.
#[derive(Debug, Clone)]
pub struct Names<'n> {
    /// Variables that the definition itself declares.
    pub further: &'n BTreeSet<String>,
    /// What calls learn; `None` where no call is going on.
    pub answers: Option<&'n BTreeSet<String>>,
    pub event: Event<'n>,
}

/// What is known about `event` where the expression stands.
#[derive(Debug, Clone)]
pub enum Event<'n> {
    /// Nothing has happened here.
    None,
    /// Any event at all.
    Any,
    /// An event of this type with these fields.
    Of { kind: &'n str, fields: &'n [(String, Option<FieldKind>)] },
}

/// What was found out about an expression.
#[derive(Debug)]
pub struct Inference<'n> {
    names: &'n Names<'n>,
    /// Names of loops around the expression.
    pub local: Vec<String>,
    pub mistakes: Vec<Mistake>,
}

impl<'n> Inference<'n> {
    pub fn new(names: &'n Names<'n>) -> Self {
        Self { names, local: Vec::new(), mistakes: Vec::new() }
    }

    /// A condition: reports what always holds, and everything `value` reports.
    pub fn condition(&mut self, node: &Node) {
        self.truth(node);
    }

    /// The type of a value; mistakes are collected.
    pub fn value(&mut self, node: &Node) -> Type {
        if let Some(path) = node.path() {
            return self.path(node, &path);
        }
        match &node.kind {
            Kind::Text(_) => Type::Text,
            Kind::Number(_) => Type::Number,
            Kind::Truth(_) => Type::Truth,
            Kind::Nothing | Kind::Name(_) => Type::Anything,
            Kind::List(items) => {
                self.all(items);
                Type::List
            }
            Kind::Map(entries) => {
                for (key, value) in entries {
                    self.value(key);
                    self.value(value);
                }
                Type::Map
            }
            Kind::Field { of, .. } => {
                self.value(of);
                Type::Anything
            }
            Kind::Index { of, by } => {
                self.value(of);
                self.all(by);
                Type::Anything
            }
            Kind::Call { name, arguments } => self.call(name, arguments),
            Kind::Filter { of, name, name_at, arguments } => self.filter(of, name, name_at, arguments),
            Kind::Test { of, name, name_at, arguments } => {
                self.test(of, name, name_at);
                self.all(arguments);
                Type::Truth
            }
            Kind::Not(inner) => {
                self.truth(inner);
                Type::Truth
            }
            Kind::Minus(inner) => {
                self.value(inner);
                Type::Number
            }
            Kind::Binary { operator, left, right } => self.binary(node, *operator, left, right),
            Kind::Choice { condition, first, otherwise } => {
                self.truth(condition);
                let first = self.value(first);
                let otherwise = otherwise.as_ref().map(|node| self.value(node));
                if otherwise == Some(first) { first } else { Type::Anything }
            }
        }
    }

    fn all(&mut self, nodes: &[Node]) {
        for node in nodes {
            self.value(node);
        }
    }

    /// `lead.status == "cold" or "trial"` holds for everybody, because a text always counts as true.
    fn truth(&mut self, node: &Node) {
        match &node.kind {
            Kind::Text(text) => {
                let message = format!("\"{text}\" always counts as true, so this always holds");
                self.mistakes.push(
                    Mistake::error("always-true", node.at.clone(), message)
                        .label("a text, not a comparison")
                        .help(format!("repeat the comparison, as in: lead.status == \"cold\" or lead.status == \"{text}\"; or write: lead.status in [\"cold\", \"{text}\"]")),
                );
            }
            Kind::Number(number) => {
                let message = format!("the number {number} is no condition");
                self.mistakes.push(
                    Mistake::error("always-true", node.at.clone(), message).label("compared with what?"),
                );
            }
            Kind::Binary { operator: Operator::And | Operator::Or, left, right } => {
                self.truth(left);
                self.truth(right);
            }
            _ => {
                self.value(node);
            }
        }
    }

    fn path(&mut self, node: &Node, path: &str) -> Type {
        let root = path.split('.').next().unwrap_or_default();
        if self.local.iter().any(|name| name == root) || (root == "loop" && !self.local.is_empty()) {
            return Type::Anything;
        }
        match root {
            "answers" if path != "answers" => return self.answer(node, path),
            "event" => return self.event(node, path),
            _ => {}
        }
        if self.names.further.contains(root) && !context::knows(path, &[]) {
            // Whoever starts a cadence may bring more fields than we know; a misspelling of one of ours is still one.
            if let Some(near) = misspelt_field(path) {
                let mistake = Mistake::error(
                    "unknown-variable",
                    node.at.clone(),
                    format!("there is no variable `{path}`"),
                );
                self.mistakes.push(mistake.label("unknown variable").help(format!("did you mean `{near}`?")));
            }
            return Type::Anything;
        }
        if context::knows(path, &[]) {
            return self.beyond(node, path);
        }
        self.mistakes.push(self.unknown(node, path));
        Type::Anything
    }

    /// Texts and numbers have no fields.
    fn beyond(&mut self, node: &Node, path: &str) -> Type {
        let own = type_of(path);
        if own != Type::Anything {
            return own;
        }
        let owner = path.rsplit_once('.').map_or("", |(owner, _)| owner);
        let owner_type = type_of(owner);
        if !matches!(owner_type, Type::Map | Type::List | Type::Anything) {
            let field = path.rsplit('.').next().unwrap_or_default();
            let help = match field {
                "length" | "lower" | "upper" | "first" | "last" => Some(format!("write {owner} | {field}")),
                _ => None,
            };
            self.mistakes.push(
                Mistake::error(
                    "unknown-variable",
                    node.at.clone(),
                    format!("`{owner}` is {} and has no fields", owner_type.words()),
                )
                .label("nothing there")
                .maybe_help(help),
            );
        }
        Type::Anything
    }

    fn answer(&mut self, node: &Node, path: &str) -> Type {
        let name = path.split('.').nth(1).unwrap_or_default();
        match self.names.answers {
            None => self.mistakes.push(
                Mistake::error(
                    "unknown-variable",
                    node.at.clone(),
                    format!("no call is going on here, so there is no `{path}`"),
                )
                .label("always missing")
                .help("go by the outcome of the call in its `then`, or let the flow record an event"),
            ),
            Some(known) if !known.contains(name) => {
                let help = suggestion(name, known.iter().map(String::as_str));
                self.mistakes.push(
                    Mistake::error(
                        "unknown-variable",
                        node.at.clone(),
                        format!("nothing sets `answers.{name}`"),
                    )
                    .label("always missing")
                    .help(help.unwrap_or_else(|| {
                        "remember it with `save_as` or `set` in an earlier step".to_owned()
                    })),
                );
            }
            Some(_) => {}
        }
        Type::Anything
    }

    fn event(&mut self, node: &Node, path: &str) -> Type {
        let Some(field) = path.split('.').nth(1) else { return Type::Map };
        let (kind, fields) = match &self.names.event {
            Event::Any => return Type::Anything,
            Event::None => {
                self.mistakes.push(
                    Mistake::error(
                        "unknown-variable",
                        node.at.clone(),
                        format!("no event has happened here, so there is no `{path}`"),
                    )
                    .label("always missing")
                    .help("`event` is there in `exit` rules, and in a `wait` for an event"),
                );
                return Type::Anything;
            }
            Event::Of { kind, fields } => (*kind, *fields),
        };
        if field == "type" {
            return Type::Text;
        }
        if let Some((_, known)) = fields.iter().find(|(name, _)| name == field) {
            return known.map_or(Type::Anything, Type::from);
        }
        let names = fields.iter().map(|(name, _)| name.as_str());
        let message = format!("{kind} has no field `{field}`");
        let mistake = match nearest(field, &names.clone().collect::<Vec<_>>()) {
            Some(near) => Mistake::error("unknown-event-field", node.at.clone(), message)
                .label("unknown field")
                .help(format!("did you mean `event.{near}`?")),
            None => Mistake::warning("unknown-event-field", node.at.clone(), message)
                .label("missing unless the sender adds it")
                .maybe_help(suggestion(field, names)),
        };
        self.mistakes.push(mistake);
        Type::Anything
    }

    fn unknown(&self, node: &Node, path: &str) -> Mistake {
        let mistake =
            Mistake::error("unknown-variable", node.at.clone(), format!("there is no variable `{path}`"))
                .label("unknown variable");
        let help = unknown_help(path, self.names.further);
        mistake.help(help)
    }

    fn call(&mut self, name: &Node, arguments: &[Node]) -> Type {
        self.all(arguments);
        if name.path().as_deref() == Some("range") {
            return Type::List;
        }
        let called = name.path().unwrap_or_default();
        let short = called.rsplit('.').next().unwrap_or_default();
        let owner = called.rsplit_once('.').map_or("value", |(owner, _)| owner);
        let help = if sandbox::filter_names().contains(&short) {
            format!("filters stand behind the value: {owner} | {short}")
        } else {
            "values are changed by filters, as in: lead.firstName | upper".to_owned()
        };
        self.mistakes.push(
            Mistake::error("unknown-filter", name.at.clone(), format!("there is no function `{called}`"))
                .label("cannot be called")
                .help(help),
        );
        Type::Anything
    }

    fn filter(&mut self, of: &Node, name: &str, name_at: &Range<usize>, arguments: &[Node]) -> Type {
        let input = self.value(of);
        self.all(arguments);
        if !sandbox::filter_names().contains(&name) {
            let synonym = FILTER_SYNONYMS
                .iter()
                .find(|(word, _)| *word == name)
                .map(|(_, filter)| format!("did you mean `{filter}`?"));
            let help = synonym
                .or_else(|| suggestion(name, sandbox::filter_names().iter().copied()))
                .unwrap_or_else(|| format!("filters are {}", sandbox::filter_names().join(", ")));
            self.mistakes.push(
                Mistake::error("unknown-filter", name_at.clone(), format!("there is no filter `{name}`"))
                    .label("unknown filter")
                    .help(help),
            );
            return Type::Anything;
        }
        match name {
            "lower" | "upper" | "title" | "capitalize" | "trim" | "join" | "money" | "date" | "phone"
            | "name" => Type::Text,
            "length" | "round" | "abs" | "int" | "float" | "times" => Type::Number,
            "default" => match arguments {
                [other, ..] if self.quiet(other) == input => input,
                _ => Type::Anything,
            },
            _ => Type::Anything,
        }
    }

    /// A type without reporting again.
    fn quiet(&mut self, node: &Node) -> Type {
        let before = self.mistakes.len();
        let found = self.value(node);
        self.mistakes.truncate(before);
        found
    }

    fn test(&mut self, of: &Node, name: &str, name_at: &Range<usize>) {
        self.value(of);
        if sandbox::TESTS.contains(&name) {
            return;
        }
        let near = suggestion(name, sandbox::TESTS).filter(|help| help.starts_with("did"));
        let help = near.unwrap_or_else(|| match of.path() {
            Some(path) if nearest(name, &["empty", "blank", "missing"]).is_some() => {
                format!("write: not {path}")
            }
            Some(path) => format!("to compare, write {path} == \"{name}\""),
            None => format!("to compare, write == \"{name}\""),
        });
        self.mistakes.push(
            Mistake::error("unknown-filter", name_at.clone(), format!("there is no test `{name}`"))
                .label("unknown test")
                .help(help),
        );
    }

    fn binary(&mut self, node: &Node, operator: Operator, left: &Node, right: &Node) -> Type {
        if matches!(operator, Operator::And | Operator::Or) {
            // `lead.firstName or "there"` chooses a value.
            self.value(left);
            self.value(right);
            return Type::Anything;
        }
        let mut types = (self.side(left, right), self.side(right, left));
        // `1 < lead.score < 50` compares its middle with both ends.
        let mut left = left;
        if let Kind::Binary { operator: before, right: middle, .. } = &left.kind
            && before.orders()
            && operator.orders()
        {
            types.0 = self.quiet(middle);
            left = middle;
        }
        match operator {
            Operator::Equal | Operator::Unequal => self.equal(node, (left, types.0), (right, types.1)),
            Operator::In | Operator::NotIn => self.within(node, (left, types.0), (right, types.1)),
            _ if operator.orders() => self.ordered(node, operator, (left, types.0), (right, types.1)),
            Operator::Join => return Type::Text,
            _ => return self.sum(node, operator, (left, types.0), (right, types.1)),
        }
        Type::Truth
    }

    /// One side of a comparison. A bare word opposite a text is a forgotten pair of quotes.
    fn side(&mut self, node: &Node, other: &Node) -> Type {
        if let Kind::Name(word) = &node.kind
            && self.is_unknown(word)
            && other.path().is_some_and(|path| type_of(&path).is_text() || type_of(&path) == Type::List)
        {
            let message = format!("there is no variable `{word}`");
            self.mistakes.push(
                Mistake::error("unknown-variable", node.at.clone(), message)
                    .label("quotes are missing")
                    .help(format!("for the text itself write \"{word}\"")),
            );
            return Type::Anything;
        }
        self.value(node)
    }

    fn is_unknown(&self, word: &str) -> bool {
        !context::knows(word, &[])
            && !self.names.further.contains(word)
            && !self.local.iter().any(|name| name == word)
    }

    fn equal(&mut self, node: &Node, left: (&Node, Type), right: (&Node, Type)) {
        for ((variable, found), (literal, _)) in [(left, right), (right, left)] {
            if let (Type::Word(words), Kind::Text(text)) = (found, &literal.kind) {
                let known = words.all();
                if !known.contains(&text.as_str()) {
                    self.never(literal, text, variable, &known);
                }
                return;
            }
        }
        self.comparable(node, left, right);
    }

    fn never(&mut self, literal: &Node, text: &str, variable: &Node, known: &[&str]) {
        let path = variable.path().unwrap_or_else(|| "this".to_owned());
        let help = suggestion(text, known.iter().copied());
        self.mistakes.push(
            Mistake::error("wrong-comparison", literal.at.clone(), format!("`{path}` is never \"{text}\""))
                .label("never")
                .maybe_help(help),
        );
    }

    fn comparable(&mut self, node: &Node, left: (&Node, Type), right: (&Node, Type)) {
        let (a, b) = (left.1, right.1);
        let fits = a == b
            || matches!((a, b), (Type::Anything, _) | (_, Type::Anything))
            || (a.is_text() && b.is_text())
            || [a, b].contains(&Type::Amount)
                && [a, b].iter().all(|each| matches!(each, Type::Amount | Type::Number));
        if !fits {
            self.mismatch(node, left, right);
        }
    }

    fn mismatch(&mut self, node: &Node, left: (&Node, Type), right: (&Node, Type)) {
        let name = |(side, kind): (&Node, Type)| match side.path() {
            Some(path) => format!("`{path}`, which is {},", kind.words()),
            None => kind.words().to_owned(),
        };
        let message = format!("{} is compared with {}", name(left), name(right).trim_end_matches(','));
        let help =
            [(left, right), (right, left)].into_iter().find_map(|((variable, kind), (literal, other))| {
                let path = variable.path()?;
                match (kind, &literal.kind) {
                    (Type::Number, Kind::Text(text)) if text.parse::<f64>().is_ok() => {
                        Some(format!("write the number without quotes: {text}"))
                    }
                    (Type::Truth, Kind::Text(text))
                        if matches!(text.to_ascii_lowercase().as_str(), "true" | "yes" | "y" | "1") =>
                    {
                        Some(format!("write only: {path}"))
                    }
                    (Type::Truth, Kind::Text(_)) => Some(format!("write only {path}, or: not {path}")),
                    (Type::List, _) if other.is_text() => {
                        Some(format!("write the text on the left: \"…\" in {path}"))
                    }
                    (kind, Kind::Number(number)) if kind.is_text() => {
                        Some(format!("write the text in quotes: \"{number}\""))
                    }
                    _ => None,
                }
            });
        self.mistakes.push(
            Mistake::error("wrong-comparison", node.at.clone(), message)
                .label("never alike")
                .maybe_help(help),
        );
    }

    fn ordered(&mut self, node: &Node, operator: Operator, left: (&Node, Type), right: (&Node, Type)) {
        for (side, kind) in [left, right] {
            let path = side.path();
            let words = match (kind, path) {
                (Type::Truth | Type::List | Type::Map | Type::Word(_), Some(path)) => {
                    format!("`{path}` is {} and has no order", kind.words())
                }
                _ => continue,
            };
            let help = match kind {
                Type::Word(known) => Some(format!(
                    "ask for one of {} with ==, or for several with in […]",
                    quoted(&known.all())
                )),
                Type::List => {
                    side.path().map(|path| format!("for the number of entries write {path} | length"))
                }
                _ => None,
            };
            self.mistakes.push(
                Mistake::error("wrong-comparison", node.at.clone(), words)
                    .label(format!("`{}` means nothing here", operator.as_str()))
                    .maybe_help(help),
            );
            return;
        }
        let amounts =
            [(left, right), (right, left)].into_iter().find_map(|((variable, kind), (other, other_kind))| {
                let path = variable.path().filter(|_| kind == Type::Amount)?;
                matches!(other_kind, Type::Number | Type::Text).then_some((path, other))
            });
        if let Some((path, other)) = amounts {
            let message =
                format!("`{path}` may arrive as a text such as \"150.00\", which has no order among numbers");
            let other =
                if let Kind::Number(number) = other.kind { number.to_string() } else { "100".to_owned() };
            self.mistakes.push(
                Mistake::error("wrong-comparison", node.at.clone(), message)
                    .label("may go wrong")
                    .help(format!("write {path} | float {} {other}", operator.as_str())),
            );
            return;
        }
        self.comparable(node, left, right);
    }

    fn within(&mut self, node: &Node, (item, item_type): (&Node, Type), (list, list_type): (&Node, Type)) {
        if let Type::Word(words) = item_type
            && let Kind::List(entries) = &list.kind
        {
            let known = words.all();
            for entry in entries {
                if let Kind::Text(text) = &entry.kind
                    && !known.contains(&text.as_str())
                {
                    self.never(entry, text, item, &known);
                }
            }
        }
        match list_type {
            Type::Number | Type::Truth | Type::Amount => {
                let message = format!("`in` asks a list or a text, and this is {}", list_type.words());
                self.mistakes.push(
                    Mistake::error("wrong-comparison", list.at.clone(), message).label("holds nothing"),
                );
            }
            Type::List if item_type == Type::List => {
                let name = item.path().unwrap_or_else(|| "the left side".to_owned());
                let mistake = Mistake::error(
                    "wrong-comparison",
                    node.at.clone(),
                    format!("`{name}` is a list, and a list is never an entry"),
                );
                self.mistakes.push(mistake.help(format!("ask for one entry at a time: \"vip\" in {name}")));
            }
            _ => {}
        }
    }

    fn sum(&mut self, node: &Node, operator: Operator, left: (&Node, Type), right: (&Node, Type)) -> Type {
        let both_text = left.1.is_text() && right.1.is_text() && operator == Operator::Plus;
        if both_text {
            return Type::Text;
        }
        let wrong = [left, right]
            .into_iter()
            .find(|(_, kind)| kind.is_text() || matches!(kind, Type::Truth | Type::Map | Type::List));
        let open = [left.1, right.1].contains(&Type::Anything);
        if let Some((side, kind)) =
            wrong.filter(|(_, kind)| !(open && operator == Operator::Plus && kind.is_text()))
        {
            let help = (operator == Operator::Plus).then(|| "to join texts, write ~".to_owned());
            let message = format!("`{}` needs numbers, and this is {}", operator.as_str(), kind.words());
            self.mistakes.push(
                Mistake::error("wrong-comparison", side.at.clone(), message)
                    .label("no number")
                    .maybe_help(help),
            );
        }
        let _ = node;
        Type::Number
    }
}
