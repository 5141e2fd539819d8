//! Files that no author writes: whatever is in them, the answer is problems at places, of a bounded length.

use headwater_diagnostics::{Rendering, render};

use crate::keys::project;
use crate::support::judge;

/// The longest answer to one mistake: what is told of a file is read by somebody.
const MOST_TOLD: usize = 10_000;

const HEAD: &str = "version: 1\ntriggers:\n";

fn trigger(when: &str) -> String {
    format!("{HEAD}  - id: t\n    description: d\n    owner: o\n    when: {when}\n")
}

/// What was found by mangling files, or is known to have brought down other readers of YAML and SQL.
fn mangled() -> Vec<(&'static str, String)> {
    let doubled = (1..40).map(|at| format!("a{at}: &a{at} [*a{0}, *a{0}]\n", at - 1)).collect::<String>();
    vec![
        ("a list of lists of lists", format!("version: 1\nparams: {}", "[".repeat(20_000))),
        ("mappings in mappings", format!("version: 1\nparams: {}", "{a: ".repeat(20_000))),
        ("dashes in a line", format!("version: 1\nparams:\n{}x", "- ".repeat(20_000))),
        ("aliases that double", format!("version: 1\na0: &a0 [x, x]\n{doubled}params: *a39\n")),
        ("an alias of itself", "version: 1\nparams: &a [*a]\n".to_owned()),
        ("a key of a mapping", "version: 1\n? {a: b}\n: c\n".to_owned()),
        ("a name of a megabyte", trigger(&format!("\"{} > 1\"", "x".repeat(1 << 20)))),
        (
            "names of ten thousand letters",
            trigger(&format!("\"{}\"", format!("{} > 1 AND ", "y".repeat(10_000)).repeat(20) + "TRUE")),
        ),
        ("parentheses", trigger(&format!("\"{}mrr{} > 1\"", "(".repeat(5_000), ")".repeat(5_000)))),
        ("parentheses that stay open", trigger(&format!("\"{}\"", "(".repeat(50_000)))),
        ("NOT and NOT again", trigger(&format!("\"{} mrr > 1\"", "NOT ".repeat(5_000)))),
        ("signs and signs again", trigger(&format!("\"mrr > {}1\"", "- ".repeat(5_000)))),
        (
            "CASE in CASE",
            trigger(&format!("\"{}1{} > 1\"", "CASE WHEN mrr > 1 THEN ".repeat(2_000), " END".repeat(2_000))),
        ),
        ("a number of thousands of digits", trigger(&format!("\"mrr > {}\"", "9".repeat(5_000)))),
        ("a date of another age", trigger("\"signed_up_on > '99999-12-31'\"")),
        ("nothing, as a character", trigger("\"mrr > \\0\"")),
        ("characters that are not seen", "version: 1\n\u{200b}triggers: []\n\u{202e}params: []\n".to_owned()),
        ("a mark of the order of bytes", format!("\u{feff}{}", trigger("\"mmrr > 1\""))),
        ("lines that end as on Windows", trigger("\"mmrr > 1\"").replace('\n', "\r\n")),
        ("lines that end as on old machines", trigger("\"mmrr > 1\"").replace('\n', "\r")),
        ("tabs", trigger("\"mmrr > 1\"").replace("    ", "\t")),
        ("several documents", format!("{}---\n{}", trigger("\"mrr > 1\""), trigger("\"mrr > 1\""))),
        ("tags that make objects", format!("{HEAD}  - !!python/object/apply:os.system [ls]\n")),
        ("keys of nothing", "version: 1\n~: 1\n? \n: 2\n".to_owned()),
        ("a thousand mistakes", format!("{HEAD}{}", "  - {id: A B, wen: 1, owner: [x]}\n".repeat(1_000))),
        ("letters of every kind", trigger("\"ｍｒｒ > ١ AND 🙂 = 'ß'\"")),
        ("a comment that swallows", trigger("\"mrr > 1 -- AND\n      seats\"")),
        ("a statement after", trigger("\"mrr > 1; DROP TABLE accounts\"")),
        ("an id as long as a page", format!("{HEAD}  - {{id: {}, when: \"mrr > 1\"}}\n", "i".repeat(5_000))),
        (
            "braces in a summary",
            format!("{}    annotations: {{summary: \"{}\"}}\n", trigger("\"mrr > 1\""), "{".repeat(5_000)),
        ),
        (
            "bands of nothing",
            "version: 1\nguardrails: [{id: g, metric: nrr_12m, bands: {pass: \"..\", watch: \"1..2..3\"}}]\n"
                .to_owned(),
        ),
    ]
}

#[test]
fn every_mangled_file_is_refused_in_few_words() {
    for (what, text) in mangled() {
        let (rules, problems, sources) = judge(&[("rules/mangled.yaml", &text)], &project());
        assert!(rules.is_none() && problems.has_errors(), "{what} is accepted: {problems:?}");
        let told = render(&problems, &sources, Rendering::Human { colour: false });
        let mistakes = problems.sorted().len();
        assert!(told.len() < MOST_TOLD * mistakes, "{what}: {} bytes of {mistakes} mistakes", told.len());
    }
}
