//! The language of conditions and placeholders: what is read, what is refused, and where mistakes are shown.

use std::collections::BTreeSet;

use rstest::rstest;

use super::infer::{Event, Inference, Names};
use super::types::{Type, type_of};
use super::{parse, text};
use crate::definitions::context;
use crate::domain::vocabulary::FieldKind;

fn mistakes(source: &str) -> Vec<(String, String)> {
    let further: BTreeSet<String> = ["property".to_owned()].into();
    let answers: BTreeSet<String> = ["budget".to_owned()].into();
    let fields = [("agentAccepted".to_owned(), Some(FieldKind::Flag))];
    let event = Event::Of { kind: "TRIAL_SIGNUP_OFFERED", fields: &fields };
    let names = Names { further: &further, answers: Some(&answers), event };
    let tree = match parse::expression(source) {
        Ok(tree) => tree,
        Err(mistake) => return vec![(source[mistake.at.clone()].to_owned(), mistake.message)],
    };
    let mut inference = Inference::new(&names);
    inference.condition(&tree);
    let found = inference.mistakes.into_iter();
    found
        .map(|each| {
            (
                source[each.at.clone()].to_owned(),
                format!("{}; {}", each.message, each.help.unwrap_or_default()),
            )
        })
        .collect()
}

#[rstest]
#[case("lead.score >= 70 and lead.status == \"cold\"")]
#[case("lead.status in ['cold', \"trial\"] or not lead.doNotCall")]
#[case("lead.status not in [\"customer\"] and lead.segment != 'agencies'")]
#[case("\"vip\" in lead.tags and lead.tags | length > 2")]
#[case("offer.savings | float > 100")]
#[case("lead.custom.plan == 'pro' and lead.custom[\"size\"] > 5")]
#[case("answers.budget + 25 >= 70")]
#[case("(lead.score if lead.score else 0) > -5")]
#[case("lead.email is defined and lead.company is not none")]
#[case("lead.company is startingwith(\"A\") and lead.company is startingwith \"B\"")]
#[case("event.agentAccepted and event.type == \"TRIAL_SIGNUP_OFFERED\"")]
#[case("property.rooms > 3 and 1 < lead.score < 50")]
#[case("lead.firstName | default(lead.company) | upper == \"A\"")]
#[case("[1, 2][0] == 1 and {\"a\": 1}.a == 1 and \"abc\"[:2] == \"ab\"")]
#[case("lead.firstName ~ ' ' ~ lead.lastName == \"A B\"")]
#[case("range(3) | length == 3")]
#[case("offer.percent == 15 and lead.language == \"en\"")]
fn sound_conditions_are_silent(#[case] source: &str) {
    assert_eq!(mistakes(source), []);
    crate::definitions::expression::Expression::compile(source).unwrap();
}

#[rstest]
#[case("lead.score > 5 and lead.scroe > 5", "lead.scroe", "lead.score")]
#[case("led.score > 5", "led.score", "lead.score")]
#[case("firstName == \"A\"", "firstName", "lead.firstName")]
#[case("lead.status == \"custmer\"", "\"custmer\"", "customer")]
#[case("lead.status in [\"cold\", \"traial\"]", "\"traial\"", "trial")]
#[case("lead.segment == \"agency\"", "\"agency\"", "agencies")]
#[case("lead.status == cold", "cold", "write \"cold\"")]
#[case("lead.score >= \"70\"", "lead.score >= \"70\"", "without quotes: 70")]
#[case("lead.firstName > 3", "lead.firstName > 3", "is compared with a number")]
#[case("lead.doNotCall == \"yes\"", "lead.doNotCall == \"yes\"", "write only: lead.doNotCall")]
#[case("lead.tags == \"vip\"", "lead.tags == \"vip\"", "in lead.tags")]
#[case("lead.status > \"cold\"", "lead.status > \"cold\"", "has no order")]
#[case("offer.savings > 100", "offer.savings > 100", "offer.savings | float > 100")]
#[case("lead.status == \"cold\" or \"trial\"", "\"trial\"", "always")]
#[case("event.agentAcepted", "event.agentAcepted", "event.agentAccepted")]
#[case("answers.budgt > 5", "answers.budgt", "budget")]
#[case("lead.firstName | uper == \"A\"", "uper", "upper")]
#[case("lead.email is defind", "defind", "defined")]
#[case("lead.status is cold", "cold", "lead.status == \"cold\"")]
#[case("lead.firstName.upper() == \"A\"", "lead.firstName.upper", "lead.firstName | upper")]
#[case("lead.firstName.length > 3", "lead.firstName.length", "lead.firstName | length")]
#[case("lead.score = 5", "=", "does not compare")]
#[case("lead.score > 5 && lead.score < 9", "&&", "not known here")]
#[case("lead.score * 2 > 5", "*", "times(2)")]
#[case("lead.score >", ">", "is missing at the end")]
#[case("lead.score 5", "5", "cannot stand here")]
#[case("lead.status == “cold”", "“", "means nothing")]
#[case("lead.status == \"cold", "\"cold", "not closed")]
#[case("(lead.score > 5", "(", "not closed")]
#[case("{{ lead.score > 5 }}", "{{", "without braces")]
#[case("lead.firstName - 1 > 0", "lead.firstName", "needs numbers")]
#[case("lead.score == 5 AND lead.score == 6", "AND", "cannot stand here")]
fn mistakes_are_shown_at_their_own_place(#[case] source: &str, #[case] at: &str, #[case] words: &str) {
    let found = mistakes(source);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].0, at);
    assert!(found[0].1.contains(words), "{:?}", found[0].1);
}

#[rstest]
#[case::brackets("(".repeat(5_000))]
#[case::nots("not ".repeat(5_000))]
#[case::minuses("-".repeat(5_000))]
#[case::lists("[".repeat(5_000))]
#[case::filters(format!("a{}", "|lower".repeat(5_000)))]
#[case::fields(format!("a{}", ".b".repeat(5_000)))]
#[case::sums(format!("1{}", "-1".repeat(5_000)))]
#[case::joins(format!("'a'{}", "~'a'".repeat(21)))]
#[case::choices(format!("1{}", " if 1 else 1".repeat(5_000)))]
#[case::tests(format!("a{}", " is defined".repeat(5_000)))]
#[case::long_text(format!("'{}'", "a".repeat(600)))]
fn what_grows_without_bound_is_refused(#[case] source: String) {
    assert!(parse::expression(&source).is_err());
    assert!(text::parse(&format!("{{{{ {source} }}}}"), false).is_err());
}

#[rstest]
#[case("Hi {{ lead.firstName }", "{{", "not closed")]
#[case("{% if lead.email %}a", "{% if lead.email %}", "never closed")]
#[case("{% if lead.email %}a{% endfor %}", "{% endfor %}", "`endif` is expected")]
#[case("{% for a in lead.tags %}{% endif %}", "{% endif %}", "`endfor` is expected")]
#[case("a{% endif %}", "{% endif %}", "without `if`")]
#[case("{% else if lead.email %}", "{% else if lead.email %}", "without `if`")]
#[case("{% if lead.email %}{% else if a %}{% endif %}", "{% else if a %}", "elif")]
#[case("{% set x = 1 %}", "{% set x = 1 %}", "not available")]
#[case("{% for a in [1] recursive %}{% endfor %}", "recursive", "cannot stand here")]
#[case("{{ }}", "{{ }}", "nothing between")]
#[case("{{ 'a }}", "'a", "not closed")]
#[case("{% include \"/etc/passwd\" %}", "{% include \"/etc/passwd\" %}", "not available")]
#[case("{% macro m() %}{% endmacro %}", "{% macro m() %}", "not available")]
fn broken_texts_are_refused_at_their_place(#[case] source: &str, #[case] at: &str, #[case] words: &str) {
    let mistake = text::parse(source, false).unwrap_err();
    assert_eq!(&source[mistake.at.clone()], at, "{}", mistake.message);
    assert!(mistake.message.contains(words), "{}", mistake.message);
}

#[test]
fn every_variable_has_a_type_that_its_example_fits() {
    let sample = context::sample();
    for path in context::paths() {
        let example = sample.pointer(&format!("/{}", path.replace('.', "/"))).unwrap();
        let fits = match type_of(&path) {
            Type::Text | Type::Instant => example.is_string(),
            Type::Word(words) => words.all().contains(&example.as_str().unwrap()),
            Type::Number => example.is_number(),
            Type::Amount => example.is_number() || example.as_str().unwrap().parse::<f64>().is_ok(),
            Type::Truth => example.is_boolean(),
            Type::List => example.is_array(),
            Type::Map => example.is_object(),
            Type::Anything => false,
        };
        assert!(fits, "{path}: {:?} {example}", type_of(&path));
    }
}
