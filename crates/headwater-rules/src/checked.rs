//! Rules that passed every check, and what they need to be judged.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use chrono::NaiveDate;
use headwater_diagnostics::Diagnostics;
use headwater_metrics::InputTable;

use crate::environment::Environment;
use crate::expression::{Column, ColumnSource, Expression};
use crate::header::Header;
use crate::kinds::audit::CheckedAudit;
use crate::kinds::guardrail::Guardrail;
use crate::kinds::metric::DerivedMetric;
use crate::kinds::milestone::Ladder;
use crate::kinds::mute::{self, Mute};
use crate::kinds::owner::Owner;
use crate::kinds::segment::SegmentScheme;
use crate::kinds::trigger::Trigger;
use crate::testing::TestedKind;

/// Rules without errors. Only [`crate::check`] makes them, and only they can be compiled.
#[derive(Debug, Clone)]
pub struct CheckedRules {
    /// In an order of computation.
    pub(crate) metrics: Vec<DerivedMetric>,
    pub(crate) schemes: Vec<SegmentScheme>,
    pub(crate) ladders: Vec<Ladder>,
    pub(crate) triggers: Vec<Trigger>,
    pub(crate) guardrails: Vec<Guardrail>,
    pub(crate) audits: Vec<CheckedAudit>,
    pub(crate) mutes: Vec<Mute>,
    pub(crate) owners: Vec<Owner>,
    /// Whether accounts carry their day of sign-up.
    pub(crate) has_sign_up: bool,
    /// The inputs each computed column comes from.
    pub(crate) lineage: BTreeMap<String, BTreeSet<InputTable>>,
    skipped: Vec<LeftOutRule>,
}

/// A rule, or a scope of a guardrail, that was left out because an input it needs is not declared; shown as a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOutRule {
    /// The kind of the rule.
    pub kind: TestedKind,
    /// Its id.
    pub id: String,
    /// The scope of a guardrail that is left out while the guardrail stays; none where the whole rule is.
    pub scope: Option<String>,
    /// Why, as the end of a sentence.
    pub reason: String,
}

impl LeftOutRule {
    /// Whether it is that rule as a whole.
    pub(crate) fn is(&self, kind: TestedKind, id: &str) -> bool {
        self.kind == kind && self.id == id && self.scope.is_none()
    }
}

impl fmt::Display for LeftOutRule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = self.scope.iter().map(|scope| format!(" by `{scope}`")).collect::<String>();
        write!(formatter, "{} `{}`{by}: {}", self.kind.words(), self.id, self.reason)
    }
}

impl CheckedRules {
    pub(crate) fn new(
        environment: &Environment,
        metrics: Vec<DerivedMetric>,
        schemes: Vec<SegmentScheme>,
        ladders: Vec<Ladder>,
    ) -> Self {
        Self {
            lineage: lineage(&metrics, &schemes, &ladders),
            metrics,
            schemes,
            ladders,
            triggers: Vec::new(),
            guardrails: Vec::new(),
            audits: Vec::new(),
            mutes: Vec::new(),
            owners: Vec::new(),
            has_sign_up: environment.attribute("signed_up_on").is_some(),
            skipped: Vec::new(),
        }
    }

    pub(crate) fn with(
        self,
        triggers: Vec<Trigger>,
        guardrails: Vec<Guardrail>,
        audits: Vec<CheckedAudit>,
        skipped: Vec<LeftOutRule>,
    ) -> Self {
        Self { triggers, guardrails, audits, skipped, ..self }
    }

    /// Who is told of what the rules say, and what nobody wants to hear.
    pub(crate) fn heard_by(self, owners: Vec<Owner>, mutes: Vec<Mute>) -> Self {
        Self { owners, mutes, ..self }
    }

    /// The catalogue's account metrics that the rules read.
    #[must_use]
    pub fn account_metrics_needed(&self) -> BTreeSet<String> {
        let mut needed = BTreeSet::new();
        let mut note = |column: &Column| {
            if matches!(column.source, ColumnSource::Metric(_)) {
                needed.insert(column.name.clone());
            }
        };
        self.metrics.iter().flat_map(DerivedMetric::reads).for_each(&mut note);
        self.schemes.iter().flat_map(|scheme| &scheme.population).for_each(|column| note(&column.input));
        self.expressions().into_iter().flat_map(Expression::columns).for_each(&mut note);
        needed
    }

    /// Every column of accounts and metric of theirs that the rules read.
    #[must_use]
    pub fn columns_read(&self) -> BTreeSet<String> {
        let of_metrics = self.metrics.iter().flat_map(DerivedMetric::reads);
        let of_schemes = self.schemes.iter().flat_map(|scheme| &scheme.population).map(|column| &column.input);
        let of_expressions = self.expressions().into_iter().flat_map(Expression::columns);
        of_metrics.chain(of_schemes).chain(of_expressions).map(|column| column.name.clone()).collect()
    }

    /// The rules that speak on a night: without triggers, guardrails and audits that are not yet, or no longer, in force.
    /// A guardrail waits for none of those.
    pub(crate) fn in_force(&self, night: NaiveDate) -> Self {
        let is_in_force = |header: &Header| header.effective.contains(night);
        let mut rules = self.clone();
        rules.triggers.retain(|rule| is_in_force(&rule.header));
        rules.guardrails.retain(|rule| is_in_force(&rule.header));
        rules.audits.retain(|rule| is_in_force(&rule.header));
        let there: BTreeSet<String> = rules.guardrails.iter().map(|rule| rule.header.id.text.clone()).collect();
        for guardrail in &mut rules.guardrails {
            guardrail.after.retain(|gate| there.contains(gate));
        }
        rules
    }

    /// The columns whose parts of scores a rule does without, because an input is not declared.
    pub(crate) fn lost_columns(&self, kind: TestedKind, id: &str) -> BTreeSet<String> {
        let metrics = self.only(kind.word(), id).metrics;
        metrics.iter().flat_map(DerivedMetric::lost_columns).map(ToOwned::to_owned).collect()
    }

    /// Warnings about what a night finds to be over.
    #[must_use]
    pub fn over(&self, night: NaiveDate) -> Diagnostics {
        mute::over(&self.mutes, night)
    }

    /// Who is told of what rules of an owner say, joined with commas; none where nobody is named.
    pub(crate) fn subscribers(&self, owner: Option<&str>) -> Option<String> {
        let owner = self.owners.iter().find(|known| Some(known.id.text.as_str()) == owner)?;
        (!owner.subscribers.is_empty()).then(|| owner.subscribers.join(","))
    }

    /// One rule of a kind as in `rule_catalog`, with those that it rests on.
    ///
    /// What it says of accounts is what it says among all rules; plans of it alone are smaller.
    #[must_use]
    pub fn only(&self, kind: &str, id: &str) -> Self {
        let is_it = |of: &str, header: &Header| kind == of && header.id.text == id;
        let mut rules = Self { audits: Vec::new(), mutes: Vec::new(), skipped: Vec::new(), ..self.clone() };
        rules.triggers.retain(|rule| is_it("trigger", &rule.header));
        rules.keep_guardrails(|rule| is_it("guardrail", &rule.header));
        let named: BTreeSet<String> = rules.triggers.iter().flat_map(Trigger::names).collect();
        let has_part = |prefix: &str, id: &str| named.iter().any(|name| names_part(name, prefix, id));
        let groups: BTreeSet<String> = rules.group_scopes();
        rules.schemes.retain(|rule| {
            let id = &rule.header.id.text;
            is_it("segment_scheme", &rule.header)
                || has_part("segment", id)
                || groups.contains(&format!("segment.{id}"))
        });
        rules.ladders.retain(|rule| {
            let is_of_it = rule.out_of_order.iter().any(|flag| is_it("milestone", &flag.header));
            is_it("milestone_ladder", &rule.header) || is_of_it || has_part("milestone", &rule.header.id.text)
        });
        rules.keep_metrics_read(|rule| is_it("metric", &rule.header));
        rules
    }

    /// Whether a rule is among these, or one of them names that parameter (of the kind `param`).
    #[must_use]
    pub fn mention(&self, kind: &str, id: &str) -> bool {
        let parameter = format!("param.{id}");
        let names_it = |header: &Header| {
            let ends = |rest: &str| !rest.starts_with(|next: char| next.is_ascii_alphanumeric() || next == '_');
            header.definition.split(&parameter).skip(1).any(ends)
        };
        let is_it = |of: &str, header: &Header| {
            if kind == "param" { names_it(header) } else { of == kind && header.id.text == id }
        };
        self.headers().into_iter().any(|(of, header)| is_it(of, header))
    }

    /// Keeps guardrails and those that they wait for.
    fn keep_guardrails(&mut self, is_it: impl Fn(&Guardrail) -> bool) {
        let mut kept: BTreeSet<String> = BTreeSet::new();
        let mut open: Vec<String> =
            self.guardrails.iter().filter(|rule| is_it(rule)).map(|rule| rule.header.id.text.clone()).collect();
        while let Some(id) = open.pop() {
            if kept.insert(id.clone()) {
                open.extend(
                    self.guardrails.iter().filter(|rule| rule.header.id.text == id).flat_map(|rule| rule.after.clone()),
                );
            }
        }
        self.guardrails.retain(|rule| kept.contains(&rule.header.id.text));
    }

    /// Keeps derived metrics that something reads, and those that these read.
    fn keep_metrics_read(&mut self, is_it: impl Fn(&DerivedMetric) -> bool) {
        let population =
            self.schemes.iter().flat_map(|scheme| &scheme.population).map(|column| column.input.name.clone());
        let read = self.expressions().into_iter().flat_map(Expression::columns).map(|column| column.name.clone());
        let mut read: BTreeSet<String> = read.chain(population).collect();
        // Metrics stand in an order of computation: what reads one stands behind it.
        let mut kept = Vec::new();
        for metric in std::mem::take(&mut self.metrics).into_iter().rev() {
            let gives = std::iter::once(metric.header.id.text.clone()).chain(metric.further_columns());
            if is_it(&metric) || gives.into_iter().any(|name| read.contains(&name)) {
                read.extend(metric.reads().into_iter().map(|column| column.name.clone()));
                kept.push(metric);
            }
        }
        kept.reverse();
        self.metrics = kept;
    }

    /// The scopes and metrics of groups that guardrails judge.
    #[must_use]
    pub fn group_metrics_needed(&self) -> BTreeSet<(String, String)> {
        let needed = |guardrail: &Guardrail| {
            let metric = guardrail.metric.clone();
            guardrail.scopes.iter().map(move |scope| (scope.clone(), metric.clone())).collect::<Vec<_>>()
        };
        self.guardrails.iter().flat_map(needed).collect()
    }

    /// Whether any segment scheme holds its members: its nights follow from the ones before.
    #[must_use]
    pub fn hold_members(&self) -> bool {
        self.schemes.iter().any(SegmentScheme::is_held)
    }

    /// The segment schemes; each is a text column `segment.<id>` of `judged`.
    pub fn scheme_ids(&self) -> impl Iterator<Item = &str> {
        self.schemes.iter().map(|scheme| scheme.header.id.text.as_str())
    }

    /// The segments, each with its scheme.
    pub fn segments(&self) -> impl Iterator<Item = (&str, &str)> {
        self.schemes.iter().flat_map(|scheme| {
            scheme.segments.iter().map(|segment| (scheme.header.id.text.as_str(), segment.id.as_str()))
        })
    }

    /// How guardrails group accounts: `total`, a column of accounts, `segment.<scheme>`.
    #[must_use]
    pub fn group_scopes(&self) -> BTreeSet<String> {
        self.guardrails.iter().flat_map(|guardrail| guardrail.scopes.clone()).collect()
    }

    /// What was left out because an input it needs is not declared, as the rules asked.
    #[must_use]
    pub fn skipped(&self) -> &[LeftOutRule] {
        &self.skipped
    }

    /// Every rule with its kind, for the catalogue of rules.
    pub(crate) fn headers(&self) -> Vec<(&'static str, &Header)> {
        let metrics = self.metrics.iter().map(|rule| ("metric", &rule.header));
        let schemes = self.schemes.iter().map(|rule| ("segment_scheme", &rule.header));
        let ladders = self.ladders.iter().map(|rule| ("milestone_ladder", &rule.header));
        let skips = self.ladders.iter().flat_map(|rule| &rule.out_of_order).map(|rule| ("milestone", &rule.header));
        let triggers = self.triggers.iter().map(|rule| ("trigger", &rule.header));
        let guardrails = self.guardrails.iter().map(|rule| ("guardrail", &rule.header));
        let audits = self.audits.iter().map(|rule| ("audit", &rule.header));
        metrics.chain(schemes).chain(ladders).chain(skips).chain(triggers).chain(guardrails).chain(audits).collect()
    }

    /// Every expression that is evaluated over the accounts with their metrics.
    fn expressions(&self) -> Vec<&Expression> {
        let schemes = self
            .schemes
            .iter()
            .flat_map(|scheme| scheme.conditions().map(|condition| &condition.whole).chain(&scheme.score));
        let milestones = self.ladders.iter().flat_map(|ladder| &ladder.milestones);
        let milestones = milestones
            .flat_map(|milestone| std::iter::once(&milestone.reached_when.whole).chain(&milestone.reached_on));
        let triggers = self.triggers.iter().flat_map(Trigger::expressions);
        let mutes = self.mutes.iter().filter_map(|mute| mute.accounts.as_ref());
        schemes.chain(milestones).chain(triggers).chain(mutes).collect()
    }
}

/// Whether a column is the segment of a scheme, or a milestone of a ladder.
fn names_part(column: &str, prefix: &str, id: &str) -> bool {
    let rest =
        column.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('.')).and_then(|rest| rest.strip_prefix(id));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The inputs behind derived metrics, population columns, segments and milestones.
fn lineage(
    metrics: &[DerivedMetric],
    schemes: &[SegmentScheme],
    ladders: &[Ladder],
) -> BTreeMap<String, BTreeSet<InputTable>> {
    let mut lineage: BTreeMap<String, BTreeSet<InputTable>> = BTreeMap::new();
    for metric in metrics {
        let inputs: BTreeSet<_> = metric.reads().into_iter().flat_map(|column| of_column(column, &lineage)).collect();
        lineage.extend(metric.further_columns().into_iter().map(|name| (name, inputs.clone())));
        lineage.insert(metric.header.id.text.clone(), inputs);
    }
    for scheme in schemes {
        for column in &scheme.population {
            let inputs = of_column(&column.input, &lineage);
            lineage.insert(column.name.clone(), inputs);
        }
        let inputs = scheme.conditions().flat_map(|predicate| sources(&predicate.whole, &lineage)).collect();
        lineage.insert(format!("segment.{}", scheme.header.id.text), inputs);
    }
    for ladder in ladders {
        for milestone in &ladder.milestones {
            let inputs = sources(&milestone.reached_when.whole, &lineage);
            lineage.insert(format!("milestone.{}.{}", ladder.header.id.text, milestone.id), inputs);
        }
    }
    lineage
}

fn of_column(column: &Column, lineage: &BTreeMap<String, BTreeSet<InputTable>>) -> BTreeSet<InputTable> {
    match &column.source {
        ColumnSource::Metric(inputs) => inputs.iter().copied().collect(),
        ColumnSource::Attribute | ColumnSource::Unmapped => BTreeSet::from([InputTable::Accounts]),
        _ => lineage.get(&column.name).cloned().unwrap_or_default(),
    }
}

/// The inputs that an expression comes from, through derived metrics.
pub(crate) fn sources(
    expression: &Expression,
    lineage: &BTreeMap<String, BTreeSet<InputTable>>,
) -> BTreeSet<InputTable> {
    expression.columns().into_iter().flat_map(|column| of_column(column, lineage)).collect()
}
