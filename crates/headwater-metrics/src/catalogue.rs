//! Every metric that exists, found by name.
//!
//! A metric is one declaration in the module of its family; its plan, its page and its column follow from there.

use std::collections::BTreeSet;

use crate::{Grain, InputTable, Metric, RevenuePolicy, SegmentName, Unit, Window, identifier, literal};

mod acquisition;
mod advocacy;
mod declaration;
mod features;
mod feedback;
mod lifetimes;
mod onboarding;
mod orders;
mod pricing;
mod profile;
mod retention;
mod revenue;
mod sales;
mod sessions;
mod spending;
mod spread;
mod support;
mod trials;
mod usage;
mod value;
mod value_by_method;

pub use declaration::Declaration;

/// How a metric comes to be. SQL may hold `{…}` for values of the night and `[…]` for other metrics:
///
/// `{as_of}` the as-of day, `{in}` whether the row's day is in the window, `{w}` the window as written, `{n}` its
/// length; `[name]` or `[name_{w}]` another metric or fact.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Formula {
    /// An aggregate over an account's rows of a table; `empty` is the value of an account without rows.
    Rows {
        /// The table whose rows are aggregated.
        table: RowTable,
        /// The aggregate.
        sql: &'static str,
        /// The value where there is no row; unknown where there is none.
        empty: Option<&'static str>,
    },
    /// A slot of the one pass over usage events.
    Usage(UsageSlot),
    /// An aggregate over an account's people, each with the days it was active in the window.
    Users(&'static str, People),
    /// An aggregate over an account's sessions, each with its first day and its seconds.
    Sessions(&'static str),
    /// An aggregate over the features that an account has or used, each with its uses in the window.
    Features(&'static str),
    /// A column of what a model says of each account.
    Scored {
        /// The model's table.
        table: ScoreTable,
        /// Its column.
        column: &'static str,
    },
    /// An expression over other metrics of the same account.
    Account(&'static str),
    /// An aggregate over the accounts of a group; only a building block.
    AccountFact(&'static str),
    /// An aggregate over the spend of a group; only a building block.
    SpendFact(&'static str),
    /// An aggregate over the rows that the accounts of a group have in a table; only a building block.
    RowFact {
        /// The table whose rows are aggregated.
        table: RowTable,
        /// The aggregate.
        sql: &'static str,
    },
    /// An expression over the facts of a group.
    Group {
        /// The value.
        sql: &'static str,
        /// How many accounts it rests on.
        accounts: &'static str,
        /// Why it is unknown, where it is.
        reason: &'static str,
    },
}

/// Whose days an aggregate over people sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum People {
    /// Everyone who used anything.
    Active,
    /// Those who used, or tried to use, a feature that the account's plan does not include.
    Locked,
    /// Those of whom an attempt was refused.
    Blocked,
}

impl People {
    /// All of them.
    pub(crate) const ALL: &'static [Self] = &[Self::Active, Self::Locked, Self::Blocked];
}

/// A table whose rows are aggregated by account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum RowTable {
    /// The movements of recurring revenue, one row an account and period in which it changed.
    Movements,
    /// The same of calendar months, which every night sees alike.
    MovementsByMonth,
    /// Movements with the age of the period in which the account became a customer, `born`.
    MovementsByAge,
    /// Subscription periods.
    Subscriptions,
    /// Subscription periods at the rates of the ends of earlier periods.
    SubscriptionsAtRates,
    /// Orders, refunds and credits on the day of their order.
    Orders,
    /// Orders of one account and day, added up: slower than orders, so only for what counts days.
    OrderDays,
    /// Support tickets.
    Tickets,
    /// Feedback.
    Feedback,
    /// Deals.
    Deals,
    /// Costs of accounts.
    Costs,
    /// Spend on single accounts.
    Spend,
    /// Days and features of use in an account's first 90 days.
    EarlyUse,
    /// Support tickets opened in an account's first 90 days.
    EarlyTickets,
    /// Accounts that this one recommended the product to, with what they pay.
    Referrals,
    /// Paid subscriptions in force beside the price list.
    ListPrices,
}

/// What a model says of each account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ScoreTable {
    /// Of its orders.
    Orders,
    /// Of its subscriptions, renewal by renewal.
    Contracts,
}

/// What the one pass over usage events keeps of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UsageSlot {
    /// Uses in the window.
    Events,
    /// Uses since the first day of the as-of day's month.
    MonthEvents,
    /// Attempts that were refused, in the window.
    BlockedEvents,
    /// Uses that deliver value, in the window.
    ValueEvents,
    /// Seconds spent, in the window.
    Seconds,
    /// Days with any use, in the window.
    ActiveDays,
    /// Different features used in the window.
    Features,
    /// Different features used in the window, among those first seen in the window.
    NewFeatures,
    /// Day of the first use.
    FirstDay,
    /// Day of the last use.
    LastDay,
    /// Day of the first use that delivers value.
    FirstValueDay,
    /// Months (counted back from the as-of day) with a use that delivers value.
    ValueMonths,
}

/// Which windows a name may end in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Windows {
    /// None: the name stands alone.
    None,
    /// Days, previous days, or everything.
    Days,
    /// Days that end on the as-of day, which have days before them to be compared with.
    RecentDays,
    /// Months, or everything.
    Months,
    /// Months that have as many before them to be compared with: everything has nothing before it.
    RecentMonths,
}

/// One metric, declared once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Definition {
    /// The name; `{w}` stands for the window.
    pub(crate) name: &'static str,
    /// The windows the name may be given.
    pub(crate) windows: Windows,
    /// What the value measures.
    pub(crate) unit: Unit,
    /// The inputs and optional columns without which it is unavailable.
    pub(crate) reads: Reads,
    /// How it is computed.
    pub(crate) formula: Formula,
    /// What it says.
    pub(crate) meaning: &'static str,
    /// When it is unknown.
    pub(crate) null_rule: &'static str,
    /// Where the definition comes from.
    pub(crate) source: &'static str,
}

/// The inputs and optional columns that a definition reads.
pub(crate) type Reads = &'static [(InputTable, &'static [&'static str])];

impl Definition {
    /// A building block of group metrics, which is not published by itself.
    pub(crate) const fn block(name: &'static str, windows: Windows, reads: Reads, formula: Formula) -> Self {
        Self { name, windows, unit: Unit::Number, reads, formula, meaning: "", null_rule: "", source: "" }
    }

    /// A metric without a window that is computed from subscriptions.
    const fn of_subscriptions(
        name: &'static str,
        unit: Unit,
        formula: Formula,
        meaning: &'static str,
        null_rule: &'static str,
        source: &'static str,
    ) -> Self {
        const SUBSCRIPTIONS: Reads = &[(InputTable::Subscriptions, &[])];
        Self { name, windows: Windows::None, unit, reads: SUBSCRIPTIONS, formula, meaning, null_rule, source }
    }

    pub(crate) fn grain(&self) -> Option<Grain> {
        match self.formula {
            Formula::Rows { .. }
            | Formula::Usage(_)
            | Formula::Users(..)
            | Formula::Sessions(_)
            | Formula::Features(_)
            | Formula::Scored { .. }
            | Formula::Account(_) => Some(Grain::Account),
            Formula::Group { .. } => Some(Grain::Group),
            Formula::AccountFact(_) | Formula::SpendFact(_) | Formula::RowFact { .. } => None,
        }
    }

    /// The window written in `id`, where `id` is this metric: `Some(None)` for a name without window.
    fn window_of(&self, id: &str) -> Option<Option<Window>> {
        let Some((before, after)) = self.name.split_once("{w}") else {
            return (id == self.name).then_some(None);
        };
        let window = Window::parse(id.strip_prefix(before)?.strip_suffix(after)?)?;
        let fits = match (self.windows, window) {
            (Windows::None, _) => false,
            (Windows::Days | Windows::RecentDays, Window::Days(_)) => true,
            (Windows::Months | Windows::RecentMonths, Window::Months(_)) => true,
            (Windows::RecentDays | Windows::RecentMonths, _) => false,
            (Windows::Days, Window::PreviousDays(_)) | (_, Window::Total) => true,
            (Windows::Days | Windows::Months, _) => false,
        };
        fits.then_some(Some(window))
    }
}

/// A definition with its window filled in.
#[derive(Debug, Clone)]
pub(crate) struct Resolved {
    pub(crate) id: String,
    pub(crate) definition: &'static Definition,
    pub(crate) window: Option<Window>,
}

/// The definition behind a name: a metric or a building block.
pub(crate) fn resolve(id: &str) -> Option<Resolved> {
    definitions().find_map(|definition| {
        let window = definition.window_of(id)?;
        Some(Resolved { id: id.to_owned(), definition, window })
    })
}

fn definitions() -> impl Iterator<Item = &'static Definition> {
    [
        profile::METRICS,
        revenue::METRICS,
        trials::METRICS,
        sales::METRICS,
        orders::METRICS,
        usage::METRICS,
        sessions::METRICS,
        features::METRICS,
        onboarding::METRICS,
        support::METRICS,
        feedback::METRICS,
        retention::METRICS,
        acquisition::METRICS,
        spending::METRICS,
        value::METRICS,
        lifetimes::METRICS,
        value_by_method::METRICS,
        spread::OF_CONTRACTS,
        spread::OF_ORDERS,
        pricing::METRICS,
        advocacy::METRICS,
        spread::MEDIAN,
        spread::OF_REVENUE,
    ]
    .into_iter()
    .flatten()
}

/// What of a night decides which of several formulas a metric has.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Choices<'a> {
    pub(crate) policy: RevenuePolicy,
    /// Whether it is known which features an account's plan includes.
    pub(crate) entitlements: bool,
    /// The segments whose accounts spend on retention is meant for; none where it is those whose value compounds.
    pub(crate) retention_audience: &'a [SegmentName],
}

/// A definition's SQL with what depends on the night's choices written out.
pub(crate) fn by_choices(sql: &str, choices: Choices<'_>) -> String {
    let policy = choices.policy;
    let kept = if policy.contraction_is_lost { "[retained_mrr_{w}]" } else { "[unshrunk_mrr_{w}]" };
    let returned = if policy.reactivation_is_retained { " + [returned_mrr_{w}]" } else { "" };
    let won = if policy.new_in_churn_base { " + [new_customers_{w}]" } else { "" };
    sql.replace(RETAINED, &format!("({kept}{returned})"))
        .replace(CHURN_BASE, &format!("([opening_accounts_{{w}}]{won})"))
        .replace(
            "{eligible_used}",
            if choices.entitlements { "[eligible_features_used_{w}]" } else { "[features_used_{w}]" },
        )
        .replace("{eligible}", if choices.entitlements { "[eligible_features]" } else { "{features}" })
        .replace(AUDIENCE, &audience(choices.retention_audience))
}

/// Whether spend on retention is meant for an account. Segments are known where groups are computed, after the metrics of
/// accounts.
fn audience(segments: &[SegmentName]) -> String {
    let is_in = |named: &SegmentName| {
        format!("{} = {}", identifier(&format!("segment.{}", named.scheme)), literal(&named.segment))
    };
    match segments {
        [] => "[is_compounding_{w}]".to_owned(),
        segments => format!("({})", segments.iter().map(is_in).collect::<Vec<_>>().join(" OR ")),
    }
}

/// Recurring revenue that counts as retained, by the policy.
const RETAINED: &str = "{retained}";
/// The customers that churn is a share of, by the policy.
const CHURN_BASE: &str = "{churn_base}";

/// Whether spend on retention is meant for an account, as the project says.
const AUDIENCE: &str = "{retention_audience}";

/// The names a definition refers to, with window, lookback and the night's choices filled in.
pub(crate) fn references(resolved: &Resolved, lookback_months: u32, choices: Choices<'_>) -> Vec<String> {
    let texts: &[&str] = match &resolved.definition.formula {
        Formula::Rows { .. }
        | Formula::RowFact { .. }
        | Formula::Usage(_)
        | Formula::Users(..)
        | Formula::Sessions(_)
        | Formula::Features(_)
        | Formula::Scored { .. } => &[],
        Formula::Account(sql) | Formula::AccountFact(sql) | Formula::SpendFact(sql) => &[sql],
        Formula::Group { sql, accounts, .. } => &[sql, accounts],
    };
    texts
        .iter()
        .map(|text| by_choices(text, choices))
        .flat_map(|text| named_in(&text).map(str::to_owned).collect::<Vec<_>>())
        .map(|name| referenced_name(&name, resolved.window, lookback_months))
        .collect()
}

/// What stands in square brackets.
fn named_in(text: &str) -> impl Iterator<Item = &str> {
    text.split('[').skip(1).filter_map(|part| part.split_once(']')).map(|(name, _)| name)
}

/// A name in square brackets, its own placeholders filled in.
pub(crate) fn referenced_name(text: &str, window: Option<Window>, lookback_months: u32) -> String {
    let length = window.map_or(0, Window::length);
    text.replace("{w}", &window.map(|window| window.to_string()).unwrap_or_default())
        .replace("{2n}", &length.saturating_mul(2).to_string())
        .replace("{lookback}", &lookback_months.to_string())
}

/// The catalogue. It has no state: a metric exists once, as a declaration in one of the families.
#[derive(Debug, Clone, Copy, Default)]
pub struct Catalogue;

impl Catalogue {
    /// The metric of that name, with its window filled in; `None` for names that are no metric.
    #[must_use]
    pub fn metric(self, id: &str) -> Option<Metric> {
        let resolved = resolve(id)?;
        Some(Metric {
            id: resolved.id.clone(),
            grain: resolved.definition.grain()?,
            unit: resolved.definition.unit,
            window: resolved.window,
            inputs: inputs_of(&resolved).into_iter().collect(),
            meaning: resolved.definition.meaning,
            null_rule: resolved.definition.null_rule,
            source: resolved.definition.source,
        })
    }

    /// The same metric with a usual window, where `id` is the name of a metric that asks for one and has none.
    #[must_use]
    pub fn with_window(self, id: &str) -> Option<String> {
        ["12m", "28d"].into_iter().map(|window| format!("{id}_{window}")).find(|name| self.metric(name).is_some())
    }

    /// Whether a metric of groups rests on spend, which belongs to everyone, to channels and to campaigns only.
    #[must_use]
    pub fn rests_on_spend(self, id: &str) -> bool {
        let Some(resolved) = resolve(id) else { return false };
        matches!(resolved.definition.formula, Formula::SpendFact(_))
            || references(&resolved, 12, Choices::default()).iter().any(|name| self.rests_on_spend(name))
    }

    /// Names to suggest from and to list: every metric, windowed ones with the usual windows.
    #[must_use]
    pub fn names(self) -> Vec<String> {
        definitions()
            .filter(|definition| definition.grain().is_some())
            .flat_map(|definition| {
                let windows: &[&str] = match definition.windows {
                    Windows::None => &[""],
                    Windows::Days => &["7d", "28d", "30d", "90d", "prev_28d", "total"],
                    Windows::RecentDays => &["28d", "90d"],
                    Windows::RecentMonths => &["1m", "3m", "12m"],
                    Windows::Months => &["1m", "3m", "12m", "total"],
                };
                windows.iter().map(|window| definition.name.replace("{w}", window))
            })
            .collect()
    }

    /// Every metric with its window written as `{w}`, for the reference page.
    #[must_use]
    pub fn declarations(self) -> Vec<Declaration> {
        definitions()
            .filter_map(|definition| {
                let sample = match definition.windows {
                    Windows::None => definition.name.to_owned(),
                    Windows::Days | Windows::RecentDays => definition.name.replace("{w}", "28d"),
                    Windows::Months | Windows::RecentMonths => definition.name.replace("{w}", "12m"),
                };
                let metric = self.metric(&sample)?;
                Some(Declaration::new(definition, &sample, metric))
            })
            .collect()
    }
}

/// The inputs a metric needs, directly or through the metrics it names.
fn inputs_of(resolved: &Resolved) -> BTreeSet<InputTable> {
    let mut inputs: BTreeSet<_> = resolved.definition.reads.iter().map(|(table, _)| *table).collect();
    for name in references(resolved, 12, Choices::default()) {
        if let Some(needed) = resolve(&name) {
            inputs.extend(inputs_of(&needed));
        }
    }
    inputs
}
