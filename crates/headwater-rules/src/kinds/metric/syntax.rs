//! Derived metrics as written.

use headwater_diagnostics::yaml::{Fields, Holds, Node, Shape, key, required};
use headwater_diagnostics::{Code, Diagnostic, Span};
use headwater_metrics::Unit;

use crate::header::{Defaults, HEADER, Header};
use crate::reading::{Reading, Word, Written, first_of};

/// A derived metric as written.
pub(crate) const METRIC: Shape = Shape {
    what: "a metric",
    keys: &[
        HEADER,
        &[
            key("type", Holds::Words(&Unit::WORDS), "what its values are; a weighted score has its own"),
            key("expr", Holds::Text, "an SQL expression over columns of accounts, metrics and parameters"),
            key("weighted_score", Holds::Map(&SCORE), "parts with weights, from 0 to 100"),
        ],
    ],
    one_of: &[&["expr", "weighted_score"]],
};
const SCORE: Shape = Shape::new(
    "a weighted score",
    &[&[
        required("components", Holds::Items(&Holds::Map(&COMPONENT)), "its parts; their weights add up to 100"),
        key(
            "when_missing",
            Holds::Words(&WHEN_MISSING),
            "what an unknown part does: the others share its weight, it counts as nothing, or the score is unknown",
        ),
        key("warm_up_days", DAYS, "how old an account must be to have the score"),
        key("bands", Holds::List(&Holds::Map(&BAND)), "names for ranges of the score, from the lowest"),
    ]],
);
const COMPONENT: Shape = Shape::new(
    "a component",
    &[&[
        required("id", Holds::Id, "its name: its points are the column `<metric>_<component>`"),
        required("metric", Holds::Named("account metric"), "what it is about"),
        required("weight", Holds::Number, "its share of the score"),
        required("floor", Holds::Number, "the value up to which there are no points"),
        required("ceiling", Holds::Number, "the value from which there are all points"),
        key("inverted", Holds::Flag, "less is better: all points up to the floor"),
        key("observed", Holds::Named("account metric"), "a day, or a number of days, that says how old the value is"),
        key("stale_after_days", DAYS, "how old it may be"),
    ]],
);
const BAND: Shape = Shape::new(
    "a band",
    &[&[
        required("id", Holds::Id, "its name"),
        key("up_to", Holds::Number, "its upper end, which belongs to it; the last band has none"),
    ]],
);
const DAYS: Holds = Holds::Integer(1, headwater_metrics::MAX_WINDOW_DAYS as i64);
const WHEN_MISSING: [&str; 3] = ["redistribute", "zero", "unknown"];

/// A derived metric.
#[derive(Debug)]
pub(crate) struct RawMetric {
    pub(crate) header: Header,
    /// None where it was refused.
    pub(crate) unit: Option<Unit>,
    pub(crate) formula: Option<RawFormula>,
}

/// How it is computed.
#[derive(Debug)]
pub(crate) enum RawFormula {
    Expression(Written),
    Score(RawScore),
}

/// A weighted score.
#[derive(Debug)]
pub(crate) struct RawScore {
    pub(crate) span: Span,
    pub(crate) components: Vec<RawComponent>,
    pub(crate) when_missing: WhenMissing,
    pub(crate) warm_up_days: Option<RawWarmUp>,
    pub(crate) bands: Vec<RawBand>,
}

/// How old an account must be to have the score.
#[derive(Debug)]
pub(crate) struct RawWarmUp {
    pub(crate) days: u32,
    pub(crate) span: Span,
}

/// A named range of the score.
#[derive(Debug)]
pub(crate) struct RawBand {
    pub(crate) id: Word,
    pub(crate) up_to: Option<f64>,
}

/// When a component is too old to count.
#[derive(Debug)]
pub(crate) struct RawStale {
    pub(crate) observed: Word,
    pub(crate) after_days: u32,
}

/// One part of a weighted score.
#[derive(Debug)]
pub(crate) struct RawComponent {
    pub(crate) id: Word,
    pub(crate) metric: Option<Word>,
    pub(crate) weight: Option<f64>,
    pub(crate) floor: Option<f64>,
    pub(crate) ceiling: Option<f64>,
    /// Fewer is better: the floor gives all points, the ceiling none.
    pub(crate) inverted: bool,
    pub(crate) stale: Option<RawStale>,
    pub(crate) span: Span,
}

/// What a component without a value does to the score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WhenMissing {
    /// The known components share its weight.
    Redistribute,
    /// It counts as zero points.
    Zero,
    /// The score is unknown.
    Unknown,
}

impl RawMetric {
    pub(crate) fn read(node: &Node, defaults: &Defaults, reading: &mut Reading<'_>) -> Option<Self> {
        let mut fields = Fields::shaped(node, &METRIC, reading.problems)?;
        let header = Header::read(node, &mut fields, defaults, reading);
        let written_unit = fields.take("type");
        let expression = fields.take_with_key("expr");
        let score = fields.take_with_key("weighted_score");
        let (unit, formula) = match (expression, score) {
            (Some((key, _)), Some(_)) => {
                let message = "a metric has `expr` or `weighted_score`, not both";
                reading.problems.push(Diagnostic::at(Code::ConflictingKeys, key.span, message));
                (None, None)
            }
            (Some((_, node)), None) => {
                let formula = reading.written(node, "expr").map(RawFormula::Expression);
                (unit(written_unit, node.span, reading), formula)
            }
            (None, Some((_, node))) => {
                if let Some(extra) = written_unit {
                    let problem =
                        Diagnostic::at(Code::ConflictingKeys, extra.span, "a weighted score has its own type");
                    reading.problems.push(problem.help("remove `type`"));
                }
                (Some(Unit::Score), RawScore::read(node, reading).map(RawFormula::Score))
            }
            (None, None) => {
                let message = "a metric needs `expr` or `weighted_score`";
                reading.problems.push(Diagnostic::at(Code::MissingKey, first_of(node.span), message));
                (None, None)
            }
        };
        fields.finish(reading.problems);
        Some(Self { header, unit, formula })
    }
}

fn unit(written: Option<&Node>, expression: Span, reading: &mut Reading<'_>) -> Option<Unit> {
    let Some(node) = written else {
        let problem = Diagnostic::at(Code::MissingKey, first_of(expression), "a metric with `expr` needs `type`");
        reading.problems.push(problem.help(format!("add `type:`, one of {}", Unit::WORDS.join(", "))));
        return None;
    };
    let word = reading.word(node, "type")?;
    let unit = Unit::from_word(&word.text);
    if unit.is_none() {
        let problem = Diagnostic::at(Code::InvalidValue, node.span, format!("`{}` is no type of a metric", word.text));
        reading.problems.push(problem.one_of(&word.text, Unit::WORDS));
    }
    unit
}

impl RawScore {
    fn read(node: &Node, reading: &mut Reading<'_>) -> Option<Self> {
        let mut fields = Fields::shaped(node, &SCORE, reading.problems)?;
        let nodes = reading.require_list(&mut fields, "components");
        let components = nodes.iter().filter_map(|node| RawComponent::read(node, reading)).collect();
        let when_missing = match fields.choice("when_missing", &WHEN_MISSING, reading.problems) {
            Some(1) => WhenMissing::Zero,
            Some(2) => WhenMissing::Unknown,
            _ => WhenMissing::Redistribute,
        };
        let warm_up_days = days(&mut fields, "warm_up_days", reading).map(|(days, span)| RawWarmUp { days, span });
        let bands = fields.list("bands", reading.problems);
        let bands = bands.iter().filter_map(|node| RawBand::read(node, reading)).collect();
        fields.finish(reading.problems);
        Some(Self { span: node.span, components, when_missing, warm_up_days, bands })
    }
}

/// A number of days and its place.
fn days(fields: &mut Fields<'_>, name: &'static str, reading: &mut Reading<'_>) -> Option<(u32, Span)> {
    let (key, _) = fields.peek(name)?;
    let span = key.span;
    let days = fields.integer(name, 1, i64::from(headwater_metrics::MAX_WINDOW_DAYS), reading.problems)?;
    Some((u32::try_from(days).ok()?, span))
}

impl RawBand {
    fn read(node: &Node, reading: &mut Reading<'_>) -> Option<Self> {
        let mut fields = Fields::shaped(node, &BAND, reading.problems)?;
        let id = reading.id(&mut fields);
        let up_to = fields.number("up_to", reading.problems);
        fields.finish(reading.problems);
        Some(Self { id, up_to })
    }
}

impl RawStale {
    /// The age and its limit stand together or not at all.
    fn read(fields: &mut Fields<'_>, reading: &mut Reading<'_>) -> Option<Self> {
        let observed = fields.take_with_key("observed");
        let after_days = days(fields, "stale_after_days", reading);
        match (observed, after_days) {
            (Some((_, node)), Some((after_days, _))) => {
                Some(Self { observed: reading.word(node, "observed")?, after_days })
            }
            (Some((key, _)), None) => {
                let message = "`observed` says an age, and `stale_after_days` how much of it is too much";
                reading.problems.push(Diagnostic::at(Code::MissingKey, key.span, message));
                None
            }
            (None, Some((_, span))) => {
                let problem = Diagnostic::at(Code::MissingKey, span, "`stale_after_days` needs `observed`");
                reading.problems.push(problem.help("name a day or a number of days that says how old the value is"));
                None
            }
            (None, None) => None,
        }
    }
}

impl RawComponent {
    fn read(node: &Node, reading: &mut Reading<'_>) -> Option<Self> {
        let mut fields = Fields::shaped(node, &COMPONENT, reading.problems)?;
        let id = reading.id(&mut fields);
        let metric = reading.require_word(&mut fields, "metric");
        let weight = reading.require_number(&mut fields, "weight");
        let floor = reading.require_number(&mut fields, "floor");
        let ceiling = reading.require_number(&mut fields, "ceiling");
        let inverted = fields.flag("inverted", reading.problems).unwrap_or(false);
        let stale = RawStale::read(&mut fields, reading);
        fields.finish(reading.problems);
        Some(Self { id, metric, weight, floor, ceiling, inverted, stale, span: node.span })
    }
}
