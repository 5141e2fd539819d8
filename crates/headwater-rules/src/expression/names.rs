//! The names an expression may use: what each one means, and what to suggest for those that mean nothing.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use headwater_diagnostics::{Code, Diagnostic, Span};
use headwater_metrics::{Catalogue, Grain, InputTable, Unit};

use super::{Column, ColumnSource, Literal};
use crate::environment::Environment;

/// Where an expression stands: what is already computed there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// In a derived metric: attributes, catalogue metrics and other derived metrics.
    Metric,
    /// In a segment or milestone: the population columns of presets too.
    Judgement,
    /// In a trigger: segments and milestones too.
    Flag,
}

/// Every name the rule files declare, and what the project offers.
#[derive(Debug)]
pub(crate) struct Names<'a> {
    pub(crate) environment: &'a Environment,
    /// Parameters; without a value where it was refused.
    pub(crate) params: BTreeMap<String, Option<Literal>>,
    /// Derived metrics; without a unit where it was refused.
    pub(crate) derived: BTreeMap<String, Option<Unit>>,
    /// Columns that segment presets compute over all accounts.
    pub(crate) population: BTreeMap<String, Unit>,
    pub(crate) schemes: BTreeMap<String, Scheme>,
    /// The bands of scores, by the column that has them.
    pub(crate) bands: BTreeMap<String, BTreeSet<String>>,
    /// Ladders with their milestones in order.
    pub(crate) ladders: BTreeMap<String, Vec<String>>,
    /// The catalogue's names once somebody asked for them: they are many, and unknown names may be too.
    pub(crate) of_accounts: OnceCell<Vec<String>>,
    pub(crate) of_groups: OnceCell<Vec<String>>,
    /// A file could not be read: a name that is not known may stand there, so nothing is said about it.
    pub(crate) incomplete: bool,
}

/// A segment scheme as others may refer to it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scheme {
    pub(crate) segments: BTreeSet<String>,
}

/// What a name that is no constant means.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Meaning {
    pub(crate) column: Column,
    /// Without a unit where the declaration was refused.
    pub(crate) unit: Option<Unit>,
}

impl Names<'_> {
    /// What `name` means at `stage`, or why it means nothing there (`None`: nothing should be said about it).
    pub(crate) fn resolve(&self, name: &str, stage: Stage, span: Span) -> Result<Meaning, Option<Diagnostic>> {
        let meaning = |source, unit| Meaning { column: Column { name: name.to_owned(), source }, unit };
        if let Some(unit) = self.derived.get(name) {
            return Ok(meaning(ColumnSource::Derived, *unit));
        }
        if let Some(unit) = self.population.get(name) {
            return match stage {
                Stage::Metric => Err(Some(self.too_early(name, span))),
                Stage::Judgement | Stage::Flag => Ok(meaning(ColumnSource::Population, Some(*unit))),
            };
        }
        if let Some(unit) = self.environment.attribute(name) {
            return Ok(meaning(ColumnSource::Attribute, Some(unit)));
        }
        if let Some(metric) = self.environment.catalogue.metric(name) {
            return match metric.grain {
                Grain::Account => Ok(meaning(ColumnSource::Metric(metric.inputs), Some(metric.unit))),
                Grain::Group => Err(Some(
                    Diagnostic::at(
                        Code::WrongGrain,
                        span,
                        format!("`{name}` is a metric of groups, not of one account"),
                    )
                    .label("has no value for one account")
                    .help("use a metric of accounts here, or judge this one with a guardrail"),
                )),
            };
        }
        if let Some(column) = InputTable::Accounts.column(name) {
            return Ok(meaning(ColumnSource::Unmapped, Some(column.kind.unit())));
        }
        Err(if self.incomplete { None } else { Some(self.unknown(name, span)) })
    }

    /// All that a column of text can say, and what such a word is called; none where it can say anything.
    pub(crate) fn words_of(&self, column: &Column) -> Option<(&BTreeSet<String>, &'static str)> {
        match &column.source {
            ColumnSource::Segment => {
                let scheme = self.schemes.get(column.name.strip_prefix("segment.")?)?;
                Some((&scheme.segments, "segment"))
            }
            ColumnSource::Derived => Some((self.bands.get(&column.name)?, "band")),
            _ => None,
        }
    }

    /// What a column measures, where that is known.
    pub(crate) fn unit_of(&self, column: &Column) -> Option<Unit> {
        match &column.source {
            ColumnSource::Attribute => self.environment.attribute(&column.name),
            ColumnSource::Metric(_) => self.environment.catalogue.metric(&column.name).map(|metric| metric.unit),
            ColumnSource::Derived => self.derived.get(&column.name).copied().flatten(),
            ColumnSource::Population => self.population.get(&column.name).copied(),
            ColumnSource::Segment => Some(Unit::Text),
            ColumnSource::Milestone => Some(Unit::Flag),
            ColumnSource::Unmapped => None,
        }
    }

    fn too_early(&self, name: &str, span: Span) -> Diagnostic {
        Diagnostic::at(
            Code::ConstructRefused,
            span,
            format!("`{name}` is computed from the metrics, so no metric can use it"),
        )
        .help("use it in segments, milestones and triggers")
    }

    /// The metrics of the catalogue with a value for each account, or for each group.
    pub(crate) fn catalogue(&self, grain: Grain) -> &[String] {
        let catalogue = self.environment.catalogue;
        let of_grain = |name: &String| catalogue.metric(name).is_some_and(|metric| metric.grain == grain);
        let names = || catalogue.names().into_iter().filter(of_grain).collect();
        match grain {
            Grain::Account => self.of_accounts.get_or_init(names),
            Grain::Group => self.of_groups.get_or_init(names),
        }
    }

    /// The problem of a parameter that is not declared; none where the file that declares it may be unreadable.
    pub(crate) fn unknown_parameter(&self, name: &str, span: Span) -> Option<Diagnostic> {
        let problem = Diagnostic::at(Code::UnknownParameter, span, format!("unknown parameter `{name}`"));
        let problem = problem.label("not declared under `params`");
        (!self.incomplete).then(|| problem.one_of(name, self.params.keys().map(String::as_str)))
    }

    /// The problem of a segment scheme that is not declared; none where the file that declares it may be unreadable.
    pub(crate) fn unknown_scheme(&self, name: &str, span: Span) -> Option<Diagnostic> {
        let problem = Diagnostic::at(Code::UnknownSegment, span, format!("unknown segment scheme `{name}`"));
        let problem = problem.label("not declared under `segment_schemes`");
        (!self.incomplete).then(|| problem.one_of(name, self.schemes.keys().map(String::as_str)))
    }

    fn unknown(&self, name: &str, span: Span) -> Diagnostic {
        let problem = Diagnostic::at(Code::UnknownName, span, format!("unknown metric `{name}`"))
            .label("not a metric, column or parameter");
        if self.params.contains_key(name) {
            return problem.help(format!("write `param.{name}`"));
        }
        if self.schemes.contains_key(name) {
            return problem.help(format!("write `segment.{name}`"));
        }
        if ["yes", "no"].contains(&name.to_lowercase().as_str()) {
            return problem.help("write TRUE or FALSE; text stands in quotes");
        }
        let catalogue = self.catalogue(Grain::Account);
        let known = catalogue
            .iter()
            .map(String::as_str)
            .chain(self.derived.keys().map(String::as_str))
            .chain(self.population.keys().map(String::as_str))
            .chain(self.environment.attributes.iter().map(|(name, _)| name.as_str()))
            .chain(["as_of"]);
        suggest_metric(problem, name, known)
    }

    /// The ladder and milestone that `parts` name: `[ladder, milestone]`, or `[milestone]` where one ladder has it.
    pub(crate) fn milestone(&self, parts: &[&str], span: Span) -> Result<(String, String), Option<Diagnostic>> {
        if self.incomplete && !self.has_milestone(parts) {
            return Err(None);
        }
        let unknown = |message: String| Diagnostic::at(Code::UnknownMilestone, span, message);
        match parts {
            [ladder, milestone] => match self.ladders.get(*ladder) {
                None => {
                    let problem = unknown(format!("unknown ladder `{ladder}`"));
                    Err(Some(problem.one_of(ladder, self.ladders.keys().map(String::as_str))))
                }
                Some(known) if known.iter().any(|id| id == milestone) => {
                    Ok(((*ladder).to_owned(), (*milestone).to_owned()))
                }
                Some(known) => {
                    let problem = unknown(format!("the ladder `{ladder}` has no milestone `{milestone}`"));
                    Err(Some(problem.one_of(milestone, known.iter().map(String::as_str))))
                }
            },
            [milestone] => self.milestone_anywhere(milestone, span).map_err(Some),
            _ => Err(Some(unknown("a milestone is written `ladder.milestone`".to_owned()))),
        }
    }

    fn milestone_anywhere(&self, milestone: &str, span: Span) -> Result<(String, String), Diagnostic> {
        let holding: Vec<_> = self.ladders.iter().filter(|(_, ids)| ids.iter().any(|id| id == milestone)).collect();
        match holding.as_slice() {
            [(ladder, _)] => Ok(((*ladder).clone(), milestone.to_owned())),
            [] => {
                let problem = Diagnostic::at(Code::UnknownMilestone, span, format!("unknown milestone `{milestone}`"));
                let all = self.ladders.values().flatten().map(String::as_str);
                Err(problem.one_of(milestone, all))
            }
            [(ladder, _), ..] => {
                let message = format!("more than one ladder has a milestone `{milestone}`");
                Err(Diagnostic::at(Code::UnknownMilestone, span, message).help(format!("write `{ladder}.{milestone}`")))
            }
        }
    }

    fn has_milestone(&self, parts: &[&str]) -> bool {
        match parts {
            [ladder, milestone] => self.ladders.get(*ladder).is_some_and(|ids| ids.iter().any(|id| id == milestone)),
            [milestone] => self.ladders.values().flatten().any(|id| id == milestone),
            _ => true,
        }
    }
}

/// Where an unknown metric is looked for.
pub(crate) const FIND_METRICS: &str = "`headwater metrics --search WORD` says which metrics and columns there are";

/// The same metric over a window of months where days were written, or of days where months were, and which of them it counts.
fn with_other_window(name: &str) -> Option<(String, &'static str)> {
    let (metric, window) = name.rsplit_once('_')?;
    let usual = Catalogue.with_window(metric)?;
    let (count, unit) = window.split_at_checked(window.len().checked_sub(1)?)?;
    let count: u32 = count.parse().ok()?;
    let (other, counted) = match (unit, usual.ends_with('m')) {
        ("d", true) => (format!("{metric}_{}m", (count / 30).max(1)), "months"),
        ("m", false) => (format!("{metric}_{}d", count.checked_mul(30)?), "days"),
        _ => return None,
    };
    Some((if Catalogue.metric(&other).is_some() { other } else { usual }, counted))
}

/// Adds to the problem of an unknown metric which one was most likely meant, or else how to find it.
#[must_use]
pub fn suggest_metric<'a>(problem: Diagnostic, name: &str, known: impl IntoIterator<Item = &'a str>) -> Diagnostic {
    if let Some(windowed) = Catalogue.with_window(name) {
        return problem.help(format!("say over which window, for example `{windowed}`"));
    }
    if let Some((other, counted)) = with_other_window(name) {
        return problem.help(format!("its window is of {counted}, for example `{other}`"));
    }
    let problem = problem.suggest(name, known);
    if problem.help.is_none() { problem.help(FIND_METRICS) } else { problem }
}
