//! Lifetime values as tables: the fits and curves behind them, and all methods side by side.

use crate::catalogue::ScoreTable;
use crate::window::DAYS_OF_MONTH;
use crate::{GroupScope, InputTable, Query, literal};

use super::groups::Places;
use super::lifetimes::{fits, scores};
use super::{Basis, Night, date};

/// The inputs whose models a night fits, by the table of their fits.
fn fitted(night: &Night) -> Vec<&'static str> {
    [(InputTable::Orders, ScoreTable::Orders), (InputTable::Subscriptions, ScoreTable::Contracts)]
        .into_iter()
        .filter(|(input, _)| night.lifetimes.are_published && night.has(*input, &[]))
        .map(|(_, table)| fits(table))
        .collect()
}

fn all_fits(night: &Night) -> Option<String> {
    let tables = fitted(night);
    let selects: Vec<String> = tables.iter().map(|table| format!("SELECT * FROM {table}")).collect();
    (!selects.is_empty()).then(|| selects.join(" UNION ALL "))
}

/// `model_fits`: one row a scope, group, term and model.
#[must_use]
pub fn model_fits(_scopes: &[GroupScope], night: &Night) -> Option<Query> {
    let sql = format!(
        "SELECT {as_of} AS as_of, scope, group_name, CAST(term_months AS BIGINT) AS term_months, model, outcome, is_used,
            CAST(customers AS BIGINT) AS customers, CAST(informative_customers AS BIGINT) AS informative_customers,
            histories, log_likelihood, gain, gradient, starts, starts_agreeing, correlation
        FROM ({fits})",
        as_of = date(night.as_of.day()),
        fits = all_fits(night)?,
    );
    Some(Query::new("model_fits", sql))
}

/// The parameters of each model by their place, with what they are measured in.
const PARAMETERS: &[(&str, &[(&str, &str)])] = &[
    ("nbd", &[("r", "number"), ("alpha", "weeks")]),
    ("bg_nbd", &[("r", "number"), ("alpha", "weeks"), ("a", "number"), ("b", "number")]),
    ("mbg_nbd", &[("r", "number"), ("alpha", "weeks"), ("a", "number"), ("b", "number")]),
    ("gamma_gamma", &[("p", "number"), ("q", "number"), ("v", "amount")]),
    ("geometric", &[("churn", "ratio")]),
    ("sbg", &[("a", "number"), ("b", "number")]),
];

/// `model_parameters`: one row a parameter of each fit.
#[must_use]
pub fn model_parameters(_scopes: &[GroupScope], night: &Night) -> Option<Query> {
    let fits = all_fits(night)?;
    let of_parameter = |model: &str, place: usize, name: &str, unit: &str| {
        format!(
            "SELECT scope, group_name, term_months, model, {name} AS parameter, {unit} AS unit, parameter_{place} AS value,
                error_{place} AS standard_error, is_used FROM fits WHERE model = {model}",
            model = literal(model),
            name = literal(name),
            unit = literal(unit),
        )
    };
    let selects: Vec<String> = PARAMETERS
        .iter()
        .flat_map(|(model, parameters)| {
            (1..).zip(*parameters).map(move |(place, (name, unit))| of_parameter(model, place, name, unit))
        })
        .collect();
    let sql = format!(
        "WITH fits AS ({fits})
        SELECT {as_of} AS as_of, scope, group_name, CAST(term_months AS BIGINT) AS term_months, model, parameter, unit, value,
            standard_error, is_used FROM ({parameters}) WHERE value IS NOT NULL",
        as_of = date(night.as_of.day()),
        parameters = selects.join(" UNION ALL "),
    );
    Some(Query::new("model_parameters", sql))
}

/// `survival_curves`: one row a scope, group and month of age at which somebody left or was last seen.
///
/// The curve is made of days, of which equal ones are one with their number; a row is what it says at the end of a month of
/// age. The names of groups are written anew
/// once steps are rows of their own: the engine takes them for a key of what is unnested, and would not sort by age.
#[must_use]
pub fn survival_curves(scopes: &[GroupScope], night: &Night) -> Option<Query> {
    if !(night.lifetimes.are_published && night.has(InputTable::Subscriptions, &[])) {
        return None;
    }
    let sql = |Places { columns, names, by_scope }: Places| {
        format!(
            "WITH placed AS (
                SELECT {columns}, greatest(coalesce(days_between(first_paid_on, {since}), 0), 0) AS watched_from, days_as_payer,
                    CASE WHEN paid_until IS NULL THEN 0 ELSE 1 END AS has_left
                FROM judged WHERE first_paid_on IS NOT NULL
            ),
            lifetimes AS (
                SELECT {names}, watched_from, days_as_payer, has_left, count(*) AS customers FROM placed
                GROUP BY {names}, watched_from, days_as_payer, has_left
            ),
            scoped AS (SELECT {by_scope} AS item, watched_from, days_as_payer, has_left, customers FROM lifetimes),
            curves AS (
                SELECT item['scope'] AS scope, item['group_name'] AS group_name,
                    survival_curve(watched_from, days_as_payer, has_left, customers) AS steps
                FROM scoped GROUP BY 1, 2
            ),
            steps AS (
                SELECT concat(scope, '') AS scope, concat(group_name, '') AS group_name, step['age'] AS age, CAST(floor(step['age'] / {DAYS_OF_MONTH}) AS BIGINT) AS age_months,
                    step['at_risk'] AS at_risk, step['left'] AS left_here, step['censored'] AS censored,
                    step['survival'] AS survival, step['low'] AS low, step['high'] AS high
                FROM (SELECT scope, group_name, unnest(steps) AS step FROM curves)
            )
            SELECT {as_of} AS as_of, scope, group_name, age_months, CAST(max(at_risk) AS BIGINT) AS at_risk,
                CAST(sum(left_here) AS BIGINT) AS churned, CAST(sum(censored) AS BIGINT) AS censored,
                last_value(survival ORDER BY age) AS survival, last_value(low ORDER BY age) AS low,
                last_value(high ORDER BY age) AS high
            FROM steps GROUP BY scope, group_name, age_months",
            since = night.lifetimes.observed_since(),
            as_of = date(night.as_of.day()),
        )
    };
    Some(Query::by_scope("survival_curves", scopes, |scopes| sql(Places::of(scopes))))
}

/// A method of lifetime value: its name, the group metrics of its value and interval, what it counts, and when.
struct Method {
    name: &'static str,
    value: &'static str,
    interval: Option<(&'static str, &'static str)>,
    basis: Option<&'static str>,
    timing: &'static str,
    churns: Churns,
    input: InputTable,
}

/// The churns in the lookback that a method has to rest on.
#[derive(Clone, Copy)]
enum Churns {
    /// It knows churn by other means, or not at all.
    Any,
    /// At least one: a rate of nothing is no proof that nobody will leave.
    AtLeastOne,
    /// As many as the project asks for: the value runs to infinity as the rate runs to nothing.
    Fewest,
}

impl Churns {
    fn needed(self, night: &Night) -> u32 {
        match self {
            Self::Any => 0,
            Self::AtLeastOne => 1,
            Self::Fewest => night.lifetimes.fewest_churns,
        }
    }
}

const METHODS: &[Method] = &[
    Method {
        name: "arpa_over_churn",
        value: "clv_simple",
        interval: Some(("clv_simple_low", "clv_simple_high")),
        basis: Some("margin"),
        timing: "undiscounted",
        churns: Churns::Fewest,
        input: InputTable::Subscriptions,
    },
    Method {
        name: "discounted_at_churn",
        value: "clv_discounted",
        interval: Some(("clv_discounted_low", "clv_discounted_high")),
        basis: Some("margin"),
        timing: "start_of_month",
        churns: Churns::AtLeastOne,
        input: InputTable::Subscriptions,
    },
    Method {
        name: "survival",
        value: "clv_survival",
        interval: Some(("clv_survival_low", "clv_survival_high")),
        basis: Some("margin"),
        timing: "undiscounted",
        churns: Churns::Any,
        input: InputTable::Subscriptions,
    },
    Method {
        name: "contract_model",
        value: "clv_contract_mean",
        interval: Some(("clv_contract_mean_low", "clv_contract_mean_high")),
        basis: None,
        timing: "at_renewal",
        churns: Churns::Any,
        input: InputTable::Subscriptions,
    },
    Method {
        name: "value_times_frequency",
        value: "clv_orders_simple",
        interval: None,
        basis: Some("margin"),
        timing: "undiscounted",
        churns: Churns::Any,
        input: InputTable::Orders,
    },
    Method {
        name: "order_model",
        value: "clv_order_model_mean",
        interval: Some(("clv_order_model_mean_low", "clv_order_model_mean_high")),
        basis: None,
        timing: "end_of_month",
        churns: Churns::Any,
        input: InputTable::Orders,
    },
];

/// The elasticities of levers, by lever. The input says which value a lever moves: that of subscriptions or of orders.
const LEVERS: &[(&str, &str, InputTable)] = &[
    ("retention", "clv_elasticity_retention", InputTable::Subscriptions),
    ("expansion", "clv_elasticity_expansion", InputTable::Subscriptions),
    ("price", "clv_elasticity_price", InputTable::Subscriptions),
    ("frequency", "clv_elasticity_frequency", InputTable::Orders),
];

/// The group metrics that the tables of this night show.
#[must_use]
pub fn value_metrics(night: &Night) -> Vec<&'static str> {
    if !night.lifetimes.are_published {
        return Vec::new();
    }
    let of_methods = METHODS.iter().filter(|method| night.has(method.input, &[])).flat_map(|method| {
        [Some(method.value), method.interval.map(|(low, _)| low), method.interval.map(|(_, high)| high)]
            .into_iter()
            .flatten()
    });
    let of_levers = LEVERS.iter().filter(|(_, _, input)| night.has(*input, &[])).map(|(_, metric, _)| *metric);
    let of_lifetimes = [
        "lifetime_median_months",
        "lifetime_restricted_months",
        "lifetime_restricted_to_months",
        "contract_customer_equity",
        "churn_events",
    ]
    .into_iter()
    .filter(|_| night.has(InputTable::Subscriptions, &[]));
    let of_buyers =
        ["buyer_lifetime_months", "average_order_value_365d", "buyer_order_frequency_365d", "order_customer_equity"]
            .into_iter()
            .filter(|_| night.has(InputTable::Orders, &[]));
    let knows_value =
        night.has(InputTable::Accounts, &["signed_up_on"]) && night.has(InputTable::UsageEvents, &["is_value_event"]);
    let of_value = ["days_to_value_median", "value_found_by_30d", "value_found_by_90d"];
    let of_value = of_value.into_iter().filter(move |_| knows_value);
    of_methods.chain(of_levers).chain(of_lifetimes).chain(of_buyers).chain(of_value).collect()
}

/// The account metrics that the tables of this night show.
#[must_use]
pub fn value_account_metrics(night: &Night) -> Vec<&'static str> {
    let of = |input: InputTable, names: &'static [&'static str]| {
        names.iter().copied().filter(move |_| night.lifetimes.are_published && night.has(input, &[]))
    };
    let contracts = of(
        InputTable::Subscriptions,
        &[
            "mrr",
            "first_paid_on",
            "paid_until",
            "days_as_payer",
            "contract_stays_12m",
            "contract_months_low",
            "contract_months_high",
            "contract_clv_realised",
            "contract_clv_residual",
            "contract_clv_residual_error",
            "contract_clv_total",
        ],
    );
    let orders = of(
        InputTable::Orders,
        &[
            "first_order_on",
            "orders_alive_probability",
            "orders_none_90d_probability",
            "orders_expected_12m",
            "order_value_expected",
            "order_clv_realised",
            "order_clv_residual",
            "order_clv_residual_error",
            "order_clv_total",
        ],
    );
    contracts.chain(orders).collect()
}

/// `lifetime_values`: one row a scope, group and method, over the published `group_metrics` and `cohort_summary`.
#[must_use]
pub fn lifetime_values(_scopes: &[GroupScope], night: &Night) -> Option<Query> {
    let of_method = |method: &Method| {
        let (low, high) = method.interval.unwrap_or(("", ""));
        format!(
            "({}, {}, {}, {}, {}, {}, {})",
            literal(method.name),
            literal(method.value),
            literal(low),
            literal(high),
            literal(method.basis.unwrap_or_else(|| night.lifetimes.basis.word())),
            literal(method.timing),
            method.churns.needed(night),
        )
    };
    let methods: Vec<String> = METHODS.iter().filter(|method| night.has(method.input, &[])).map(of_method).collect();
    if methods.is_empty() || !night.lifetimes.are_published {
        return None;
    }
    let horizon = night.economics.horizon_months;
    let cohorts = if night.has(InputTable::Subscriptions, &[]) {
        format!(
            " UNION ALL
            SELECT scope, group_name, 'cohorts' AS method, 'margin' AS basis, 'start_of_month' AS timing,
                {horizon} AS horizon_months,
                CAST(sum(CAST(expected_value_per_account * cohort_size AS DECIMAL(28, 6))) AS DOUBLE) / nullif(sum(CASE WHEN expected_value_per_account IS NOT NULL THEN cohort_size END), 0) AS value,
                min(expected_value_per_account) AS low, max(expected_value_per_account) AS high,
                coalesce(sum(CASE WHEN expected_value_per_account IS NOT NULL THEN cohort_size END), 0) AS accounts,
                {reason} AS reason
            FROM cohort_summary GROUP BY scope, group_name",
            reason = literal(
                Basis::Margin.unknown_because(night.economics.gross_margin).unwrap_or("no cohort is old and large enough")
            ),
        )
    } else {
        String::new()
    };
    let sql = format!(
        "WITH methods AS (
            SELECT column1 AS method_of, column2 AS metric_of, column3 AS low_of, column4 AS high_of, column5 AS basis_of, column6 AS timing_of,
                column7 AS churns_needed
            FROM (VALUES {methods})
        ),
        valued AS (
            SELECT found.scope, found.group_name, method_of AS method, basis_of AS basis, timing_of AS timing,
                CASE WHEN method_of = 'survival' THEN CAST(round(restricted.value) AS BIGINT)
                    WHEN timing_of = 'undiscounted' THEN NULL ELSE {horizon} END AS horizon_months,
                CASE WHEN churned.value < churns_needed THEN NULL ELSE found.value END AS value, lows.value AS low, highs.value AS high,
                found.accounts AS accounts, CASE WHEN found.value IS NOT NULL THEN concat(CAST(CAST(churned.value AS BIGINT) AS VARCHAR),
                    ' churns in the lookback, and ', CAST(churns_needed AS VARCHAR), ' are needed to tell the rate') ELSE found.reason END AS reason
            FROM methods JOIN group_metrics AS found ON found.metric = metric_of
            LEFT JOIN group_metrics AS lows ON lows.metric = low_of AND lows.scope = found.scope AND lows.group_name = found.group_name
            LEFT JOIN group_metrics AS highs ON highs.metric = high_of AND highs.scope = found.scope AND highs.group_name = found.group_name
            LEFT JOIN group_metrics AS restricted ON restricted.metric = 'lifetime_restricted_to_months'
                AND restricted.scope = found.scope AND restricted.group_name = found.group_name
            LEFT JOIN group_metrics AS churned ON churned.metric = 'churn_events'
                AND churned.scope = found.scope AND churned.group_name = found.group_name{cohorts}
        )
        SELECT {as_of} AS as_of, scope, group_name, method, basis, timing, CAST(horizon_months AS BIGINT) AS horizon_months,
            value, low, high, CAST(accounts AS BIGINT) AS accounts, value IS NOT NULL AS eligible,
            CASE WHEN value IS NULL THEN reason END AS reason
        FROM valued",
        methods = methods.join(", "),
        as_of = date(night.as_of.day()),
    );
    Some(Query::new("lifetime_values", sql))
}

/// `value_levers`: one row a scope, group and lever, over the published `group_metrics`.
#[must_use]
pub fn value_levers(_scopes: &[GroupScope], night: &Night) -> Option<Query> {
    let levers: Vec<String> = LEVERS
        .iter()
        .filter(|(_, _, input)| night.lifetimes.are_published && night.has(*input, &[]))
        .map(|(lever, metric, input)| format!("({}, {}, {})", literal(lever), literal(metric), literal(input.name())))
        .collect();
    if levers.is_empty() {
        return None;
    }
    let sql = format!(
        "SELECT {as_of} AS as_of, scope, group_name, lever, value AS elasticity,
            CASE WHEN value IS NOT NULL THEN rank() OVER (PARTITION BY scope, group_name, kind ORDER BY value DESC NULLS LAST) END AS strength,
            accounts, reason, kind
        FROM (SELECT column1 AS lever, column2 AS metric_of, column3 AS kind FROM (VALUES {levers}))
        JOIN group_metrics ON metric = metric_of",
        as_of = date(night.as_of.day()),
        levers = levers.join(", "),
    );
    Some(Query::new("value_levers", sql))
}

/// `account_values`: one row an account and method, for accounts that ever paid or ordered, over `judged`.
#[must_use]
pub fn account_values(_scopes: &[GroupScope], night: &Night) -> Option<Query> {
    let basis = literal(night.lifetimes.basis.word());
    let horizon = night.economics.horizon_months;
    let of_margin = night.lifetimes.basis.unknown_because(night.economics.gross_margin);
    let reason = |of_models: &str| of_margin.map_or_else(|| of_models.to_owned(), literal);
    let contracts = format!(
        "SELECT judged.account_id AS account_id, 'contract_model' AS method, contract_clv_realised AS realised, contract_clv_residual AS residual,
            contract_clv_total AS total, CAST(mrr AS DOUBLE) * {share} * scores.low_uncounted AS low,
            CAST(mrr AS DOUBLE) * {share} * scores.high_uncounted AS high, contract_stays_12m AS stays_12m,
            CAST(NULL AS DOUBLE) AS alive, {reason} AS reason,
            scores.model AS model, CAST(scores.term_months AS BIGINT) AS term_months, scores.fit_scope AS fit_scope, scores.fit_group AS fit_group,
            contract_clv_residual_error AS residual_error
        FROM judged LEFT JOIN {scores} AS scores ON judged.account_id = scores.account_id WHERE first_paid_on IS NOT NULL",
        scores = scores(ScoreTable::Contracts),
        share = night.lifetimes.basis.share_sql(night.economics.gross_margin),
        reason = reason("'no model of staying could be fitted for its group and term'"),
    );
    let orders = format!(
        "SELECT judged.account_id AS account_id, 'order_model' AS method, order_clv_realised AS realised, order_clv_residual AS residual,
            order_clv_total AS total, CAST(NULL AS DOUBLE) AS low, CAST(NULL AS DOUBLE) AS high,
            CAST(NULL AS DOUBLE) AS stays_12m, orders_alive_probability AS alive,
            {reason} AS reason,
            scores.model AS model, CAST(NULL AS BIGINT) AS term_months, scores.fit_scope AS fit_scope, scores.fit_group AS fit_group,
            order_clv_residual_error AS residual_error
        FROM judged LEFT JOIN {scores} AS scores ON judged.account_id = scores.account_id WHERE first_order_on IS NOT NULL",
        scores = scores(ScoreTable::Orders),
        reason = reason("CASE WHEN orders_alive_probability IS NULL THEN 'no model of buying could be fitted for its group'
            ELSE 'no model of order values could be fitted for its group' END"),
    );
    let selects: Vec<String> = [(InputTable::Subscriptions, contracts), (InputTable::Orders, orders)]
        .into_iter()
        .filter(|(input, _)| night.lifetimes.are_published && night.has(*input, &[]))
        .map(|(_, select)| select)
        .collect();
    if selects.is_empty() {
        return None;
    }
    let sql = format!(
        "SELECT {as_of} AS as_of, account_id, method, {basis} AS basis, CAST({horizon} AS BIGINT) AS horizon_months, realised,
            residual, total, low AS residual_low, high AS residual_high, stays_12m, alive,
            residual IS NOT NULL AS eligible, CASE WHEN residual IS NULL THEN reason END AS reason, model, term_months, fit_scope, fit_group,
            residual_error
        FROM ({values})",
        as_of = date(night.as_of.day()),
        values = selects.join(" UNION ALL "),
    );
    Some(Query::new("account_values", sql))
}
