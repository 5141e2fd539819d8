//! What an account says about the product.

use super::{Definition, Formula, InputTable, RowTable, Unit, Windows};

const FEEDBACK: &[(InputTable, &[&str])] = &[(InputTable::Feedback, &[])];
const SCORES: &[(InputTable, &[&str])] = &[(InputTable::Feedback, &["score"])];

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

pub(super) const METRICS: &[Definition] = &[
    said("feedback_{w}", Unit::Count, "count(*) FILTER (WHERE {in})", Some("0"), "Pieces of feedback given."),
    said(
        "feature_requests_{w}",
        Unit::Count,
        "count(*) FILTER (WHERE kind = 'request' AND {in})",
        Some("0"),
        "Requests for features.",
    ),
    Definition {
        windows: Windows::None,
        reads: SCORES,
        ..said(
            "nps_score_latest",
            Unit::Number,
            "min(score) FILTER (WHERE kind = 'nps' AND submitted_on = last_nps_on)",
            None,
            "The latest answer to the recommendation question, 0 to 10; the lowest where several people answered on that day.",
        )
    },
    Definition {
        reads: SCORES,
        ..said(
            "csat_mean_{w}",
            Unit::Number,
            "CAST(sum(CAST(score AS DECIMAL(18, 4))) FILTER (WHERE kind = 'csat' AND {in}) AS DOUBLE) / nullif(count(score) FILTER (WHERE kind = 'csat' AND {in}), 0)",
            None,
            "Mean satisfaction score.",
        )
    },
];
