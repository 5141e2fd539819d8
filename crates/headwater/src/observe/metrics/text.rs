//! The text format: version 0.0.4 of Prometheus, which node_exporter and the Pushgateway read, kept so that a reader of
//! OpenMetrics 1.0 takes it too. All metrics are gauges without time stamps; `# UNIT` and `# EOF` are comments to the former.

/// A metric with all its values.
pub(super) struct Family {
    pub(super) name: &'static str,
    pub(super) unit: Option<&'static str>,
    pub(super) help: &'static str,
    /// Whether it says something of the last night that was published, and so outlives a run that publishes nothing.
    pub(super) is_kept: bool,
    pub(super) samples: Vec<Sample>,
}

/// A value with the labels that tell it from others of its metric.
pub(super) struct Sample {
    pub(super) labels: Vec<(&'static str, String)>,
    pub(super) value: f64,
}

/// The document, with what is taken over from the one before. Every value has the label `project`.
pub(super) fn document(families: &[Family], project: &str, before: &str) -> String {
    let mut text = String::new();
    for family in families {
        let own = format!("{}{{project=\"{}\"", family.name, escaped(project));
        let mut lines: Vec<String> = family.samples.iter().map(|sample| line(&own, sample)).collect();
        if lines.is_empty() && family.is_kept {
            lines = before.lines().filter(|line| line.starts_with(&own)).map(str::to_owned).collect();
        }
        if lines.is_empty() {
            continue;
        }
        header(&mut text, family);
        for line in lines {
            text.push_str(&line);
            text.push('\n');
        }
    }
    text.push_str("# EOF\n");
    text
}

fn header(text: &mut String, family: &Family) {
    let name = family.name;
    let unit = family.unit.map(|unit| format!("# UNIT {name} {unit}\n")).unwrap_or_default();
    let head = format!("# HELP {name} {}\n# TYPE {name} gauge\n{unit}", family.help);
    text.push_str(&head);
}

fn line(own: &str, sample: &Sample) -> String {
    let mut line = own.to_owned();
    for (label, value) in &sample.labels {
        line.push_str(&format!(",{label}=\"{}\"", escaped(value)));
    }
    line.push_str(&format!("}} {}", sample.value));
    line
}

fn escaped(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for letter in value.chars() {
        match letter {
            '\\' => escaped.push_str("\\\\"),
            '"' => escaped.push_str("\\\""),
            '\n' => escaped.push_str("\\n"),
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn family(name: &'static str, is_kept: bool, values: &[f64]) -> Family {
        let samples = values.iter().map(|value| Sample { labels: vec![("a", "x\"\\\n".to_owned())], value: *value });
        Family { name, unit: None, help: "Helps.", is_kept, samples: samples.collect() }
    }

    #[test]
    fn what_is_kept_outlives_a_document_that_does_not_know_it() {
        let first = document(&[family("kept", true, &[1.5]), family("gone", false, &[2.0])], "p", "");
        assert_eq!(
            first,
            "# HELP kept Helps.\n# TYPE kept gauge\nkept{project=\"p\",a=\"x\\\"\\\\\\n\"} 1.5\n\
             # HELP gone Helps.\n# TYPE gone gauge\ngone{project=\"p\",a=\"x\\\"\\\\\\n\"} 2\n# EOF\n"
        );
        let silent = [family("kept", true, &[]), family("gone", false, &[])];
        let second = document(&silent, "p", &first);
        assert_eq!(second, first.split("# HELP gone").next().unwrap().to_owned() + "# EOF\n");
        assert_eq!(document(&silent, "p", &second), second);
        // Another project's values are not this one's.
        assert_eq!(document(&silent, "q", &first), "# EOF\n");
    }
}
