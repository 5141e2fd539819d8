//! Broken snippets: the code of each problem, and the very character it points at.

use headwater_diagnostics::{Place, Rendering, Severity, render};
use headwater_metrics::Unit;
use headwater_rules::Environment;

use crate::support::{environment, judge};

/// Columns of every type.
fn project() -> Environment {
    environment(&[
        ("account_id", Unit::Text),
        ("account_name", Unit::Text),
        ("signed_up_on", Unit::Date),
        ("acquisition_channel", Unit::Text),
        ("plan", Unit::Text),
        ("seats", Unit::Count),
        ("events", Unit::Count),
        ("share", Unit::Ratio),
        ("revenue", Unit::Money),
        ("beta", Unit::Flag),
    ])
}

/// Checks a file in which a `§` stands before each character that an error must point at, in the order of `codes`.
#[track_caller]
fn check(marked: &str, codes: &[&str]) {
    expect(marked, codes, Severity::Error);
}

#[track_caller]
fn expect(marked: &str, codes: &[&str], severity: Severity) {
    let mut wanted = Vec::new();
    let mut plain = String::new();
    for character in marked.chars() {
        if character == '§' {
            let line = plain.matches('\n').count() + 1;
            let column = plain.rsplit('\n').next().unwrap_or("").chars().count() + 1;
            wanted.push((line, column));
        } else {
            plain.push(character);
        }
    }
    assert_eq!(wanted.len(), codes.len(), "as many marks as codes");
    let wanted: Vec<_> =
        codes.iter().zip(wanted).map(|(code, (line, column))| format!("{code} {line}:{column}")).collect();
    let (rules, problems, sources) = judge(&[("rules.yaml", &plain)], &project());
    let mut found: Vec<_> = Vec::new();
    for problem in problems.sorted().into_iter().filter(|problem| problem.severity() == severity) {
        let Place::Span(span) = problem.place else { panic!("{problem:?}") };
        let (line, column) = sources.line_and_column(span.file, span.start);
        found.push(format!("{} {line}:{column}", problem.code));
    }
    let text = render(&problems, &sources, Rendering::Human { colour: false });
    assert_eq!(found, wanted, "\n{text}");
    assert_eq!(rules.is_none(), problems.has_errors(), "rules without errors, and only those, are given out\n{text}");
}

/// A condition in a trigger, with `§` marks.
#[track_caller]
fn condition(marked: &str, codes: &[&str]) {
    let marked = marked.replace('\\', "\\\\").replace('"', "\\\"");
    check(&format!("version: 1\ntriggers:\n  - {{id: t, description: d, owner: o, when: \"{marked}\"}}\n"), codes);
}

#[test]
fn sound_conditions_have_no_problem() {
    for sound in [
        "events > 3",
        "events / nullif(seats, 0) - 1 <= -0.5",
        "revenue > 10 AND revenue * 12 > 100.5 OR revenue / seats < 3",
        "plan IN ('team', 'solo') AND plan NOT LIKE 'x%' AND lower(plan) <> 'free'",
        "signed_up_on >= '2026-01-01' AND as_of - signed_up_on > 30",
        "signed_up_on + INTERVAL '3 months' < as_of AND signed_up_on + 14 < as_of",
        "beta AND NOT beta OR beta IS NOT TRUE",
        "share BETWEEN 0.1 AND 0.5",
        "CASE WHEN events > 3 THEN share ELSE 0 END > 0.5",
        "CASE plan WHEN 'team' THEN TRUE ELSE FALSE END",
        "coalesce(share, 0) > 0.2 AND greatest(events, seats) > 2 AND least(share, 1) < 0.5",
        "round(share, 2) = 0.5 AND floor(share) = 0 AND ceil(share) = 1 AND sqrt(share) > 0 AND ln(share) < 3",
        "date_part('month', signed_up_on) = 3 AND extract(year FROM signed_up_on) = 2026",
        "date_trunc('month', signed_up_on) = '2026-01-01'",
        "starts_with(plan, 't') AND contains(plan, 'ea') AND length(trim(plan)) > 3",
        "plan || '-' || upper(plan) = 'x-X'",
        "CAST(events AS DOUBLE) > 1.5 AND CAST(plan AS VARCHAR) = 'team'",
        "plan IS DISTINCT FROM 'team'",
        "events % 2 = 0 AND power(share, 2) > 0.1 AND sign(share) = 1 AND abs(-events) > 0",
    ] {
        condition(sound, &[]);
    }
}

/// What may look like a contradiction, or like a segment behind a wider one, and is none.
#[test]
fn conditions_that_can_hold_are_not_warned_of() {
    for sound in [
        "events BETWEEN 15 AND 90",
        "events >= 3 AND events <= 3",
        "share > 0.3 AND share < 0.4",
        "events > 90 OR events < 30",
        "events > 90 AND seats < 30",
        "(events > 9 AND events < 3) OR seats > 1",
        "NOT (events > 90 AND events < 30)",
    ] {
        let text = format!("version: 1\ntriggers:\n  - {{id: t, description: d, owner: o, when: \"{sound}\"}}\n");
        expect(&text, &[], Severity::Warning);
    }
    let scheme = |first: &str, second: &str| {
        format!(
            "version: 1\nsegment_schemes:\n  - id: s\n    description: d\n    segments: [{{id: a, when: \"{first}\"}}, {{id: b, when: \"{second}\"}}, {{id: c, otherwise: true}}]\n"
        )
    };
    for (first, second) in [
        ("events > 60", "events > 21"),
        ("events > 21 AND seats > 3", "events > 60"),
        ("events >= 21", "events > 20"),
        ("events > 21", "events >= 21"),
        ("events > 21", "events > 60 OR seats > 3"),
        ("events > 21 AND beta", "events > 60 AND NOT beta"),
    ] {
        expect(&scheme(first, second), &[], Severity::Warning);
    }
    for (first, second) in [
        ("events > 21", "events > 60"),
        ("events > 21", "events BETWEEN 30 AND 40"),
        ("events > 21", "events > 60 OR events = 22"),
        ("events > 21 OR seats > 3", "seats > 4 AND beta"),
        ("events > 21 AND beta", "beta AND events > 22"),
        ("plan = 'team'", "plan = 'team' AND beta"),
    ] {
        let marked = scheme(first, second).replace("id: b", "id: §b");
        expect(&marked, &["W0405"], Severity::Warning);
    }
}

#[test]
fn names_that_tables_give_otherwise_are_taken() {
    for name in headwater_metrics::RESERVED_NAMES {
        let metric = format!("{{id: §{name}, description: d, type: count, expr: \"events\"}}");
        check(&format!("version: 1\nmetrics:\n  - {metric}\n"), &["E0201"]);
    }
}

#[test]
fn names_that_mean_nothing() {
    condition("§event > 3", &["E0302"]);
    condition("§param.floor > 3", &["E0202"]);
    condition("§segment.lifecicle = 'x'", &["E0203"]);
    condition("§milestone.paid", &["E0204"]);
    condition("events > 3 AND §segment.lifecycle.champion", &["E0203"]);
    condition("§milestone.money.paid AND §evnts > 3", &["E0204", "E0302"]);
    condition("§accounts.plan = 'x'", &["E0310"]);
    condition("§nrr_12m > 1", &["E0313"]);
    check("version: 1\ntriggers:\n  - {id: t, description: d, owner: o, when: 'plan = §\"team\"'}\n", &["E0314"]);
    condition("§industry = 'retail'", &["E0405"]);
}

#[test]
fn what_is_no_expression() {
    condition("events §> ", &["E0301"]);
    condition("events > 3 §3", &["E0301"]);
    condition("events > §> 3", &["E0301"]);
    condition("(events > §3", &["E0301"]);
    condition("events > 3§; seats > 2", &["E0301"]);
    check("version: 1\ntriggers:\n  - {id: t, description: d, owner: o, when: §\"\"}\n", &["E0301"]);
    condition("events > §1e999", &["E0301"]);
    condition("events > 3 §-- and what was meant", &["E0312"]);
    condition("events /§* all of them */ > 3".replace("/§*", "§/*").as_str(), &["E0312"]);
    condition("events > 3 §&& seats > 2", &["E0301"]);
}

#[test]
fn types_that_do_not_go_together() {
    condition("events > §'3'", &["E0303"]);
    condition("plan = §3", &["E0303"]);
    condition("§plan + 1 > 3", &["E0303"]);
    condition("§revenue * revenue > 3", &["E0303"]);
    condition("signed_up_on > §'soon'", &["E0303"]);
    condition("§beta > TRUE", &["E0303"]);
    condition("sqrt(§plan) > 1", &["E0303"]);
    condition("§round(events, 1, 2) > 1", &["E0303"]);
    condition("coalesce(plan, §3) = 'x'", &["E0303"]);
    condition("§events LIKE 'x'", &["E0303"]);
    condition("plan BETWEEN §1 AND §2", &["E0303", "E0303"]);
    condition("CAST(§beta AS DATE) > signed_up_on", &["E0303"]);
    condition("CAST(§signed_up_on AS DOUBLE) > 1", &["E0303"]);
    condition("CAST(§events AS DATE) > signed_up_on", &["E0303"]);
    condition("extract(year FROM §NULL) > 2025", &["E0303"]);
    condition("plan IN ('a', §3)", &["E0303"]);
    condition("CASE WHEN beta THEN 'a' ELSE §3 END = 'a'", &["E0303"]);
}

#[test]
fn what_is_no_condition() {
    condition("§events", &["E0304"]);
    condition("§events AND beta", &["E0304"]);
    condition("NOT §plan", &["E0304"]);
    condition("§'yes'", &["E0304"]);
    condition("events > 3 OR §seats + 1", &["E0304"]);
}

#[test]
fn what_is_refused_on_purpose() {
    condition("events > (§SELECT 1)", &["E0305"]);
    condition("§events IN (SELECT 1)", &["E0305"]);
    condition("§sum(events) > 3", &["E0306"]);
    condition("§row_number() OVER () > 3", &["E0306"]);
    condition("§max(events, seats) > 3", &["E0306"]);
    condition("signed_up_on < §now()", &["E0307"]);
    condition("signed_up_on < §current_date", &["E0307"]);
    condition("§random() > 0.5", &["E0308"]);
    condition("events > §?", &["E0309"]);
    condition("events > §$1", &["E0309"]);
    condition("events > §{{ floor }}", &["E0309"]);
    condition("§levenshtein(plan, 'x') > 1", &["E0311"]);
    condition("§coalesc(share, 0) > 1", &["E0311"]);
    condition("events §& 3 = 1", &["E0301"]);
    condition("CAST(§events AS UUID) = 1", &["E0312"]);
    condition("plan = §NULL", &["E0315"]);
    condition("plan IN ('a', §NULL)", &["E0315"]);
    condition("§NULL <> plan", &["E0315"]);
}

#[test]
fn deep_and_long_expressions_are_answered_not_crashed_into() {
    let nested = |open: &str, inner: &str, close: &str, times: usize| {
        format!("{}{inner}{}", open.repeat(times), close.repeat(times))
    };
    let chain = |condition: &str, times: usize| vec![condition; times].join(" AND ");
    for answered in [
        nested("(", "beta", ")", 60),
        nested("NOT (", "beta", ")", 30),
        nested("NOT ", "beta", "", 30),
        nested("CASE WHEN beta THEN ", "events", " END", 40) + " > 3",
        nested("", "events", " + 1", 60) + " > 3",
        nested("coalesce(", "share", ", 1)", 9) + " > 3",
        nested("", "signed_up_on", " + 1", 6) + " < as_of",
        chain("events > 3", 2_400),
        chain("sqrt(share) > 3", 1_200),
    ] {
        condition(&answered, &[]);
    }
    for refused in [
        nested("CAST(", "events", " AS BIGINT)", 30) + " > 3",
        nested("(", "beta", ")", 200),
        nested("NOT (", "beta", ")", 200),
        nested("NOT ", "beta", "", 200),
        nested("", "events", " + 1", 200) + " > 3",
        nested("sqrt(", "share", ")", 40) + " > 3",
        nested("coalesce(", "share", ", 1)", 20) + " > 3",
        nested("", "signed_up_on", " + 1", 20) + " < as_of",
        chain("events > 3", 2_600),
        chain("sqrt(share) > 3", 1_600),
    ] {
        condition(&format!("§{refused}"), &["E0301"]);
    }
}

#[test]
fn shapes() {
    check("§", &["E0104"]);
    check("§params: []\n", &["E0103"]);
    check("version: §2\n", &["E0107"]);
    check("version: 1\n§trigers: []\n", &["E0102"]);
    check("version: 1\ntriggers: §{}\n", &["E0104"]);
    check("version: 1\ntriggers:\n  - §{when: \"TRUE\"}\n", &["E0103"]);
    check("version: 1\ntriggers:\n  - {id: §Bad-Id, description: d, owner: o, when: \"events > 1\"}\n", &["E0105"]);
    check(
        "version: 1\ntriggers:\n  - {id: t, description: d, owner: o, when: \"events > 1\", §exits_when: \"beta\"}\n",
        &["E0102"],
    );
    check(
        "version: 1\ntriggers:\n  - {id: t, description: d, owner: o, when: \"events > 1\", severity: §fatal}\n",
        &["E0105"],
    );
    check(
        "version: 1\ntriggers:\n  - {id: t, description: d, owner: o, when: {all: [\"beta\"], §some: 1}}\n",
        &["E0102"],
    );
    check(
        "version: 1\ntriggers:\n  - {id: t, description: d, owner: o, when: {§all: [\"beta\"], any: [\"beta\"]}}\n",
        &["E0108"],
    );
    check("version: 1\ntriggers:\n  - {id: t, description: d, owner: o, when: {all: §[]}}\n", &["E0105"]);
    check("version: 1\ntriggers:\n  - {id: t, description: d, owner: o, when: §5}\n", &["E0104"]);
    check("version: 1\nversion: 1\n".replace("\nv", "\n§v").as_str(), &["E0106"]);
    check("version: 1\ndefaults: {§colour: red}\n", &["E0102"]);
    check("version: 1\nparams: [{id: p, type: §float, value: 1}]\n", &["E0105"]);
    check("version: 1\nparams: [{id: p, type: decimal, value: §high}]\n", &["E0104"]);
}

#[test]
fn ids_stand_once() {
    let two = "version: 1\nparams:\n  - {id: p, type: decimal, value: 1}\n  - {id: §p, type: decimal, value: 2}\n";
    check(two, &["E0201"]);
    let taken = "version: 1\nmetrics:\n  - {id: §seats, type: count, expr: \"events + 1\"}\n";
    check(taken, &["E0201"]);
    let flag = "version: 1
milestone_ladders:
  - id: l
    milestones:
      - {id: a, reached_when: \"beta\"}
      - {id: b, reached_when: \"events > 1\"}
    out_of_order: [{id: f, milestone: b, before: a}]
triggers:
  - {id: §f, description: d, owner: o, when: \"beta\"}
";
    check(flag, &["E0201"]);
}

#[test]
fn metrics() {
    check("version: 1\nmetrics:\n  - {id: m, expr: §\"events + 1\"}\n", &["E0103"]);
    check("version: 1\nmetrics:\n  - {id: m, type: §rate, expr: \"events + 1\"}\n", &["E0105"]);
    check("version: 1\nmetrics:\n  - {id: m, type: ratio, expr: \"§plan\"}\n", &["E0303"]);
    check("version: 1\nmetrics:\n  - §{id: m}\n", &["E0103"]);
    check("version: 1\nmetrics:\n  - {id: §m, type: ratio, expr: \"m + 1\"}\n", &["E0401"]);
    let circle = "version: 1
metrics:
  - {id: b, type: ratio, expr: \"c + 1\"}
  - {id: §a, type: ratio, expr: \"b + 1\"}
  - {id: c, type: ratio, expr: \"a + 1\"}
  - {id: d, type: ratio, expr: \"a + 1\"}
";
    check(circle, &["E0401"]);
    // What was refused once is not reported where it is used.
    let cascade = "version: 1
metrics:
  - {id: a, type: ratio, expr: \"§evnts / 2\"}
  - {id: b, type: ratio, expr: \"a + 1\"}
  - {id: c, type: §rtio, expr: \"b + 1\"}
triggers:
  - {id: t, description: d, owner: o, when: \"a > 1 AND b > 1 AND c > 1\"}
";
    check(cascade, &["E0302", "E0105"]);
}

#[test]
fn weighted_scores() {
    let score = |components: &str| {
        format!("version: 1\nmetrics:\n  - id: s\n    weighted_score:\n      components:\n{components}")
    };
    let sound = "        - {id: a, metric: events, weight: 60, floor: 0, ceiling: 10}
        - {id: b, metric: share, weight: 40, floor: 0, ceiling: 1, inverted: true}
";
    check(&score(sound), &[]);
    check(&score("        - {id: a, metric: §plan, weight: 100, floor: 0, ceiling: 10}\n"), &["E0303"]);
    check(&score("        - §{id: a, metric: events, weight: 100, floor: 10, ceiling: 10}\n"), &["E0404"]);
    check(&score("        - {id: a, metric: §evnts, weight: 100, floor: 0, ceiling: 10}\n"), &["E0302"]);
    check(&score("        - §{id: a, metric: events, weight: 100, floor: 0}\n"), &["E0103"]);
    let aged = |keys: &str| {
        score(&format!("        - {{id: a, metric: events, weight: 100, floor: 0, ceiling: 10, {keys}}}\n"))
    };
    check(&aged("observed: signed_up_on, stale_after_days: 30"), &[]);
    check(&aged("observed: §plan, stale_after_days: 30"), &["E0303"]);
    check(&aged("§observed: signed_up_on"), &["E0103"]);
    check(&aged("§stale_after_days: 30"), &["E0103"]);
    let banded = |bands: &str| {
        let components = "[{id: a, metric: events, weight: 100, floor: 0, ceiling: 10}]";
        format!(
            "version: 1\nmetrics:\n  - {{id: s, description: d, weighted_score: {{components: {components}, bands: {bands}}}}}\n"
        )
    };
    check(&banded("[{id: low, up_to: 40}, {id: high}]"), &[]);
    check(&banded("[{id: low, up_to: 40}, {id: §high, up_to: 80}]"), &["E0403"]);
    check(&banded("[{id: §low}, {id: high}]"), &["E0404"]);
    check(&banded("[{id: low, up_to: 40}, {id: §middle, up_to: 40}, {id: high}]"), &["E0404"]);
    check(&banded("[{id: low, up_to: 40}, {id: §low}]"), &["E0201"]);
    let taken = "version: 1\nmetrics:\n  - {id: s, description: d, weighted_score: {components: [{id: a, metric: events, weight: 100, floor: 0, ceiling: 10}]}}\n  \
                 - {id: §s_a, description: d, type: count, expr: \"events\"}\n";
    check(taken, &["E0201"]);
    let short = "version: 1\nmetrics:\n  - id: s\n    weighted_score:\n      §components:\n        \
                 - {id: a, metric: events, weight: 90, floor: 0, ceiling: 10}\n";
    check(short, &["E0402"]);
}

#[test]
fn segments() {
    let scheme = |segments: &str| {
        format!("version: 1\nsegment_schemes:\n  - id: s\n    description: d\n    segments:\n{segments}")
    };
    check(&scheme("      - {id: a, when: \"beta\"}\n      - {id: b, otherwise: true}\n"), &[]);
    check(&scheme("      - §{id: a, when: \"beta\"}\n"), &["E0403"]);
    check(&scheme("      - {id: a, otherwise: true}\n      - {id: §b, when: \"beta\"}\n"), &["E0403"]);
    check(&scheme("      - §{id: a}\n      - {id: b, otherwise: true}\n"), &["E0103"]);
    check(&scheme("      - {id: a, §when: \"beta\", otherwise: true}\n"), &["E0108"]);
    check(&scheme("      - {id: a, when: \"beta\"}\n      - {id: §a, otherwise: true}\n"), &["E0201"]);
    check(&scheme("      - {id: a, when: \"§segment.s = 'a'\"}\n      - {id: b, otherwise: true}\n"), &["E0312"]);
    let named = "version: 1
segment_schemes:
  - {id: s, description: d, segments: [{id: a, when: \"beta\"}, {id: b, otherwise: true}]}
triggers:
  - {id: t, description: d, owner: o, when: \"segment.s = §'aa'\"}
";
    check(named, &["E0203"]);
    check("version: 1\nsegment_schemes:\n  - {id: s, description: d, preset: §rfn, inputs: {}}\n", &["E0105"]);
    let rfm = "version: 1\nsegment_schemes:\n  - {id: s, description: d, preset: rfm, inputs: {recency: events, frequency: §plan}}\n";
    check(rfm, &["E0303"]);
    let rfm = |keys: &str, codes: &[&str]| {
        let inputs = "inputs: {recency: events, frequency: seats}";
        check(
            &format!("version: 1\nsegment_schemes:\n  - {{id: s, description: d, preset: rfm, {inputs}, {keys}}}\n"),
            codes,
        );
    };
    rfm("cells: §rfm", &["E0103"]);
    rfm("cells: §grid", &["E0105"]);
    rfm("bins: 4, cells: §§rfm", &["E0103", "E0404"]);
    rfm("edges: {recency: §[1, 2, 3]}", &["E0105"]);
    rfm("edges: {recency: §[1, 3, 3, 4]}", &["E0404"]);
    rfm("edges: {monetary: §[1, 2, 3, 4]}", &["E0404"]);
    rfm("edges: {recency: §[1, §'2', 3, 4]}", &["E0105", "E0104"]);
    rfm("edges: {§fequency: [1, 2, 3, 4]}", &["E0102"]);
    let tiers = |tiers: &str| {
        format!(
            "version: 1\nsegment_schemes:\n  - {{id: s, description: d, preset: tiers, metric: revenue, tiers: [{tiers}]}}\n"
        )
    };
    check(&tiers("{id: a, top_pct: 10}, {id: b, top_pct: 100}"), &[]);
    check(&tiers("{id: a, top_pct: 10}, §{id: b, top_pct: 90}"), &["E0403"]);
    check(&tiers("{id: a, top_pct: 50}, §{id: b, top_pct: 40}, {id: c, top_pct: 100}"), &["E0404"]);
}

#[test]
fn milestones() {
    let ladder = |rest: &str| {
        format!(
            "version: 1\nmilestone_ladders:\n  - id: l\n    description: d\n    milestones:\n      - {{id: a, reached_when: \"beta\"}}\n{rest}"
        )
    };
    check(&ladder("      - {id: b, reached_when: \"events > 1\", reached_on: \"signed_up_on\"}\n"), &[]);
    check(&ladder("      - {id: b, reached_when: \"events > 1\", reached_on: \"§events\"}\n"), &["E0303"]);
    check(&ladder("      - §{id: b}\n"), &["E0103"]);
    check(&ladder("    out_of_order: [{id: f, milestone: §c, before: a}]\n"), &["E0204"]);
    check(
        &ladder("      - {id: b, reached_when: \"beta\"}\n    out_of_order: [{id: f, milestone: a, before: §b}]\n"),
        &["E0404"],
    );
    let after = "triggers:\n  - {id: t, description: d, owner: o, when: \"beta\", after: §l.x}\n";
    check(&(ladder("") + after), &["E0204"]);
}

#[test]
fn triggers() {
    let trigger = |rest: &str| {
        format!("version: 1\ntriggers:\n  - {{id: t, description: d, owner: o, when: \"beta\", {rest}}}\n")
    };
    check(
        &trigger("value_at_stake: \"revenue * 12\", annotations: {summary: \"{account_name} has {seats} seats\"}"),
        &[],
    );
    check(&trigger("value_at_stake: \"§plan\""), &["E0303"]);
    check(&trigger("annotations: {summary: \"{§acount_name} has {§set} seats\"}"), &["E0302", "E0302"]);
    check(&trigger("annotations: {summary: \"close §{account_name\"}"), &["E0105"]);
    check(&trigger("scope: \"§seats\""), &["E0304"]);
    check(&trigger("on_null: §skip"), &["E0105"]);
}

#[test]
fn triggers_in_time() {
    let trigger = |keys: &str| format!("version: 1\ntriggers:\n  - {{id: t, description: d, owner: o, {keys}}}\n");
    let taken = "when: {all: [{id: exit_c1, expr: events > 8}]}, exit_when: \"§events < 3\"";
    check(&trigger(taken), &["E0201"]);
    let when = "when: \"events > 8\"";
    for (keys, codes) in [
        ("for: {runs: 2}, exit_when: \"events < 3\", keep_firing_for: {days: 7}, on_missing: hold", &[][..]),
        ("for: {matches: 2, of: 3}, max_gap_days: 3, limit: {max_accounts: 5, max_pct: 0.5}", &[]),
        ("for: {runs: §0}", &["E0105"]),
        ("for: {days: §-1}", &["E0105"]),
        ("for: {runs: §1.5}", &["E0104"]),
        ("for: §{}", &["E0103"]),
        ("for: §2", &["E0104"]),
        ("for: {runs: 2, §days: 2}", &["E0108"]),
        ("for: {§weeks: 2, runs: 2}", &["E0102"]),
        ("for: {matches: §4, of: 3}", &["E0404"]),
        ("for: {§matches: 2}", &["E0103"]),
        ("for: {§of: 2}", &["E0103"]),
        ("for: {matches: 2, of: §61}", &["E0105"]),
        ("exit_when: \"§events > 8\"", &["E0404"]),
        ("exit_when: {§all: [events > 8, beta], any: [beta]}", &["E0108"]),
        ("exit_when: \"§evnts < 3\"", &["E0302"]),
        ("exit_when: \"§events\"", &["E0304"]),
        ("keep_firing_for: §{}", &["E0103"]),
        ("keep_firing_for: {days: 2, §runs: 2}", &["E0108"]),
        ("keep_firing_for: {days: 2, §matches: 2}", &["E0102"]),
        ("on_missing: §keep", &["E0105"]),
        ("limit: §{}", &["E0103"]),
        ("limit: {max_accounts: §0}", &["E0105"]),
        ("limit: {max_pct: §0}", &["E0105"]),
        ("limit: {max_pct: §101}", &["E0105"]),
        ("for: {runs: 2}, max_gap_days: §0", &["E0105"]),
        ("§max_gap_days: 3", &["E0404"]),
    ] {
        check(&trigger(&format!("{when}, {keys}")), codes);
    }
}

#[test]
fn a_flag_should_end_at_a_distance_from_where_it_begins() {
    let trigger = |when: &str, exit: &str| {
        format!(
            "version: 1\nparams: [{{id: most, type: decimal, value: 80}}]\ntriggers:\n  - {{id: t, description: d, owner: o, \
             when: \"{when} AND seats < param.most OR {when}\", exit_when: \"{exit}\"}}\n"
        )
    };
    for (when, exit) in [
        ("events >= 80", "§events < 81"),
        ("events >= param.most", "§90 > events"),
        ("share > 0.5", "§share < 0.6 OR beta"),
        ("events = 3", "§events <= 3"),
        ("events BETWEEN 3 AND 5", "§events >= 5"),
    ] {
        expect(&trigger(when, exit), &["W0402"], Severity::Warning);
    }
    for (when, exit) in [
        ("events >= 80", "events < 80"),
        // There is no whole number between.
        ("events > 3", "events < 4"),
        ("events >= 80", "seats < 90"),
        ("events >= 80", "events < 90 AND beta"),
        ("events BETWEEN 3 AND 5", "events > 5"),
    ] {
        expect(&trigger(when, exit), &[], Severity::Warning);
    }
}

#[test]
fn guardrails() {
    let guardrail = |rest: &str| format!("version: 1\nguardrails:\n  - {{id: g, description: d, owner: o, {rest}}}\n");
    check(
        &guardrail("metric: nrr_12m, bands: {pass: \"> 1.00\", watch: \"0.9..1.0\"}, scope: {by: [total, plan]}"),
        &[],
    );
    check(&guardrail("metric: nrr_12m, bands: {pass: \"§1.00\"}"), &["E0301"]);
    check(&guardrail("metric: nrr_12m, bands: {pass: \"> §param.x\"}"), &["E0202"]);
    check(&guardrail("metric: nrr_12m, bands: {pass: \"§5..3\"}"), &["E0404"]);
    check(&guardrail("metric: nrr_12m, bands: {pass: \"> 1\", watch: \"§> 2\"}"), &["E0404"]);
    check(&guardrail("metric: §events, bands: {pass: \"> 1\"}"), &["E0313"]);
    check(&guardrail("metric: §nrr_12n, bands: {pass: \"> 1\"}"), &["E0302"]);
    check(&guardrail("metric: nrr_12m, bands: {pass: \"> 1\"}, scope: {by: [§seats]}"), &["E0206"]);
    check(&guardrail("metric: cac_12m, bands: {pass: \"> 1\"}, scope: {by: [total, §plan]}"), &["E0206"]);
    check(&guardrail("metric: §cac_change_pct_total, bands: {pass: \"> 1\"}"), &["E0302"]);
    check(&guardrail("metric: §nrr, bands: {pass: \"> 1\"}"), &["E0302"]);
    check(&guardrail("metric: nrr_12m, bands: {pass: \"> 1\"}, scope: {by: [§segment.x]}"), &["E0203"]);
    check(&guardrail("metric: nrr_12m, bands: {pass: \"> 1\"}, after: [§h]"), &["E0205"]);
    check(
        "version: 1\nguardrails:\n  - {id: §g, description: d, owner: o, metric: nrr_12m, bands: {pass: \"> 1\"}, after: [g]}\n",
        &["E0406"],
    );
    check("version: 1\n§stage_profile: land_grab\n", &["E0103"]);
    check("version: 1\nstage_profile: §early\n", &["E0105"]);
}

#[test]
fn audits() {
    let audit = |rest: &str| format!("version: 1\naudits:\n  - {{id: a, {rest}}}\n");
    check(&audit("table: segment_scores, check: unique, columns: [scheme, account_id]"), &[]);
    check(&audit("table: account_metrics, check: range, column: share, min: 0, max: 1"), &[]);
    check(&audit("table: §segment_score, check: unique, columns: [scheme]"), &["E0207"]);
    check(&audit("table: segment_scores, check: unique, columns: [§scheem]"), &["E0207"]);
    check(&audit("table: segment_scores, check: §uniq, columns: [scheme]"), &["E0105"]);
    check(&audit("table: segment_scores, check: moved_pct, scheme: §s, warn: 5"), &["E0203"]);
    check("version: 1\naudits:\n  - §{id: a, table: segment_scores, check: row_count, min: 5, max: 1}\n", &["E0404"]);
}

#[test]
fn ten_mistakes_in_one_file_are_ten_problems() {
    let file = "version: 1
defaults: {owner: growth, severity: §loud}
params:
  - {id: floor, type: decimal, value: 70}
metrics:
  - {id: trend, type: ratio, expr: \"events / §previous - 1\"}
  - {id: §loop, type: ratio, expr: \"loop * 2\"}
segment_schemes:
  - id: lifecycle
    segments:
      - {id: hot, when: \"trend > §'0.5'\"}
      - §{id: cold, when: \"trend < param.floor\"}
triggers:
  - {id: pressure, when: \"seats > §now()\", after: §money.paid}
  - {id: quiet, when: \"§seats\", §treshold: 5}
guardrails:
  - {id: §Nrr, metric: nrr_12m, bands: {pass: \"> 1\"}}
";
    check(file, &["E0105", "E0302", "E0401", "E0303", "E0403", "E0307", "E0204", "E0304", "E0102", "E0105"]);
}

#[test]
fn an_unreadable_file_makes_no_names_unknown_elsewhere() {
    let broken = "version: 1\nparams: [\n  {id: floor\n";
    let sound = "version: 1\ntriggers:\n  - {id: t, description: d, owner: o, when: \"events > param.floor AND share > trend\"}\n";
    let (rules, problems, _) = judge(&[("a.yaml", broken), ("b.yaml", sound)], &project());
    let codes: Vec<_> = problems.sorted().into_iter().map(|problem| problem.code.id()).collect();
    assert_eq!(codes, ["E0101"]);
    assert!(rules.is_none());
}

#[test]
fn warnings_do_not_stop_the_night() {
    let file = "version: 1
params:
  - {id: §unused, type: decimal, value: 70}
  - {id: band, type: decimal, value: 1.5}
triggers:
  - {id: §t, when: \"beta\"}
guardrails:
  - {id: g, description: d, owner: o, metric: nrr_12m, bands: {pass: \"> param.band\"}}
";
    expect(file, &["W0201", "W0401"], Severity::Warning);
}

#[test]
fn unavailable_metrics_are_errors_unless_the_rule_may_be_skipped() {
    let mut project = project();
    project.inputs.remove(&headwater_metrics::InputTable::UsageEvents);
    let file = "version: 1
metrics:
  - {id: doubled, description: d, type: number, expr: \"usage_events_28d * 2\", when_unavailable: skip}
triggers:
  - {id: a, description: d, owner: o, when: \"doubled > 2\"}
  - {id: b, description: d, owner: o, when: \"doubled > 2\", when_unavailable: skip}
milestone_ladders:
  - id: l
    description: d
    when_unavailable: skip
    milestones:
      - {id: early, reached_when: \"doubled > 2\"}
      - {id: late, reached_when: \"doubled > 9\"}
    out_of_order: [{id: late_first, description: d, owner: o, milestone: late, before: early}]
";
    let (rules, problems, sources) = judge(&[("rules.yaml", file)], &project);
    assert!(rules.is_none());
    insta::assert_snapshot!(render(&problems, &sources, Rendering::Human { colour: false }));
    let only_skipped = file.replace("  - {id: a, description: d, owner: o, when: \"doubled > 2\"}\n", "");
    let (rules, problems, _) = judge(&[("rules.yaml", &only_skipped)], &project);
    assert!(problems.is_empty(), "{problems:?}");
    let sentences: Vec<_> = rules.unwrap().skipped().iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(sentences.join("\n"));
}

#[test]
fn a_problem_is_shown_where_it_stands() {
    let file = "version: 1
triggers:
  - id: falling
    when:
      any:
        - {id: usage_fell, expr: \"evnts <= -0.5\"}
        - 'plan = ''team'' AND shar > 1'
        - >-
          seats > 3
          AND revenu > 1
";
    let (_, problems, sources) = judge(&[("rules/triggers.yaml", file)], &project());
    insta::assert_snapshot!(render(&problems, &sources, Rendering::Human { colour: false }));
}
