//! Every key of the shipped rules, misspelt and left out, and every key that editors are told of.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use headwater_diagnostics::yaml::{self, Node, Value};
use headwater_diagnostics::{Diagnostics, Sources};
use headwater_metrics::{InputTable, Unit};
use headwater_rules::{Environment, parse, rule_file_schema};
use serde_json::{Map, Value as Json, json};

use crate::support::{environment, judge};

/// Keys that say nothing about what a rule decides, or have a default that the language's page names: a rule without one is
/// a rule that its author may have meant. What `test --mutate` leaves out of these is noticed by the shipped tests.
const OPTIONAL: &[&str] = &[
    "after",
    "annotations",
    "defaults",
    "description",
    "due_within_days",
    "exit_when",
    "inverted",
    "keep_firing_for",
    "max",
    "max_gap_days",
    "min",
    "min_accounts",
    "on_missing",
    "out_of_order",
    "owner",
    "play",
    "reached_on",
    "scope",
    "score",
    "severity",
    "stage_profile",
    "summary",
    "tags",
    "value_at_stake",
    "warm_up_days",
    "watch",
    "when_missing",
    "when_unavailable",
    "monetary",
    "audits",
    "warn",
    "id",
    "error",
    "guardrails",
    "triggers",
];

fn shipped() -> Vec<(String, Json)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../rules");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    files.iter().map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), as_json(&read(path)))).collect()
}

fn read(path: &Path) -> Node {
    let mut sources = Sources::default();
    let file = sources.add("x", fs::read_to_string(path).unwrap());
    yaml::read(file, &sources, &mut Diagnostics::new()).unwrap()
}

fn as_json(node: &Node) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Bool(flag) => json!(flag),
        Value::Integer(number) => json!(number),
        Value::Float(number, _) => json!(number),
        Value::Text(text) => json!(text),
        Value::List(items) => items.iter().map(as_json).collect(),
        Value::Map(entries) => {
            Json::Object(entries.iter().map(|(key, value)| (key.name.clone(), as_json(value))).collect())
        }
    }
}

/// A project with every input and every column of accounts.
pub(crate) fn project() -> Environment {
    let contract = InputTable::Accounts.columns().iter().map(|column| (column.name, column.kind.unit()));
    let attributes: Vec<(&str, Unit)> = contract.collect();
    environment(&attributes)
}

/// Calls `each` with every key below a value, as the way to it.
fn keys(value: &Json, way: &mut Vec<String>, each: &mut impl FnMut(&[String])) {
    match value {
        Json::Object(entries) => {
            for (key, value) in entries {
                way.push(key.clone());
                each(way);
                keys(value, way, each);
                way.pop();
            }
        }
        Json::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                way.push(at.to_string());
                keys(item, way, each);
                way.pop();
            }
        }
        _ => {}
    }
}

/// The mapping that holds the last key of a way.
fn holder<'a>(document: &'a mut Json, way: &[String]) -> &'a mut Map<String, Json> {
    let pointer: String = way[..way.len() - 1].iter().map(|step| format!("/{step}")).collect();
    document.pointer_mut(&pointer).unwrap().as_object_mut().unwrap()
}

/// Whether rules of all files have errors, with one file changed.
fn is_refused(files: &[(String, Json)], changed: usize, document: &Json) -> bool {
    // What a file alone shows need not be asked of all of them.
    let mut sources = Sources::default();
    let alone = sources.add("x", document.to_string());
    if parse(&sources, &[alone]).1.has_errors() {
        return true;
    }
    let texts: Vec<(String, String)> = files
        .iter()
        .enumerate()
        .map(|(at, (name, own))| (name.clone(), if at == changed { document } else { own }.to_string()))
        .collect();
    let texts: Vec<(&str, &str)> = texts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    judge(&texts, &project()).1.has_errors()
}

#[test]
fn no_key_of_the_shipped_rules_can_be_misspelt_or_lost_in_silence() {
    let files = shipped();
    let (mut count, mut silent, mut accepted) = (0, Vec::new(), BTreeSet::new());
    for (at, (name, document)) in files.iter().enumerate() {
        assert!(!is_refused(&files, at, document), "{name} is sound as it is");
        let mut ways = Vec::new();
        keys(document, &mut Vec::new(), &mut |way| ways.push(way.to_vec()));
        for way in ways {
            count += 1;
            let key = way.last().unwrap();
            let mut misspelt = document.clone();
            let entries = holder(&mut misspelt, &way);
            let value = entries.remove(key).unwrap();
            entries.insert(format!("{key}x"), value);
            if !is_refused(&files, at, &misspelt) {
                silent.push(format!("{name}: {} misspelt", way.join(".")));
            }
            let mut without = document.clone();
            holder(&mut without, &way).remove(key);
            if !is_refused(&files, at, &without) {
                accepted.insert(key.clone());
                if !OPTIONAL.contains(&key.as_str()) {
                    silent.push(format!("{name}: {} left out", way.join(".")));
                }
            }
        }
    }
    assert!(count > 800, "{count} keys");
    assert!(silent.is_empty(), "{} of {count}: {silent:#?}", silent.len());
    let unused: Vec<_> = OPTIONAL.iter().filter(|key| !accepted.contains(**key)).collect();
    assert!(unused.is_empty(), "no shipped rule can do without {unused:?}");
}

/// Sound rules with every key that the shipped ones do not have.
const THE_OTHER_KEYS: &str = r#"
version: 1
stage_profile: {profile: land_grab, expires_on: 2027-01-31}
owners: [{id: o, name: n, contact: c, subscribers: [s]}]
mutes: [{select: "id:counted", where: "mrr > 1", until: 2027-01-31, reason: r}]
triggers:
  - id: counted
    description: d
    owner: o
    when: {any: ["mrr > 1", {id: more, expr: "mrr > 2"}]}
    on_null: match
    for: {matches: 2, of: 3}
    keep_firing_for: {days: 2}
    on_missing: hold
    max_gap_days: 5
    limit: {max_accounts: 5, max_pct: 2}
  - {id: in_days, description: d, owner: o, when: "mrr > 3", for: {days: 2}, keep_firing_for: {runs: 1}}
  - {id: in_nights, description: d, owner: o, tags: [t], when_unavailable: skip, when: "mrr > 4", for: {runs: 2},
     effective_from: 2026-01-01, effective_until: 2026-12-31}
metrics:
  - id: score_of_use
    description: d
    weighted_score:
      components:
        - {id: only, metric: mrr, weight: 100, floor: 0, ceiling: 9, observed: days_since_last_activity, stale_after_days: 9}
segment_schemes:
  - id: by_recency
    description: d
    preset: rfm
    bins: 5
    cells: rfm
    quantiles: rfm
    inputs: {recency: days_since_last_order, frequency: orders_total, monetary: net_revenue_total}
  - id: by_edges
    description: d
    preset: rfm
    bins: 3
    edges: {recency: [30, 60], frequency: [2, 4], monetary: [100, 200]}
    inputs: {recency: days_since_last_order, frequency: orders_total, monetary: net_revenue_total}
  - id: said
    description: d
    segments:
      - {id: much, when: "mrr > 9", hold: {enter_for: {days: 2}, exit_when: "mrr < 5", exit_for: {runs: 2}, max_gap_days: 3}}
      - {id: all, description: everyone, otherwise: true}
guardrails:
  - {id: kept, description: d, owner: o, metric: nrr_12m, bands: {pass: "> 1"}, for: {runs: 2}, max_gap_days: 40,
     effective_from: 2026-01-01, effective_until: 2026-12-31}
  - {id: in_days_kept, description: d, owner: o, metric: nrr_12m, bands: {pass: "> 1"}, for: {days: 2}}
  - {id: in_months_kept, description: d, owner: o, metric: nrr_12m, bands: {pass: "> 1"}, for: {months: 2}}
  - {id: better_kept, description: d, owner: o, metric: nrr_12m, bands: {pass: "> 1"}, for: {better: {runs: 2}}}
  - {id: grown, description: d, owner: o, metric: grr_12m, bands: {pass: "> 1"}, for: {worse: {days: 2}, better: {months: 2}}}
milestone_ladders:
  - {id: steps, description: d, milestones: [{id: first, description: d, reached_when: "mrr > 0"}]}
audits:
  - {id: some, description: d, owner: o, table: segment_scores, check: row_count, min: 0, max: 9,
     effective_from: 2026-01-01, effective_until: 2026-12-31}
  - {id: part, description: d, owner: o, table: segment_scores, check: segment_share_pct, scheme: said, segment: all, max: 100}
  - {id: new, description: d, owner: o, table: flagged_accounts, check: new_flags_pct, rule: counted, max: 5}
  - {id: high, description: d, owner: o, table: segment_scores, check: quantile, column: score, at: 0.9, since_last_night: true, max: 5}
  - {id: moves, description: d, owner: o, table: segment_scores, check: transition_pct, scheme: said, from: much, to: all, max: 5}
  - id: agrees
    description: d
    owner: o
    table: flagged_accounts
    check: same_sum
    column: value_at_stake
    other: {table: segment_scores, column: rank, rows: {scheme: said}}
    tolerance: 1
  - {id: known, description: d, owner: o, table: segment_scores, check: accepted_values, column: scheme, values: [a]}
"#;

/// Notes which keys of which definition a document has.
fn follow(value: &Json, schema: &Json, root: &Json, seen: &mut BTreeSet<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let definition = root.pointer(&reference[1..]).unwrap();
        for (key, below) in value.as_object().into_iter().flatten() {
            if let Some(property) = definition["properties"].get(key) {
                seen.insert(format!("{reference} {key}"));
                follow(below, property, root, seen);
            }
        }
        return;
    }
    for choice in schema["anyOf"].as_array().into_iter().flatten() {
        follow(value, choice, root, seen);
    }
    for item in value.as_array().into_iter().flatten() {
        follow(item, &schema["items"], root, seen);
    }
}

#[test]
fn editors_are_told_of_no_key_that_is_not_taken() {
    let schema = rule_file_schema();
    let mut seen = BTreeSet::new();
    let mut sources = Sources::default();
    let file = sources.add("others.yaml", THE_OTHER_KEYS);
    let (_, problems, _) = judge(&[("others.yaml", THE_OTHER_KEYS)], &project());
    assert!(!problems.has_errors(), "{problems:#?}");
    let others = yaml::read(file, &sources, &mut Diagnostics::new()).unwrap();
    follow(&as_json(&others), &schema, &schema, &mut seen);
    for (_, document) in shipped() {
        follow(&document, &schema, &schema, &mut seen);
    }
    let definitions = schema["definitions"].as_object().unwrap();
    let declared = definitions.iter().flat_map(|(name, definition)| {
        let keys = definition["properties"].as_object().into_iter().flatten();
        keys.map(move |(key, _)| format!("#/definitions/{name} {key}"))
    });
    // What every rule says about itself is read in one place for all kinds.
    let of_all = ["owner", "severity", "tags", "when_unavailable"].map(|key| format!(" {key}"));
    let never: Vec<_> = declared
        .filter(|key| !seen.contains(key) && !of_all.iter().any(|of_all| key.ends_with(of_all.as_str())))
        .collect();
    assert!(never.is_empty(), "never seen in sound rules: {never:#?}");
}
