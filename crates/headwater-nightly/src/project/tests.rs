//! Project files read, with what is said about their slips.

use std::path::Path;

use headwater_diagnostics::{Diagnostics, Sources};
use headwater_ingest::InputSource;
use headwater_metrics::{Basis, ColumnType, GrossMargin, InputTable, Lifetimes, RevenuePolicy};

use super::{PROJECT_FILE, Project, load};
use crate::Compatibility;
use crate::publish::Retention;

const SMALLEST: &str = "version: 1\nname: shop\ncurrency: EUR\ninputs:\n  accounts: {path: accounts.parquet}\n";

fn read_with(text: &str, profile: Option<&str>) -> (Sources, Result<Project, Diagnostics>) {
    let mut sources = Sources::default();
    let file = sources.add(PROJECT_FILE, text);
    let project = Project::read(file, &sources, Path::new("/projects/shop"), profile);
    (sources, project)
}

/// What is wrong, as `LINE:COLUMN CODE message`.
fn problems(text: &str, profile: Option<&str>) -> Vec<String> {
    let (sources, project) = read_with(text, profile);
    let problems = project.err().unwrap_or_default();
    let lines = problems.sorted().into_iter().map(|problem| {
        let place = match &problem.place {
            headwater_diagnostics::Place::Span(span) => {
                let (line, column) = sources.line_and_column(span.file, span.start);
                format!("{line}:{column}")
            }
            headwater_diagnostics::Place::Named(name) => name.clone(),
        };
        format!("{place} {} {}", problem.code.id(), problem.message)
    });
    lines.collect()
}

fn read(text: &str) -> Project {
    read_with(text, None).1.unwrap()
}

#[test]
fn the_smallest_project_has_defaults() {
    let project = read(SMALLEST);
    assert_eq!(project.time_zone, chrono_tz::UTC);
    assert_eq!(project.lake.to_string(), "file:///projects/shop");
    assert_eq!(project.outputs.location.to_string(), "file:///projects/shop/published");
    assert_eq!(project.engine.spill_dir, Path::new("/projects/shop/.headwater/spill"));
    assert_eq!((project.economics.horizon_months, project.economics.lookback_months), (60, 12));
    assert_eq!(project.economics.clawback_days, 180);
    assert_eq!(project.lifetimes, Lifetimes::default());
    assert_eq!(project.rules[0].pattern, "rules/*.yaml");
    let [accounts] = &project.inputs[..] else { panic!("one input") };
    assert_eq!(accounts.table, InputTable::Accounts);
    let InputSource::Objects(objects) = &accounts.from else { panic!("objects") };
    assert_eq!(objects.location.to_string(), "file:///projects/shop/accounts.parquet");
}

#[test]
fn everything_that_can_be_said_is_read() {
    let project = read(
        r#"
version: 1
name: shop
time_zone: Europe/Rome
currency: EUR
lake: s3://lake/export
sources:
  raw_usage: {path: "usage/day=*/*.parquet", partitions: {day: date, shard: integer, tier: text}}
inputs:
  usage_events:
    sql: |
      SELECT account_id, day AS occurred_on
      FROM raw_usage
  accounts:
    path: crm/
    columns: {signed_up_on: created_at}
    attributes:
      tier: upper(tier)
      employees: {expr: staff, type: integer}
    filter: "tier <> 'test'"
    freshness: {max_age_days: 2}
    max_quarantine_pct: 0.5
outputs: {location: "gs://published/shop", compat: widest, keep_superseded_days: 30}
stores:
  s3://lake: {endpoint: "http://127.0.0.1:9000", region: eu-south-1, allow_http: true, path_style: true}
engine: {memory_mb: 2048, spill_dir: /var/spill, threads: 2}
economics: {gross_margin_pct: 80, discount_rate_annual_pct: 10, horizon_months: 36, lookback_months: 6, clawback_days: 90}
lifetimes: {fit_by: tier, fewest_customers: 50, fewest_churns: 5, observed_since: 2020-01-01, lapse_days: 180, basis: net}
groups: [tier, acquisition_channel]
rules: [rules/*.yaml, more/extra.yaml]
"#,
    );
    let tables: Vec<_> = project.inputs.iter().map(|input| input.table).collect();
    assert_eq!(tables, [InputTable::Accounts, InputTable::UsageEvents]);
    let accounts = &project.inputs[0];
    assert_eq!(accounts.columns[0].name, "signed_up_on");
    assert_eq!(accounts.attributes[1].kind, Some(ColumnType::Integer));
    assert_eq!((accounts.freshness_max_age_days, accounts.max_quarantine_pct), (Some(2), Some(0.5)));
    let partitions: Vec<_> = project.sources[0].objects.partitions.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(partitions, ["day", "shard", "tier"]);
    assert_eq!(project.sources[0].objects.location.to_string(), "s3://lake/export/usage/day=*/*.parquet");
    assert_eq!(project.outputs.location.to_string(), "gs://published/shop");
    assert_eq!(project.outputs.compat, Compatibility::Widest);
    assert_eq!(project.outputs.retention, Retention { superseded_days: 30, held_days: 14 });
    assert_eq!(project.stores[0].path_style, Some(true));
    assert_eq!(project.engine.spill_dir, Path::new("/var/spill"));
    assert_eq!(project.economics.gross_margin, GrossMargin::Declared(0.8));
    assert_eq!(project.economics.clawback_days, 90);
    assert!(((1.0 + project.economics.monthly_discount).powi(12) - 1.1).abs() < 1e-12);
    assert!(project.lifetimes.are_published);
    assert_eq!((project.lifetimes.fit_by.as_deref(), project.lifetimes.basis), (Some("tier"), Basis::Net));
    assert_eq!((project.lifetimes.fewest_customers, project.lifetimes.lapse_days), (50, 180));
    assert_eq!(project.lifetimes.fewest_churns, 5);
    assert_eq!(project.lifetimes.observed_since, "2020-01-01".parse().ok());
    assert_eq!(project.groups, ["tier", "acquisition_channel"]);
    assert_eq!(project.rules.len(), 2);
}

#[test]
fn a_profile_replaces_what_it_names_and_nothing_else() {
    let text = format!(
        "{SMALLEST}outputs: {{location: here, compat: widest}}\nprofiles:\n  prod:\n    outputs: {{location: 's3://b/p'}}\n    lake: s3://lake\n"
    );
    let project = read_with(&text, Some("prod")).1.unwrap();
    assert_eq!(project.profile.as_deref(), Some("prod"));
    assert_eq!(project.outputs.location.to_string(), "s3://b/p");
    assert_eq!(project.outputs.compat, Compatibility::Widest);
    assert_eq!(project.lake.to_string(), "s3://lake");
    assert_eq!(read(&text).outputs.location.to_string(), "file:///projects/shop/here");
}

#[test]
fn profiles_are_checked_whether_or_not_they_are_asked_for() {
    let text = format!("{SMALLEST}profiles:\n  prod:\n    name: other\n    engine: {{treads: 2}}\n");
    assert_eq!(
        problems(&text, None),
        ["8:5 E0108 a profile cannot change `name`", "9:14 E0102 unknown key `treads` in engine"]
    );
    let text = format!("{SMALLEST}profiles: {{prod: {{}}, dev: {{}}}}\n");
    assert_eq!(problems(&text, Some("prd")), ["--profile E0105 the project has no profile `prd`"]);
}

/// A project with `line` added at the top level.
fn with(line: &str) -> Vec<String> {
    problems(&format!("{SMALLEST}{line}\n"), None)
}

#[test]
fn slips_are_pointed_at() {
    let cases = [
        ("groups: [acquisition_chanel]", "6:10 E0206 `acquisition_chanel` is no text column or attribute of accounts"),
        ("groups: [seats]", "6:10 E0206 `seats` is no text column or attribute of accounts"),
        ("time_zone: Europe/Rom", "6:12 E0105 not a time zone of the IANA list"),
        ("lake: hdfs://lake", "6:7 E0601 `hdfs://` is no scheme this program can open"),
        ("lake: a/*/b", "6:7 E0105 `lake` is one folder and takes no wildcards"),
        ("lake: s3://key:secret@lake", "6:7 E0110 a location with credentials in it"),
        (
            "outputs: {location: .}\nsources: {all: {path: '**/*.parquet'}, one: {path: 'a.parquet'}}",
            "7:23 E0404 this takes the tables too that are published in `file:///projects/shop`",
        ),
        (
            "outputs: {location: out}\nsources: {a: {path: 'out/account_metrics/**'}, b: {path: 'out/other.parquet'}}",
            "7:21 E0404 this takes the tables too that are published in `file:///projects/shop/out`",
        ),
        ("lake: az://lake?sv=2024&sig=abc", "6:7 E0110 a location with credentials in it"),
        ("outputs: {keep_held_days: -1}", "6:27 E0105 `keep_held_days` must be from 0 to 3650, not -1"),
        ("outputs: {compat: wide}", "6:19 E0105 `wide` is no value of `compat`"),
        ("stores: {s3://b: {secret_access_key: x}}", "6:19 E0110 `secret_access_key` looks like a credential"),
        ("stores: {s3://b: {endpoint: 'http://u:p@h'}}", "6:29 E0110 an endpoint with credentials in it"),
        ("stores: {s3://b: {regon: x}}", "6:19 E0102 unknown key `regon` in a store"),
        ("engine: {threads: 0}", "6:19 E0105 `threads` must be from 1 to 1024, not 0"),
        ("engine: {spill_dir: 's3://b'}", "6:21 E0105 the engine spills to the local disk only"),
        ("economics: {gross_margin_pct: from_costs}", "6:31 E0105 `from_costs` needs the input `costs`"),
        ("economics: {gross_margin_pct: 180}", "6:31 E0105 `gross_margin_pct` must be a number from 0 to 100"),
        (
            "economics: {gross_margin_pct: 0.8}",
            "6:31 E0105 `gross_margin_pct` of 0.8 is less than one percent of revenue",
        ),
        ("lifetimes: {fit_by: seats}", "6:21 E0206 `seats` is no text column or attribute of accounts"),
        ("lifetimes: {observed_since: soon}", "6:29 E0105 `observed_since` must be a calendar day"),
        ("lifetimes: {basis: profit}", "6:20 E0105 `profit` is no value of `basis`"),
        ("lifetimes: {fewest_customers: 0}", "6:31 E0105 `fewest_customers` must be from 1 to 1000000, not 0"),
        ("sources: {Raw: {path: a}}", "6:11 E0105 `Raw` is no name for a source"),
        ("sources: {raw: {partitions: {day: date}}}", "6:16 E0103 a source needs `path`"),
        ("ruls: [a]", "6:1 E0102 unknown key `ruls` in the project file"),
    ];
    for (line, expected) in cases {
        assert_eq!(with(line), [expected], "{line}");
    }
}

/// A project whose inputs are accounts and what `lines` say.
fn with_input(lines: &str) -> Vec<String> {
    problems(&format!("{SMALLEST}  {lines}\n"), None)
}

#[test]
fn slips_in_inputs_are_pointed_at() {
    let cases = [
        ("usage_event: {path: a}", "6:3 E0102 `usage_event` is no input"),
        ("orders: {columns: {amount: a}}", "6:3 E0103 `orders` needs a `path` or a `sql`"),
        ("orders: {path: a, sql: SELECT 1}", "6:21 E0108 an input has a `path` or a `sql`, not both"),
        ("orders: {path: a, columns: {amout: a}}", "6:31 E0102 `amout` is no column of `orders`"),
        ("orders: {path: a, columns: {amount: 7}}", "6:39 E0104 `amount` must be text, not a whole number"),
        ("orders: {path: a, attributes: {b: c}}", "6:21 E0102 unknown key `attributes` in an input"),
        ("orders: {path: a, filter: ''}", "6:29 E0105 `filter` is empty"),
        ("orders: {path: a, partitions: {day: dates}}", "6:39 E0105 `dates` is no type of a partition"),
        (
            "orders: {path: a, max_quarantine_pct: 101}",
            "6:41 E0105 `max_quarantine_pct` must be a number from 0 to 100",
        ),
        (
            "subscriptions: {path: a, expect: {cancelled_after_start: 'true'}}",
            "6:37 E0108 `cancelled_after_start` is a count of the program itself",
        ),
        (
            "plans: {path: a, freshness: {max_age_days: 1}}",
            "6:31 E0105 the rows of `plans` have no day, so they cannot be too old",
        ),
        ("orders: {path: '../../../../a'}", "6:18 E0105 `../../../../a` leads out of its store"),
    ];
    for (line, expected) in cases {
        assert_eq!(with_input(line), [expected], "{line}");
    }
}

/// Help and words at the caret of the one problem of a project with `lines` added to it.
fn answer(lines: &str) -> (String, String) {
    let problems = read_with(&format!("{SMALLEST}{lines}\n"), Some("dev")).1.err().unwrap_or_default();
    let [problem] = problems.sorted()[..] else { panic!("{lines}: {problems:?}") };
    (problem.help.clone().unwrap_or_default(), problem.label.clone().unwrap_or_default())
}

#[test]
fn a_slip_is_answered_with_the_word_that_is_meant() {
    let cases = [
        ("ruls: [a]", "rules", ""),
        ("engine: {treads: 2}", "threads", "keys here: memory_mb, threads, spill_dir"),
        ("time_zone: Europe/Rom", "Europe/Rome", "for example Europe/Rome or UTC"),
        ("groups: [acquisition_chanel]", "acquisition_channel", ""),
        ("metrics: [mmr]", "mrr", ""),
        ("outputs: {compat: widst}", "widest", "one of standard, widest"),
        ("stores: {s3://b: {regon: x}}", "region", "keys here: endpoint, region, allow_http, path_style, account"),
        ("  order: {path: a}", "orders", ""),
        ("  orders: {path: a, columns: {amout: a}}", "amount", ""),
        ("  orders: {path: a, partitions: {day: dat}}", "date", "one of date, text, integer"),
        ("  usage_events: {path: a, fresness: {max_age_days: 1}}", "freshness", ""),
    ];
    for (lines, meant, listed) in cases {
        let (help, label) = answer(&format!("{lines}\nprofiles: {{dev: {{}}}}"));
        assert_eq!(help, format!("did you mean `{meant}`?"), "{lines}");
        assert!(listed.is_empty() || label == listed, "{lines}: {label}");
    }
    assert_eq!(answer("profiles: {devel: {}, prod: {}, dve: {}}").0, "did you mean `dve`?");
}

#[test]
fn accounts_are_needed_and_their_attributes_have_names_of_their_own() {
    let head = "version: 2\nname: shop\ncurrency: euro\ninputs:\n";
    let text = format!("{head}  orders: {{path: a}}\n");
    assert_eq!(
        problems(&text, None),
        [
            "1:10 E0107 this program reads version 1 of the language",
            "3:11 E0105 a currency is three capital letters",
            "5:3 E0103 the project has no `accounts` input",
        ]
    );
    let text =
        "version: 1\nname: shop\ncurrency: EUR\ninputs:\n  accounts: {path: a, attributes: {plan: p, My Size: s}}\n";
    assert_eq!(
        problems(text, None),
        ["5:36 E0108 `plan` is a column of accounts already", "5:45 E0105 `My Size` is no name for an attribute"]
    );
    let text =
        "version: 1\nname: shop\ncurrency: EUR\ninputs:\n  accounts: {path: a, attributes: {mrr: m, scope: s}}\n";
    assert_eq!(
        problems(text, None),
        [
            "5:36 E0108 `mrr` is a metric, or a column of tables that are made of accounts",
            "5:44 E0108 `scope` is a metric, or a column of tables that are made of accounts"
        ]
    );
}

#[test]
fn a_folder_is_loaded_with_its_rule_files_in_order() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("rules")).unwrap();
    for name in ["rules/b.yaml", "rules/a.yaml", "rules/notes.txt"] {
        std::fs::write(folder.path().join(name), "version: 1\n").unwrap();
    }
    assert!(load(folder.path(), None).project.is_err_and(|problems| problems.has_errors()));
    std::fs::write(folder.path().join(PROJECT_FILE), SMALLEST).unwrap();
    let loaded = load(folder.path(), None);
    let names: Vec<_> = loaded.rules.iter().map(|file| loaded.sources.name(*file)).collect();
    assert_eq!(names, ["rules/a.yaml", "rules/b.yaml"]);
    assert!(loaded.project.is_ok());
    std::fs::write(folder.path().join(PROJECT_FILE), format!("{SMALLEST}rules: [ruls/*.yaml]\n")).unwrap();
    let problems = load(folder.path(), None).project.unwrap_err();
    assert_eq!(problems.sorted()[0].message, "no file matches `ruls/*.yaml`");
}

#[test]
fn the_example_projects_read() {
    let projects = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/projects");
    for name in ["ravenstack", "taskflow", "cdnow"] {
        let folder = projects.join(name).canonicalize().unwrap();
        let loaded = load(&folder, None);
        assert_eq!(loaded.project.unwrap().name, name);
    }
}

#[test]
fn sql_is_read_before_any_table_is_known() {
    let text = "version: 1\nname: shop\ncurrency: EUR\ninputs:\n  accounts:\n    path: a.parquet\n    columns: {signed_up_on: created at, plan: 'lower(plan', owner: 'coalesce(o, ''x'')'}\n    filter: \"tier <>\"\n    expect: {known: {expr: 'a = ', otherwise: leave_out}, Other: 'true'}\n  orders:\n    sql: SELECT a FROM t WHERE\n  spend:\n    sql: DROP TABLE lake\n";
    assert_eq!(
        problems(text, None),
        [
            "7:47 E0505 invalid SQL: Expected: ), found: EOF",
            "8:13 E0505 invalid SQL: Expected: an expression, found: EOF",
            "9:28 E0505 invalid SQL: Expected: an expression, found: EOF",
            "9:59 E0105 `Other` is no name for an expectation",
            "11:10 E0505 invalid SQL: Expected: an expression, found: EOF",
            "13:10 E0505 an input's `sql` is one SELECT",
        ]
    );
}

/// What is wrong with a query over the sources `invoices` and `items`, as `COLUMN CODE message`.
fn in_query(query: &str) -> Vec<String> {
    let text = format!(
        "{SMALLEST}  orders:\n    sql: |\n      {query}\nsources:\n  invoices: {{path: i}}\n  items: {{pth: i}}\n"
    );
    let said = problems(&text, None);
    said.iter().filter_map(|problem| problem.strip_prefix("8:")).map(ToOwned::to_owned).collect()
}

/// The word that a query's problem points at is marked.
#[test]
fn a_table_that_is_no_source_is_pointed_at_before_anything_is_read() {
    let cases = [
        ("SELECT i.a, invoice FROM ^invoice i", "`invoice` is no source of the project"),
        ("SELECT * FROM Invoices JOIN public.items USING (a), ^\"Items\"", "`Items` is no source of the project"),
        ("SELECT * FROM ^billing.invoices, invoices", "`billing.invoices` is no source of the project"),
        ("SELECT * FROM ^nope, nope", "`nope` is no source of the project"),
        ("SELECT * FROM invoices WHERE a IN (SELECT a FROM ^gone)", "`gone` is no source of the project"),
        ("WITH a AS (SELECT * FROM ^b), b AS (SELECT * FROM a) SELECT * FROM a, b", "`b` is no source of the project"),
        ("WITH gone AS (SELECT * FROM ^gone) SELECT * FROM gone", "`gone` is no source of the project"),
        ("SELECT * FROM (WITH a AS (SELECT 1) SELECT * FROM a) AS b, ^a", "`a` is no source of the project"),
        (
            "^WITH RECURSIVE a AS (SELECT 1 UNION ALL SELECT * FROM a) SELECT * FROM a",
            "a query of the project file cannot be recursive",
        ),
        (
            "SELECT * FROM (^WITH RECURSIVE a AS (SELECT * FROM a) SELECT * FROM a)",
            "a query of the project file cannot be recursive",
        ),
    ];
    for (marked, expected) in cases {
        let column = marked.find('^').unwrap() + 7;
        assert_eq!(in_query(&marked.replace('^', "")), [format!("{column} E0505 {expected}")], "{marked}");
    }
    let fine = [
        "WITH invoices AS (SELECT * FROM invoices), B AS (SELECT * FROM invoices) SELECT * FROM b, invoices AS c",
        "SELECT * FROM invoices i, LATERAL (SELECT * FROM items) j, generate_series(1, 3), unnest([1, 2])",
        "SELECT * FROM (SELECT * FROM invoices) AS gone WHERE EXISTS (SELECT 1 FROM items WHERE items.a = gone.a)",
    ];
    for query in fine {
        assert_eq!(in_query(query), Vec::<String>::new(), "{query}");
    }
    let proposed =
        answer("  orders: {sql: SELECT * FROM invoces}\nsources: {invoices: {path: i}}\nprofiles: {dev: {}}");
    assert_eq!(proposed.0, "did you mean `invoices`?");
}

#[test]
fn a_profile_changes_switches_of_the_policy_it_finds() {
    let cases = [
        ("policy: chartmogul", "{contraction_is_lost: false}", "chartmogul", Some(false)),
        ("policy: chartmogul", "{preset: stripe, contraction_is_lost: false}", "stripe", Some(false)),
        ("policy: {preset: chartmogul}", "{contraction_is_lost: false}", "chartmogul", Some(false)),
        ("policy: chartmogul", "baremetrics", "baremetrics", None),
        ("time_zone: UTC", "{contraction_is_lost: false}", "strict", Some(false)),
    ];
    for (base, overlay, preset, contraction_is_lost) in cases {
        let text = format!("{SMALLEST}{base}\nprofiles: {{dev: {{policy: {overlay}}}}}\n");
        let of_preset = RevenuePolicy::preset(preset).unwrap();
        let expected = RevenuePolicy {
            contraction_is_lost: contraction_is_lost.unwrap_or(of_preset.contraction_is_lost),
            ..of_preset
        };
        assert_eq!(read_with(&text, Some("dev")).1.unwrap().policy, expected, "{base} under {overlay}");
    }
    let slip = format!("{SMALLEST}policy: chartmogle\nprofiles: {{dev: {{policy: {{contraction_is_lost: false}}}}}}\n");
    assert_eq!(problems(&slip, None), ["6:9 E0105 `chartmogle` is no policy of recurring revenue"]);
}
