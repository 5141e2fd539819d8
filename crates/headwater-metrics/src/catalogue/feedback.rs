//! What an account says about the product.

use super::{Definition, Formula, InputTable, Reads, RowTable, Unit, Windows};

const FEEDBACK: &[(InputTable, &[&str])] = &[(InputTable::Feedback, &[])];
const SCORES: &[(InputTable, &[&str])] = &[(InputTable::Feedback, &["score"])];
/// Days of shipping and telling are read too, where they are there.
const STATES: &[(InputTable, &[&str])] = &[(InputTable::Feedback, &["status"])];

const fn said(
    name: &'static str,
    unit: Unit,
    sql: &'static str,
    empty: Option<&'static str>,
    meaning: &'static str,
) -> Definition {
    Definition {
        name,
        windows: Windows::Days,
        unit,
        reads: FEEDBACK,
        formula: Formula::Rows { table: RowTable::Feedback, sql, empty },
        meaning,
        null_rule: if empty.is_some() {
            "Zero for an account that said nothing in the window."
        } else {
            "Unknown for an account that gave no such score."
        },
        source: "Headwater",
    }
}

const fn score(name: &'static str, windows: Windows, sql: &'static str, meaning: &'static str) -> Definition {
    Definition { windows, reads: SCORES, ..said(name, Unit::Number, sql, None, meaning) }
}

const fn answers(name: &'static str, sql: &'static str, meaning: &'static str) -> Definition {
    Definition { reads: SCORES, ..said(name, Unit::Count, sql, Some("0"), meaning) }
}

const fn requests(name: &'static str, windows: Windows, sql: &'static str, meaning: &'static str) -> Definition {
    Definition {
        windows,
        reads: STATES,
        null_rule: "Zero for an account without such requests.",
        ..said(name, Unit::Count, sql, Some("0"), meaning)
    }
}

const fn group(name: &'static str, unit: Unit, formula: Formula, meaning: &'static str) -> Definition {
    Definition {
        reads: SCORES,
        formula,
        null_rule: "Unknown where nobody answered; the reason is published beside it.",
        ..said(name, unit, "", None, meaning)
    }
}

const fn fact(name: &'static str, reads: Reads, sql: &'static str) -> Definition {
    Definition::block(name, Windows::Days, reads, Formula::AccountFact(sql))
}

pub(super) const METRICS: &[Definition] = &[
    said("feedback_{w}", Unit::Count, "count(*) FILTER (WHERE {in})", Some("0"), "Pieces of feedback given."),
    said(
        "feature_requests_{w}",
        Unit::Count,
        "count(*) FILTER (WHERE kind = 'request' AND {in})",
        Some("0"),
        "Requests for features.",
    ),
    score(
        "nps_score_latest",
        Windows::None,
        "min(score) FILTER (WHERE kind = 'nps' AND answer_day = 1)",
        "The latest answer to the recommendation question, 0 to 10; the lowest where several people answered on that day.",
    ),
    Definition {
        windows: Windows::None,
        reads: SCORES,
        ..said(
            "nps_latest_on",
            Unit::Date,
            "max(submitted_on) FILTER (WHERE kind = 'nps' AND answer_day = 1)",
            None,
            "Day of the latest answer to the recommendation question.",
        )
    },
    Definition {
        null_rule: "Unknown for an account that answered on fewer than two days.",
        ..score(
            "nps_score_change",
            Windows::None,
            "min(score) FILTER (WHERE kind = 'nps' AND answer_day = 1) - min(score) FILTER (WHERE kind = 'nps' AND answer_day = 2)",
            "That answer less the one of the day before it on which the account answered.",
        )
    },
    score(
        "csat_mean_{w}",
        Windows::Days,
        "CAST(sum(TRY_CAST(score AS DECIMAL(28, 4))) FILTER (WHERE kind = 'csat' AND {in}) AS DOUBLE) / nullif(count(TRY_CAST(score AS DECIMAL(28, 4))) FILTER (WHERE kind = 'csat' AND {in}), 0)",
        "Mean satisfaction score.",
    ),
    score(
        "csat_score_latest",
        Windows::None,
        "min(score) FILTER (WHERE kind = 'csat' AND answer_day = 1)",
        "The latest satisfaction score; the lowest where several people gave one on that day.",
    ),
    Definition {
        null_rule: "Unknown for an account that gave a score on fewer than two days.",
        ..score(
            "csat_score_change",
            Windows::None,
            "min(score) FILTER (WHERE kind = 'csat' AND answer_day = 1) - min(score) FILTER (WHERE kind = 'csat' AND answer_day = 2)",
            "That score less the one of the day before it on which the account gave one.",
        )
    },
    answers(
        "nps_answers_{w}",
        "count(score) FILTER (WHERE kind = 'nps' AND {in})",
        "Answers to the recommendation question.",
    ),
    answers(
        "nps_promoters_{w}",
        "count(*) FILTER (WHERE kind = 'nps' AND score >= 9 AND {in})",
        "Answers of 9 or 10 to the recommendation question.",
    ),
    answers(
        "nps_detractors_{w}",
        "count(*) FILTER (WHERE kind = 'nps' AND score <= 6 AND {in})",
        "Answers of 0 to 6 to the recommendation question.",
    ),
    fact("nps_answers_counted_{w}", SCORES, "sum([nps_answers_{w}])"),
    fact("nps_promoters_counted_{w}", SCORES, "sum([nps_promoters_{w}])"),
    fact("nps_detractors_counted_{w}", SCORES, "sum([nps_detractors_{w}])"),
    fact("nps_accounts_{w}", SCORES, "count(*) FILTER (WHERE [nps_answers_{w}] > 0)"),
    group(
        "nps_{w}",
        Unit::Number,
        Formula::Group {
            sql: "CAST([nps_promoters_counted_{w}] - [nps_detractors_counted_{w}] AS DOUBLE) * 100 / nullif([nps_answers_counted_{w}], 0)",
            accounts: "[nps_accounts_{w}]",
            reason: "nobody answered in the window",
        },
        "Net promoter score in points, -100 to 100: share of promoters less share of detractors among the answers of the \
         window, each answer counting once.",
    ),
    Definition {
        windows: Windows::RecentDays,
        ..group(
            "nps_change_{w}",
            Unit::Number,
            Formula::Group {
                sql: "[nps_{w}] - [nps_prev_{w}]",
                accounts: "[nps_accounts_{w}]",
                reason: "nobody answered in the window, or in the one before",
            },
            "Net promoter score of the window less that of the window of the same length before it, in points.",
        )
    },
    fact("csat_counted_{w}", SCORES, "count(*) FILTER (WHERE [csat_mean_{w}] IS NOT NULL)"),
    Definition::block(
        "csat_of_rows_{w}",
        Windows::Days,
        SCORES,
        Formula::RowFact {
            table: RowTable::Feedback,
            sql: "CAST(sum(TRY_CAST(score AS DECIMAL(28, 4))) FILTER (WHERE kind = 'csat' AND {in}) AS DOUBLE) / nullif(count(TRY_CAST(score AS DECIMAL(28, 4))) FILTER (WHERE kind = 'csat' AND {in}), 0)",
        },
    ),
    group(
        "group_csat_mean_{w}",
        Unit::Number,
        Formula::Group {
            sql: "[csat_of_rows_{w}]",
            accounts: "[csat_counted_{w}]",
            reason: "nobody gave a score in the window",
        },
        "Mean satisfaction score over all answers of the group.",
    ),
    Definition {
        windows: Windows::RecentDays,
        ..group(
            "group_csat_change_{w}",
            Unit::Number,
            Formula::Group {
                sql: "[group_csat_mean_{w}] - [group_csat_mean_prev_{w}]",
                accounts: "[csat_counted_{w}]",
                reason: "nobody gave a score in the window, or in the one before",
            },
            "Mean satisfaction score of the window less that of the window of the same length before it.",
        )
    },
    answers("reviews_{w}", "count(*) FILTER (WHERE kind = 'review' AND {in})", "Reviews written."),
    score(
        "review_score_mean_{w}",
        Windows::Days,
        "CAST(sum(TRY_CAST(score AS DECIMAL(28, 4))) FILTER (WHERE kind = 'review' AND {in}) AS DOUBLE) / nullif(count(TRY_CAST(score AS DECIMAL(28, 4))) FILTER (WHERE kind = 'review' AND {in}), 0)",
        "Mean score of its reviews.",
    ),
    Definition {
        windows: Windows::None,
        null_rule: "Unknown for an account that never gave feedback.",
        ..said("last_feedback_on", Unit::Date, "max(submitted_on)", None, "Day of the last feedback given.")
    },
    Definition {
        windows: Windows::None,
        formula: Formula::Account("days_between([last_feedback_on], {as_of})"),
        null_rule: "Unknown for an account that never gave feedback.",
        ..said("days_since_last_feedback", Unit::Days, "", None, "Days since the last feedback was given.")
    },
    requests(
        "requests_open",
        Windows::None,
        "count(*) FILTER (WHERE kind = 'request' AND NOT is_shipped AND coalesce(status IN ('open', 'in_work', 'shipped', 'told'), true))",
        "Requests that are not shipped, those without a status among them.",
    ),
    requests(
        "requests_shipped_untold",
        Windows::None,
        "count(*) FILTER (WHERE kind = 'request' AND is_shipped AND NOT is_told)",
        "Requests that are shipped and whose requester was not told.",
    ),
    requests(
        "requests_told_{w}",
        Windows::Days,
        "count(*) FILTER (WHERE kind = 'request' AND is_told AND {in})",
        "Requests of the window of which who asked was told that they are shipped.",
    ),
    fact("requests_counted_{w}", STATES, "sum([feature_requests_{w}])"),
    fact("requests_told_counted_{w}", STATES, "sum([requests_told_{w}])"),
    fact("requesters_{w}", STATES, "count(*) FILTER (WHERE [feature_requests_{w}] > 0)"),
    Definition {
        reads: STATES,
        null_rule: "Unknown where nothing was requested in the window.",
        ..group(
            "feedback_closed_rate_{w}",
            Unit::Ratio,
            Formula::Group {
                sql: "CAST([requests_told_counted_{w}] AS DOUBLE) / nullif([requests_counted_{w}], 0)",
                accounts: "[requesters_{w}]",
                reason: "nothing was requested in the window",
            },
            "Share of the requests of the window whose loop is closed: shipped, and who asked was told.",
        )
    },
];
