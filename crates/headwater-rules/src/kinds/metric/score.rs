//! A weighted score from 0 to 100: the columns it gives, and each of them as SQL.

use chrono::{Days, NaiveDate};
use headwater_metrics::{Unit, identifier, literal};

use super::syntax::WhenMissing;
use crate::compile::DerivedColumn;
use crate::expression::{Column, Dialect};

/// A weighted score from 0 to 100.
#[derive(Debug, Clone)]
pub(crate) struct Score {
    pub(crate) components: Vec<Component>,
    pub(crate) when_missing: WhenMissing,
    pub(crate) warm_up: Option<WarmUp>,
    /// From the lowest; the last one reaches to the top.
    pub(crate) bands: Vec<Band>,
}

/// One part of a weighted score.
#[derive(Debug, Clone)]
pub(crate) struct Component {
    pub(crate) id: String,
    pub(crate) column: Column,
    /// The column's input is not declared: the component is always missing.
    pub(crate) absent: bool,
    pub(crate) weight: f64,
    pub(crate) floor: f64,
    pub(crate) ceiling: f64,
    pub(crate) inverted: bool,
    pub(crate) stale: Option<Stale>,
}

/// When a component's value is too old to count.
#[derive(Debug, Clone)]
pub(crate) struct Stale {
    /// The day the value is of, or its age in days.
    pub(crate) observed: Column,
    pub(crate) is_day: bool,
    pub(crate) after_days: u32,
}

/// How old an account must be to have the score.
#[derive(Debug, Clone)]
pub(crate) struct WarmUp {
    /// The account's age in days.
    pub(crate) tenure: Column,
    pub(crate) days: u32,
}

/// A named range of the score: above the band before, up to its own end.
#[derive(Debug, Clone)]
pub(crate) struct Band {
    pub(crate) id: String,
    /// None for the last.
    pub(crate) up_to: Option<f64>,
}

/// The column that says how much of a score is known.
pub(crate) fn coverage_column(id: &str) -> String {
    format!("{id}_coverage_pct")
}

/// The column of a component's points.
pub(crate) fn component_column(id: &str, component: &str) -> String {
    format!("{id}_{component}")
}

/// The column that names a score's band.
pub(crate) fn band_column(id: &str) -> String {
    format!("{id}_band")
}

impl Score {
    /// The columns that it reads.
    pub(crate) fn reads(&self) -> Vec<&Column> {
        let values = self.present().map(|component| &component.column);
        let observed = self.present().filter_map(|component| Some(&component.stale.as_ref()?.observed));
        values.chain(observed).chain(self.warm_up.as_ref().map(|warm_up| &warm_up.tenure)).collect()
    }

    /// The columns that stand beside the score of that name.
    pub(crate) fn columns(&self, id: &str) -> Vec<DerivedColumn> {
        let coverage = DerivedColumn {
            name: coverage_column(id),
            unit: Unit::Percent,
            description: format!("Share of the weights of `{id}` whose metrics are known"),
        };
        let components = self.components.iter().map(|component| DerivedColumn {
            name: component_column(id, &component.id),
            unit: Unit::Score,
            description: format!("Points of `{}` in `{id}`, 0 to 100; null where it is missing", component.column.name),
        });
        let band = (!self.bands.is_empty()).then(|| DerivedColumn {
            name: band_column(id),
            unit: Unit::Text,
            description: format!("Band of `{id}`; null where the score is"),
        });
        std::iter::once(coverage).chain(components).chain(band).collect()
    }

    /// The score and the columns beside it, each with its name.
    pub(crate) fn definitions(&self, id: &str, dialect: Dialect<'_>) -> Vec<String> {
        let score = self.score(dialect);
        let named = |sql: String, name: &str| format!("{sql} AS {}", identifier(name));
        let components = self.components.iter().map(|component| {
            let name = component_column(id, &component.id);
            if component.absent {
                return named("CAST(NULL AS DOUBLE)".to_owned(), &name);
            }
            named(component.points(dialect), &name)
        });
        let band = (!self.bands.is_empty()).then(|| named(self.band(&score), &band_column(id)));
        let coverage = named(self.known_weight(dialect), &coverage_column(id));
        [named(score.clone(), id), coverage].into_iter().chain(components).chain(band).collect()
    }

    fn present(&self) -> impl Iterator<Item = &Component> {
        self.components.iter().filter(|component| !component.absent)
    }

    /// The sum of the weights that are known, from 0 to 100. The order of addition is that of the rule.
    fn known_weight(&self, dialect: Dialect<'_>) -> String {
        let weights: Vec<_> = self
            .present()
            .map(|component| {
                let (value, weight) = (component.value(dialect), number(component.weight));
                format!("CASE WHEN {value} IS NULL THEN 0 ELSE {weight} END")
            })
            .collect();
        format!("CAST({} AS DOUBLE)", weights.join(" + "))
    }

    fn score(&self, dialect: Dialect<'_>) -> String {
        let earned: Vec<_> = self
            .present()
            .map(|component| {
                let (value, weight) = (component.value(dialect), number(component.weight));
                format!("CASE WHEN {value} IS NULL THEN 0 ELSE {weight} * {} END", component.share(dialect))
            })
            .collect();
        let earned = earned.join(" + ");
        let unknown: Vec<_> = self.present().map(|component| format!("{} IS NULL", component.value(dialect))).collect();
        let total = match self.when_missing {
            WhenMissing::Redistribute => format!("100 * ({earned}) / NULLIF({}, 0)", self.known_weight(dialect)),
            WhenMissing::Zero | WhenMissing::Unknown => format!("({earned})"),
        };
        let none = match self.when_missing {
            WhenMissing::Unknown => unknown.join(" OR "),
            WhenMissing::Redistribute | WhenMissing::Zero => unknown.join(" AND "),
        };
        let early = self.warm_up.as_ref().map_or_else(String::new, |warm_up| {
            format!("WHEN {} < {} THEN NULL ", identifier(&warm_up.tenure.name), warm_up.days)
        });
        format!("CASE {early}WHEN {none} THEN NULL ELSE least(CAST({total} AS DOUBLE), CAST(100 AS DOUBLE)) END")
    }

    /// The end of a band belongs to it, and not to the one above.
    fn band(&self, score: &str) -> String {
        let steps: Vec<_> = self
            .bands
            .iter()
            .map(|band| match band.up_to {
                Some(end) => format!("WHEN ({score}) <= {} THEN {}", number(end), literal(&band.id)),
                None => format!("WHEN ({score}) IS NOT NULL THEN {}", literal(&band.id)),
            })
            .collect();
        format!("CASE {} END", steps.join(" "))
    }
}

impl Component {
    /// The value, where it is known and not too old.
    fn value(&self, dialect: Dialect<'_>) -> String {
        let value = format!("CAST({} AS DOUBLE)", identifier(&self.column.name));
        match &self.stale {
            None => value,
            Some(stale) => format!("CASE WHEN {} THEN NULL ELSE {value} END", stale.is_over(dialect.as_of)),
        }
    }

    /// Where the value stands between floor (0) and ceiling (1), clamped.
    fn share(&self, dialect: Dialect<'_>) -> String {
        let Self { floor, ceiling, inverted, .. } = self;
        let (zero, one) = (number(0.0), number(1.0));
        let place = format!("({} - {}) / {}", self.value(dialect), number(*floor), number(ceiling - floor));
        let clamped = format!("least(greatest({place}, {zero}), {one})");
        if *inverted { format!("({one} - {clamped})") } else { clamped }
    }

    fn points(&self, dialect: Dialect<'_>) -> String {
        format!("CASE WHEN {} IS NOT NULL THEN {} * {} END", self.value(dialect), number(100.0), self.share(dialect))
    }
}

impl Stale {
    /// The condition that the value is older than it may be; one of unknown age is not.
    fn is_over(&self, as_of: NaiveDate) -> String {
        let observed = identifier(&self.observed.name);
        if self.is_day {
            let oldest = as_of.checked_sub_days(Days::new(u64::from(self.after_days))).unwrap_or(NaiveDate::MIN);
            format!("{observed} < {}", Dialect::date(oldest))
        } else {
            format!("{observed} > {}", self.after_days)
        }
    }
}

fn number(value: f64) -> String {
    format!("CAST('{value}' AS DOUBLE)")
}
