//! Templates, expressions and filters: what authors may write, and what the sandbox stops.

use rstest::rstest;
use serde_json::{Value, json};

use super::context;
use super::expression::Expression;
use super::template::{MAX_SOURCE_BYTES, RenderLimits, Template, TemplateError};

fn render(source: &str) -> Result<String, TemplateError> {
    render_with(source, &json!({}))
}

/// Renders with the sample, changed by `over`.
fn render_with(source: &str, over: &Value) -> Result<String, TemplateError> {
    let mut variables = context::sample();
    for (root, fields) in over.as_object().into_iter().flatten() {
        for (field, value) in fields.as_object().into_iter().flatten() {
            variables[root][field] = value.clone();
        }
    }
    Template::compile("test", source)?.render(&context::value(&variables), RenderLimits::default())
}

fn holds(source: &str, variables: &Value) -> bool {
    Expression::compile(source).unwrap().eval_bool(&context::value(variables)).unwrap()
}

#[rstest]
#[case("Hello", "Hello")]
#[case("Hi {{ lead.firstName }}!", "Hi Alice!")]
#[case("{% if lead.score >= 50 %}warm{% else %}cold{% endif %}", "warm")]
#[case("{% for tag in lead.tags %}{{ tag }};{% endfor %}", "newsletter;")]
#[case("{{ lead.tags | join(', ') }}", "newsletter")]
#[case("{{ lead.custom.nothing | default('none') }}", "none")]
#[case("{{ 100 | times(0.85) }}", "85")]
#[case("{{ 0.1 | times(3) }}", "0.3")]
#[case("{{ '12345678901234567.89' | times(1) | money('USD') }}", "$12,345,678,901,234,567.89")]
#[case("{{ '12345678901234567.89' | times(0.1) | times(10) }}", "12345678901234567.89")]
#[case("a {# a comment with {{ braces }} #} b", "a  b")]
#[case("{{ '%} }}' }}", "%} }}")]
fn renders(#[case] source: &str, #[case] expected: &str) {
    assert_eq!(render(source).unwrap(), expected);
}

#[rstest]
#[case(json!("248900"), "INR", "₹ 2,48,900")]
#[case(json!(248_900.5), "INR", "₹ 2,48,900.50")]
#[case(json!("10000000"), "INR", "₹ 1,00,00,000")]
#[case(json!(999), "INR", "₹ 999")]
#[case(json!("1234.5"), "USD", "$1,234.50")]
#[case(json!("0.005"), "USD", "$0.01")]
#[case(json!(-12), "usd", "-$12.00")]
#[case(json!("1234567.8"), "EUR", "€1,234,567.80")]
#[case(json!(1500), "JPY", "¥1,500")]
#[case(json!(20), "CHF", "CHF 20.00")]
#[case(json!("1.25"), "KWD", "KWD 1.250")]
fn money_is_written_as_people_of_the_country_do(
    #[case] amount: Value,
    #[case] currency: &str,
    #[case] expected: &str,
) {
    let source = format!("{{{{ product.newPrice | money('{currency}') }}}}");
    assert_eq!(render_with(&source, &json!({ "product": { "newPrice": amount } })).unwrap(), expected);
}

#[test]
fn money_finds_its_currency_in_the_value_or_the_call() {
    assert_eq!(render("{{ product.newPrice | money }}").unwrap(), "$849.99");
    let own = json!({ "product": { "newPrice": { "amount": "100", "currency": "INR" } } });
    assert_eq!(render_with("{{ product.newPrice | money }}", &own).unwrap(), "₹ 100");
}

#[rstest]
#[case("2026-01-10", "long", "en", "January 10, 2026")]
#[case("2026-01-10", "long", "hi-Latn", "10 January 2026")]
#[case("2026-01-10", "weekday", "en", "Saturday, January 10")]
#[case("2024-01-10", "numeric", "en", "1/10/2024")]
#[case("2024-01-10", "numeric", "hi", "10/1/2024")]
#[case("2026-01-10", "short", "hi-Latn", "10 Jan")]
#[case("2026-07-01T02:30:00Z", "long", "en", "June 30, 2026")]
#[case("2026-07-01T02:30:00Z", "time", "en", "10:30 PM")]
fn dates_follow_the_leads_zone_and_language(
    #[case] at: &str,
    #[case] style: &str,
    #[case] language: &str,
    #[case] expected: &str,
) {
    let over = json!({ "lead": { "language": language }, "offer": { "expiresAt": at } });
    let source = format!("{{{{ offer.expiresAt | date('{style}') }}}}");
    assert_eq!(render_with(&source, &over).unwrap(), expected);
}

#[rstest]
#[case("+14155550132", "(415) 555-0132")]
#[case("+919876543210", "98765 43210")]
#[case("+4930123456", "493 012 345 6")]
fn phones_are_grouped_for_reading_out(#[case] number: &str, #[case] expected: &str) {
    assert_eq!(
        render_with("{{ product.sku | phone }}", &json!({ "product": { "sku": number } })).unwrap(),
        expected
    );
}

#[rstest]
#[case("ALICE", "Alice")]
#[case("mary ann o'neil", "Mary Ann O'neil")]
#[case("McDonald <b>", "McDonald B")]
#[case("आलिया", "आलिया")]
fn names_are_cleaned(#[case] name: &str, #[case] expected: &str) {
    assert_eq!(
        render_with("{{ lead.firstName | name }}", &json!({ "lead": { "firstName": name } })).unwrap(),
        expected
    );
}

#[rstest]
#[case(json!(null))]
#[case(json!(""))]
#[case(json!("  "))]
fn default_stands_in_for_everything_that_would_be_silence(#[case] value: Value) {
    let over = json!({ "lead": { "firstName": value } });
    assert_eq!(
        render_with("{{ lead.firstName | default('there') | name }}", &over).unwrap(),
        "there".replace('t', "T")
    );
}

#[rstest]
#[case("{{ lead.custom.nothing }}")]
#[case("{{ nothing }}")]
fn a_missing_value_is_an_error_and_never_silence(#[case] source: &str) {
    assert!(render(source).unwrap_err().missing);
    assert!(
        render_with("{{ lead.firstName }}", &json!({ "lead": { "firstName": null } })).unwrap_err().missing
    );
}

#[rstest]
#[case::repeat("{{ 'x' * 100000000 }}")]
#[case::repeat_variable("{{ lead.firstName * 100000000 }}")]
#[case::power("{{ 10 ** 100000 }}")]
#[case::set("{% set x = 'aaaa' %}{% set x = x ~ x %}{{ x }}")]
#[case::namespace("{{ namespace(x=1) }}")]
#[case::macros("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}")]
#[case::include("{% include '/etc/passwd' %}")]
#[case::import("{% import 'text' as t %}")]
#[case::extends("{%- extends 'text' -%}")]
#[case::include_self("{% include 'text' %}")]
#[case::call("{% call m() %}{% endcall %}")]
#[case::filter_block("{% filter upper %}x{% endfilter %}")]
#[case::range("{% for i in range(100000) %}x{% endfor %}")]
#[case::nested_loops(
    "{% for i in range(200) %}{% for j in range(200) %}{% for k in range(200) %}x{% endfor %}{% endfor %}{% endfor %}"
)]
#[case::format("{{ '%999999999d' | format(1) }}")]
#[case::indent("{{ 'x' | indent(999999999) }}")]
#[case::replace("{{ 'x' | replace('', 'y') }}")]
#[case::batch("{{ [1] | batch(999999999, 0) }}")]
#[case::tojson("{{ [1] | tojson(indent=999999) }}")]
#[case::debug("{{ debug() }}")]
#[case::unclosed("{{ 'x")]
fn bombs_and_escapes_are_stopped(#[case] source: &str) {
    render(source).unwrap_err();
}

#[test]
fn long_chains_of_joins_are_refused() {
    let chain = vec!["lead.firstName"; 60].join(" ~ ");
    render(&format!("{{{{ {chain} }}}}")).unwrap_err();
}

#[test]
fn output_and_source_have_limits() {
    let long = "x".repeat(1_000);
    let source =
        format!("{{% for i in range(200) %}}{{% for j in range(2) %}}{long}{{% endfor %}}{{% endfor %}}");
    assert_eq!(render(&source).unwrap_err().message, "it produces too much text");
    assert!(Template::compile("test", &"x".repeat(MAX_SOURCE_BYTES + 1)).is_err());
}

#[rstest]
#[case("lead.status == 'cold'", true)]
#[case("lead.status in ['cold', 'trial']", true)]
#[case("lead.score >= 50 and not lead.doNotCall", true)]
#[case("lead.score < 50", false)]
#[case("'newsletter' in lead.tags", true)]
#[case("lead.custom.plan == 'pro'", false)]
fn conditions_read_the_lead(#[case] source: &str, #[case] expected: bool) {
    assert_eq!(holds(source, &context::sample()), expected);
}

#[rstest]
#[case::equal("answers.plan == 'pro'", false)]
#[case::unequal("answers.plan != 'pro'", true)]
#[case::truth("answers.plan", false)]
#[case::negated("not answers.plan", true)]
#[case::below("answers.budget < 100", false)]
#[case::above("answers.budget > 100", false)]
#[case::flipped("100 > answers.budget", false)]
#[case::deep("answers.a.b.c == 1", false)]
#[case::guarded("answers.budget | default(5) < 100", true)]
#[case::other_side("answers.plan == 'pro' or lead.score > 50", true)]
#[case::text_with_operator("answers.plan == '<' or lead.score == 55", true)]
fn a_missing_value_is_equal_to_nothing_and_cannot_be_ordered(#[case] source: &str, #[case] expected: bool) {
    assert_eq!(holds(source, &context::sample()), expected);
}

#[test]
fn values_become_json_and_missing_ones_null() {
    let value = |source: &str| {
        Expression::compile(source).unwrap().eval_json(&context::value(&context::sample())).unwrap()
    };
    assert_eq!(value("lead.score + 5"), json!(60));
    assert_eq!(value("[answers.need] if answers.need else []"), json!([]));
    assert_eq!(value("answers.need"), Value::Null);
    assert_eq!(value("'gold'"), json!("gold"));
    assert_eq!(value("true"), json!(true));
}

#[rstest]
#[case("{{ lead.score }}")]
#[case("lead.score * 2")]
#[case("lead.score >")]
#[case("")]
fn what_is_no_expression_is_refused(#[case] source: &str) {
    Expression::compile(source).unwrap_err();
}

#[test]
fn variables_are_listed_with_their_paths() {
    let template = Template::compile("test", "{{ lead.firstName }} {{ product.name }}").unwrap();
    assert_eq!(template.variables(), ["lead.firstName", "product.name"]);
    assert_eq!(
        Expression::compile("lead.score > event.size").unwrap().variables(),
        ["event.size", "lead.score"]
    );
}

#[test]
fn completed_variables_answer_every_documented_path() {
    let mut variables = json!({ "lead": { "firstName": "Asha" } });
    context::complete(&mut variables);
    for path in context::paths() {
        assert!(variables.pointer(&format!("/{}", path.replace('.', "/"))).is_some(), "{path}");
    }
    assert_eq!(variables["lead"]["firstName"], "Asha");
    assert!(!holds("offer.percent > 5", &variables));
}

#[test]
fn dates_are_named_in_the_language_of_the_text() {
    let template = Template::compile("t", "{{ offer.expiresAt | date }} / {{ offer.expiresAt | date('weekday') }} / {{ offer.expiresAt | date('short') }}").unwrap();
    let values = context::value(&context::sample());
    let spoken = |language: &str| {
        template.render(&context::in_language(&values, language), RenderLimits::default()).unwrap()
    };
    assert_eq!(spoken("en"), "December 31, 2026 / Thursday, December 31 / Dec 31");
    assert_eq!(spoken("hi-Latn"), "31 December 2026 / Thursday, 31 December / 31 Dec");
    assert_eq!(spoken("hi"), "31 दिसंबर 2026 / गुरुवार, 31 दिसंबर / 31 दिसंबर");
    assert_eq!(spoken("ta"), "31 டிசம்பர் 2026 / வியாழன், 31 டிசம்பர் / 31 டிசம்பர்");
}
