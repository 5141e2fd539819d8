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
fn code_hosts_are_told_the_line_with_all_that_helps() {
    let mut sources = Sources::default();
    let file = sources.add("rules/my segments.yaml", "version: 1\nwhen: \"größer\"\n");
    let span = Span { file, start: 18, end: 26 };
    let mut both = Diagnostics::from(Diagnostic::at(Code::UnknownName, span, "100 % unknown").help("a, b: c"));
    both.push(Diagnostic::of(Code::NoObjects, "headwater.yaml", "two\nlines"));
    let commands = render(&both, &sources, Rendering::Github { folder: "jobs/" });
    let expected = [
        "::error file=jobs/rules/my segments.yaml,line=2,endLine=2,col=8,endColumn=14,title=E0302::100 %25 unknown%0Ahelp: a, b: c",
        "::error title=E0501::headwater.yaml: two%0Alines",
    ];
    assert_eq!(commands.lines().collect::<Vec<_>>(), expected);
    let document: serde_json::Value =
        serde_json::from_str(&render(&both, &sources, Rendering::Sarif { folder: "jobs/" })).unwrap();
    let results = &document["runs"][0]["results"];
    let location = &results[0]["locations"][0]["physicalLocation"];
    assert_eq!(location["artifactLocation"]["uri"], "jobs/rules/my%20segments.yaml");
    assert_eq!(
        location["region"],
        serde_json::json!({"startLine": 2, "startColumn": 8, "endLine": 2, "endColumn": 14})
    );
    assert_eq!(results[0]["message"]["text"], "100 % unknown\nhelp: a, b: c");
    assert_eq!(results[1]["locations"][0]["logicalLocations"][0]["fullyQualifiedName"], "headwater.yaml");
    let ids: Vec<_> =
        document["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap().iter().map(|rule| &rule["id"]).collect();
    assert_eq!(ids, ["E0302", "E0501"]);
    let nothing = render(&Diagnostics::new(), &sources, Rendering::Sarif { folder: "" });
    assert!(nothing.contains("\"results\": []"), "{nothing}");
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

#[test]
fn a_value_ends_before_blanks_and_comments() {
    for (written, value) in [
        ("\"a > b\"   # why", "\"a > b\""),
        ("'a > b'\t# it's \"why\"", "'a > b'"),
        ("\"say \\\"no\\\" # not yet\" # why", "\"say \\\"no\\\" # not yet\""),
        ("'it''s # not yet' # why", "'it''s # not yet'"),
        ("'' # why", "''"),
        ("\"\" # why", "\"\""),
        ("\"größer\" # why", "\"größer\""),
        ("\"two\n  lines\" # why", "\"two\n  lines\""),
        ("a > b   # why", "a > b"),
        ("a > b#c", "a > b#c"),
        ("12 # why", "12"),
        ("[\"a\" , b ] # why", "[\"a\" , b ]"),
        ("{a: \"b\" , c: d} # why", "{a: \"b\" , c: d}"),
        ("[] # why", "[]"),
        ("\n  - a\n  - \"b\" # why\n  # so\n", "- a\n  - \"b\""),
        ("\n  a: 1\n  b: [\"c\"] # why\n\n# so\n", "a: 1\n  b: [\"c\"]"),
        ("\n  a: &n 1 # why\n  b: *n # so\n", "a: &n 1 # why\n  b: *n"),
        (">-\n  a\n  > b\n\n", "a\n  > b"),
    ] {
        let mut sources = Sources::default();
        let file = sources.add("x.yaml", format!("\"key\" : {written}\nnext: 1\n"));
        let read = yaml::read(file, &sources, &mut Diagnostics::new()).unwrap();
        let yaml::Value::Map(entries) = read.value else { panic!("a mapping") };
        assert_eq!(entries.iter().map(|(key, _)| sources.slice(key.span)).collect::<Vec<_>>(), ["\"key\"", "next"]);
        assert_eq!(sources.slice(entries[0].1.span), value);
    }
}

#[test]
fn a_character_of_a_value_is_found_where_it_was_written() {
    for written in
        ["\"§> b\" # > why", "'it''s §> b'", "a §> b # > why", ">-\n  §> b", "|\n\n  a\n  §> b\n", "\"\\\"a\\\" §> b\""]
    {
        let text = format!("key: {written}\n");
        let mut sources = Sources::default();
        let file = sources.add("x.yaml", text.replace('§', ""));
        let read = yaml::read(file, &sources, &mut Diagnostics::new()).unwrap();
        let yaml::Value::Map(entries) = read.value else { panic!("a mapping") };
        let node = &entries[0].1;
        let at = node.as_text().unwrap().chars().position(|c| c == '>').unwrap();
        let span = yaml::TextPositions::of(node, &sources).span(at, at + 1);
        assert_eq!((span.start, sources.slice(span)), (text.find('§').unwrap(), ">"), "{written}");
    }
}

#[test]
fn only_what_has_one_answer_is_mended() {
    let mut sources = Sources::default();
    let file = sources.add("rules.yaml", "when: usage_evnts > 1\nscope: plan = plan\n");
    let at = |range: std::ops::Range<usize>| Span { file, start: range.start, end: range.end };
    let names = ["usage_events", "usage_event", "users"];
    let problem = |range, name: &str, known: &[&str]| {
        Diagnostic::at(Code::UnknownName, at(range), "unknown").suggest(name, known.iter().copied())
    };
    // Two names are as near, or none is; and a text that stands twice in its place.
    assert_eq!(problem(6..17, "usage_evet", &["usage_even", "usage_eves"]).fix, None);
    assert_eq!(problem(6..17, "weather", &names).fix, None);
    // Another window, and another short word, are no slips.
    assert_eq!(problem(6..17, "net_revenue_6m", &["net_revenue_7d"]).fix, None);
    assert_eq!(problem(6..17, "arpu", &["arpa"]).fix, None);
    assert!(problem(6..17, "mmr", &["mrr"]).fix.is_some());
    assert!(Diagnostics::from(problem(22..40, "plan", &["plans"])).mended(&sources).is_empty());
    let mended = Diagnostics::from(problem(6..17, "usage_evnts", &names)).mended(&sources);
    let [mended] = mended.as_slice() else { panic!("{mended:?}") };
    assert_eq!(mended.text, "when: usage_events > 1\nscope: plan = plan\n");
    assert_eq!(mended.fixes[0].0, 1);
}

#[test]
fn a_file_is_laid_out_without_another_word() {
    for (written, expected) in [
        ("a:\n- b\n-   c: 1\n    d: 2\n", "a:\n  - b\n  - c: 1\n    d: 2\n"),
        ("a:\n    b:\n        - c\n\n\n\n# of d\nd: 1", "a:\n  b:\n    - c\n\n# of d\nd: 1\n"),
        ("a:\n    # of b\n    b: 1\n    # after b\nc: 2\n", "a:\n  # of b\n  b: 1\n  # after b\nc: 2\n"),
        (
            "a:\n    b: |\n      x\n\n\n        y  \n    c: 'p\n       q'\n",
            "a:\n  b: |\n    x\n\n\n      y  \n  c: 'p\n     q'\n",
        ),
        (
            "a:\n    - {b: 1,\n       c: 2}\n    -   - d\n        - e\n",
            "a:\n  - {b: 1,\n     c: 2}\n  - - d\n    - e\n",
        ),
        (
            "a:\n    -   b: >-\n\n           x\n             y\n\n        c: 1\n",
            "a:\n  - b: >-\n\n       x\n         y\n\n    c: 1\n",
        ),
        ("a: 1   # why\r\nb: 2\r\n", "a: 1   # why\nb: 2\n"),
        ("", "\n"),
        ("\u{feff}a: 1\n", "\u{feff}a: 1\n"),
    ] {
        assert_eq!(yaml::laid_out(written).as_deref(), Some(expected), "{written}");
        assert_eq!(yaml::laid_out(expected).as_deref(), Some(expected), "{written}");
    }
    assert_eq!(yaml::laid_out("a: [1\n"), None);
    assert_eq!(yaml::laid_out("a:\n\tb: 1\n"), None);
}
