//! Outputs, stores, engine and economics.

use std::path::PathBuf;

use headwater_diagnostics::yaml::{Fields, Key, Node, Value};
use headwater_diagnostics::{Code, Diagnostic};
use headwater_ingest::{InputSpec, Location, StoreOverride};
use headwater_metrics::{Economics, GrossMargin, InputTable, RevenuePolicy};

use super::Reading;
use super::places::has_credentials;
use crate::publish::Retention;
use crate::stage::Compatibility;

/// Where results are published when the project does not say.
const DEFAULT_OUTPUT: &str = "published";
/// Where the engine spills when the project does not say.
const DEFAULT_SPILL: &str = ".headwater/spill";
/// The word for a margin that is not declared.
const FROM_COSTS: &str = "from_costs";
/// Days that what is no longer current is kept, where the project does not say.
const DEFAULT_DAYS: u32 = 14;
const MAX_DAYS: i64 = 3_650;
const MAX_MEMORY_MB: i64 = 16 * 1024 * 1024;
const MAX_THREADS: i64 = 1_024;
/// Words in a key that make it look like a credential.
const SECRET_WORDS: &[&str] = &["key", "secret", "token", "password", "credential", "sas", "signature"];

/// Where and how results are published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outputs {
    /// The folder of the publication.
    pub location: Location,
    /// Which readers must be able to load it.
    pub compat: Compatibility,
    /// How long what is no longer current is kept.
    pub retention: Retention,
}

/// What the engine may use of the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineSettings {
    /// Memory for queries, in mebibytes; the binary chooses where absent.
    pub memory_mb: Option<u64>,
    /// The folder for what does not fit in memory.
    pub spill_dir: PathBuf,
    /// Threads that work at once, where each has enough of the memory; all cores where absent.
    pub threads: Option<usize>,
}

impl Reading<'_> {
    /// `outputs`, in the project's folder unless it says otherwise.
    pub(crate) fn outputs(&mut self, fields: &mut Fields<'_>) -> Outputs {
        let retention = Retention { superseded_days: DEFAULT_DAYS, held_days: DEFAULT_DAYS };
        let location = self.folder.below(DEFAULT_OUTPUT);
        let mut outputs = Outputs { location, compat: Compatibility::Standard, retention };
        let Some(node) = fields.take("outputs") else { return outputs };
        let Some(mut fields) = Fields::of(node, "outputs", &mut self.problems) else { return outputs };
        if let Some(node) = fields.take("location") {
            let folder = self.folder.clone();
            match self.location(node, "location", &folder) {
                Some(location) if location.pattern().is_some() => {
                    let message = "a publication is one folder and takes no wildcards";
                    self.problems.push(Diagnostic::at(Code::InvalidValue, node.span, message));
                }
                Some(location) => outputs.location = location,
                None => {}
            }
        }
        if fields.choice("compat", &["standard", "widest"], &mut self.problems) == Some(1) {
            outputs.compat = Compatibility::Widest;
        }
        let Retention { superseded_days, held_days } = &mut outputs.retention;
        for (key, days) in [("keep_superseded_days", superseded_days), ("keep_held_days", held_days)] {
            let said = fields.integer(key, 0, MAX_DAYS, &mut self.problems);
            *days = said.and_then(|days| u32::try_from(days).ok()).unwrap_or(*days);
        }
        fields.finish(&mut self.problems);
        outputs
    }

    /// `policy: chartmogul`, or a mapping with a `preset` and single switches.
    pub(crate) fn policy(&mut self, fields: &mut Fields<'_>) -> RevenuePolicy {
        let Some(node) = fields.take("policy") else { return RevenuePolicy::default() };
        if !matches!(node.value, Value::Map(_)) {
            return self.preset(node);
        }
        let Some(mut fields) = Fields::of(node, "policy", &mut self.problems) else {
            return RevenuePolicy::default();
        };
        let preset = fields.take("preset").map(|node| self.preset(node)).unwrap_or_default();
        let policy = RevenuePolicy::SWITCHES.iter().fold(preset, |policy, switch| {
            match fields.flag(switch.name, &mut self.problems) {
                Some(on) => switch.set(policy, on),
                None => policy,
            }
        });
        fields.finish(&mut self.problems);
        policy
    }

    fn preset(&mut self, node: &Node) -> RevenuePolicy {
        let Some(name) = node.as_text() else {
            let message = format!("a policy is a name or a mapping of switches, not {}", node.kind());
            self.problems.push(Diagnostic::at(Code::WrongShape, node.span, message));
            return RevenuePolicy::default();
        };
        let known = || RevenuePolicy::PRESETS.iter().map(|preset| preset.name);
        RevenuePolicy::preset(name).unwrap_or_else(|| {
            let message = format!("`{name}` is no policy of recurring revenue");
            let problem = Diagnostic::at(Code::InvalidValue, node.span, message);
            let problem = problem.label(format!("one of {}", known().collect::<Vec<_>>().join(", ")));
            self.problems.push(problem.suggest(name, known()));
            RevenuePolicy::default()
        })
    }

    /// What is said about stores, which is never a secret.
    pub(crate) fn stores(&mut self, fields: &mut Fields<'_>) -> Vec<StoreOverride> {
        let mut stores = Vec::new();
        for (key, node) in self.entries(fields, "stores") {
            if !key.name.contains("://") {
                let message = format!("`{}` is no store", key.name);
                let problem = Diagnostic::at(Code::InvalidValue, key.span, message);
                self.problems.push(problem.label("the URL of a bucket, for example s3://bucket"));
            }
            let Some(mut fields) = Fields::of(node, "a store", &mut self.problems) else { continue };
            stores.push(self.store(key, &mut fields));
            self.refuse_secrets(&mut fields);
        }
        stores
    }

    fn store(&mut self, key: &Key, fields: &mut Fields<'_>) -> StoreOverride {
        let endpoint = fields.take("endpoint").and_then(|node| match node.as_text() {
            Some(url) if has_credentials(url) => {
                self.problems.push(Diagnostic::at(
                    Code::SecretInProject,
                    node.span,
                    "an endpoint with credentials in it",
                ));
                None
            }
            Some(url) if url.starts_with("http://") || url.starts_with("https://") => Some(url.to_owned()),
            _ => {
                let problem = Diagnostic::at(Code::InvalidValue, node.span, "an endpoint is the URL of a service");
                self.problems.push(problem.label("for example http://127.0.0.1:9000"));
                None
            }
        });
        StoreOverride {
            prefix: key.name.clone(),
            endpoint,
            region: fields.text("region", &mut self.problems),
            allow_http: fields.flag("allow_http", &mut self.problems),
            path_style: fields.flag("path_style", &mut self.problems),
            account: fields.text("account", &mut self.problems),
        }
    }

    fn refuse_secrets(&mut self, fields: &mut Fields<'_>) {
        const ALLOWED: &[&str] = &["endpoint", "region", "allow_http", "path_style", "account"];
        for (key, _) in fields.rest() {
            let name = key.name.to_ascii_lowercase();
            let is_secret =
                SECRET_WORDS.iter().any(|word| name.split('_').any(|part| part == *word) || name.ends_with(word));
            self.problems.push(if is_secret {
                Diagnostic::at(Code::SecretInProject, key.span, format!("`{}` looks like a credential", key.name))
                    .help("remove it, and set the store's usual environment variable")
            } else {
                Diagnostic::at(Code::UnknownKey, key.span, format!("unknown key `{}` in a store", key.name))
                    .label(format!("keys here: {}", ALLOWED.join(", ")))
                    .suggest(&key.name, ALLOWED.iter().copied())
            });
        }
    }

    /// `engine`.
    pub(crate) fn engine(&mut self, fields: &mut Fields<'_>) -> EngineSettings {
        let mut engine = EngineSettings { memory_mb: None, spill_dir: self.path.join(DEFAULT_SPILL), threads: None };
        let Some(node) = fields.take("engine") else { return engine };
        let Some(mut fields) = Fields::of(node, "engine", &mut self.problems) else { return engine };
        let memory = fields.integer("memory_mb", 64, MAX_MEMORY_MB, &mut self.problems);
        engine.memory_mb = memory.and_then(|memory| u64::try_from(memory).ok());
        let threads = fields.integer("threads", 1, MAX_THREADS, &mut self.problems);
        engine.threads = threads.and_then(|threads| usize::try_from(threads).ok());
        if let Some(node) = fields.take("spill_dir") {
            let folder = self.folder.clone();
            match self.location(node, "spill_dir", &folder).map(|location| location.local_path()) {
                Some(Some(path)) => engine.spill_dir = path,
                Some(None) => {
                    let message = "the engine spills to the local disk only";
                    self.problems.push(Diagnostic::at(Code::InvalidValue, node.span, message));
                }
                None => {}
            }
        }
        fields.finish(&mut self.problems);
        engine
    }

    /// `economics`: without a margin, values are of revenue; ten percent a year, five years ahead, one year
    /// back, commissions claimed back for two quarters.
    pub(crate) fn economics(&mut self, fields: &mut Fields<'_>, inputs: &[InputSpec]) -> Economics {
        let mut economics = Economics {
            gross_margin: GrossMargin::Declared(1.0),
            monthly_discount: monthly(10.0),
            horizon_months: 60,
            lookback_months: 12,
            cac_lag_months: 0,
            clawback_days: 180,
        };
        let Some(node) = fields.take("economics") else { return economics };
        let Some(mut fields) = Fields::of(node, "economics", &mut self.problems) else { return economics };
        if let Some(margin) = self.gross_margin(&mut fields, inputs) {
            economics.gross_margin = margin;
        }
        if let Some(percent) = self.percentage(&mut fields, "discount_rate_annual_pct") {
            economics.monthly_discount = monthly(percent);
        }
        if let Some(months) = self.whole(&mut fields, "horizon_months", 600) {
            economics.horizon_months = months;
        }
        if let Some(months) = self.whole(&mut fields, "lookback_months", 120) {
            economics.lookback_months = months;
        }
        let lag = fields.integer("cac_lag_months", 0, 24, &mut self.problems);
        economics.cac_lag_months = lag.and_then(|months| u32::try_from(months).ok()).unwrap_or_default();
        if let Some(days) = self.whole(&mut fields, "clawback_days", 730) {
            economics.clawback_days = days;
        }
        fields.finish(&mut self.problems);
        economics
    }

    /// `gross_margin_pct`: a share, or `from_costs`.
    fn gross_margin(&mut self, fields: &mut Fields<'_>, inputs: &[InputSpec]) -> Option<GrossMargin> {
        let node = fields.take("gross_margin_pct")?;
        if node.as_text() != Some(FROM_COSTS) {
            let percent = self.percent_of(node, "gross_margin_pct")?;
            if percent > 0.0 && percent < 1.0 {
                let message = format!("`gross_margin_pct` of {percent} is less than one percent of revenue");
                let problem = Diagnostic::at(Code::InvalidValue, node.span, message);
                self.problems.push(problem.help("write 80 for four fifths"));
            }
            return Some(GrossMargin::Declared(percent / 100.0));
        }
        if !inputs.iter().any(|input| input.table == InputTable::Costs) {
            let message = format!("`{FROM_COSTS}` needs the input `costs`");
            self.problems.push(Diagnostic::at(Code::InvalidValue, node.span, message));
        }
        Some(GrossMargin::Observed(None))
    }

    /// A whole number from 1 to `most`.
    pub(crate) fn whole(&mut self, fields: &mut Fields<'_>, name: &'static str, most: i64) -> Option<u32> {
        let number = fields.integer(name, 1, most, &mut self.problems)?;
        u32::try_from(number).ok()
    }

    /// A number from 0 to 100.
    pub(crate) fn percentage(&mut self, fields: &mut Fields<'_>, name: &'static str) -> Option<f64> {
        let node = fields.take(name)?;
        self.percent_of(node, name)
    }

    fn percent_of(&mut self, node: &Node, name: &str) -> Option<f64> {
        let percent = match &node.value {
            Value::Integer(number) => i32::try_from(*number).map(f64::from).unwrap_or(f64::MAX),
            Value::Float(number, _) => *number,
            _ => f64::NAN,
        };
        if (0.0..=100.0).contains(&percent) {
            return Some(percent);
        }
        let message = format!("`{name}` must be a number from 0 to 100");
        self.problems.push(Diagnostic::at(Code::InvalidValue, node.span, message));
        None
    }
}

/// The monthly rate that compounds to a yearly one.
fn monthly(annual_pct: f64) -> f64 {
    (1.0 + annual_pct / 100.0).powf(1.0 / 12.0) - 1.0
}
