//! The arguments.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use headwater_nightly::Dialect;

/// Customer lifetime value, judged and audited every night.
#[derive(Debug, Parser)]
#[command(
    name = "headwater",
    version,
    about = "Customer lifetime value, judged and audited every night",
    max_term_width = 100
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// Work in this folder, which holds `headwater.yaml`
    #[arg(short = 'C', long = "directory", global = true, value_name = "DIR", default_value = ".")]
    pub(crate) directory: PathBuf,
    /// Apply this profile of the project file
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// How results are written
    #[arg(long, global = true, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
    /// How logs are written
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Human)]
    pub(crate) log_format: LogFormat,
    /// Say only what went wrong
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Log what is done (twice: in detail)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Treat these as errors
    #[arg(long, global = true, value_enum)]
    pub(crate) deny: Option<Deny>,
}

/// Who is told what nights come to, besides whoever started them. None of it can fail a night.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Watching")]
pub(crate) struct Watching {
    /// Write metrics of the run to this file, for the textfile collector of node_exporter (HEADWATER_METRICS_FILE)
    #[arg(long, value_name = "PATH")]
    pub(crate) metrics_file: Option<PathBuf>,
    /// Push metrics of the run to this Prometheus Pushgateway (HEADWATER_METRICS_PUSH)
    #[arg(long, value_name = "URL")]
    pub(crate) metrics_push: Option<String>,
    /// Append OpenLineage events to this file, or send them to this URL (OPENLINEAGE_URL)
    #[arg(long, value_name = "FILE|URL")]
    pub(crate) lineage: Option<String>,
}

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Text for people
    Human,
    /// JSON for programs
    Json,
    /// YAML for files that people keep
    Yaml,
    /// Problems as annotations of a GitHub workflow; results as text
    Github,
    /// Problems as one SARIF document; of `check` and `test`
    Sarif,
}

/// How logs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Text for people
    Human,
    /// JSON, one object a line
    Json,
}

/// What can be denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Deny {
    /// Every warning
    Warnings,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a company to try things on, and run a night on it
    Demo(Demo),
    /// Start a project with a project file and the shipped rules
    Init(Init),
    /// Check the project file and its rules; reads no data and no store
    Check(Check),
    /// Lay out the project file, its rules and their tests alike; says nothing else and loses no comment
    Fmt(Fmt),
    /// Write the project file, its rules and their tests in the version of the language that this program reads
    Migrate(Migrate),
    /// Run the tests of the project's rules; reads no data and no store
    Test(Test),
    /// Run one night: read, judge, audit, publish
    Run(Night),
    /// Run the nights of a range in their order; those published from the same rules and inputs are passed over
    Backfill(Backfill),
    /// Run the night of an earlier run again, published or held, on the inputs it had
    Retry(Retry),
    /// Show how a metric gets from one policy of recurring revenue to another; publishes nothing
    Reconcile(Reconcile),
    /// Show the tables and columns this project publishes
    Schema(Schema),
    /// Write what makes the published tables in a warehouse, or loads a night of them
    Ddl(Ddl),
    /// Show what is published, who is at work, and which nights are held
    Status(Status),
    /// Publish again what an earlier run published of its night
    Rollback(Rollback),
    /// Remove what nothing references any more: superseded objects past their time, what dead runs left
    Gc(Gc),
    /// Look at stores, permissions, clocks, the lease and the spill folder, and say what to do
    Doctor,
    /// Explain a diagnostic code
    Explain(Explain),
    /// List the metrics rules can use
    Metrics(Metrics),
}

impl Command {
    /// The name of a command that runs nights, and who watches them; `None` of any other.
    pub(crate) fn watched(&self) -> Option<(&'static str, &Watching)> {
        match self {
            Self::Demo(asked) => Some(("demo", &asked.watching)),
            Self::Run(asked) => Some(("run", &asked.watching)),
            Self::Backfill(asked) => Some(("backfill", &asked.watching)),
            Self::Retry(asked) => Some(("retry", &asked.watching)),
            _ => None,
        }
    }
}

/// Options of `demo`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Demo {
    /// Where the project goes
    #[arg(long, value_name = "DIR", default_value = "demo")]
    pub(crate) dir: PathBuf,
    /// How many accounts the company has
    #[arg(long, value_name = "N")]
    pub(crate) accounts: Option<u64>,
    /// What decides its fate: another seed, another company
    #[arg(long, value_name = "S")]
    pub(crate) seed: Option<u64>,
    /// How many usage events there are, about
    #[arg(long, value_name = "N")]
    pub(crate) events: Option<u64>,
    /// How many days usage reaches back
    #[arg(long, value_name = "N")]
    pub(crate) days: Option<u32>,
    /// Only write the project, run no night
    #[arg(long)]
    pub(crate) no_run: bool,
    #[command(flatten)]
    pub(crate) watching: Watching,
}

/// Options of `init`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Init {
    /// Where the project goes
    #[arg(value_name = "DIR", default_value = ".")]
    pub(crate) dir: PathBuf,
}

/// Options of `check`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Check {
    /// Mend in the files what has one answer: misspelt keys, names and words
    #[arg(long)]
    pub(crate) fix: bool,
}

/// Options of `fmt`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Fmt {
    /// Write nothing, but name the files that would be laid out otherwise
    #[arg(long)]
    pub(crate) check: bool,
}

/// Options of `migrate`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Migrate {
    /// Write nothing, but name the files that are not of this version
    #[arg(long)]
    pub(crate) check: bool,
}

/// Options of `test`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Test {
    /// Also name rules without a test, and conditions that no test makes true or none makes false
    #[arg(long)]
    pub(crate) coverage: bool,
    /// Also change each tested rule a little, place by place, and name every change that no test notices
    #[arg(long)]
    pub(crate) mutate: bool,
    /// Also write the results to this file, as JUnit XML
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
    /// Run no test, but write one from this account as it was published
    #[arg(long, value_name = "ACCOUNT", requires_all = ["rule", "as_of"])]
    pub(crate) generate: Option<String>,
    /// With --generate: the rule that the test is about, `kind:id`
    #[arg(long, value_name = "RULE", requires = "generate")]
    pub(crate) rule: Option<String>,
    /// With --generate: the last night of the test, YYYY-MM-DD
    #[arg(long, value_name = "DAY", requires = "generate")]
    pub(crate) as_of: Option<String>,
    /// With --generate: how many published nights the test goes back
    #[arg(long, value_name = "N", requires = "generate", default_value_t = 1)]
    pub(crate) nights: usize,
}

/// Options of `run`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Night {
    /// The night: its last day, YYYY-MM-DD, in the project's time zone; or `yesterday`, the last day that has ended there
    #[arg(long, value_name = "DAY")]
    pub(crate) as_of: String,
    /// Also run the nights between the last one published and this one
    #[arg(long)]
    pub(crate) catch_up: bool,
    /// Before it, run the nights of so many days again whose inputs have changed since: what came late
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=3_660))]
    pub(crate) lookback: Option<u32>,
    /// Only say what would be read: nothing is published, no lease is taken
    #[arg(long, conflicts_with_all = ["catch_up", "lookback", "wait_for_inputs"])]
    pub(crate) dry_run: bool,
    /// Where inputs are not as fresh as they must be, wait for them, at most so long: 45m, 2h
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration,
        conflicts_with_all = ["catch_up", "lookback"])]
    pub(crate) wait_for_inputs: Option<Duration>,
    #[command(flatten)]
    pub(crate) watching: Watching,
}

/// Options of `backfill`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Backfill {
    /// The first night, YYYY-MM-DD
    #[arg(long, value_name = "DAY")]
    pub(crate) from: String,
    /// The last night, YYYY-MM-DD
    #[arg(long, value_name = "DAY")]
    pub(crate) to: String,
    /// Also run nights that were published from the same rules and inputs
    #[arg(long)]
    pub(crate) again: bool,
    /// Also run later nights that carry on a state that is no longer the one before them
    #[arg(long)]
    pub(crate) ripple: bool,
    /// Judge by the rules of the project in this folder, such as an earlier state of it
    #[arg(long, value_name = "DIR")]
    pub(crate) rules_at: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) watching: Watching,
}

/// Options of `retry`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Retry {
    /// The run, or the number of its manifest; `status` lists those that are kept
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// Run the night on the inputs that are there now, where they are not those the run had
    #[arg(long)]
    pub(crate) accept_changed_inputs: bool,
    #[command(flatten)]
    pub(crate) watching: Watching,
}

/// Options of `reconcile`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Reconcile {
    /// A metric of groups, such as nrr_12m
    #[arg(long, value_name = "METRIC")]
    pub(crate) metric: String,
    /// The night: its last day, YYYY-MM-DD, in the project's time zone
    #[arg(long, value_name = "DAY")]
    pub(crate) as_of: String,
    /// The policy to begin with: strict, chartmogul, profitwell, stripe, baremetrics, or the project's own
    #[arg(long, value_name = "POLICY", default_value = "project")]
    pub(crate) from: String,
    /// The policy to end with
    #[arg(long, value_name = "POLICY", default_value = "strict")]
    pub(crate) to: String,
    /// A text column of accounts to group by
    #[arg(long, value_name = "COLUMN", default_value = "total")]
    pub(crate) by: String,
}

/// Options of `schema`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Schema {
    /// Only this table
    #[arg(value_name = "TABLE")]
    pub(crate) table: Option<String>,
    /// Instead, the JSON Schema by which editors complete and check files of this kind
    #[arg(long, value_enum, value_name = "KIND", conflicts_with = "table")]
    pub(crate) editor: Option<EditedFile>,
}

/// Options of `ddl`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Ddl {
    /// Only this table
    #[arg(value_name = "TABLE")]
    pub(crate) table: Option<String>,
    /// The SQL to write
    #[arg(long, value_name = "DIALECT", value_parser = dialects())]
    pub(crate) dialect: String,
    /// Instead of what makes the tables, what loads this night of them, YYYY-MM-DD, in the place of what was loaded of it
    #[arg(long, value_name = "DAY")]
    pub(crate) load: Option<String>,
    /// Where the warehouse finds the outputs, if not where the project puts them: a URL, or a stage such as @db.schema.stage
    #[arg(long, value_name = "PLACE")]
    pub(crate) location: Option<String>,
}

fn dialects() -> PossibleValuesParser {
    Dialect::ALL.iter().map(|dialect| PossibleValue::new(dialect.name).help(dialect.title)).into()
}

/// Files that people edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum EditedFile {
    /// Rule files
    Rules,
    /// Files of tests of rules
    Tests,
}

/// Options of `status`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Status {
    /// Only the nights that are missing between the first and the last published one, and those that are held
    #[arg(long)]
    pub(crate) gaps: bool,
}

/// Options of `rollback`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Rollback {
    /// The run, or the number of its manifest; `status` lists them
    #[arg(long, value_name = "RUN")]
    pub(crate) to: String,
}

/// Options of `gc`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Gc {
    /// Only list what would be removed
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Options of `explain`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Explain {
    /// A code, such as E0302
    #[arg(value_name = "CODE")]
    pub(crate) code: String,
}

/// Options of `metrics`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Metrics {
    /// Only metrics and columns of accounts whose name or meaning holds this text
    #[arg(long, value_name = "TEXT")]
    pub(crate) search: Option<String>,
}
