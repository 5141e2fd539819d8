//! `reconcile`: one metric under two policies, and the bridge between them.

use headwater_diagnostics::{Code, Diagnostic, Sources};
use headwater_metrics::{RevenuePolicy, Unit};
use headwater_nightly::{Bridge, BridgeOfGroup, BridgeRequest, Watch, reconcile};

use super::project;
use super::run::{day, request};
use crate::args::{Global, Reconcile};
use crate::exit::Exit;
use crate::render::Output;
use crate::render::table::table;
use crate::render::value::value;

/// The word for a value that there is not.
const UNKNOWN: &str = "unknown";
/// The word for the project's own policy.
const OWN: &str = "project";

pub(crate) async fn run(global: &Global, asked: &Reconcile, output: &Output) -> Exit {
    let Some(as_of) = day("--as-of", &asked.as_of, output) else { return Exit::Usage };
    let (texts, project) = match project(global, output) {
        Ok(found) => found,
        Err(exit) => return exit,
    };
    let own = project.policy;
    let (from, to) = match (policy(&asked.from, own), policy(&asked.to, own)) {
        (Some(from), Some(to)) => (from, to),
        (from, _) => {
            let (option, name) = if from.is_none() { ("--from", &asked.from) } else { ("--to", &asked.to) };
            output.diagnostics(&unknown(option, name).into(), &Sources::default());
            return Exit::Usage;
        }
    };
    let currency = project.currency.clone();
    let request = request(project, texts, as_of, &Watch::nobody());
    let bridge = BridgeRequest { metric: asked.metric.clone(), by: asked.by.clone(), from, to };
    match reconcile(&request, &bridge).await {
        Ok(bridge) if output.is_data() => output.data(&bridge),
        Ok(bridge) => output.result(&text(&bridge, asked, &currency)),
        Err(error) => {
            output.diagnostics(&error.diagnostics, &request.sources);
            return error.kind.into();
        }
    }
    Exit::Done
}

fn policy(name: &str, own: RevenuePolicy) -> Option<RevenuePolicy> {
    if name == OWN { Some(own) } else { RevenuePolicy::preset(name) }
}

fn unknown(option: &str, name: &str) -> Diagnostic {
    let known: Vec<&str> = RevenuePolicy::PRESETS.iter().map(|preset| preset.name).chain([OWN]).collect();
    Diagnostic::of(Code::InvalidValue, option, format!("`{name}` is no policy of recurring revenue"))
        .suggest(name, known.iter().copied())
        .note(format!("one of {}", known.join(", ")))
}

fn text(bridge: &Bridge, asked: &Reconcile, currency: &str) -> String {
    let mut rows = Vec::new();
    for group in &bridge.groups {
        rows.extend(lines(group, bridge.unit, asked, currency));
    }
    let heading = format!("{} of {} on {}", bridge.metric, bridge.scope, bridge.as_of);
    format!("{heading}\n{}", table(&["group", "policy", "value", "change"], &rows))
}

fn lines(group: &BridgeOfGroup, unit: Unit, asked: &Reconcile, currency: &str) -> Vec<Vec<String>> {
    // A change may be smaller than what two digits show.
    let exact = |number: f64| match unit {
        Unit::Ratio => format!("{number:.4}"),
        _ => value(number, unit, currency),
    };
    let unknown = group.reason.as_ref().map_or_else(|| UNKNOWN.to_owned(), |reason| format!("{UNKNOWN}: {reason}"));
    let shown = |number: Option<f64>| number.map_or_else(|| unknown.clone(), exact);
    let change = |number: Option<f64>| {
        let sign = if number.is_some_and(|number| number > 0.0) { "+" } else { "" };
        format!("{sign}{}", number.map_or_else(|| UNKNOWN.to_owned(), exact))
    };
    let line = |name: &str, policy: String, value: String, change: String| vec![name.to_owned(), policy, value, change];
    let mut lines = vec![line(&group.group, asked.from.clone(), shown(group.from), String::new())];
    lines.extend(
        group
            .steps
            .iter()
            .map(|step| line("", format!("  {}: {}", step.switch, step.on), shown(step.value), change(step.change))),
    );
    lines.push(line("", asked.to.clone(), shown(group.to), String::new()));
    lines
}
