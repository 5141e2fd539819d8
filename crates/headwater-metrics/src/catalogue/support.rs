//! Requests for help of one account.

use super::{Definition, Formula, InputTable, RowTable, Unit, Windows};

const TICKETS: &[(InputTable, &[&str])] = &[(InputTable::SupportTickets, &[])];
const SOLVED: &[(InputTable, &[&str])] = &[(InputTable::SupportTickets, &["closed_at"])];
const THEMES: &[(InputTable, &[&str])] = &[(InputTable::SupportTickets, &["theme"])];
const CHANNELS: &[(InputTable, &[&str])] = &[(InputTable::SupportTickets, &["channel"])];
/// Hours to solving, of solved tickets opened in the window.
const MEDIAN: &str =
    "median(CAST(resolution_seconds AS DOUBLE) / 3600) FILTER (WHERE resolution_seconds IS NOT NULL AND {in})";

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
            "CAST(sum(TRY_CAST(satisfaction_score AS DECIMAL(28, 4))) FILTER (WHERE {in}) AS DOUBLE) / nullif(count(TRY_CAST(satisfaction_score AS DECIMAL(28, 4))) FILTER (WHERE {in}), 0)",
            None,
            "Mean rating of the help given; unrated tickets are left out.",
        )
    },
    Definition {
        reads: SOLVED,
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
            "CAST(sum(TRY_CAST(first_response_minutes AS DECIMAL(28, 4))) FILTER (WHERE {in}) AS DOUBLE) / nullif(count(TRY_CAST(first_response_minutes AS DECIMAL(28, 4))) FILTER (WHERE {in}), 0)",
            None,
            "Mean minutes to the first answer.",
        )
    },
    Definition {
        reads: SOLVED,
        ..ticket(
            "resolution_hours_median_{w}",
            Unit::Hours,
            MEDIAN,
            None,
            "Median hours from opening to solving; open tickets are left out.",
        )
    },
    Definition::block(
        "resolution_median_{w}",
        Windows::Days,
        SOLVED,
        Formula::RowFact { table: RowTable::Tickets, sql: MEDIAN },
    ),
    Definition::block(
        "tickets_solved_{w}",
        Windows::Days,
        SOLVED,
        Formula::RowFact {
            table: RowTable::Tickets,
            sql: "count(DISTINCT account_id) FILTER (WHERE resolution_seconds IS NOT NULL AND {in})",
        },
    ),
    Definition {
        reads: SOLVED,
        formula: Formula::Group {
            sql: "[resolution_median_{w}]",
            accounts: "[tickets_solved_{w}]",
            reason: "no ticket opened in the window was solved",
        },
        null_rule: "Unknown where no ticket opened in the window was solved.",
        ..ticket(
            "group_resolution_hours_median_{w}",
            Unit::Hours,
            "",
            None,
            "Median hours from opening to solving over all tickets of the group; open tickets are left out.",
        )
    },
    Definition {
        windows: Windows::None,
        null_rule: "Unknown for an account that never opened a ticket.",
        ..ticket("last_ticket_on", Unit::Date, "max(opened_on)", None, "Day of the last ticket opened.")
    },
    Definition {
        windows: Windows::None,
        formula: Formula::Account("days_between([last_ticket_on], {as_of})"),
        null_rule: "Unknown for an account that never opened a ticket.",
        ..ticket("days_since_last_ticket", Unit::Days, "", None, "Days since the last ticket was opened.")
    },
    Definition {
        reads: THEMES,
        null_rule: "Unknown for an account without a theme that recurs in the window.",
        ..ticket(
            "recurring_theme_{w}",
            Unit::Text,
            "recurring_text(array_agg(theme) FILTER (WHERE {in}))",
            None,
            "The theme that most of the tickets of the window have, where it is that of two or more; of several the first \
             in the alphabet.",
        )
    },
    Definition {
        reads: THEMES,
        null_rule: "Zero where no theme recurs in the window.",
        ..ticket(
            "recurring_theme_tickets_{w}",
            Unit::Count,
            "recurring_text_count(array_agg(theme) FILTER (WHERE {in}))",
            Some("0"),
            "Tickets of that theme in the window.",
        )
    },
    Definition {
        reads: THEMES,
        null_rule: "Zero where no theme recurs in the window.",
        ..ticket(
            "recurring_themes_{w}",
            Unit::Count,
            "recurring_texts(array_agg(theme) FILTER (WHERE {in}))",
            Some("0"),
            "Themes of two or more tickets in the window.",
        )
    },
    Definition {
        reads: CHANNELS,
        ..ticket(
            "live_tickets_{w}",
            Unit::Count,
            "count(*) FILTER (WHERE channel IN ('phone', 'chat') AND {in})",
            Some("0"),
            "Tickets that came in by phone or chat: those that somebody answers there and then.",
        )
    },
    Definition {
        reads: CHANNELS,
        null_rule: "Unknown for an account without tickets of a known channel in the window.",
        ..ticket(
            "live_ticket_share_{w}",
            Unit::Ratio,
            "CAST(count(*) FILTER (WHERE channel IN ('phone', 'chat') AND {in}) AS DOUBLE) / nullif(count(channel) FILTER (WHERE {in}), 0)",
            None,
            "Share of the tickets of a known channel that came in by phone or chat.",
        )
    },
];
