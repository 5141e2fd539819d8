//! Segment schemes as written.

use headwater_diagnostics::yaml::{Fields, Node};
use headwater_diagnostics::{Code, Diagnostic, Span};
use headwater_metrics::Unit;

use super::presets;
use crate::header::{Defaults, Header};
use crate::kinds::predicate::RawPredicate;
use crate::reading::{Reading, Word, first_of};

/// A segment scheme.
#[derive(Debug)]
pub(crate) struct RawScheme {
    pub(crate) header: Header,
    /// The metric accounts are ranked by.
    pub(crate) score: Option<Word>,
    /// None where it was refused.
    pub(crate) form: Option<RawForm>,
}

/// How its segments are defined.
#[derive(Debug)]
pub(crate) enum RawForm {
    Segments(Vec<RawSegment>),
    Rfm(RawRfm),
    Tiers(Option<Word>, Vec<RawTier>),
}

/// One segment.
#[derive(Debug)]
pub(crate) struct RawSegment {
    pub(crate) id: Word,
    /// None where it takes the rest, or was refused.
    pub(crate) when: Option<RawPredicate>,
    pub(crate) otherwise: bool,
    pub(crate) span: Span,
}

/// Recency, frequency and, where given, monetary value.
#[derive(Debug)]
pub(crate) struct RawRfm {
    pub(crate) recency: Option<Word>,
    pub(crate) frequency: Option<Word>,
    pub(crate) monetary: Option<Word>,
    pub(crate) bins: i64,
}

/// A tier of the accounts with the highest values.
#[derive(Debug)]
pub(crate) struct RawTier {
    pub(crate) id: Word,
    /// The share of accounts down to which the tier reaches.
    pub(crate) top_pct: Option<f64>,
    pub(crate) span: Span,
}

impl RawScheme {
    pub(crate) fn read(node: &Node, defaults: &Defaults, reading: &mut Reading<'_>) -> Option<Self> {
        let mut fields = Fields::of(node, "a segment scheme", reading.problems)?;
        let header = Header::read(node, &mut fields, defaults, reading);
        let preset = fields.take_with_key("preset");
        let (form, score) = match preset {
            None => {
                let nodes = reading.require_list(&mut fields, "segments");
                let segments = nodes.iter().filter_map(|node| RawSegment::read(node, reading)).collect();
                let score = reading.word_at(&mut fields, "score");
                (Some(RawForm::Segments(segments)), score)
            }
            Some((_, preset)) => (preset_form(preset, &mut fields, reading), None),
        };
        fields.finish(reading.problems);
        Some(Self { header, score, form })
    }

    /// The ids of all segments, those a preset brings included.
    pub(crate) fn segment_ids(&self) -> Vec<String> {
        match &self.form {
            Some(RawForm::Segments(segments)) => segments.iter().map(|segment| segment.id.text.clone()).collect(),
            Some(RawForm::Rfm(_)) => presets::rfm_segments(),
            Some(RawForm::Tiers(_, tiers)) => {
                tiers.iter().map(|tier| tier.id.text.clone()).chain([presets::UNSCORED.to_owned()]).collect()
            }
            None => Vec::new(),
        }
    }

    /// The columns that a preset computes over all accounts.
    pub(crate) fn population_columns(&self) -> Vec<(String, Unit)> {
        let id = &self.header.id.text;
        match &self.form {
            Some(RawForm::Rfm(rfm)) => {
                [("recency", &rfm.recency), ("frequency", &rfm.frequency), ("monetary", &rfm.monetary)]
                    .into_iter()
                    .filter(|(_, input)| input.is_some())
                    .map(|(part, _)| (presets::score_column(id, part), Unit::Count))
                    .collect()
            }
            Some(RawForm::Tiers(..)) => vec![(presets::top_column(id), Unit::Percent)],
            _ => Vec::new(),
        }
    }
}

fn preset_form(preset: &Node, fields: &mut Fields<'_>, reading: &mut Reading<'_>) -> Option<RawForm> {
    const PRESETS: [&str; 2] = ["rfm", "tiers"];
    let word = reading.word(preset, "preset")?;
    match word.text.as_str() {
        "rfm" => RawRfm::read(fields, reading).map(RawForm::Rfm),
        "tiers" => {
            let metric = reading.require_word(fields, "metric");
            let nodes = reading.require_list(fields, "tiers");
            let tiers = nodes.iter().filter_map(|node| RawTier::read(node, reading)).collect();
            Some(RawForm::Tiers(metric, tiers))
        }
        other => {
            let problem =
                Diagnostic::at(Code::InvalidValue, preset.span, format!("`{other}` is no preset of segments"));
            reading.problems.push(problem.one_of(other, PRESETS));
            // What belongs to an unknown preset cannot be known: nothing is said about the rest.
            fields.rest();
            None
        }
    }
}

impl RawSegment {
    fn read(node: &Node, reading: &mut Reading<'_>) -> Option<Self> {
        let mut fields = Fields::of(node, "a segment", reading.problems)?;
        let id = reading.id(&mut fields);
        fields.text("description", reading.problems);
        let when = fields.take_with_key("when");
        let otherwise = fields.take_with_key("otherwise");
        if let (Some((key, _)), Some(_)) = (when, otherwise) {
            let message = "a segment has `when` or `otherwise`, not both";
            reading.problems.push(Diagnostic::at(Code::ConflictingKeys, key.span, message));
        }
        if when.is_none() && otherwise.is_none() {
            let problem =
                Diagnostic::at(Code::MissingKey, first_of(node.span), "a segment needs `when` or `otherwise: true`");
            reading.problems.push(problem);
        }
        let takes_rest = otherwise.is_some_and(|(_, value)| is_true(value, reading));
        let predicate = when.and_then(|(_, value)| RawPredicate::read(value, "when", reading));
        fields.finish(reading.problems);
        Some(Self { id, when: predicate, otherwise: takes_rest, span: node.span })
    }
}

fn is_true(node: &Node, reading: &mut Reading<'_>) -> bool {
    let is_true = node.value == headwater_diagnostics::yaml::Value::Bool(true);
    if !is_true {
        reading.wrong_shape(node, "otherwise", "`true`");
    }
    is_true
}

impl RawRfm {
    fn read(fields: &mut Fields<'_>, reading: &mut Reading<'_>) -> Option<Self> {
        let bins = fields.integer("bins", presets::FEWEST_BINS, presets::MOST_BINS, reading.problems);
        let inputs = fields.require("inputs", reading.problems)?;
        let mut inputs = Fields::of(inputs, "`inputs`", reading.problems)?;
        let recency = reading.require_word(&mut inputs, "recency");
        let frequency = reading.require_word(&mut inputs, "frequency");
        let monetary = reading.word_at(&mut inputs, "monetary");
        inputs.finish(reading.problems);
        Some(Self { recency, frequency, monetary, bins: bins.unwrap_or(presets::USUAL_BINS) })
    }
}

impl RawTier {
    fn read(node: &Node, reading: &mut Reading<'_>) -> Option<Self> {
        let mut fields = Fields::of(node, "a tier", reading.problems)?;
        let id = reading.id(&mut fields);
        let top_pct = reading.require_number(&mut fields, "top_pct");
        fields.finish(reading.problems);
        Some(Self { id, top_pct, span: node.span })
    }
}
