//! The page of metrics.

use headwater_metrics::{Catalogue, Declaration, Grain};

use super::head;

const ABOUT: &str = "\
Every metric that a rule can name. A name with `{w}` takes a window in its place:

| written | covers |
|---|---|
| `7d`, `28d`, `90d`, any number of days | the last days, the as-of day included |
| `prev_28d` | the 28 days before the last 28 |
| `1m`, `3m`, `12m`, any number of months | the last months, ending on the as-of day |
| `total` | everything up to the as-of day |

Metrics that count days take `7d`, `prev_7d` and `total`; those that count months take `3m` and `total`.
Unknown is never zero: each metric says what an account or a group without rows gets.
A policy's switches change some metrics; formulas are those of `strict` ([docs/project.md](project.md) has the others).
A metric whose input the project does not have is unavailable, and a rule over it is an error unless the rule may be skipped.";

/// The page.
pub(super) fn text() -> String {
    let declared = Catalogue.declarations();
    let mut page = head("Metrics", ABOUT);
    for (grain, title, about) in [
        (Grain::Account, "Metrics of an account", "Columns of `account_metrics`; rules over accounts name them."),
        (Grain::Group, "Metrics of a group", "Rows of `group_metrics`; guardrails name them."),
    ] {
        page.push_str(&format!("\n## {title}\n\n{about}\n"));
        for declaration in declared.iter().filter(|declaration| declaration.metric.grain == grain) {
            page.push_str(&section(declaration));
        }
    }
    page
}

fn section(declaration: &Declaration) -> String {
    let Declaration { metric, formula, windows, switches, example } = declaration;
    let inputs: Vec<&str> = metric.inputs.iter().map(|input| input.name()).collect();
    let windows = windows.map(|windows| format!("- Window: {windows}\n")).unwrap_or_default();
    let switches = if switches.is_empty() { String::new() } else { format!("- Policy: {}\n", switches.join(", ")) };
    format!(
        "\n### `{}`\n\n{}\n\n- Formula: `{formula}`\n- Unit: {}\n{windows}- Inputs: {}\n- Null: {}\n{switches}- Source: {}\n- Example: `{example}`\n",
        metric.id,
        metric.meaning,
        metric.unit.word(),
        inputs.join(", "),
        metric.null_rule,
        metric.source,
    )
}
