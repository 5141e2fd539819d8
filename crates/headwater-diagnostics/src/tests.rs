//! What a person sees: one text, one mark, one remedy.

use super::*;

#[test]
fn a_diagnostic_shows_code_place_caret_and_help() {
    let mut sources = Sources::default();
    let text = "version: 1\nwhen: \"usage_trnd_28d <= -0.5\"\n";
    let file = sources.add("rules/segments.yaml", text);
    let start = text.find("usage_trnd").unwrap();
    let span = Span { file, start, end: start + 14 };
    let diagnostic = Diagnostic::at(Code::UnknownName, span, "unknown metric `usage_trnd_28d`")
        .label("not a metric, column or parameter")
        .suggest("usage_trnd_28d", ["usage_trend_28d", "mrr"]);
    let shown = render(&diagnostic.into(), &sources, Rendering::Human { colour: false });
    let expected = [
        "error[E0302]: unknown metric `usage_trnd_28d`",
        " --> rules/segments.yaml:2:8",
        "  |",
        "2 | when: \"usage_trnd_28d <= -0.5\"",
        "  |        ^^^^^^^^^^^^^^ not a metric, column or parameter",
        "  |",
        "  = help: did you mean `usage_trend_28d`?",
        "  = note: headwater explain E0302",
    ];
    assert_eq!(shown.trim_end().lines().collect::<Vec<_>>(), expected);
}

#[test]
fn ids_are_unique_and_every_code_has_a_page() {
    let ids: std::collections::BTreeSet<_> = Code::ALL.iter().map(|code| code.id()).collect();
    assert_eq!(ids.len(), Code::ALL.len());
    for code in Code::ALL {
        assert_eq!(Code::from_id(code.id()), Some(*code));
        assert!(!code.title().is_empty() && !code.meaning().is_empty() && !code.remedy().is_empty());
    }
}

#[test]
fn the_closest_name_is_found_and_far_ones_are_not() {
    let known = ["usage_events_28d", "mrr", "nrr_12m"];
    assert_eq!(closest("usage_event_28d", known), Some("usage_events_28d"));
    assert_eq!(closest("mmr", known), Some("mrr"));
    assert_eq!(closest("weather", known), None);
}
