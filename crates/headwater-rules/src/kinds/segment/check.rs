//! What segment schemes mean: every account must end in exactly one segment.

use headwater_diagnostics::{Code, Diagnostic};

use super::hold::Hold;
use super::presets::{self, Population, PopulationColumn};
use super::rfm::{self, Cells, Edges, Scoring};
use super::syntax::{RawForm, RawRfm, RawScheme, RawSegment, RawTier};
use crate::check::{Checking, Fate, Reads};
use crate::expression::{Column, Expression, Kind, Stage, implies, never_holds, resolve_name};
use crate::header::Header;
use crate::kinds::predicate::Predicate;
use crate::reading::{Word, first_of};
use crate::testing::TestedKind;

/// A segment scheme that can be computed.
#[derive(Debug, Clone)]
pub(crate) struct SegmentScheme {
    pub(crate) header: Header,
    /// What accounts are ranked by.
    pub(crate) score: Option<Expression>,
    /// In the order of trial; the last one takes the rest.
    pub(crate) segments: Vec<Segment>,
    pub(crate) population: Vec<PopulationColumn>,
}

/// One segment.
#[derive(Debug, Clone)]
pub(crate) struct Segment {
    pub(crate) id: String,
    /// None for the one that takes the rest.
    pub(crate) predicate: Option<Predicate>,
    /// None where accounts come and go at once.
    pub(crate) hold: Option<Hold>,
}

impl SegmentScheme {
    /// Whether where an account was matters to where it is.
    pub(crate) fn is_held(&self) -> bool {
        self.segments.iter().any(|segment| segment.hold.is_some())
    }

    /// All conditions: those that put accounts into segments, and those that end their stay.
    pub(crate) fn conditions(&self) -> impl Iterator<Item = &Predicate> {
        self.segments.iter().flat_map(|segment| segment.predicate.iter().chain(segment.exit_when()))
    }
}

impl Segment {
    /// What ends a stay in it, where the rule says so.
    pub(crate) fn exit_when(&self) -> Option<&Predicate> {
        self.hold.as_ref()?.exit_when.as_ref()
    }
}

/// Checks all schemes; the answer is sorted by id.
pub(crate) fn check(raw: &[RawScheme], checking: &mut Checking<'_>) -> Vec<SegmentScheme> {
    let mut schemes: Vec<_> = raw.iter().filter_map(|scheme| check_scheme(scheme, checking)).collect();
    schemes.sort_by(|a, b| a.header.id.text.cmp(&b.header.id.text));
    schemes
}

fn check_scheme(raw: &RawScheme, checking: &mut Checking<'_>) -> Option<SegmentScheme> {
    raw.header.warn_if_unexplained("the segment scheme", false, &mut checking.used.problems);
    let id = raw.header.id.text.as_str();
    let mut reads = Reads::default();
    let mut scheme =
        SegmentScheme { header: raw.header.clone(), score: None, segments: Vec::new(), population: Vec::new() };
    match raw.form.as_ref()? {
        RawForm::Segments(segments) => {
            scheme.segments = check_segments(raw, segments, &mut reads, checking);
            scheme.score =
                raw.score.as_ref().and_then(|word| number(word, &mut reads, checking)).map(Expression::number_column);
        }
        RawForm::Rfm(raw) => {
            scheme.population = check_rfm(id, raw, &mut reads, checking);
            scheme.segments = rfm::segments(id, raw.cells, raw.bins);
            scheme.score = Some(rfm::total(id, raw.monetary.is_some()));
        }
        RawForm::Tiers(metric, tiers) => {
            scheme.segments = presets::tiers(id, &check_tiers(raw, tiers, checking));
            let input = metric.as_ref().and_then(|word| number(word, &mut reads, checking));
            scheme.score = input.clone().map(Expression::number_column);
            scheme.population.extend(input.map(|input| PopulationColumn {
                name: presets::top_column(id),
                description: format!("Percentage of accounts with at least as much `{}`", input.name),
                input,
                form: Population::TopPct,
            }));
        }
    }
    let gives: Vec<_> =
        raw.population_columns().into_iter().map(|(name, _)| name).chain([format!("segment.{id}")]).collect();
    (checking.settle(TestedKind::SegmentScheme, &raw.header, &reads, &gives) == Fate::Kept).then_some(scheme)
}

fn check_segments(
    scheme: &RawScheme,
    raw: &[RawSegment],
    reads: &mut Reads,
    checking: &mut Checking<'_>,
) -> Vec<Segment> {
    checking.unique("segment", raw.iter().map(|segment| &segment.id));
    let mut segments: Vec<Segment> = Vec::new();
    let mut rest_taken = false;
    for segment in raw {
        if rest_taken {
            let problem = Diagnostic::at(
                Code::SchemeIncomplete,
                segment.id.span,
                format!("`{}` is never reached", segment.id.text),
            )
            .label("stands after `otherwise`")
            .help("`otherwise: true` belongs to the last segment, and only to it");
            checking.used.problems.push(problem);
        }
        rest_taken |= segment.otherwise;
        let predicate =
            segment.when.as_ref().map(|when| when.check(Stage::Judgement, checking.names, &mut checking.used));
        if let Some(predicate) = &predicate {
            reads.expressions(&predicate.written);
            checking.plan(&predicate.written);
        }
        warn_unreachable(&segment.id, predicate.as_ref(), &segments, checking);
        let hold = segment.hold.as_ref().map(|hold| hold.check(segment, predicate.as_ref(), reads, checking));
        segments.push(Segment { id: segment.id.text.clone(), predicate, hold });
    }
    // A segment that could not be read as either form was reported there.
    let readable = raw.iter().all(|segment| segment.otherwise || segment.when.is_some());
    if !rest_taken && readable && !raw.is_empty() {
        let place = raw.last().map_or(scheme.header.id.span, |last| first_of(last.span));
        let message = format!("the scheme `{}` can leave an account without a segment", scheme.header.id.text);
        let problem = Diagnostic::at(Code::SchemeIncomplete, place, message);
        checking.used.problems.push(
            problem.label("the last segment must take the rest").help("end with a segment that has `otherwise: true`"),
        );
    }
    segments
}

/// Warns of a segment whose accounts are all in one that is tried before.
fn warn_unreachable(id: &Word, predicate: Option<&Predicate>, before: &[Segment], checking: &mut Checking<'_>) {
    // Of what was refused nothing can be said.
    let is_sound = !checking.used.problems.has_errors();
    let Some(predicate) = predicate.filter(|predicate| is_sound && never_holds(&predicate.whole).is_none()) else {
        return;
    };
    let takes_all = |earlier: &&Segment| {
        earlier.predicate.as_ref().is_some_and(|earlier| implies(&predicate.whole, &earlier.whole))
    };
    if let Some(earlier) = before.iter().find(takes_all) {
        let message = format!("nobody gets into `{}`: who meets its condition is in `{}` before", id.text, earlier.id);
        let problem = Diagnostic::at(Code::SegmentUnreachable, id.span, message);
        checking.used.problems.push(problem.help("the first segment that matches wins: put the narrower one first"));
    }
}

fn check_rfm(scheme: &str, raw: &RawRfm, reads: &mut Reads, checking: &mut Checking<'_>) -> Vec<PopulationColumn> {
    check_cells(raw, checking);
    let mut columns = Vec::new();
    for (part, word) in raw.parts() {
        let edges = check_edges(raw, part, checking);
        let Some(input) = number(word, reads, checking) else { continue };
        columns.push(PopulationColumn {
            name: rfm::score_column(scheme, part),
            description: format!("Score of `{}` among all accounts, 1 to {}", input.name, raw.bins),
            input,
            form: Population::Score(Scoring { scheme: scheme.to_owned(), part, bins: raw.bins, edges }),
        });
    }
    for edges in &raw.edges {
        if raw.parts().all(|(part, _)| part != edges.part) {
            let message = format!("there are edges of {0} and no input `{0}`", edges.part);
            checking.problem(Code::Contradiction, first_of(edges.span), message);
        }
    }
    columns
}

/// The package's cells are ranges of three scores from 1 to 5.
fn check_cells(raw: &RawRfm, checking: &mut Checking<'_>) {
    let Some(span) = raw.cells_span.filter(|_| raw.cells == Cells::Package) else { return };
    if raw.monetary.is_none() {
        let problem = Diagnostic::at(Code::MissingKey, span, "`cells: rfm` needs the input `monetary`");
        checking.used.problems.push(problem.help("add it, or leave out `cells` for cells of recency and frequency"));
    }
    if raw.bins != rfm::USUAL_BINS {
        let message = format!("`cells: rfm` are of scores from 1 to {}, not to {}", rfm::USUAL_BINS, raw.bins);
        checking.problem(Code::Contradiction, span, message);
    }
}

/// Where the bins of a part end.
fn check_edges(raw: &RawRfm, part: &str, checking: &mut Checking<'_>) -> Edges {
    let Some(written) = raw.edges.iter().find(|edges| edges.part == part) else {
        return if raw.plus_one { Edges::QuantilesPlusOne } else { Edges::Quantiles };
    };
    let wanted = usize::try_from(raw.bins - 1).unwrap_or(0);
    if written.values.len() != wanted {
        let message = format!("{} bins have {wanted} edges, not {}", raw.bins, written.values.len());
        checking.problem(Code::InvalidValue, first_of(written.span), message);
    } else if written.values.windows(2).any(|pair| matches!(pair, [low, high] if low >= high)) {
        checking.problem(Code::Contradiction, first_of(written.span), format!("the edges of {part} do not rise"));
    }
    Edges::Fixed(written.values.clone())
}

fn check_tiers(scheme: &RawScheme, raw: &[RawTier], checking: &mut Checking<'_>) -> Vec<(String, f64)> {
    checking.unique("tier", raw.iter().map(|tier| &tier.id));
    let mut tiers: Vec<(String, f64)> = Vec::new();
    for tier in raw {
        if tier.id.text == presets::UNSCORED {
            checking.problem(
                Code::DuplicateId,
                tier.id.span,
                format!("`{}` takes accounts without a value", presets::UNSCORED),
            );
        }
        let Some(top_pct) = tier.top_pct else { continue };
        if !(top_pct > 0.0 && top_pct <= 100.0) {
            checking.problem(
                Code::InvalidValue,
                first_of(tier.span),
                format!("`top_pct` must be above 0 and at most 100, not {top_pct}"),
            );
        } else if tiers.last().is_some_and(|(_, above)| *above >= top_pct) {
            let message = format!("`{}` ends at {top_pct} %, inside the tier above it", tier.id.text);
            checking.problem(Code::Contradiction, first_of(tier.span), message);
        }
        tiers.push((tier.id.text.clone(), top_pct));
    }
    let reaches_all = tiers.last().is_none_or(|(_, last)| *last >= 100.0);
    let readable = raw.iter().all(|tier| tier.top_pct.is_some());
    if !reaches_all && readable {
        let place = raw.last().map_or(scheme.header.id.span, |last| first_of(last.span));
        let problem = Diagnostic::at(Code::SchemeIncomplete, place, "the tiers do not reach all accounts");
        checking.used.problems.push(problem.help("end with a tier of `top_pct: 100`"));
    }
    tiers
}

/// The numeric column a word names.
fn number(word: &Word, reads: &mut Reads, checking: &mut Checking<'_>) -> Option<Column> {
    let (column, unit) = resolve_name(&word.text, word.span, Stage::Metric, checking.names, &mut checking.used)?;
    if unit.is_some_and(|unit| !Kind::of(unit).is_numeric()) {
        checking.problem(Code::TypeMismatch, word.span, format!("`{}` is no number", word.text));
    }
    reads.column(column.clone(), word.span);
    Some(column)
}
