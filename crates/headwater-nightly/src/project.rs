//! The project file `headwater.yaml`: where the lake is, how it maps onto the logical inputs, what is published.
//!
//! Every problem of the file is found in one reading, those of profiles that are not asked for too.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use chrono_tz::Tz;
use headwater_diagnostics::yaml::{self, Fields, Key, Node};
use headwater_diagnostics::{Code, Diagnostic, Diagnostics, FileId, Sources, Span};
pub use headwater_ingest::Location;
use headwater_ingest::{InputSpec, LakeSpec, SourceSpec, StoreOptions, StoreOverride, Stores};
use headwater_metrics::{
    AsOf, Catalogue, ColumnType, Economics, Exchange, InputTable, Lifetimes, Night, RevenuePolicy, SegmentName, Unit,
};

mod columns;
mod inputs;
mod lifetimes;
mod load;
mod places;
mod profile;
mod read_from;
mod settings;
#[cfg(test)]
mod tests;

pub use load::{Loaded, PROJECT_FILE, load, load_with_rules_of};
pub use settings::{EngineSettings, Outputs};

/// A project file that has been read and checked, with one profile applied.
#[derive(Debug, Clone)]
pub struct Project {
    /// The project's name, shown in manifests and events.
    pub name: String,
    /// The zone days are counted in.
    pub time_zone: Tz,
    /// The currency of every amount that is published, three letters.
    pub currency: String,
    /// At which rate amounts in other currencies count.
    pub exchange: Exchange,
    /// Where relative input paths start.
    pub lake: Location,
    /// Raw tables for SQL mappings.
    pub sources: Vec<SourceSpec>,
    /// The logical inputs; `accounts` is among them.
    pub inputs: Vec<InputSpec>,
    /// Where and how results are published.
    pub outputs: Outputs,
    /// What the project says about stores.
    pub stores: Vec<StoreOverride>,
    /// What the engine may use.
    pub engine: EngineSettings,
    /// The assumptions behind lifetime values.
    pub economics: Economics,
    /// How lifetimes are modelled, and what their values count.
    pub lifetimes: Lifetimes,
    /// The segments whose accounts spend on retention is meant for, each with the place where it is named.
    pub retention_audience: Vec<(SegmentName, Span)>,
    /// How recurring revenue and its retention are counted.
    pub policy: RevenuePolicy,
    /// Text columns of accounts that group metrics are published by.
    pub groups: Vec<String>,
    /// Catalogue metrics that are published whether or not a rule needs them.
    pub metrics: Vec<String>,
    /// Values of parameters that the rule files declare, instead of theirs.
    pub params: Vec<(Key, Node)>,
    /// Patterns of rule files, relative to the project's folder.
    pub rules: Vec<RulePattern>,
    /// Patterns of files with tests of rules, relative to the project's folder.
    pub tests: Vec<RulePattern>,
    /// The profile that was applied.
    pub profile: Option<String>,
    /// The project with each of its profiles applied, by name.
    profiles: BTreeMap<String, Project>,
}

/// A pattern of rule files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RulePattern {
    /// The pattern as written.
    pub pattern: String,
    /// Where it stands; `None` for the default.
    pub span: Option<Span>,
}

/// What reading needs besides the text itself.
pub(crate) struct Reading<'a> {
    pub sources: &'a Sources,
    /// The project's folder as a location.
    pub folder: Location,
    /// The same as a path.
    pub path: PathBuf,
    /// The names of `sources`, of those with a problem too: queries may name them.
    pub declared: Vec<String>,
    pub problems: Diagnostics,
}

impl Project {
    /// Reads a project file that lies in the folder `base`, an absolute path, and applies a profile.
    ///
    /// # Errors
    /// Every problem found in the file.
    pub fn read(file: FileId, sources: &Sources, base: &Path, profile: Option<&str>) -> Result<Self, Diagnostics> {
        let folder = match Location::local(base) {
            Ok(folder) => folder,
            Err(error) => {
                return Err(Diagnostic::of(Code::MissingFile, base.display().to_string(), error.to_string()).into());
            }
        };
        let mut problems = Diagnostics::new();
        let Some(document) = yaml::read(file, sources, &mut problems) else { return Err(problems) };
        let mut reading = Reading { sources, folder, path: base.to_owned(), declared: Vec::new(), problems };
        let variants = profile::variants(&document, profile, &mut reading.problems);
        let mut chosen = None;
        let mut profiles = BTreeMap::new();
        for variant in variants {
            let Some(project) = reading.project(&variant.document) else { continue };
            let project = Self { profile: variant.name.clone(), ..project };
            if variant.name.as_deref() == profile {
                chosen = Some(project.clone());
            }
            profiles.extend(variant.name.map(|name| (name, project)));
        }
        match chosen {
            Some(project) if !reading.problems.has_errors() => Ok(Self { profiles, ..project }),
            _ => Err(reading.problems),
        }
    }

    /// The project with another of its profiles applied; none where it has no such.
    #[must_use]
    pub fn in_profile(&self, name: &str) -> Option<&Self> {
        self.profiles.get(name)
    }

    /// The names of its profiles.
    pub(crate) fn profile_names(&self) -> impl Iterator<Item = &str> {
        self.profiles.keys().map(String::as_str)
    }
}

impl Project {
    /// What is read.
    #[must_use]
    pub fn lake_spec(&self) -> LakeSpec<'_> {
        LakeSpec {
            location: &self.lake,
            sources: &self.sources,
            inputs: &self.inputs,
            currency: &self.currency,
            exchange: self.exchange,
        }
    }

    /// What plans depend on beside the inputs.
    pub(crate) fn night(&self, as_of: AsOf) -> Night {
        Night {
            as_of,
            economics: self.economics,
            lifetimes: self.lifetimes.clone(),
            currency: self.currency.clone(),
            exchange: self.exchange,
            retention_audience: self.retention_audience.iter().map(|(named, _)| named.clone()).collect(),
            policy: self.policy,
            features: Vec::new(),
            inputs: BTreeMap::new(),
            attributes: Vec::new(),
        }
    }

    /// The stores it reads from and publishes to, with what the environment says about them. Nothing is sent yet.
    #[must_use]
    pub(crate) fn open_stores(&self, environment: Vec<(String, String)>) -> Stores {
        Stores::new(StoreOptions { environment, overrides: self.stores.clone(), retry_for: None })
    }

    /// The text columns of accounts, attributes included: what groups can be made of.
    #[must_use]
    pub fn text_columns(&self) -> Vec<String> {
        let accounts = self.inputs.iter().find(|input| input.table == InputTable::Accounts);
        accounts.map(columns::text_columns).unwrap_or_default()
    }

    /// The further columns of accounts and what they measure.
    pub fn attributes(&self) -> impl Iterator<Item = (String, Unit)> {
        let accounts = self.inputs.iter().filter(|input| input.table == InputTable::Accounts);
        accounts
            .flat_map(|input| &input.attributes)
            .map(|attribute| (attribute.name.clone(), attribute.kind.map_or(Unit::Text, ColumnType::unit)))
    }
}

impl Reading<'_> {
    /// Metrics to publish beside those that rules need.
    fn metrics(&mut self, fields: &mut Fields<'_>) -> Vec<String> {
        let mut metrics = Vec::new();
        for node in fields.list("metrics", &mut self.problems) {
            let Some(name) = node.as_text() else {
                let message = format!("a metric is named by text, not {}", node.kind());
                self.problems.push(Diagnostic::at(Code::WrongShape, node.span, message));
                continue;
            };
            if Catalogue.metric(name).is_none() {
                let problem = Diagnostic::at(Code::UnknownName, node.span, format!("unknown metric `{name}`"));
                let names = Catalogue.names();
                let names = names.iter().map(String::as_str);
                self.problems.push(headwater_rules::suggest_metric(problem, name, names));
            }
            metrics.push(name.to_owned());
        }
        metrics
    }

    fn project(&mut self, document: &Node) -> Option<Project> {
        let mut fields = Fields::of(document, "the project file", &mut self.problems)?;
        fields.language_version(&mut self.problems);
        let name = fields.require_text("name", &mut self.problems);
        let time_zone = self.time_zone(&mut fields);
        let currency = self.currency(&mut fields);
        let exchange = self.exchange(&mut fields);
        let lake = self.lake(&mut fields);
        let sources = self.sources(&mut fields, &lake);
        let inputs = self.inputs(&mut fields, &lake);
        let outputs = self.outputs(&mut fields);
        self.refuse_to_read(&outputs.location, &sources, &inputs);
        let stores = self.stores(&mut fields);
        let engine = self.engine(&mut fields);
        let economics = self.economics(&mut fields, &inputs);
        let lifetimes = self.lifetimes(&mut fields, &inputs);
        let retention_audience = self.retention_audience(&mut fields);
        let policy = self.policy(&mut fields);
        let groups = self.groups(&mut fields, &inputs);
        let metrics = self.metrics(&mut fields);
        let params = self.entries(&mut fields, "params").into_iter().map(|(key, node)| (key.clone(), node.clone()));
        let params = params.collect();
        let rules = self.patterns(&mut fields, "rules", "rules/*.yaml");
        let tests = self.patterns(&mut fields, "tests", "rules/tests/*.yaml");
        fields.take("profiles");
        fields.finish(&mut self.problems);
        Some(Project {
            name: name?,
            time_zone,
            currency,
            exchange,
            lake,
            sources,
            inputs,
            outputs,
            stores,
            engine,
            economics,
            lifetimes,
            retention_audience,
            policy,
            groups,
            metrics,
            params,
            rules,
            tests,
            profile: None,
            profiles: BTreeMap::new(),
        })
    }

    fn time_zone(&mut self, fields: &mut Fields<'_>) -> Tz {
        let Some(node) = fields.take("time_zone") else { return Tz::UTC };
        let name = node.as_text().unwrap_or_default();
        name.parse().unwrap_or_else(|_error| {
            let problem = Diagnostic::at(Code::InvalidValue, node.span, "not a time zone of the IANA list");
            let problem = problem.label("for example Europe/Rome or UTC");
            self.problems.push(problem.suggest(name, chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name())));
            Tz::UTC
        })
    }

    fn currency(&mut self, fields: &mut Fields<'_>) -> String {
        let Some(node) = fields.require("currency", &mut self.problems) else { return String::new() };
        let code = node.as_text().unwrap_or_default();
        if code.len() != 3 || !code.bytes().all(|byte| byte.is_ascii_uppercase()) {
            let problem = Diagnostic::at(Code::InvalidValue, node.span, "a currency is three capital letters");
            self.problems.push(problem.label("for example USD or EUR"));
        }
        code.to_owned()
    }

    /// `exchange: {constant_rates_of: 2025-12-31}`: without it, amounts count at the rates of their own days.
    fn exchange(&mut self, fields: &mut Fields<'_>) -> Exchange {
        let Some(node) = fields.take("exchange") else { return Exchange::default() };
        let Some(mut fields) = Fields::of(node, "exchange", &mut self.problems) else { return Exchange::default() };
        let day = fields.require("constant_rates_of", &mut self.problems);
        let exchange = day.and_then(|node| self.day(node, "`constant_rates_of`")).map(Exchange::Constant);
        fields.finish(&mut self.problems);
        exchange.unwrap_or_default()
    }

    /// A calendar day; `what` says what it names.
    fn day(&mut self, node: &Node, what: &str) -> Option<NaiveDate> {
        let day = node.as_text().and_then(|text| text.parse().ok());
        if day.is_none() {
            let problem = Diagnostic::at(Code::InvalidValue, node.span, format!("{what} must be a calendar day"));
            self.problems.push(problem.label("for example 2025-12-31"));
        }
        day
    }

    fn groups(&mut self, fields: &mut Fields<'_>, inputs: &[InputSpec]) -> Vec<String> {
        let mut groups: Vec<String> = Vec::new();
        for node in fields.list("groups", &mut self.problems) {
            let Some(name) = self.group(node, inputs) else { continue };
            if groups.contains(&name) {
                self.problems.push(Diagnostic::at(Code::DuplicateId, node.span, format!("`{name}` stands twice")));
            }
            groups.push(name);
        }
        groups
    }

    /// The name of a column that accounts can be grouped by.
    fn group(&mut self, node: &Node, inputs: &[InputSpec]) -> Option<String> {
        let Some(name) = node.as_text() else {
            let message = format!("a group is the name of an account column, not {}", node.kind());
            self.problems.push(Diagnostic::at(Code::WrongShape, node.span, message));
            return None;
        };
        let known = inputs.iter().find(|input| input.table == InputTable::Accounts).map(columns::text_columns);
        if let Some(known) = known.filter(|known| !known.iter().any(|column| column == name)) {
            let message = format!("`{name}` is no text column or attribute of accounts");
            let problem = Diagnostic::at(Code::UnknownDimension, node.span, message);
            self.problems.push(problem.one_of(name, known.iter().map(String::as_str)));
        }
        Some(name.to_owned())
    }

    /// Patterns of files under a key, or the usual one.
    fn patterns(&mut self, fields: &mut Fields<'_>, key: &'static str, usual: &str) -> Vec<RulePattern> {
        let nodes = fields.list(key, &mut self.problems);
        if nodes.is_empty() {
            return vec![RulePattern { pattern: usual.to_owned(), span: None }];
        }
        let mut patterns = Vec::new();
        for node in nodes {
            match node.as_text() {
                Some(text) if glob::Pattern::new(text).is_ok() => {
                    patterns.push(RulePattern { pattern: text.to_owned(), span: Some(node.span) });
                }
                _ => {
                    let message = format!("`{key}` are paths relative to the project, which may have wildcards");
                    self.problems.push(Diagnostic::at(Code::InvalidValue, node.span, message));
                }
            }
        }
        patterns
    }
}
