//! Segment schemes as written.

use headwater_diagnostics::yaml::{Fields, Holds, Node, Shape, Value, key, required};
use headwater_diagnostics::{Code, Diagnostic, Span};
use headwater_metrics::Unit;

use super::hold::{HOLD, RawHold};
use super::presets;
use super::rfm::{self, Cells};
use crate::header::{Defaults, HEADER, Header};
use crate::kinds::predicate::{PREDICATE, RawPredicate};
use crate::reading::{Reading, Word, first_of};

/// A segment scheme as written: with segments of its own, or by a preset.
pub(crate) const SCHEME: Shape = Shape {
    what: "a segment scheme",
    keys: &[
        HEADER,
        &[
            key("segments", Holds::Items(&Holds::Map(&SEGMENT)), "in order: the first that matches wins"),
            key("score", Holds::Named("account metric"), "the metric by which its accounts are ranked"),
            key("preset", Holds::Words(&PRESETS), "segments that are computed over all accounts"),
            key("inputs", Holds::Map(&INPUTS), "of `rfm`: the metrics that are scored"),
            key("bins", Holds::Integer(rfm::FEWEST_BINS, rfm::MOST_BINS), "of `rfm`: the scores of each part"),
            key("cells", Holds::Words(&CELLS), "of `rfm`: its own segments, or those of R's package `rfm`"),
            key("quantiles", Holds::Words(&QUANTILES), "of `rfm`: where edges lie"),
            key("edges", Holds::Map(&EDGES), "of `rfm`: edges that do not move with the accounts"),
            key("metric", Holds::Named("account metric"), "of `tiers`: what accounts are ranked by"),
            key("tiers", Holds::Items(&Holds::Map(&TIER)), "of `tiers`: from the best, the last at 100"),
        ],
    ],
    one_of: &[&["segments", "preset"]],
};
const SEGMENT: Shape = Shape {
    what: "a segment",
    keys: &[&[
        required("id", Holds::Id, "its name"),
        key("description", Holds::Text, "what it means"),
        key("when", PREDICATE, "what puts an account into it"),
        key("otherwise", Holds::True, "the last segment takes the rest"),
        key("hold", Holds::Map(&HOLD), "what keeps accounts from coming and going every night"),
    ]],
    one_of: &[&["when", "otherwise"]],
};
const INPUTS: Shape = Shape::new(
    "`inputs`",
    &[&[
        required("recency", Holds::Named("account metric"), "less is better"),
        required("frequency", Holds::Named("account metric"), "more is better"),
        key("monetary", Holds::Named("account metric"), "more is better"),
    ]],
);
const EDGES: Shape = Shape::new(
    "`edges`",
    &[&[
        key("recency", NUMBERS, "from the smallest, one fewer than bins"),
        key("frequency", NUMBERS, "from the smallest, one fewer than bins"),
        key("monetary", NUMBERS, "from the smallest, one fewer than bins"),
    ]],
);
const NUMBERS: Holds = Holds::List(&Holds::Number);
const TIER: Shape = Shape::new(
    "a tier",
    &[&[
        required("id", Holds::Id, "its name"),
        required("top_pct", Holds::Number, "the share of accounts, in percent, down to which it reaches"),
    ]],
);
const PRESETS: [&str; 2] = ["rfm", "tiers"];
const CELLS: [&str; 2] = ["levels", "rfm"];
const QUANTILES: [&str; 2] = ["type_7", "rfm"];

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
    pub(crate) hold: Option<RawHold>,
    pub(crate) span: Span,
}

/// Recency, frequency and, where given, monetary value.
#[derive(Debug)]
pub(crate) struct RawRfm {
    pub(crate) recency: Option<Word>,
    pub(crate) frequency: Option<Word>,
    pub(crate) monetary: Option<Word>,
    pub(crate) bins: i64,
    pub(crate) cells: Cells,
    /// Edges one above the quantiles, as R's package `rfm` has them.
    pub(crate) plus_one: bool,
    pub(crate) edges: Vec<RawEdges>,
    /// Where the scheme asks for cells of its own.
    pub(crate) cells_span: Option<Span>,
}

/// The edges of one part, where the rule names them.
#[derive(Debug)]
pub(crate) struct RawEdges {
    pub(crate) part: &'static str,
    pub(crate) values: Vec<f64>,
    pub(crate) span: Span,
}

impl RawRfm {
    /// The parts of the score with the metric that each is of, as far as they are given.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (&'static str, &Word)> {
        let inputs = [&self.recency, &self.frequency, &self.monetary];
        rfm::PARTS.into_iter().zip(inputs).filter_map(|(part, input)| Some((part, input.as_ref()?)))
    }
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
        let mut fields = Fields::shaped(node, &SCHEME, reading.problems)?;
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
            Some(RawForm::Rfm(rfm)) => rfm::segment_ids(rfm.cells),
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
                rfm.parts().map(|(part, _)| (rfm::score_column(id, part), Unit::Count)).collect()
            }
            Some(RawForm::Tiers(..)) => vec![(presets::top_column(id), Unit::Percent)],
            _ => Vec::new(),
        }
    }
}

fn preset_form(preset: &Node, fields: &mut Fields<'_>, reading: &mut Reading<'_>) -> Option<RawForm> {
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
        let mut fields = Fields::shaped(node, &SEGMENT, reading.problems)?;
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
        let hold = fields.take("hold").and_then(|node| RawHold::read(node, reading));
        fields.finish(reading.problems);
        Some(Self { id, when: predicate, otherwise: takes_rest, hold, span: node.span })
    }
}

fn is_true(node: &Node, reading: &mut Reading<'_>) -> bool {
    let is_true = node.value == Value::Bool(true);
    if !is_true {
        reading.wrong_shape(node, "otherwise", "`true`");
    }
    is_true
}

impl RawRfm {
    fn read(fields: &mut Fields<'_>, reading: &mut Reading<'_>) -> Option<Self> {
        let bins = fields.integer("bins", rfm::FEWEST_BINS, rfm::MOST_BINS, reading.problems);
        let cells = fields.take_with_key("cells");
        let cells_span = cells.map(|(_, node)| node.span);
        let is_package = cells.is_some_and(|(_, node)| is_second(node, "cells", CELLS, reading));
        let quantiles = fields.choice("quantiles", &QUANTILES, reading.problems);
        let edges = RawEdges::read(fields, reading);
        let inputs = fields.require("inputs", reading.problems)?;
        let mut inputs = Fields::shaped(inputs, &INPUTS, reading.problems)?;
        let recency = reading.require_word(&mut inputs, "recency");
        let frequency = reading.require_word(&mut inputs, "frequency");
        let monetary = reading.word_at(&mut inputs, "monetary");
        inputs.finish(reading.problems);
        Some(Self {
            recency,
            frequency,
            monetary,
            bins: bins.unwrap_or(rfm::USUAL_BINS),
            cells: if is_package { Cells::Package } else { Cells::Levels },
            plus_one: quantiles == Some(1),
            edges,
            cells_span,
        })
    }
}

/// Whether a node is the second of two words; another word is a problem.
fn is_second(node: &Node, name: &str, words: [&str; 2], reading: &mut Reading<'_>) -> bool {
    let Some(word) = reading.word(node, name) else { return false };
    if !words.contains(&word.text.as_str()) {
        let problem = Diagnostic::at(Code::InvalidValue, node.span, format!("`{}` is no value of `{name}`", word.text));
        reading.problems.push(problem.one_of(&word.text, words));
    }
    words.get(1).is_some_and(|second| *second == word.text)
}

impl RawEdges {
    fn read(fields: &mut Fields<'_>, reading: &mut Reading<'_>) -> Vec<Self> {
        let Some(node) = fields.take("edges") else { return Vec::new() };
        let Some(mut parts) = Fields::shaped(node, &EDGES, reading.problems) else { return Vec::new() };
        let mut edges = Vec::new();
        for part in rfm::PARTS {
            let Some(node) = parts.take(part) else { continue };
            match &node.value {
                Value::List(items) => {
                    let values = items.iter().filter_map(|item| reading.number(item, part)).collect();
                    edges.push(Self { part, values, span: node.span });
                }
                _ => reading.wrong_shape(node, part, "a list of numbers"),
            }
        }
        parts.finish(reading.problems);
        edges
    }
}

impl RawTier {
    fn read(node: &Node, reading: &mut Reading<'_>) -> Option<Self> {
        let mut fields = Fields::shaped(node, &TIER, reading.problems)?;
        let id = reading.id(&mut fields);
        let top_pct = reading.require_number(&mut fields, "top_pct");
        fields.finish(reading.problems);
        Some(Self { id, top_pct, span: node.span })
    }
}
