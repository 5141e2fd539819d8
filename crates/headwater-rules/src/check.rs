//! The second pass: what the items mean together. All problems of all files are found in one run, and what was
//! refused once is not reported again where others refer to it.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use headwater_diagnostics::{Code, Diagnostic, Diagnostics, Span};
use headwater_metrics::{InputTable, RESERVED_NAMES, Unit};

use crate::checked::{CheckedRules, LeftOutRule};
use crate::environment::Environment;
use crate::expression::{Checked, Column, ColumnSource, Names, Planner, Scheme, Use};
use crate::header::Header;
use crate::kinds::{audit, guardrail, metric, milestone, mute, owner, param, segment, trigger};
use crate::raw::RawRules;
use crate::reading::Word;
use crate::testing::TestedKind;

/// Checks what [`crate::parse`] read against the project. The rules are there only where neither pass found an
/// error; the diagnostics are those of this pass, warnings included.
#[must_use]
pub fn check(raw: &RawRules, environment: &Environment) -> (Option<CheckedRules>, Diagnostics) {
    let mut used = Use::default();
    let names = declared(raw, environment, &mut used);
    let mut checking = Checking { names: &names, used, missing: BTreeMap::new(), skipped: Vec::new() };
    let metrics = metric::check(&raw.metrics, &mut checking);
    let schemes = segment::check(&raw.schemes, &mut checking);
    let ladders = milestone::check(&raw.ladders, &mut checking);
    let triggers = trigger::check(&raw.triggers, &raw.ladders, &mut checking);
    let profile = guardrail::check_profiles(&raw.profiles, &mut checking);
    let guardrails = guardrail::check(&raw.guardrails, profile, &mut checking);
    let audits = audit::check(&raw.audits, &metrics, &schemes, &raw.triggers, &mut checking);
    let speakers = raw.headers().filter(|(kind, _)| mute::KINDS.contains(kind));
    let mutes = mute::check(&raw.mutes, speakers, &mut checking);
    let owners = raw.headers().filter_map(|(_, header)| header.owner.as_deref().zip(header.owner_place));
    if !raw.incomplete {
        owner::check(&raw.owners, owners, &mut checking.used.problems);
    }
    // What refers to a parameter may be the very thing that is wrong.
    if !raw.broken && !checking.used.problems.has_errors() {
        warn_unused(raw, &mut checking.used);
    }
    let Checking { used: Use { problems, .. }, skipped, .. } = checking;
    let sound = !(raw.broken || problems.has_errors());
    let rules = sound
        .then(|| CheckedRules::new(environment, metrics, schemes, ladders).with(triggers, guardrails, audits, skipped))
        .map(|rules| rules.heard_by(raw.owners.clone(), mutes));
    (rules, problems)
}

/// What the checks of all kinds share.
#[derive(Debug)]
pub(crate) struct Checking<'a> {
    pub(crate) names: &'a Names<'a>,
    pub(crate) used: Use,
    /// Columns that will not exist because an input is not declared, and why.
    missing: BTreeMap<String, Missing>,
    /// Rules left out because they asked to be.
    skipped: Vec<LeftOutRule>,
}

/// Why a column will not exist.
#[derive(Debug, Clone)]
struct Missing {
    reason: String,
    /// The reason was already reported as an error.
    reported: bool,
}

/// The columns a rule reads and where.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    columns: Vec<(Column, Span)>,
}

/// Whether a rule stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Kept,
    /// Left out, as it asked to be.
    Skipped,
    Refused,
}

impl Reads {
    /// Adds what an expression reads.
    pub(crate) fn expression(&mut self, checked: &Checked) {
        for (column, at) in checked.expression.reads() {
            self.columns.push((column.clone(), checked.written.span(at)));
        }
    }

    /// Adds what several expressions read.
    pub(crate) fn expressions<'a>(&mut self, all: impl IntoIterator<Item = &'a Checked>) {
        all.into_iter().for_each(|checked| self.expression(checked));
    }

    /// Adds a column named alone.
    pub(crate) fn column(&mut self, column: Column, span: Span) {
        self.columns.push((column, span));
    }
}

impl Checking<'_> {
    /// Adds a problem.
    pub(crate) fn problem(&mut self, code: Code, span: Span, message: impl Into<String>) {
        self.used.problems.push(Diagnostic::at(code, span, message));
    }

    /// Decides whether a rule stays; where not, `gives` are the columns that will not exist.
    pub(crate) fn settle(&mut self, kind: TestedKind, header: &Header, reads: &Reads, gives: &[String]) -> Fate {
        let found: Vec<_> =
            reads.columns.iter().filter_map(|(column, span)| Some((self.missing(column)?, column, *span))).collect();
        let Some((first, ..)) = found.first() else { return Fate::Kept };
        let reason = first.reason.clone();
        if header.skip_unavailable {
            self.skip(kind, header, reason.clone());
        } else {
            for (missing, _, span) in found.iter().filter(|(missing, ..)| !missing.reported) {
                let problem = Diagnostic::at(Code::MetricUnavailable, *span, missing.reason.clone())
                    .help(format!("declare the input, or set `when_unavailable: skip` on the {}", kind.words()));
                self.used.problems.push(problem);
            }
        }
        let reported = !header.skip_unavailable;
        for name in gives {
            self.missing.insert(name.clone(), Missing { reason: reason.clone(), reported });
        }
        if reported { Fate::Refused } else { Fate::Skipped }
    }

    /// Leaves a rule out because one of its kind that it waits for was: by its own wish, or as an error at `word`.
    pub(crate) fn left_out(&mut self, kind: TestedKind, header: &Header, word: &Word) {
        let reason = format!("it waits for `{}`, which was left out", word.text);
        if header.skip_unavailable {
            self.skip(kind, header, reason);
        } else if self.skipped.iter().any(|rule| rule.is(kind, &word.text)) {
            let help = format!("set `when_unavailable: skip` on the {} too", kind.words());
            self.used.problems.push(Diagnostic::at(Code::MetricUnavailable, word.span, reason).help(help));
        }
    }

    /// Notes a scope that a guardrail cannot have.
    pub(crate) fn scope_left_out(&mut self, header: &Header, word: &Word) {
        self.skipped.push(LeftOutRule {
            kind: TestedKind::Guardrail,
            id: header.id.text.clone(),
            scope: Some(word.text.clone()),
            reason: "accounts have no such column".to_owned(),
        });
    }

    /// Notes that a rule is left out as a whole.
    pub(crate) fn skip(&mut self, kind: TestedKind, header: &Header, reason: String) {
        self.skipped.push(LeftOutRule { kind, id: header.id.text.clone(), scope: None, reason });
    }

    /// Whether a column will be missing.
    pub(crate) fn is_missing(&self, column: &Column) -> bool {
        self.missing(column).is_some()
    }

    fn missing(&self, column: &Column) -> Option<Missing> {
        if let Some(known) = self.missing.get(&column.name) {
            return Some(known.clone());
        }
        let reason = match &column.source {
            ColumnSource::Unmapped => format!("`{}` is not mapped in `accounts`", column.name),
            ColumnSource::Metric(inputs) => self.lacking(&column.name, inputs)?,
            _ => return None,
        };
        Some(Missing { reason, reported: false })
    }

    /// The sentence for a metric some of whose inputs are not declared.
    pub(crate) fn lacking(&self, metric: &str, inputs: &[InputTable]) -> Option<String> {
        let lacking = self.names.environment.missing(inputs);
        let listed: Vec<_> = lacking.iter().map(|input| format!("`{}`", input.name())).collect();
        let verb = if listed.len() == 1 { "is" } else { "are" };
        (!listed.is_empty()).then(|| format!("`{metric}` needs {}, which {verb} not declared", listed.join(" and ")))
    }

    /// Asks the engine to plan every expression.
    pub(crate) fn plan<'c>(&mut self, all: impl IntoIterator<Item = &'c Checked>) {
        // An expression over a column whose declaration was refused cannot be planned, which was reported there.
        let known =
            |checked: &&Checked| checked.expression.columns().into_iter().all(|column| self.typed(column).is_some());
        let all: Vec<_> = all.into_iter().filter(known).collect();
        let columns: BTreeMap<String, Unit> = all
            .iter()
            .flat_map(|checked| checked.expression.columns())
            .filter_map(|column| self.typed(column))
            .collect();
        let planner = Planner::new(columns);
        self.used.problems.extend(all.into_iter().filter_map(|checked| planner.problem(checked)));
    }

    fn typed(&self, column: &Column) -> Option<(String, Unit)> {
        self.names.unit_of(column).map(|unit| (column.name.clone(), unit))
    }

    /// Reports the second and further items of one kind with the same id.
    pub(crate) fn unique<'w>(&mut self, what: &str, ids: impl IntoIterator<Item = &'w Word>) {
        duplicates(what, ids, &mut self.used.problems);
    }
}

fn duplicates<'w>(what: &str, ids: impl IntoIterator<Item = &'w Word>, problems: &mut Diagnostics) {
    let mut seen = BTreeSet::new();
    for id in ids {
        if !id.text.is_empty() && !seen.insert(id.text.as_str()) {
            let article = if what.starts_with(['a', 'o']) { "an" } else { "a" };
            let message = format!("there is already {article} {what} `{}`", id.text);
            problems.push(Diagnostic::at(Code::DuplicateId, id.span, message).label("second of this name"));
        }
    }
}

/// Every name that items declare, whatever is wrong with the items otherwise.
fn declared<'e>(raw: &RawRules, environment: &'e Environment, used: &mut Use) -> Names<'e> {
    let problems = &mut used.problems;
    // Where a file could not be read, a parameter that is not known may stand there.
    let given_params = if raw.incomplete { &[] } else { environment.params.as_slice() };
    duplicates("owner", raw.owners.iter().map(|owner| &owner.id), problems);
    duplicates("parameter", raw.params.iter().map(|param| &param.id), problems);
    duplicates("metric", raw.metrics.iter().map(|metric| &metric.header.id), problems);
    duplicates("segment scheme", raw.schemes.iter().map(|scheme| &scheme.header.id), problems);
    duplicates("milestone ladder", raw.ladders.iter().map(|ladder| &ladder.header.id), problems);
    duplicates("guardrail", raw.guardrails.iter().map(|guardrail| &guardrail.header.id), problems);
    duplicates("audit", raw.audits.iter().map(|audit| &audit.header.id), problems);
    let mut names = Names {
        environment,
        params: param::values(&raw.params, given_params, problems),
        derived: BTreeMap::new(),
        population: BTreeMap::new(),
        schemes: BTreeMap::new(),
        bands: BTreeMap::new(),
        ladders: BTreeMap::new(),
        of_accounts: OnceCell::new(),
        of_groups: OnceCell::new(),
        incomplete: raw.incomplete,
    };
    let mut beside_scores = BTreeSet::new();
    for metric in &raw.metrics {
        refuse_taken(&metric.header.id, &metric.header.id.text, &names, problems);
        if beside_scores.contains(&metric.header.id.text) {
            let message = format!("`{}` is already a column of a weighted score", metric.header.id.text);
            problems.push(Diagnostic::at(Code::DuplicateId, metric.header.id.span, message).help("choose another id"));
        }
        names.derived.insert(metric.header.id.text.clone(), metric.unit);
        for (column, unit) in metric.further_columns() {
            refuse_taken(&metric.header.id, &column, &names, problems);
            beside_scores.insert(column.clone());
            names.derived.insert(column, Some(unit));
        }
        names.bands.extend(metric.bands());
    }
    for scheme in &raw.schemes {
        let segments = scheme.segment_ids().into_iter().collect();
        names.schemes.insert(scheme.header.id.text.clone(), Scheme { segments });
        for (column, unit) in scheme.population_columns() {
            refuse_taken(&scheme.header.id, &column, &names, problems);
            names.population.insert(column, unit);
        }
    }
    for ladder in &raw.ladders {
        names.ladders.insert(ladder.header.id.text.clone(), ladder.milestone_ids());
    }
    names
}

/// A derived column must not take the name of one that exists otherwise.
fn refuse_taken(id: &Word, column: &str, names: &Names<'_>, problems: &mut Diagnostics) {
    let environment = names.environment;
    let owner = if environment.attribute(column).is_some() || InputTable::Accounts.column(column).is_some() {
        "a column of accounts"
    } else if environment.catalogue.metric(column).is_some() {
        "a metric of the catalogue"
    } else if RESERVED_NAMES.contains(&column) {
        "a column of a published table"
    } else if column != id.text && names.derived.contains_key(column) {
        "a derived metric"
    } else {
        return;
    };
    let message = format!("`{column}` is already {owner}");
    problems.push(Diagnostic::at(Code::DuplicateId, id.span, message).help("choose another id"));
}

fn warn_unused(raw: &RawRules, used: &mut Use) {
    if raw.incomplete {
        return;
    }
    for param in &raw.params {
        if !param.id.text.is_empty() && !used.params.contains(&param.id.text) {
            let message = format!("the parameter `{}` is not used", param.id.text);
            used.problems.push(Diagnostic::at(Code::UnusedParameter, param.id.span, message));
        }
    }
}
