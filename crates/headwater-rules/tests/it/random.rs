//! No expression that passes its check can stop a night: random ones of every type over extreme values.

use headwater_diagnostics::Place;
use headwater_metrics::Unit;
use headwater_rules::{PlanContext, compile};
use std::collections::BTreeSet;

use crate::execution::{COLUMNS, checked};
use crate::night::Night;
use crate::support::{environment, judge};

/// Values at the ends of every type.
const EXTREMES: &str = "
    ('A1', 'Ada', '2026-01-01', 'team', 10, 20, 2, 0.9, 100.00, 3, '2026-01-05', '2026-02-01'),
    ('A2', '12', '0001-01-01', '99999999999999999999', 9223372036854775807, -9223372036854775808, 9223372036854775807, 1e308,
        9999999999999998, 0, '9999-12-31', '1970-01-01'),
    ('A3', '2026-13-01', '9999-12-31', '1e400', -9223372036854775808, 0, -1, -1e308, -9999999999999998, 0, '0001-01-01', NULL),
    ('A4', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)";

/// Forms by what they give; `N`, `T`, `D` and `F` stand for a number, text, date and flag inside.
const NUMBERS: &[&str] = &[
    "(N + N)",
    "(N - N)",
    "(N * N)",
    "(N * N)",
    "(N / N)",
    "(N % N)",
    "-N",
    "abs(N)",
    "round(N, N)",
    "floor(N)",
    "ceil(N)",
    "sqrt(N)",
    "ln(N)",
    "exp(N)",
    "power(N, N)",
    "sign(N)",
    "coalesce(N, N)",
    "greatest(N, N)",
    "least(N, N)",
    "nullif(N, N)",
    "CASE WHEN F THEN N ELSE N END",
    "(D - D)",
    "CAST(N AS BIGINT)",
    "CAST(T AS DOUBLE)",
    "CAST(T AS DECIMAL(18, 2))",
    "length(T)",
    "date_part('year', D)",
];
const TEXTS: &[&str] = &[
    "lower(T)",
    "trim(T)",
    "(T || T)",
    "concat(T, T)",
    "CAST(N AS VARCHAR)",
    "CAST(D AS VARCHAR)",
    "CAST(F AS VARCHAR)",
    "coalesce(T, T)",
];
const DATES: &[&str] = &[
    "(D + N)",
    "(D - INTERVAL '9999 years')",
    "(D + INTERVAL '700 weeks')",
    "date_trunc('quarter', D)",
    "date_trunc('week', D)",
    "coalesce(D, D)",
    "greatest(D, D)",
    "CAST(T AS DATE)",
];
const FLAGS: &[&str] = &[
    "(N > N)",
    "(T = T)",
    "(D < D)",
    "(F AND F)",
    "(F OR F)",
    "(NOT F)",
    "(N BETWEEN N AND N)",
    "(N IN (N, N))",
    "(T LIKE T)",
    "(N IS NOT NULL)",
    "starts_with(T, T)",
];
const PLAIN_NUMBERS: &[&str] = &[
    "events",
    "events_before",
    "quiet_days",
    "share",
    "revenue",
    "value_months",
    "0",
    "1",
    "-3",
    "2.5",
    "9223372036854775807",
    "1e300",
    "param.floor",
    "NULL",
];
const PLAIN_TEXTS: &[&str] = &["plan", "account_name", "'x'", "'12'", "''"];
const PLAIN_DATES: &[&str] = &["signed_up_on", "activated_on", "paid_on", "as_of", "DATE '2026-01-01'"];
const PLAIN_FLAGS: &[&str] = &["TRUE", "events > 3", "plan = 'team'", "share IS NULL", "paid_on > '2026-01-01'"];

/// A generator that gives the same numbers on every machine.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % most
    }

    fn expression(&mut self, kind: char, depth: usize) -> String {
        let (forms, plain) = match kind {
            'N' => (NUMBERS, PLAIN_NUMBERS),
            'T' => (TEXTS, PLAIN_TEXTS),
            'D' => (DATES, PLAIN_DATES),
            _ => (FLAGS, PLAIN_FLAGS),
        };
        if depth == 0 {
            return plain[self.below(plain.len())].to_owned();
        }
        let form = forms[self.below(forms.len())];
        let mut text = String::new();
        for (at, letter) in form.char_indices() {
            let bytes = form.as_bytes();
            let beside = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_alphabetic);
            if "NTDF".contains(letter) && !beside(at.checked_sub(1)) && !beside(Some(at + 1)) {
                text += &self.expression(letter, depth - 1);
            } else {
                text.push(letter);
            }
        }
        text
    }

    fn metric(&mut self, at: usize) -> String {
        let (unit, kind) =
            [("number", 'N'), ("money", 'N'), ("count", 'N'), ("text", 'T'), ("date", 'D'), ("flag", 'F')][at % 6];
        let depth = 1 + self.below(3);
        format!("  - {{id: m{at}, type: {unit}, description: d, expr: \"{}\"}}", self.expression(kind, depth))
    }
}

fn file(metrics: &[String]) -> String {
    format!("version: 1\nparams: [{{id: floor, type: decimal, value: 60}}]\nmetrics:\n{}\n", metrics.join("\n"))
}

/// The metrics on whose line no problem was found.
fn sound(metrics: Vec<String>) -> Vec<String> {
    let (_, problems, sources) = judge(&[("rules.yaml", &file(&metrics))], &environment(COLUMNS));
    let mut wrong = BTreeSet::new();
    for problem in problems.sorted() {
        assert!(!problem.message.contains("the engine"), "{}: {:?}", problem.message, problem.notes);
        if let Place::Span(span) = problem.place {
            wrong.insert(sources.line_and_column(span.file, span.start).0);
        }
    }
    metrics.into_iter().enumerate().filter(|(at, _)| !wrong.contains(&(at + 4))).map(|(_, metric)| metric).collect()
}

#[tokio::test]
async fn what_passes_its_check_runs_over_extreme_values() {
    let mut dice = Dice(20_260_531);
    let metrics: Vec<_> = (0..240).map(|at| dice.metric(at)).collect();
    let metrics = sound(metrics);
    assert!(metrics.len() > 150, "most random expressions are sound, not {}", metrics.len());
    let base = Night::new(&checked("version: 1\n"), "2026-05-31", COLUMNS, EXTREMES).await;
    let measured: Vec<(String, Unit)> = COLUMNS.iter().map(|(name, unit)| ((*name).to_owned(), *unit)).collect();
    for some in metrics.chunks(40) {
        let rules = checked(&file(some));
        let context = PlanContext {
            as_of: "2026-05-31".parse().unwrap(),
            measured: measured.clone(),
            unavailable: BTreeSet::new(),
        };
        let rows = base.query(&compile(&rules, &context).account_metrics().sql, "account_id").await;
        assert_eq!(rows, "A1\nA2\nA3\nA4");
    }
}
