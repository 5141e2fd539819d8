//! What guardrails mean.

use std::collections::{BTreeMap, BTreeSet};

use headwater_diagnostics::{Code, Diagnostic};
use headwater_metrics::{Grain, Metric, Unit};

use super::bands::{Bands, Problem, Range};
use super::profile::{Profile, Stage};
use super::promotion::Promotion;
use super::syntax::{RawBands, RawGuardrail, RawProfile};
use crate::check::{Checking, Fate, Reads};
use crate::expression::{Column, ColumnSource, out_of_scale, suggest_metric};
use crate::header::Header;
use crate::reading::{Word, Written};
use crate::testing::TestedKind;

/// All accounts together.
const TOTAL: &str = "total";

/// A guardrail that can be judged.
#[derive(Debug, Clone)]
pub(crate) struct Guardrail {
    pub(crate) header: Header,
    pub(crate) metric: String,
    /// How accounts are grouped, sorted.
    pub(crate) scopes: BTreeSet<String>,
    pub(crate) bands: BandSource,
    pub(crate) min_accounts: i64,
    pub(crate) promotion: Promotion,
    /// Guardrails that must pass first, sorted.
    pub(crate) after: BTreeSet<String>,
}

/// Where the bands of a night come from.
#[derive(Debug, Clone)]
pub(crate) enum BandSource {
    Given(Bands),
    Stage(Stage),
}

/// Checks the project's stage; several files may not disagree about it.
pub(crate) fn check_profiles(raw: &[RawProfile], checking: &mut Checking<'_>) -> Stage {
    if let Some(second) = raw.get(1) {
        checking.problem(Code::DuplicateId, second.span, "`stage_profile` stands in more than one place");
    }
    let first = raw.first();
    let profile = first.and_then(|raw| raw.profile).unwrap_or(Profile::Default);
    let expires_on = first.and_then(|raw| raw.expires_on);
    if let (Some(raw), Profile::LandGrab, None) = (first, profile, expires_on) {
        let problem = Diagnostic::at(Code::MissingKey, raw.span, "`land_grab` needs `expires_on`");
        let help =
            "write `stage_profile: {profile: land_grab, expires_on: 2027-06-30}`: breaking even is for a while only";
        checking.used.problems.push(problem.help(help));
    }
    if let (Some(raw), true, Some(_)) = (first, profile != Profile::LandGrab, expires_on) {
        let problem = Diagnostic::at(Code::Contradiction, raw.span, "only `land_grab` expires");
        checking.used.problems.push(problem.help("remove `expires_on`"));
    }
    Stage { profile, expires_on }
}

/// Checks all guardrails; the answer is sorted by id.
pub(crate) fn check(raw: &[RawGuardrail], stage: Stage, checking: &mut Checking<'_>) -> Vec<Guardrail> {
    let known: BTreeSet<&str> = raw.iter().map(|guardrail| guardrail.header.id.text.as_str()).collect();
    let mut guardrails = BTreeMap::new();
    for guardrail in raw {
        let checked = check_guardrail(guardrail, stage, &known, checking);
        guardrails.extend(checked.map(|checked| (guardrail.header.id.text.clone(), checked)));
    }
    report_circles(raw, checking);
    drop_orphans(raw, &mut guardrails, checking);
    // A guardrail that others wait for is judged over all accounts too: that is the verdict they wait for.
    let gates: BTreeSet<String> = guardrails.values().flat_map(|guardrail| guardrail.after.clone()).collect();
    for gate in gates {
        if let Some(guardrail) = guardrails.get_mut(&gate) {
            guardrail.scopes.insert(TOTAL.to_owned());
        }
    }
    guardrails.into_values().collect()
}

fn check_guardrail(
    raw: &RawGuardrail,
    stage: Stage,
    known: &BTreeSet<&str>,
    checking: &mut Checking<'_>,
) -> Option<Guardrail> {
    raw.header.warn_if_unexplained("the guardrail", true, &mut checking.used.problems);
    let mut reads = Reads::default();
    let metric = raw.metric.as_ref().and_then(|word| check_metric(word, &mut reads, checking));
    let scopes = check_scopes(raw, &mut reads, checking);
    if metric.as_ref().is_some_and(|metric| checking.names.environment.catalogue.rests_on_spend(metric)) {
        refuse_scopes_without_spend(raw, checking);
    }
    if let (Some(RawBands::Stage), Some(word), true) =
        (&raw.bands, &raw.metric, metric.as_ref().is_some_and(|metric| !metric.starts_with(RATIO)))
    {
        let message =
            format!("bands of the stage are of the value of customers over their cost, not of `{}`", word.text);
        let problem = Diagnostic::at(Code::Contradiction, word.span, message);
        checking.used.problems.push(problem.help(format!("judge `{RATIO}`, or write `bands`")));
    }
    let bands = raw.bands.as_ref().map(|bands| match bands {
        RawBands::Stage => BandSource::Stage(stage),
        RawBands::Given { pass, watch } => {
            let metric = metric.as_ref().and_then(|metric| checking.names.environment.catalogue.metric(metric));
            BandSource::Given(check_bands([pass, watch], metric.as_ref(), checking))
        }
    });
    for word in &raw.after {
        if !known.contains(word.text.as_str()) && !checking.names.incomplete {
            let problem =
                Diagnostic::at(Code::UnknownGuardrail, word.span, format!("unknown guardrail `{}`", word.text));
            checking.used.problems.push(problem.one_of(&word.text, known.iter().copied()));
        }
    }
    let fate = checking.settle(TestedKind::Guardrail, &raw.header, &reads, &[]);
    if fate != Fate::Kept {
        return None;
    }
    Some(Guardrail {
        header: raw.header.clone(),
        metric: metric?,
        scopes,
        bands: bands?,
        min_accounts: raw.min_accounts,
        promotion: raw.promotion,
        after: raw.after.iter().map(|word| word.text.clone()).collect(),
    })
}

fn check_metric(word: &Word, reads: &mut Reads, checking: &mut Checking<'_>) -> Option<String> {
    let names = checking.names;
    if let Some(metric) = names.environment.catalogue.metric(&word.text).filter(|metric| metric.grain == Grain::Group) {
        let column = Column { name: word.text.clone(), source: ColumnSource::Metric(metric.inputs) };
        reads.column(column, word.span);
        return Some(word.text.clone());
    }
    let of_accounts = names.derived.contains_key(&word.text)
        || names.population.contains_key(&word.text)
        || names.environment.attribute(&word.text).is_some()
        || names.environment.catalogue.metric(&word.text).is_some();
    let problem = if of_accounts {
        Diagnostic::at(
            Code::WrongGrain,
            word.span,
            format!("`{}` has a value for each account, not for a group", word.text),
        )
        .help("a guardrail judges a metric of groups, such as `nrr_12m`")
    } else {
        let known = names.catalogue(Grain::Group);
        let problem = Diagnostic::at(Code::UnknownName, word.span, format!("unknown metric `{}`", word.text))
            .label("not a metric of groups");
        suggest_metric(problem, &word.text, known.iter().map(String::as_str))
    };
    checking.used.problems.push(problem);
    None
}

/// The metrics that the bands of a stage are of, by the beginning of their names.
const RATIO: &str = "clv_cac_ratio";

/// The scopes that spend has groups of.
const SCOPES_OF_SPEND: &[&str] = &[TOTAL, "acquisition_channel", "acquisition_campaign"];

/// Refuses scopes in which a metric that rests on spend is never known.
fn refuse_scopes_without_spend(raw: &RawGuardrail, checking: &mut Checking<'_>) {
    for word in raw.by.iter().filter(|word| !SCOPES_OF_SPEND.contains(&word.text.as_str())) {
        let message = format!("spend is not known by `{}`, so the guardrail could never be judged", word.text);
        let problem = Diagnostic::at(Code::UnknownDimension, word.span, message);
        checking.used.problems.push(problem.help(format!("spend is known by {}", SCOPES_OF_SPEND.join(", "))));
    }
}

/// The scopes of a guardrail. Where it may be left out, a scope that cannot be formed is left out alone, as long as
/// another one remains.
fn check_scopes(raw: &RawGuardrail, reads: &mut Reads, checking: &mut Checking<'_>) -> BTreeSet<String> {
    let mut scopes = BTreeSet::new();
    let mut missing = Vec::new();
    for word in &raw.by {
        match check_scope(word, checking) {
            Some(Some(column)) if checking.is_missing(&column) => missing.push((word, column)),
            Some(_) => {
                scopes.insert(word.text.clone());
            }
            None => {}
        }
    }
    if raw.by.is_empty() {
        scopes.insert(TOTAL.to_owned());
    }
    let leaves_some = raw.header.skip_unavailable && !scopes.is_empty();
    for (word, column) in missing {
        if leaves_some {
            checking.scope_left_out(&raw.header, word);
        } else {
            reads.column(column, word.span);
        }
    }
    scopes
}

/// The column that a scope groups by, none for all accounts together; nothing and a problem where it is no scope.
fn check_scope(word: &Word, checking: &mut Checking<'_>) -> Option<Option<Column>> {
    let names = checking.names;
    let text = word.text.as_str();
    let column = |source| Some(Some(Column { name: word.text.clone(), source }));
    if text == TOTAL {
        return Some(None);
    }
    if names.environment.dimensions().any(|known| known == text) {
        return column(ColumnSource::Attribute);
    }
    if let Some(scheme) = text.strip_prefix("segment.") {
        if names.schemes.contains_key(scheme) {
            return column(ColumnSource::Segment);
        }
        checking.used.problems.extend(names.unknown_scheme(scheme, word.span));
        return None;
    }
    let accounts = headwater_metrics::InputTable::Accounts;
    if accounts.column(text).is_some() && names.environment.attribute(text).is_none() {
        return column(ColumnSource::Unmapped);
    }
    let problem = Diagnostic::at(Code::UnknownDimension, word.span, format!("accounts are not grouped by `{text}`"))
        .label("not a text column of accounts");
    let schemes: Vec<_> = names.schemes.keys().map(|scheme| format!("segment.{scheme}")).collect();
    let known = names.environment.dimensions().chain([TOTAL]).chain(schemes.iter().map(String::as_str));
    let problem = problem.one_of(text, known);
    checking.used.problems.push(match names.schemes.contains_key(text) {
        true => problem.help(format!("write `segment.{text}`")),
        false => problem,
    });
    None
}

fn check_bands([pass, watch]: [&[Written]; 2], metric: Option<&Metric>, checking: &mut Checking<'_>) -> Bands {
    let passing: Vec<_> = pass.iter().filter_map(|band| check_band(band, metric, checking)).collect();
    let mut watched = Vec::new();
    for band in watch {
        let Some(range) = check_band(band, metric, checking) else { continue };
        if passing.iter().any(|pass| range.lies_in(*pass)) {
            let problem = Diagnostic::at(Code::Contradiction, band.whole(), "nothing can be in this band")
                .label("all of it passes already")
                .help("`watch` is tried after `pass`, and the rest is a breach");
            checking.used.problems.push(problem);
        }
        watched.push(range);
    }
    let bands = Bands { pass: passing, watch: watched };
    if let (Some((below, above)), Some(first)) = (bands.gap(), watch.first().or_else(|| pass.first())) {
        let message = format!("what lies between {below} and {above} is a breach");
        let problem = Diagnostic::at(Code::BandGap, first.whole(), message);
        checking.used.problems.push(problem.help("let the bands meet: in `3..5`, 5 is not included"));
    }
    bands
}

/// Words in the names of ratios of a part to its whole.
const SHARES: [&str; 3] = ["churn", "_share", "_rate"];

/// What is odd about the edge of a band of a metric, and what it would mean.
fn beyond(metric: &Metric, edge: f64) -> Option<(&'static str, &'static str)> {
    let is_share = metric.unit == Unit::Ratio && SHARES.iter().any(|word| metric.id.contains(word));
    if is_share && edge > 1.0 {
        return Some(("a share is never above 1", "0.05 is 5 %"));
    }
    out_of_scale(metric.unit, edge)
}

fn check_band(written: &Written, metric: Option<&Metric>, checking: &mut Checking<'_>) -> Option<Range> {
    let names = checking.names;
    let referred = names.params.keys().filter(|name| written.text.contains(&format!("param.{name}")));
    checking.used.params.extend(referred.cloned());
    let unreadable = match Range::read(&written.text, |name| names.params.get(name).cloned()) {
        Ok(range) if range.is_empty() => {
            checking.problem(Code::Contradiction, written.whole(), "no number lies in this band");
            return None;
        }
        Ok(range) => {
            let edges = [range.begins(), range.ends()].into_iter().filter(|edge| edge.is_finite());
            if let Some((message, help)) =
                metric.and_then(|metric| edges.into_iter().find_map(|edge| beyond(metric, edge)))
            {
                checking.used.problems.push(Diagnostic::at(Code::UnitsMixed, written.whole(), message).help(help));
            }
            return Some(range);
        }
        Err(unreadable) => unreadable,
    };
    let span = written.span(unreadable.at);
    let problem = match unreadable.problem {
        Problem::Refused => return None,
        Problem::Form => Diagnostic::at(Code::ExpressionSyntax, span, "not a band")
            .help("write `> 1.00`, `<= param.limit` or `3..5` (from 3 to before 5)"),
        Problem::Unit(behind) => Diagnostic::at(Code::ExpressionSyntax, span, "a number of a band stands alone").help(
            match behind.as_str() {
                "%" | "percent" => "write 0.05 for five percent of a ratio, and 5 of a percentage",
                _ => "digits alone, in the unit of the metric",
            },
        ),
        Problem::NotANumber(name) => {
            Diagnostic::at(Code::TypeMismatch, span, format!("the parameter `{name}` is not a number"))
        }
        Problem::UnknownParameter(name) => names.unknown_parameter(&name, span)?,
    };
    checking.used.problems.push(problem);
    None
}

/// One report a circle, at the guardrail that comes first by name.
fn report_circles(raw: &[RawGuardrail], checking: &mut Checking<'_>) {
    let waits: BTreeMap<&str, Vec<&str>> = raw
        .iter()
        .map(|guardrail| {
            (guardrail.header.id.text.as_str(), guardrail.after.iter().map(|word| word.text.as_str()).collect())
        })
        .collect();
    let mut reported: BTreeSet<&str> = BTreeSet::new();
    for id in waits.keys() {
        let reach = closure(id, &waits);
        if !reach.contains(id) || reported.contains(id) {
            continue;
        }
        let members: Vec<&str> = reach.iter().copied().filter(|other| closure(other, &waits).contains(id)).collect();
        reported.extend(members.iter().copied());
        let place =
            raw.iter().find(|guardrail| guardrail.header.id.text == *id).map(|guardrail| guardrail.header.id.span);
        let Some(place) = place else { continue };
        let listed: Vec<_> = members.iter().map(|member| format!("`{member}`")).collect();
        let message = match listed.as_slice() {
            [alone] => format!("the guardrail {alone} waits for itself"),
            _ => format!("the guardrails {} wait for each other", listed.join(", ")),
        };
        checking.problem(Code::GuardrailCycle, place, message);
    }
}

/// Everything reachable from `id`, itself only where there is a way back.
pub(super) fn closure<'g>(id: &str, waits: &BTreeMap<&'g str, Vec<&'g str>>) -> BTreeSet<&'g str> {
    let mut found = BTreeSet::new();
    let mut waiting: Vec<&'g str> = waits.get(id).into_iter().flatten().copied().collect();
    while let Some(next) = waiting.pop() {
        if found.insert(next) {
            waiting.extend(waits.get(next).into_iter().flatten().copied());
        }
    }
    found
}

/// A guardrail cannot wait for one that was left out: it follows its own wish for that case.
fn drop_orphans(raw: &[RawGuardrail], guardrails: &mut BTreeMap<String, Guardrail>, checking: &mut Checking<'_>) {
    loop {
        let orphan = raw.iter().find_map(|guardrail| {
            let kept = guardrails.contains_key(&guardrail.header.id.text);
            let lost = guardrail.after.iter().find(|word| {
                !guardrails.contains_key(&word.text) && raw.iter().any(|other| other.header.id.text == word.text)
            });
            lost.filter(|_| kept).map(|word| (guardrail, word))
        });
        let Some((guardrail, word)) = orphan else { return };
        guardrails.remove(&guardrail.header.id.text);
        checking.left_out(TestedKind::Guardrail, &guardrail.header, word);
    }
}
