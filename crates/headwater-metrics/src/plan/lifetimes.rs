//! Models of single accounts: their histories, the fits by group, and what the fits say of each account.
//!
//! Fits are of all accounts and, where the project names a column, of each of its values. An account is scored by the
//! fit of its own group, and by that of all where its group has none that can be used.

use crate::catalogue::{Formula, Resolved, RowTable, ScoreTable};
use crate::window::{DAYS_OF_MONTH, DAYS_OF_YEAR};
use crate::{Query, identifier};

use super::accounts::aggregates_by_account;
use super::fill::number;
use super::{Basis, Night, date};

/// Days in which an account may order nothing.
const QUARTER: f64 = 90.0;
/// The share of accounts that a low, and a high, number of months is reached by.
const LOW_SHARE: f64 = 0.95;
const HIGH_SHARE: f64 = 0.05;

/// The table of scores.
pub(super) fn scores(table: ScoreTable) -> &'static str {
    match table {
        ScoreTable::Orders => "order_scores",
        ScoreTable::Contracts => "contract_scores",
    }
}

/// The table of fits.
pub(super) fn fits(table: ScoreTable) -> &'static str {
    match table {
        ScoreTable::Orders => "order_fits",
        ScoreTable::Contracts => "contract_fits",
    }
}

/// The queries behind the scores that metrics ask for, in the order they are run; each is kept as a table.
pub(super) fn queries(base: &[Resolved], night: &Night) -> Vec<Query> {
    let mut queries = Vec::new();
    for table in [ScoreTable::Orders, ScoreTable::Contracts] {
        let is_asked = base.iter().any(|metric| {
            let is_score = matches!(metric.definition.formula, Formula::Scored { table: of, .. } if of == table);
            is_score && super::fill::is_available(metric, night)
        });
        if is_asked {
            queries.extend(match table {
                ScoreTable::Orders => {
                    [order_histories(night), order_fits(night), order_fits_used(), order_scores(night)]
                }
                ScoreTable::Contracts => {
                    [contract_histories(night), contract_fits(night), contract_fits_used(), contract_scores(night)]
                }
            });
        }
    }
    queries
}

/// The group whose fit an account is scored by.
fn fit_group(night: &Night) -> String {
    match &night.lifetimes.fit_by {
        Some(column) => format!("coalesce(CAST(accounts.{} AS VARCHAR), '(unknown)')", identifier(column)),
        None => "'all'".to_owned(),
    }
}

/// `order_histories`: account, group, repeat order days, days from the first order to the last and until now, and the
/// mean value of a repeat order day.
fn order_histories(night: &Night) -> Query {
    let value = match night.lifetimes.basis {
        Basis::Revenue => "repeat_order_value_mean",
        Basis::Net | Basis::Margin => "repeat_order_net_value_mean",
    };
    let sql = format!(
        "SELECT accounts.account_id, {group} AS fit_group, order_days_total - 1 AS repeats,
            days_between(first_order_on, last_order_on) AS span, days_between(first_order_on, {as_of}) AS age,
            {value} AS value
        FROM accounts
        JOIN ({days}) AS days ON accounts.account_id = days.account_id
        WHERE order_days_total > 0",
        group = fit_group(night),
        as_of = date(night.as_of.day()),
        // Days of orders are read once: the first and the last of them are those of the orders themselves.
        days = aggregates_by_account(
            RowTable::OrderDays,
            &["order_days_total", value, "first_order_on", "last_order_on"],
            night,
        ),
    );
    Query::new("order_histories", sql)
}

/// The select of fits, for all accounts and for each group.
fn by_group(night: &Night, columns: &str, fit: &str, rows: &str) -> String {
    let of_scope = |scope: &str, group: &str| {
        format!(
            "SELECT {scope} AS scope, group_name{columns}, unnest(fits) AS fit FROM (
                SELECT {group} AS group_name{columns}, {fit} AS fits FROM ({rows}) GROUP BY {group}{columns})"
        )
    };
    let all = of_scope("'total'", "all_accounts");
    match &night.lifetimes.fit_by {
        Some(column) => format!("{all} UNION ALL {}", of_scope(&crate::literal(column), "fit_group")),
        None => all,
    }
}

/// The columns of a fit.
const FIT: &str = "fit['model'] AS model, fit['outcome'] AS outcome, fit['is_used'] AS is_used,
    fit['parameter_1'] AS parameter_1, fit['parameter_2'] AS parameter_2, fit['parameter_3'] AS parameter_3,
    fit['parameter_4'] AS parameter_4, fit['error_1'] AS error_1, fit['error_2'] AS error_2, fit['error_3'] AS error_3,
    fit['error_4'] AS error_4, fit['log_likelihood'] AS log_likelihood, fit['gain'] AS gain,
    fit['gradient'] AS gradient, fit['starts'] AS starts, fit['starts_agreeing'] AS starts_agreeing,
    fit['customers'] AS customers, fit['informative_customers'] AS informative_customers,
    fit['correlation'] AS correlation, fit['histories'] AS histories,
    fit['covariance_1'] AS covariance_1, fit['covariance_2'] AS covariance_2, fit['covariance_3'] AS covariance_3,
    fit['covariance_4'] AS covariance_4, fit['covariance_5'] AS covariance_5, fit['covariance_6'] AS covariance_6,
    fit['covariance_7'] AS covariance_7, fit['covariance_8'] AS covariance_8, fit['covariance_9'] AS covariance_9,
    fit['covariance_10'] AS covariance_10";

/// `order_fits`: one row a scope, group and model of orders.
fn order_fits(night: &Night) -> Query {
    let fewest = number(f64::from(night.lifetimes.fewest_customers));
    let buying = by_group(
        night,
        "",
        &format!("fit_buying({fewest}, repeats, span, age, customers)"),
        "SELECT 'all' AS all_accounts, fit_group, repeats, span, age, count(*) AS customers FROM order_histories
        GROUP BY fit_group, repeats, span, age",
    );
    let spending = by_group(
        night,
        "",
        &format!("fit_order_values({fewest}, repeats, coalesce(value, 0), customers)"),
        "SELECT 'all' AS all_accounts, fit_group, repeats, value, count(*) AS customers FROM order_histories
        GROUP BY fit_group, repeats, value",
    );
    let sql = format!(
        "SELECT scope, group_name, CAST(0 AS DOUBLE) AS term_months, {FIT} FROM ({buying} UNION ALL {spending})"
    );
    Query::new(fits(ScoreTable::Orders), sql)
}

/// `order_fits_used`: for each group the fit of buying and the fit of order values to score by. They are kept, so that the
/// engine knows how few they are, and joins them to accounts without dividing these by group.
fn order_fits_used() -> Query {
    let groups = "SELECT DISTINCT fit_group, CAST(0 AS DOUBLE) AS term_months FROM order_histories";
    let buying = used_fits(ScoreTable::Orders, groups, "model <> 'gamma_gamma'");
    let spending = used_fits(ScoreTable::Orders, groups, "model = 'gamma_gamma'");
    let sql = format!(
        "SELECT true AS of_buying, * FROM ({buying}) AS buying UNION ALL SELECT false, * FROM ({spending}) AS spending"
    );
    Query::new("order_fits_used", sql)
}

/// `contract_fits_used`: for each group and term the fit to score by.
fn contract_fits_used() -> Query {
    let groups = "SELECT DISTINCT fit_group, term_months FROM contract_histories";
    Query::new("contract_fits_used", used_fits(ScoreTable::Contracts, groups, "true"))
}

/// The fit to use for each group, of the models that a condition names: its own, else that of all.
fn used_fits(table: ScoreTable, groups: &str, models: &str) -> String {
    let columns =
        |of: &str, name: &str| format!("CASE WHEN own.model IS NOT NULL THEN own.{of} ELSE whole.{of} END AS {name}");
    let parameters: Vec<String> =
        (1..=4).map(|at| format!("parameter_{at}")).chain((1..=10).map(|at| format!("covariance_{at}"))).collect();
    let parameters: Vec<String> = parameters.iter().map(|name| columns(name, name)).collect();
    let used = format!("SELECT * FROM {} WHERE is_used AND {models}", fits(table));
    format!(
        "SELECT groups.fit_group AS used_by, groups.term_months AS used_for, {model}, {scope}, {group}, {parameters}
        FROM ({groups}) AS groups
        LEFT JOIN ({used}) AS own ON own.scope <> 'total' AND own.group_name = groups.fit_group
            AND own.term_months = groups.term_months
        LEFT JOIN ({used}) AS whole ON whole.scope = 'total' AND whole.term_months = groups.term_months",
        model = columns("model", "model"),
        scope = columns("scope", "fit_scope"),
        group = columns("group_name", "fit_from"),
        parameters = parameters.join(", "),
    )
}

/// The lower triangle of the covariance of so many parameters, as arguments. Where it is not known its first is not;
/// parameters that a model does not have do not vary.
fn covariance(alias: &str, parameters: usize) -> String {
    let others = (2..=parameters * (parameters + 1) / 2).map(|at| format!(", coalesce({alias}.covariance_{at}, 0)"));
    format!("{alias}.covariance_1{}", others.collect::<String>())
}

/// `order_scores`: what the models expect of each account that ordered. Accounts of one history are scored once.
fn order_scores(night: &Night) -> Query {
    // What is not a number of the model is not read by it.
    let parameters = "buying.model, buying.parameter_1, buying.parameter_2, coalesce(buying.parameter_3, 0),
        coalesce(buying.parameter_4, 0)";
    let model = format!("{parameters}, repeats, span, age");
    let sql = format!(
        "WITH scored AS (
            SELECT fit_group AS scored_group, repeats AS scored_repeats, span AS scored_span, age AS scored_age,
                orders_alive({model}) AS alive, orders_expected({model}, {year}) AS expected_12m,
                orders_discounted({model}, {horizon}, {discount}) AS discounted,
                orders_none({model}, {quarter}) AS none_90d,
                orders_relative_error({parameters}, {of_buying}, repeats, span, age, {horizon}, {discount}) AS orders_error, buying.model AS model, buying.fit_scope AS fit_scope,
                buying.fit_from AS fit_from
            FROM (SELECT DISTINCT fit_group, repeats, span, age FROM order_histories)
            JOIN (SELECT * FROM order_fits_used WHERE of_buying) AS buying ON fit_group = buying.used_by
        )
        SELECT account_id, alive, expected_12m, discounted, none_90d,
            order_value_expected(spending.model, spending.parameter_1, spending.parameter_2, spending.parameter_3,
                repeats, coalesce(value, 0)) AS value,
            sqrt(power(orders_error, 2) + power(order_value_relative_error(spending.model, spending.parameter_1,
                spending.parameter_2, spending.parameter_3, {of_spending}, repeats, coalesce(value, 0)), 2)) AS relative_error,
            scored.model AS model, scored.fit_scope AS fit_scope, scored.fit_from AS fit_group
        FROM order_histories
        LEFT JOIN scored ON fit_group = scored_group AND repeats = scored_repeats AND span = scored_span AND age = scored_age
        LEFT JOIN (SELECT * FROM order_fits_used WHERE NOT of_buying) AS spending ON fit_group = spending.used_by",
        of_buying = covariance("buying", 4),
        of_spending = covariance("spending", 3),
        quarter = number(QUARTER),
        year = number(DAYS_OF_YEAR),
        horizon = number(f64::from(night.economics.horizon_months)),
        discount = number(night.economics.monthly_discount),
    );
    Query::new(scores(ScoreTable::Orders), sql)
}

/// `contract_histories`: account, group, months of a term, whether it left, renewals made, renewals made before anybody
/// looked, months until the next, and how many of those realised value has not counted: it counts the recurring revenue
/// of each period at its end, a month that has begun among them.
///
/// Who left made the renewals of all the terms it began; gaps between subscriptions are part of its life.
fn contract_histories(night: &Night) -> Query {
    let as_of = date(night.as_of.day());
    let sql = format!(
        "WITH payers AS ({payers}),
        terms AS (
            SELECT account_id AS term_of, coalesce(
                max(term_months) FILTER (WHERE started_on <= {as_of} AND (ended_on IS NULL OR ended_on > {as_of})),
                max(term_months) FILTER (WHERE started_on <= {as_of}), 1) AS term_months
            FROM ({stretches}) WHERE pays GROUP BY account_id
        ),
        lives AS (
            SELECT payers.account_id, {group} AS fit_group, term_months, first_paid_on, paid_until IS NOT NULL AS has_left,
                floor(CAST(greatest(whole_months(first_paid_on,
                    CASE WHEN paid_until IS NULL THEN {as_of} ELSE paid_until - INTERVAL '1 day' END), 0) AS DOUBLE) / term_months) AS renewals,
                CASE WHEN first_paid_on < {since} THEN floor(CAST(whole_months(first_paid_on, {since}) AS DOUBLE) / term_months)
                    ELSE 0 END AS renewals_before,
                CAST(days_between(first_paid_on, {as_of}) AS DOUBLE) / {month} AS months,
                CAST(period_age(first_paid_on, {as_of}) + 1 AS DOUBLE) AS months_counted
            FROM payers JOIN accounts ON payers.account_id = accounts.account_id
            JOIN terms ON payers.account_id = term_of WHERE first_paid_on IS NOT NULL
        )
        SELECT account_id, fit_group, term_months, has_left, renewals, least(renewals_before, renewals) AS renewals_before,
            has_left AND paid_before AS was_never_watched,
            least(greatest((renewals + 1) * term_months - months, 0), term_months) AS next_in,
            least(greatest((renewals + 1) * term_months - months_counted, 0), term_months) AS uncounted
        FROM (SELECT *, renewals_before > renewals AS paid_before FROM lives)",
        payers = aggregates_by_account(RowTable::Subscriptions, &["first_paid_on", "paid_until"], night),
        stretches = super::subscriptions::stretches(night),
        group = fit_group(night),
        since = night.lifetimes.observed_since(),
        month = number(DAYS_OF_MONTH),
    );
    Query::new("contract_histories", sql)
}

/// `contract_fits`: one row a scope, group, term and model of staying.
fn contract_fits(night: &Night) -> Query {
    let fewest = number(f64::from(night.lifetimes.fewest_customers));
    let staying = by_group(
        night,
        ", term_months",
        &format!("fit_contracts({fewest}, renewals_before, renewals, has_left, customers)"),
        "SELECT 'all' AS all_accounts, fit_group, term_months, renewals_before, renewals,
            CASE WHEN has_left THEN 1.0 ELSE 0.0 END AS has_left, count(*) AS customers
        FROM contract_histories WHERE NOT was_never_watched
        GROUP BY fit_group, term_months, renewals_before, renewals, has_left",
    );
    let sql = format!("SELECT scope, group_name, term_months, {FIT} FROM ({staying})");
    Query::new(fits(ScoreTable::Contracts), sql)
}

/// `contract_scores`: what the models expect of each account that ever paid.
fn contract_scores(night: &Night) -> Query {
    let parameters = "staying.model, staying.parameter_1, coalesce(staying.parameter_2, 0)";
    let model = format!("{parameters}, renewals");
    let horizon = number(f64::from(night.economics.horizon_months));
    let renewals_until = |months: &str| {
        format!(
            "CASE WHEN next_in > {months} THEN 0 ELSE floor(({months} - next_in) / contract_histories.term_months) + 1 END"
        )
    };
    let months_of_share = |from: &str, share: f64| {
        format!(
            "least({from} + contract_histories.term_months * contract_renewals_of_share({model}, {}, {}), {horizon})",
            number(share),
            renewals_until(&horizon),
        )
    };
    let living = |value: &str| format!("CASE WHEN has_left THEN 0 WHEN staying.model IS NOT NULL THEN {value} END");
    let ahead = |rest: &str, discount: &str| {
        format!(
            "least({rest}, {horizon}) + contract_histories.term_months
                * contract_discounted({model}, next_in, contract_histories.term_months, {discount}, {horizon})"
        )
    };
    let sql = format!(
        "SELECT account_id, contract_histories.term_months, renewals, {stays} AS stays_12m,
            {months} AS months, {discounted} AS discounted_months, {low} AS low_months, {high} AS high_months,
            {low_ahead} AS low_uncounted, {high_ahead} AS high_uncounted,
            {error} AS discounted_error, staying.model AS model, staying.fit_scope AS fit_scope, staying.fit_from AS fit_group
        FROM contract_histories
        LEFT JOIN contract_fits_used AS staying ON fit_group = staying.used_by AND contract_histories.term_months = staying.used_for",
        stays = living(&format!("contract_stays({model}, {})", renewals_until("12.0"))),
        months = living(&format!("least({}, {horizon})", ahead("next_in", "CAST(0 AS DOUBLE)"))),
        discounted = living(&ahead("uncounted", &number(night.economics.monthly_discount))),
        error = living(&format!(
            "contract_histories.term_months * contract_discounted_error({parameters}, {covariance}, renewals,
                next_in, contract_histories.term_months, {discount}, {horizon})",
            covariance = covariance("staying", 2),
            discount = number(night.economics.monthly_discount),
        )),
        low = living(&months_of_share("next_in", LOW_SHARE)),
        high = living(&months_of_share("next_in", HIGH_SHARE)),
        // Residual value begins where realised value ends.
        low_ahead = living(&months_of_share("uncounted", LOW_SHARE)),
        high_ahead = living(&months_of_share("uncounted", HIGH_SHARE)),
    );
    Query::new(scores(ScoreTable::Contracts), sql)
}
