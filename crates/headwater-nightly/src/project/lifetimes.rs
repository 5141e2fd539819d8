//! `lifetimes`: how the models of single accounts are fitted, and what their values count; `retention_audience`.

use headwater_diagnostics::yaml::Fields;
use headwater_diagnostics::{Code, Diagnostic, Span};
use headwater_ingest::InputSpec;
use headwater_metrics::{Basis, Lifetimes, SegmentName};

use super::Reading;

/// The most customers that a project can ask a fit, or churns that it can ask a value, to rest on.
const MOST_CUSTOMERS: i64 = 1_000_000;
const MOST_DAYS: i64 = 3_650;

impl Reading<'_> {
    /// With the section, fits, curves and values are published as tables; without it, only where a rule asks for them
    /// are models fitted, by the defaults.
    pub(crate) fn lifetimes(&mut self, fields: &mut Fields<'_>, inputs: &[InputSpec]) -> Lifetimes {
        let mut lifetimes = Lifetimes::default();
        let Some(node) = fields.take("lifetimes") else { return lifetimes };
        let Some(mut fields) = Fields::of(node, "lifetimes", &mut self.problems) else { return lifetimes };
        lifetimes.are_published = true;
        if let Some(node) = fields.take("fit_by") {
            lifetimes.fit_by = self.group(node, inputs);
        }
        if let Some(customers) = self.whole(&mut fields, "fewest_customers", MOST_CUSTOMERS) {
            lifetimes.fewest_customers = customers;
        }
        if let Some(churns) = self.whole(&mut fields, "fewest_churns", MOST_CUSTOMERS) {
            lifetimes.fewest_churns = churns;
        }
        if let Some(node) = fields.take("observed_since") {
            lifetimes.observed_since = self.day(node, "`observed_since`");
        }
        if let Some(days) = self.whole(&mut fields, "lapse_days", MOST_DAYS) {
            lifetimes.lapse_days = days;
        }
        let words = Basis::ALL.map(Basis::word);
        let basis = fields.choice("basis", &words, &mut self.problems);
        if let Some(basis) = basis.and_then(|at| Basis::ALL.get(at)) {
            lifetimes.basis = *basis;
        }
        fields.finish(&mut self.problems);
        lifetimes
    }

    /// `retention_audience`: segments that spend on retention is meant for. Whether rules have them is asked with the rules.
    pub(crate) fn retention_audience(&mut self, fields: &mut Fields<'_>) -> Vec<(SegmentName, Span)> {
        let mut audience = Vec::new();
        for node in fields.list("retention_audience", &mut self.problems) {
            match node.as_text().and_then(|text| text.split_once('.')) {
                Some((scheme, segment)) => {
                    let named = SegmentName { scheme: scheme.to_owned(), segment: segment.to_owned() };
                    audience.push((named, node.span));
                }
                None => {
                    let problem = Diagnostic::at(Code::InvalidValue, node.span, "a segment is named with its scheme");
                    self.problems.push(problem.label("for example lifecycle.champion"));
                }
            }
        }
        audience
    }
}
