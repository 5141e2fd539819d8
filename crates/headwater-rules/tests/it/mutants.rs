//! Small changes of rules, as they stand in the text.

use headwater_diagnostics::Sources;
use headwater_rules::mutants;

/// Every change of a rule file: what is replaced, what stands there instead, and what tells the two apart.
fn changes(text: &str) -> Vec<String> {
    let mut sources = Sources::default();
    let file = sources.add("rules.yaml", text);
    let found = mutants(&sources, &[file]);
    found
        .iter()
        .map(|change| {
            let told_by = change.told_by.iter().map(|told_by| format!(" ({told_by})")).collect::<String>();
            format!("{}:{} {:?} {:?}{told_by}", change.kind, change.rule, sources.slice(change.place), change.instead)
        })
        .collect()
}

#[test]
fn edges_thresholds_and_words_are_changed_where_they_stand() {
    let found = changes(
        "triggers:
  - id: t
    when: {all: [\"a <= -0.5 AND NOT b = 'x'\", {id: c, expr: 'd + 1 > 9'}]}
    for: {runs: 2}
    on_missing: hold
",
    );
    let tells = |value: &str| format!(" (an account with `a` at {value} tells them apart)");
    assert_eq!(
        found,
        [
            r#"trigger:t "\n    for: {runs: 2}" """#.to_owned(),
            r#"trigger:t "\n    on_missing: hold" """#.to_owned(),
            r#"trigger:t "all" "any""#.to_owned(),
            format!(r#"trigger:t "<=" "<"{}"#, tells("-0.5")),
            format!(r#"trigger:t "0.5" "0.4"{}"#, tells("-0.4")),
            format!(r#"trigger:t "0.5" "0.6"{}"#, tells("-0.5")),
            r#"trigger:t "AND" "OR""#.to_owned(),
            r#"trigger:t "NOT" """#.to_owned(),
            r#"trigger:t "=" "<>""#.to_owned(),
            r#"trigger:t "1" "0""#.to_owned(),
            r#"trigger:t "1" "2""#.to_owned(),
            r#"trigger:t ">" ">=""#.to_owned(),
            r#"trigger:t "9" "8""#.to_owned(),
            r#"trigger:t "9" "10""#.to_owned(),
            r#"trigger:t "2" "1""#.to_owned(),
            r#"trigger:t "2" "3""#.to_owned(),
            r#"trigger:t "hold" "resolve""#.to_owned(),
        ]
    );
}

#[test]
fn an_edge_of_what_is_watched_within_what_passes_is_left_alone() {
    let found = changes("guardrails: [{id: g, bands: {pass: '>= 1.00', watch: '0.95..1.00'}}]\n");
    let expected = [
        r#"guardrail:g ", watch: '0.95..1.00'" """#,
        r#"guardrail:g ">=" ">""#,
        r#"guardrail:g "1.00" "0.99""#,
        r#"guardrail:g "1.00" "1.01""#,
        r#"guardrail:g "0.95" "0.94""#,
        r#"guardrail:g "0.95" "0.96""#,
        r#"guardrail:g "1.00" "0.99""#,
    ];
    assert_eq!(found, expected);
}

#[test]
fn days_and_lists_are_changed_too() {
    let found = changes(
        "triggers:
  - {id: t, when: \"a >= DATE '2026-03-01' AND b IN ('x','y', 'z') AND c = 'w' AND d NOT IN ('v')\"}
",
    );
    let expected = [
        r#"trigger:t ">=" ">""#,
        r#"trigger:t "'2026-03-01'" "'2026-02-28'""#,
        r#"trigger:t "'2026-03-01'" "'2026-03-02'""#,
        r#"trigger:t "AND" "OR""#,
        r#"trigger:t "'x'," """#,
        r#"trigger:t ",'y'" """#,
        r#"trigger:t ", 'z'" """#,
        r#"trigger:t "AND" "OR""#,
        r#"trigger:t "=" "<>""#,
        r#"trigger:t "AND" "OR""#,
        r#"trigger:t "NOT" """#,
    ];
    assert_eq!(found, expected);
}

#[test]
fn ranges_bands_formulas_and_parameters_are_changed_too() {
    let found = changes(
        "params: [{id: p, type: decimal, value: 0.30}]
metrics: [{id: m, type: number, expr: 'a * 12 + 0'}]
segment_schemes: [{id: s, segments: [{id: x, when: 'a BETWEEN 3 AND 9 OR b IS NOT NULL'}]}]
guardrails: [{id: g, bands: {pass: '3..5', watch: ['>= -1.0']}, min_accounts: 30}]
",
    );
    let expected = [
        r#"param:p "0.30" "0.29""#,
        r#"param:p "0.30" "0.31""#,
        r#"metric:m "12" "11""#,
        r#"metric:m "12" "13""#,
        r#"metric:m "0" "(-1)""#,
        r#"metric:m "0" "1""#,
        r#"segment_scheme:s "3" "2""#,
        r#"segment_scheme:s "3" "4""#,
        r#"segment_scheme:s "9" "8""#,
        r#"segment_scheme:s "9" "10""#,
        r#"segment_scheme:s "OR" "AND""#,
        r#"segment_scheme:s "NOT" """#,
        r#"guardrail:g ", min_accounts: 30" """#,
        r#"guardrail:g ", watch: ['>= -1.0']" """#,
        r#"guardrail:g "3" "2""#,
        r#"guardrail:g "3" "4""#,
        r#"guardrail:g "5" "4""#,
        r#"guardrail:g "5" "6""#,
        r#"guardrail:g ">=" ">""#,
        r#"guardrail:g "-1.0" "-1.1""#,
        r#"guardrail:g "-1.0" "-0.9""#,
        r#"guardrail:g "30" "29""#,
        r#"guardrail:g "30" "31""#,
    ];
    assert_eq!(found, expected);
}
