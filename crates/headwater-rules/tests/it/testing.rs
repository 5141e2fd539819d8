//! Test files: what they may say, and how a slip is answered.

use headwater_diagnostics::Sources;
use headwater_rules::{Expected, read_tests};

use crate::execution::COLUMNS;
use crate::support::{environment, judge};

const RULES: &str = "version: 1
metrics:
  - {id: trend, type: ratio, description: d, expr: \"usage_events_28d / usage_events_prev_28d - 1\"}
segment_schemes:
  - {id: life, description: d, segments: [{id: falling, when: \"trend < -0.5\"}, {id: rest, otherwise: true}]}
triggers:
  - {id: quiet, description: d, owner: o, when: \"days_since_last_activity > 14 AND segment.life = 'rest'\"}
guardrails:
  - {id: churn, description: d, owner: o, metric: logo_churn_1m, bands: {pass: \"< 0.03\"}}
";

/// The problems of a test file, `line:column code message`.
fn problems(text: &str) -> Vec<String> {
    let environment = environment(COLUMNS);
    let (rules, found, _) = judge(&[("rules.yaml", RULES)], &environment);
    let rules = rules.unwrap_or_else(|| panic!("{found:?}"));
    let mut sources = Sources::default();
    let file = sources.add("tests.yaml", text);
    let (_, problems) = read_tests(&sources, &[file], &rules, &environment);
    problems
        .sorted()
        .iter()
        .map(|problem| {
            let headwater_diagnostics::Place::Span(span) = &problem.place else { panic!("{problem:?}") };
            let (line, column) = sources.line_and_column(span.file, span.start);
            format!("{line}:{column} {} {}", problem.code, problem.message)
        })
        .collect()
}

/// A file with one test of the trigger; `more` are further lines of it.
fn test(more: &str) -> String {
    format!("version: 1\ntests:\n  - id: t\n    rule: trigger:quiet\n    as_of: 2026-05-31\n{more}")
}

#[test]
fn slips_are_answered_at_their_place() {
    let expect = "    expect: [{firing: []}]\n";
    let mut wrong = Vec::new();
    for (text, expected) in [
        (test(expect), vec![]),
        (test(""), vec!["3:5 E0103 the test `t` expects nothing"]),
        (test("    expect: [{}]\n"), vec!["3:5 E0103 the test `t` expects nothing", "6:14 E0103 an expectation that expects nothing"]),
        (test("    expect: [{fireing: []}]\n"), vec![
            "3:5 E0103 the test `t` expects nothing",
            "6:14 E0103 an expectation that expects nothing",
            "6:15 E0102 unknown key `fireing` in an expectation",
        ]),
        (
            test(&format!("    given: {{account_metrics: {{rows: [{{account_id: A, usage_event_28d: 1}}]}}}}\n{expect}")),
            vec!["6:54 E0302 unknown metric `usage_event_28d`"],
        ),
        (
            test(&format!("    given: {{account_metrics: {{rows: [{{account_id: A, trend: 1}}]}}}}\n{expect}")),
            vec!["6:54 E0302 unknown metric `trend`"],
        ),
        (
            test(&format!("    given: {{account_metrics: {{rows: [{{account_id: A, usage_events_28d: many}}]}}}}\n{expect}")),
            vec!["6:72 E0105 `many` is no value of `usage_events_28d`, which is a whole number"],
        ),
        (
            test(&format!("    given: {{account_metrics: {{rows: [{{usage_events_28d: 1}}, {{account_id: A}}, {{account_id: A}}]}}}}\n{expect}")),
            vec!["6:38 E0103 a row needs `account_id`", "6:78 E0201 two rows of the account `A`"],
        ),
        (test(&format!("    given: {{account_metrics: {{rows: [{{account_id: A, mrr: 1.5e3}}]}}}}\n{expect}")), vec![]),
        (
            test(&format!("    given: {{account_metrics: {{rows: [{{account_id: A, mrr: 1e308}}]}}}}\n{expect}")),
            vec!["6:59 E0105 `1e308` is no value of `mrr`, which is an amount of at most 16 digits before the point"],
        ),
        (
            test(&format!("    timeline: {{B: {{usage_events_28d: \"1*3\"}}}}\n{expect}")),
            vec!["6:16 E0105 no row of the account `B`"],
        ),
        (
            test(&format!(
                "    given: {{account_metrics: {{rows: [{{account_id: A}}]}}}}\n    timeline: {{A: {{usage_events_28d: \"1*x\"}}}}\n{expect}"
            )),
            vec!["7:38 E0105 `1*x` repeats a value for no number of nights from 1 to 400"],
        ),
        (test(expect).replace("quiet", "quite"), vec!["4:11 E0208 there is no trigger `quite`"]),
        (test(expect).replace("trigger:", "trigr:"), vec!["4:11 E0105 `trigr` is no kind of rule to test"]),
        (test(expect).replace("trigger:", ""), vec!["4:11 E0105 a rule is named by its kind and its id"]),
        (test(expect).replace("2026-05-31", "2026-02-30"), vec!["5:12 E0508 `2026-02-30` is no calendar day"]),
        (
            test("    expect: [{verdicts: {total: passes}}]\n").replace("trigger:quiet", "guardrail:churn"),
            vec![
                "3:5 E0103 the test `t` expects nothing",
                "6:14 E0103 an expectation that expects nothing",
                "6:33 E0105 `passes` is no verdict",
            ],
        ),
        (
            test("    given: {group_metrics: [{metric: logo_churn_2, value: 1}]}\n    expect: [{verdicts: {total: pass}}]\n")
                .replace("trigger:quiet", "guardrail:churn"),
            vec!["6:38 E0302 unknown metric `logo_churn_2`"],
        ),
        (
            test("    expect: [{members: {fallen: [A]}}]\n").replace("trigger:quiet", "segment_scheme:life"),
            vec![
                "3:5 E0103 the test `t` expects nothing",
                "6:14 E0103 an expectation that expects nothing",
                "6:25 E0105 `fallen` is none of its names",
            ],
        ),
    ] {
        let found = problems(&text);
        if found != expected {
            wrong.push(format!("{text}{found:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_timeline_is_a_value_a_night_and_goes_on_with_its_last() {
    let environment = environment(COLUMNS);
    let (rules, ..) = judge(&[("rules.yaml", RULES)], &environment);
    let mut sources = Sources::default();
    let text = test(
        "    given: {account_metrics: {defaults: {usage_events_28d: 7}, rows: [{account_id: A}, {account_id: B}]}}
    timeline: {A: {days_since_last_activity: \"1*2 null _ 9\"}}
    expect: [{night: 6, firing: [A]}]\n",
    );
    let file = sources.add("tests.yaml", text);
    let (tests, problems) = read_tests(&sources, &[file], &rules.unwrap(), &environment);
    assert!(problems.is_empty(), "{problems:?}");
    let [test] = &tests.tests[..] else { panic!("one test") };
    let at = |name: &str| test.columns.iter().position(|(column, _)| column == name).unwrap();
    let (days, uses) = (at("days_since_last_activity"), at("usage_events_28d"));
    let shown: Vec<Vec<String>> = test
        .nights
        .iter()
        .map(|rows| {
            let cell = |cell: &Option<String>| cell.clone().unwrap_or_else(|| "-".to_owned());
            rows.iter().map(|row| format!("{} {} {}", cell(&row[0]), cell(&row[days]), cell(&row[uses]))).collect()
        })
        .collect();
    let b = "B - 7";
    assert_eq!(
        shown,
        [vec!["A 1 7", b], vec!["A 1 7", b], vec!["A - 7", b], vec![b], vec!["A 9 7", b], vec!["A 9 7", b]]
    );
    assert!(matches!(&test.expected[0].what, Expected::Flagged("firing", accounts) if accounts.len() == 1));
}
