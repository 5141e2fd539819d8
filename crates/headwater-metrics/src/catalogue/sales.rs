//! Deals of one account, and what a group's deals come to.

use super::{Definition, Formula, InputTable, Reads, RowTable, Unit, Windows};

const DECIDED: &[(InputTable, &[&str])] = &[(InputTable::Opportunities, &["stage", "closed_on"])];
const AMOUNTS: &[(InputTable, &[&str])] = &[(InputTable::Opportunities, &["stage", "closed_on", "amount"])];
const RENEWALS: &[(InputTable, &[&str])] = &[(InputTable::Opportunities, &["stage", "closed_on", "amount", "kind"])];
const RENEWAL_DAYS: &[(InputTable, &[&str])] = &[(InputTable::Opportunities, &["stage", "closed_on", "kind"])];
const NO_DEALS: &str = "Zero for an account without such a deal.";

const fn deals(name: &'static str, unit: Unit, reads: Reads, sql: &'static str, meaning: &'static str) -> Definition {
    Definition {
        name,
        windows: Windows::Months,
        unit,
        reads,
        formula: Formula::Rows { table: RowTable::Deals, sql, empty: Some("0") },
        meaning,
        null_rule: NO_DEALS,
        source: "Headwater",
    }
}

const fn fact(name: &'static str, reads: Reads, sql: &'static str) -> Definition {
    Definition::block(name, Windows::Months, reads, Formula::AccountFact(sql))
}

const fn group(
    name: &'static str,
    unit: Unit,
    reads: Reads,
    formula: Formula,
    meaning: &'static str,
    source: &'static str,
) -> Definition {
    Definition {
        name,
        windows: Windows::Months,
        unit,
        reads,
        formula,
        meaning,
        null_rule: "Unknown where no deal was decided, or no renewal due, in the window; the reason is published beside it.",
        source,
    }
}

pub(super) const METRICS: &[Definition] = &[
    deals("deals_won_{w}", Unit::Count, DECIDED, "count(*) FILTER (WHERE stage = 'won' AND {in})", "Deals won."),
    deals("deals_lost_{w}", Unit::Count, DECIDED, "count(*) FILTER (WHERE stage = 'lost' AND {in})", "Deals lost."),
    deals(
        "deals_won_amount_{w}",
        Unit::Money,
        AMOUNTS,
        "sum(amount) FILTER (WHERE stage = 'won' AND {in})",
        "Amounts of deals won.",
    ),
    deals(
        "deals_won_days_{w}",
        Unit::Days,
        DECIDED,
        "sum(days_between(created_on, closed_on)) FILTER (WHERE stage = 'won' AND {in})",
        "Days from opening to winning, added up over the deals won.",
    ),
    deals(
        "renewals_due_{w}",
        Unit::Count,
        RENEWAL_DAYS,
        "count(*) FILTER (WHERE kind = 'renewal' AND {in_due})",
        "Renewals that were due, decided or not; those that were decided, where `due_on` is not mapped.",
    ),
    deals(
        "renewals_due_amount_{w}",
        Unit::Money,
        RENEWALS,
        "sum(amount) FILTER (WHERE kind = 'renewal' AND {in_due})",
        "Amounts of renewals that were due, decided or not; of those that were decided, where `due_on` is not mapped.",
    ),
    deals(
        "renewals_won_amount_{w}",
        Unit::Money,
        RENEWALS,
        "sum(amount) FILTER (WHERE kind = 'renewal' AND stage = 'won' AND (closed_on IS NULL OR closed_on <= {as_of}) AND {in_due})",
        "Amounts of those renewals that were won, early or late.",
    ),
    fact("won_counted_{w}", DECIDED, "sum([deals_won_{w}])"),
    fact("lost_counted_{w}", DECIDED, "sum([deals_lost_{w}])"),
    fact("won_added_up_{w}", AMOUNTS, "sum([deals_won_amount_{w}])"),
    fact("won_days_added_up_{w}", DECIDED, "sum([deals_won_days_{w}])"),
    fact("renewals_counted_{w}", RENEWAL_DAYS, "sum([renewals_due_{w}])"),
    fact("renewals_due_added_up_{w}", RENEWALS, "sum([renewals_due_amount_{w}])"),
    fact("renewals_won_added_up_{w}", RENEWALS, "sum([renewals_won_amount_{w}])"),
    group(
        "win_rate_{w}",
        Unit::Ratio,
        DECIDED,
        Formula::Group {
            sql: "CAST([won_counted_{w}] AS DOUBLE) / nullif([won_counted_{w}] + [lost_counted_{w}], 0)",
            accounts: "[won_counted_{w}] + [lost_counted_{w}]",
            reason: "no deal was decided in the window",
        },
        "Share of the deals decided in the window that were won.",
        "Common practice",
    ),
    group(
        "sales_velocity_{w}",
        Unit::Amount,
        AMOUNTS,
        Formula::Group {
            sql: "CAST([won_added_up_{w}] AS DOUBLE) * [win_rate_{w}] / nullif(CAST([won_days_added_up_{w}] AS DOUBLE) / nullif([won_counted_{w}], 0), 0)",
            accounts: "[won_counted_{w}]",
            reason: "no deal was won in the window, or all within a day",
        },
        "Revenue a day of the sales cycle: deals won × their mean amount × win rate over the mean days to win one.",
        "Common practice: opportunities × value × win rate / length of the cycle",
    ),
    group(
        "renewal_rate_{w}",
        Unit::Ratio,
        RENEWALS,
        Formula::Group {
            sql: "CAST([renewals_won_added_up_{w}] AS DOUBLE) / nullif(CAST([renewals_due_added_up_{w}] AS DOUBLE), 0)",
            accounts: "[renewals_counted_{w}]",
            reason: "no renewal was due in the window",
        },
        "Share of the amounts up for renewal in the window that was renewed, early or late. A renewal that is due and not \
         yet decided is not renewed; where `due_on` is not mapped, renewals count on the day they are decided.",
        "Gainsight, Renewal Center: the denominator is the amount with a due day in the period",
    ),
];
