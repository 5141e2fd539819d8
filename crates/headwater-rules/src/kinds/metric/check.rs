//! What derived metrics mean: types, order, and whether their inputs are there.

use std::collections::{BTreeMap, BTreeSet};

use headwater_diagnostics::{Code, Diagnostic};
use headwater_metrics::Unit;

use super::score::{self, Band, Component, Score, Stale, WarmUp};
use super::syntax::{RawBand, RawComponent, RawFormula, RawMetric, RawScore, RawStale, RawWarmUp, WhenMissing};
use crate::check::{Checking, Fate, Reads};
use crate::expression::{Checked, Column, ColumnSource, Expression, Kind, Stage, check_expression, resolve_name};
use crate::header::Header;
use crate::reading::first_of;
use crate::testing::TestedKind;

/// A derived metric that can be computed.
#[derive(Debug, Clone)]
pub(crate) struct DerivedMetric {
    pub(crate) header: Header,
    pub(crate) unit: Unit,
    pub(crate) formula: Formula,
}

/// How it is computed.
#[derive(Debug, Clone)]
pub(crate) enum Formula {
    Expression(Expression),
    Score(Score),
}

impl DerivedMetric {
    /// The columns it reads.
    pub(crate) fn reads(&self) -> Vec<&Column> {
        match &self.formula {
            Formula::Expression(expression) => expression.columns(),
            Formula::Score(score) => score.reads(),
        }
    }

    /// The columns of components that the score does without.
    pub(crate) fn lost_columns(&self) -> impl Iterator<Item = &str> {
        let score = match &self.formula {
            Formula::Expression(_) => None,
            Formula::Score(score) => Some(score),
        };
        let components = score.into_iter().flat_map(|score| &score.components);
        components.filter(|part| part.absent).map(|part| part.column.name.as_str())
    }

    /// The names of the columns that it gives beside its own.
    pub(crate) fn further_columns(&self) -> Vec<String> {
        match &self.formula {
            Formula::Expression(_) => Vec::new(),
            Formula::Score(score) => {
                score.columns(&self.header.id.text).into_iter().map(|column| column.name).collect()
            }
        }
    }
}

impl RawMetric {
    /// The columns that it gives beside its own.
    pub(crate) fn further_columns(&self) -> Vec<(String, Unit)> {
        let Some(RawFormula::Score(written)) = &self.formula else { return Vec::new() };
        let id = &self.header.id.text;
        let components =
            written.components.iter().map(|part| (score::component_column(id, &part.id.text), Unit::Score));
        let band = (!written.bands.is_empty()).then(|| (score::band_column(id), Unit::Text));
        std::iter::once((score::coverage_column(id), Unit::Percent)).chain(components).chain(band).collect()
    }
}

impl RawMetric {
    /// The column of a score's bands, with the bands; none without them, and where one cannot be read.
    pub(crate) fn bands(&self) -> Option<(String, BTreeSet<String>)> {
        let Some(RawFormula::Score(written)) = &self.formula else { return None };
        let bands: BTreeSet<String> = written.bands.iter().map(|band| band.id.text.clone()).collect();
        (!bands.is_empty()).then(|| (score::band_column(&self.header.id.text), bands))
    }
}

/// Checks all derived metrics; the answer is in an order in which each can be computed from those before it.
pub(crate) fn check(raw: &[RawMetric], checking: &mut Checking<'_>) -> Vec<DerivedMetric> {
    let mut candidates = BTreeMap::new();
    let mut written = Vec::new();
    for metric in raw {
        metric.header.warn_if_unexplained("the metric", false, &mut checking.used.problems);
        let Some(candidate) = Candidate::check(metric, checking) else { continue };
        written.extend(candidate.checked.clone());
        candidates.entry(metric.header.id.text.as_str()).or_insert(candidate);
    }
    checking.plan(&written);
    let order = ordered(&candidates, checking);
    let mut metrics = Vec::new();
    for id in order {
        if let Some(candidate) = candidates.remove(id.as_str()) {
            metrics.extend(candidate.settle(checking));
        }
    }
    metrics
}

/// A metric before it is known whether its inputs are there.
struct Candidate {
    metric: DerivedMetric,
    reads: Reads,
    checked: Option<Checked>,
}

impl Candidate {
    fn check(raw: &RawMetric, checking: &mut Checking<'_>) -> Option<Self> {
        let mut reads = Reads::default();
        let mut checked = None;
        let formula = match raw.formula.as_ref()? {
            RawFormula::Expression(written) => {
                let expression = check_expression(written, Stage::Metric, checking.names, &mut checking.used);
                refuse_other_unit(&expression, raw.unit, checking);
                reads.expression(&expression);
                let formula = Formula::Expression(expression.expression.clone());
                checked = Some(expression);
                formula
            }
            RawFormula::Score(written) => {
                let components = check_components(written, &mut reads, checking);
                let warm_up =
                    written.warm_up_days.as_ref().and_then(|warm_up| check_warm_up(warm_up, &mut reads, checking));
                let bands = check_bands(&written.bands, checking);
                Formula::Score(Score { components, when_missing: written.when_missing, warm_up, bands })
            }
        };
        let metric = DerivedMetric { header: raw.header.clone(), unit: raw.unit?, formula };
        Some(Self { metric, reads, checked })
    }

    fn settle(mut self, checking: &mut Checking<'_>) -> Option<DerivedMetric> {
        let mut gives = self.metric.further_columns();
        gives.push(self.metric.header.id.text.clone());
        if let Formula::Score(score) = &mut self.metric.formula {
            let may_lack = self.metric.header.skip_unavailable && score.when_missing == WhenMissing::Redistribute;
            if may_lack {
                for part in &mut score.components {
                    // A value of which the age cannot be told is as good as none.
                    let ageless = part.stale.as_ref().is_some_and(|stale| checking.is_missing(&stale.observed));
                    part.absent = checking.is_missing(&part.column) || ageless;
                }
                let any_known = score.components.iter().any(|part| !part.absent);
                if any_known {
                    return Some(self.metric);
                }
            }
        }
        let fate = checking.settle(TestedKind::Metric, &self.metric.header, &self.reads, &gives);
        (fate == Fate::Kept).then_some(self.metric)
    }
}

/// The declared type must be able to carry what the expression gives.
fn refuse_other_unit(checked: &Checked, unit: Option<Unit>, checking: &mut Checking<'_>) {
    let Some(unit) = unit else { return };
    if !checked.expression.kind.fits(Kind::of(unit)) {
        let message = format!("the expression gives {}, not {}", checked.expression.kind.words(), unit.word());
        checking.problem(Code::TypeMismatch, checked.written.whole(), message);
    }
}

fn check_components(score: &RawScore, reads: &mut Reads, checking: &mut Checking<'_>) -> Vec<Component> {
    checking.unique("component", score.components.iter().map(|component| &component.id));
    let weights: Option<Vec<f64>> = score.components.iter().map(|component| component.weight).collect();
    if let Some(weights) = weights.filter(|weights| !weights.is_empty()) {
        let total: f64 = weights.iter().sum();
        if (total - 100.0).abs() > 1e-6 {
            checking.problem(
                Code::WeightsNotHundred,
                first_of(score.span),
                format!("the weights add up to {total}, not 100"),
            );
        }
    }
    score.components.iter().filter_map(|component| check_component(component, reads, checking)).collect()
}

fn check_component(raw: &RawComponent, reads: &mut Reads, checking: &mut Checking<'_>) -> Option<Component> {
    let (weight, floor, ceiling) = (raw.weight?, raw.floor?, raw.ceiling?);
    if weight <= 0.0 {
        checking.problem(
            Code::InvalidValue,
            first_of(raw.span),
            format!("the weight of `{}` must be above 0", raw.id.text),
        );
    }
    if floor >= ceiling {
        let message = format!("the floor {floor} of `{}` is not below its ceiling {ceiling}", raw.id.text);
        let problem = Diagnostic::at(Code::Contradiction, first_of(raw.span), message);
        checking.used.problems.push(problem.help("where fewer is better, add `inverted: true`"));
    }
    let word = raw.metric.as_ref()?;
    let (column, unit) = resolve_name(&word.text, word.span, Stage::Metric, checking.names, &mut checking.used)?;
    if unit.is_some_and(|unit| !unit.is_numeric()) {
        let message = format!("`{}` is no number, so it has no place on a scale", word.text);
        checking.problem(Code::TypeMismatch, word.span, message);
    }
    reads.column(column.clone(), word.span);
    let stale = raw.stale.as_ref().and_then(|stale| check_stale(stale, reads, checking));
    let id = raw.id.text.clone();
    Some(Component { id, column, absent: false, weight, floor, ceiling, inverted: raw.inverted, stale })
}

/// A value's age is told by a day or by a number of days.
fn check_stale(raw: &RawStale, reads: &mut Reads, checking: &mut Checking<'_>) -> Option<Stale> {
    let word = &raw.observed;
    let (observed, unit) = resolve_name(&word.text, word.span, Stage::Metric, checking.names, &mut checking.used)?;
    if unit.is_some_and(|unit| !matches!(unit, Unit::Date | Unit::Days)) {
        let message = format!("`{}` is no day and no number of days, so it says no age", word.text);
        checking.problem(Code::TypeMismatch, word.span, message);
    }
    reads.column(observed.clone(), word.span);
    Some(Stale { observed, is_day: unit == Some(Unit::Date), after_days: raw.after_days })
}

/// An account's age is the catalogue's.
fn check_warm_up(raw: &RawWarmUp, reads: &mut Reads, checking: &mut Checking<'_>) -> Option<WarmUp> {
    let (tenure, _) = resolve_name("tenure_days", raw.span, Stage::Metric, checking.names, &mut checking.used)?;
    reads.column(tenure.clone(), raw.span);
    Some(WarmUp { tenure, days: raw.days })
}

/// Bands rise, and the last one, and no other, reaches to the top.
fn check_bands(raw: &[RawBand], checking: &mut Checking<'_>) -> Vec<Band> {
    checking.unique("band", raw.iter().map(|band| &band.id));
    let mut below = 0.0;
    for (at, band) in raw.iter().enumerate() {
        let is_last = at + 1 == raw.len();
        match band.up_to {
            None if !is_last => {
                let message = format!("`{}` reaches to the top, and is not the last band", band.id.text);
                checking.problem(Code::Contradiction, band.id.span, message);
            }
            Some(_) if is_last => {
                let problem =
                    Diagnostic::at(Code::SchemeIncomplete, band.id.span, "the last band must reach to the top");
                checking.used.problems.push(problem.help("leave out its `up_to`"));
            }
            Some(end) if end <= below || end >= 100.0 => {
                let message = format!("`{}` ends at {end}, which is not above {below} and below 100", band.id.text);
                checking.problem(Code::Contradiction, band.id.span, message);
            }
            Some(end) => below = end,
            None => {}
        }
    }
    raw.iter().map(|band| Band { id: band.id.text.clone(), up_to: band.up_to }).collect()
}

/// The metrics in an order of computation: those that need no other first, equal ones by name. Circles are reported.
fn ordered(candidates: &BTreeMap<&str, Candidate>, checking: &mut Checking<'_>) -> Vec<String> {
    let needs: BTreeMap<&str, BTreeSet<&str>> = candidates
        .iter()
        .map(|(id, candidate)| {
            let reads = candidate.metric.reads().into_iter().filter(|column| column.source == ColumnSource::Derived);
            (*id, reads.filter_map(|column| producer(&column.name, candidates)).collect())
        })
        .collect();
    let mut done: Vec<String> = Vec::new();
    let mut left: BTreeSet<&str> = needs.keys().copied().collect();
    loop {
        let is_ready = |id: &&str| needs.get(id).is_none_or(|reads| reads.iter().all(|read| !left.contains(read)));
        let ready: Vec<&str> = left.iter().copied().filter(is_ready).collect();
        if ready.is_empty() {
            break;
        }
        for id in ready {
            left.remove(id);
            done.push(id.to_owned());
        }
    }
    let circular: Vec<&str> = left.iter().copied().filter(|id| reachable(id, &needs).contains(id)).collect();
    report_circles(&circular, &needs, candidates, checking);
    done
}

/// The metric that gives a derived column.
fn producer<'m>(column: &str, candidates: &BTreeMap<&'m str, Candidate>) -> Option<&'m str> {
    let own = candidates.get_key_value(column).map(|(id, _)| *id);
    own.or_else(|| {
        let gives = |candidate: &Candidate| candidate.metric.further_columns().iter().any(|name| name == column);
        candidates.iter().find(|(_, candidate)| gives(candidate)).map(|(id, _)| *id)
    })
}

fn reachable<'m>(id: &str, needs: &BTreeMap<&'m str, BTreeSet<&'m str>>) -> BTreeSet<&'m str> {
    let mut found = BTreeSet::new();
    let mut waiting: Vec<&'m str> = needs.get(id).into_iter().flatten().copied().collect();
    while let Some(next) = waiting.pop() {
        if found.insert(next) {
            waiting.extend(needs.get(next).into_iter().flatten().copied());
        }
    }
    found
}

/// One report a circle, at the metric that comes first by name.
fn report_circles(
    circular: &[&str],
    needs: &BTreeMap<&str, BTreeSet<&str>>,
    candidates: &BTreeMap<&str, Candidate>,
    checking: &mut Checking<'_>,
) {
    let mut reported: BTreeSet<&str> = BTreeSet::new();
    for id in circular {
        if reported.contains(id) {
            continue;
        }
        let reach = reachable(id, needs);
        let members: Vec<&str> = circular
            .iter()
            .copied()
            .filter(|other| reach.contains(other) && reachable(other, needs).contains(id))
            .collect();
        reported.extend(members.iter().copied());
        let Some(candidate) = candidates.get(id) else { continue };
        let listed: Vec<_> = members.iter().map(|member| format!("`{member}`")).collect();
        let message = match listed.as_slice() {
            [alone] => format!("the metric {alone} needs itself"),
            _ => format!("the metrics {} need each other", listed.join(", ")),
        };
        checking.problem(Code::MetricCycle, candidate.metric.header.id.span, message);
    }
}
