//! Problems as lines of the log, for whoever reads nothing but lines of JSON there.

use serde_json::Value;

/// Logs a problem that was rendered as an object of JSON.
pub(super) fn problem(line: &str) {
    let Ok(problem) = serde_json::from_str::<Value>(line) else { return };
    let text = |name: &str| problem.get(name).and_then(Value::as_str);
    let (code, label, help) = (text("code"), text("label"), text("help"));
    let message = text("message").unwrap_or_default();
    let place = problem.get("place").map(place);
    let notes = problem.get("notes").and_then(Value::as_array).filter(|notes| !notes.is_empty());
    let notes = notes.map(|notes| notes.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("; "));
    if text("severity") == Some("error") {
        tracing::error!(event = "problem", code, place, label, help, notes, "{message}");
    } else {
        tracing::warn!(event = "problem", code, place, label, help, notes, "{message}");
    }
}

/// `file:line:column`, or the name of what it is about.
fn place(place: &Value) -> String {
    match (place.get("file"), place.get("line"), place.get("column")) {
        (Some(Value::String(file)), Some(line), Some(column)) => format!("{file}:{line}:{column}"),
        _ => place.get("name").and_then(Value::as_str).unwrap_or_default().to_owned(),
    }
}
