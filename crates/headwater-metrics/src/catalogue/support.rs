//! Requests for help of one account.

use super::{Definition, Formula, InputTable, RowTable, Unit, Windows};

const TICKETS: &[(InputTable, &[&str])] = &[(InputTable::SupportTickets, &[])];

const fn ticket(
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
        reads: TICKETS,
        formula: Formula::Rows { table: RowTable::Tickets, sql, empty },
        meaning,
        null_rule: if empty.is_some() {
            "Zero for an account without tickets in the window."
        } else {
            "Unknown for an account without such tickets in the window."
        },
        source: "Headwater",
    }
}

pub(super) const METRICS: &[Definition] = &[
    ticket("tickets_opened_{w}", Unit::Count, "count(*) FILTER (WHERE {in})", Some("0"), "Tickets opened."),
    Definition {
        windows: Windows::None,
        ..ticket(
            "tickets_open",
            Unit::Count,
            "count(*) FILTER (WHERE closed_at IS NULL)",
            Some("0"),
            "Tickets not solved at the end of the as-of day.",
        )
    },
    Definition {
        reads: &[(InputTable::SupportTickets, &["escalated"])],
        ..ticket(
            "escalations_{w}",
            Unit::Count,
            "count(*) FILTER (WHERE escalated AND {in})",
            Some("0"),
            "Tickets that were escalated.",
        )
    },
    Definition {
        reads: &[(InputTable::SupportTickets, &["satisfaction_score"])],
        ..ticket(
            "satisfaction_mean_{w}",
            Unit::Number,
            "CAST(sum(CAST(satisfaction_score AS DECIMAL(18, 4))) FILTER (WHERE {in}) AS DOUBLE) / nullif(count(satisfaction_score) FILTER (WHERE {in}), 0)",
            None,
            "Mean rating of the help given; unrated tickets are left out.",
        )
    },
    Definition {
        reads: &[(InputTable::SupportTickets, &["closed_at"])],
        ..ticket(
            "resolution_hours_mean_{w}",
            Unit::Hours,
            "CAST(sum(resolution_seconds) FILTER (WHERE {in}) AS DOUBLE) / 3600 / nullif(count(resolution_seconds) FILTER (WHERE {in}), 0)",
            None,
            "Mean hours from opening to solving; open tickets are left out.",
        )
    },
    Definition {
        reads: &[(InputTable::SupportTickets, &["first_response_minutes"])],
        ..ticket(
            "first_response_minutes_mean_{w}",
            Unit::Number,
            "CAST(sum(CAST(first_response_minutes AS DECIMAL(18, 4))) FILTER (WHERE {in}) AS DOUBLE) / nullif(count(first_response_minutes) FILTER (WHERE {in}), 0)",
            None,
            "Mean minutes to the first answer.",
        )
    },
];
