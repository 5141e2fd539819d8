//! The examples for schedulers, run as their users run them, over nights that end in each of the ways a scheduler must tell apart.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use xtask::crashes::{Store, moto_server};

use crate::cli::{Outcome, Place};

/// A way for a night to end, and how a project comes to it.
#[derive(Debug, Clone, Copy)]
enum Ending {
    Published,
    /// It is published, and a guardrail is in breach.
    Breached,
    /// An audit fails: exit code 4.
    Held,
    /// An input ends too early: 8.
    NotReady,
    /// An input has no object: 5.
    BrokenInput,
    /// A rule names a metric that there is not: 3.
    BrokenRule,
}

use Ending::{Breached, BrokenInput, BrokenRule, Held, NotReady, Published};

impl Ending {
    /// A demo that ends so on every night from the last day of its data on; it publishes in another zone than the machine's.
    fn place(self) -> Place {
        let place = Place::demo();
        place.edit("headwater.yaml", "time_zone: UTC", "time_zone: Asia/Tokyo");
        let audit = "version: 1\naudits:\n  - {id: enough, table: account_metrics, check: row_count, min: 100000, severity: error, description: d, owner: o}\n";
        let rule = "version: 1\ntriggers:\n  - {id: t, when: \"no_such_metric > 5\", description: d, owner: o}\n";
        let guardrail = "version: 1\nguardrails:\n  - {id: most_pay, metric: paying_accounts, bands: {pass: \"> 1000\"}, description: d, owner: o}\n";
        let feedback = "columns: {submitted_on: submitted_at}";
        match self {
            Published => {}
            Breached => place.write("rules/more.yaml", guardrail),
            Held => place.write("rules/more.yaml", audit),
            NotReady => {
                place.edit("headwater.yaml", feedback, &format!("{feedback}\n    freshness: {{max_age_days: 1}}"))
            }
            BrokenInput => fs::remove_dir_all(place.path("lake/orders")).unwrap(),
            BrokenRule => place.write("rules/more.yaml", rule),
        }
        place
    }

    /// The night that ends so. The demo's data ends with May.
    fn night(self) -> &'static str {
        if matches!(self, NotReady) { "2026-06-20" } else { "2026-05-31" }
    }
}

/// What Airflow makes of each ending, and what its log must say.
const IN_AIRFLOW: &[(Ending, &str, &str)] = &[
    (
        Published,
        "run success, task success, tries 1, night of 2026-05-31: 60 accounts, flags, rows in many tables",
        "state=success",
    ),
    (Held, "run failed, task failed, tries 1", "Held: night of 2026-05-31"),
    (NotReady, "run failed, task failed, tries 2", "E0506"),
    (BrokenInput, "run failed, task failed, tries 1", "tell whoever exports it (exit code 5)"),
    (BrokenRule, "run failed, task failed, tries 1", "tell the analyst (exit code 3)"),
];

#[test]
fn airflow_publishes_retries_and_fails_as_the_exit_code_says() {
    let Some(airflow) = Airflow::installed() else { return };
    thread::scope(|scope| {
        for (ending, expected, shown) in IN_AIRFLOW {
            let airflow = &airflow;
            scope.spawn(move || {
                let (state, log) = airflow.what_became(&ending.place(), *ending, &[]);
                assert_eq!(state, *expected, "{ending:?}: {log}");
                assert!(log.contains(shown), "{ending:?}: {log}");
            });
        }
        scope.spawn(|| {
            let (state, log) = airflow.what_became(&NotReady.place(), NotReady, &[("HEADWATER_NEVER_READY", "skip")]);
            assert_eq!(state, "run success, task skipped, tries 2", "{log}");
        });
    });
}

/// The worker has no right to the store; the connection has.
#[test]
#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
fn airflow_gives_the_program_the_keys_of_a_connection() {
    let Some(airflow) = Airflow::installed() else { return };
    let Some(moto) = moto_server() else {
        println!("SKIPPED: no S3-compatible server is installed; .ci/run installs one");
        return;
    };
    let place = Published.place();
    let store = Store::moto(&moto, &place.path("")).unwrap();
    store.make_room("lake").unwrap();
    place.edit("headwater.yaml", "location: published", "location: s3://lake/published");
    let connection = serde_json::json!({
        "conn_type": "aws", "login": "test", "password": "test",
        "extra": {"region_name": "us-east-1", "endpoint_url": format!("http://127.0.0.1:{}", store.port)},
    });
    let variables = [
        ("AIRFLOW_CONN_LAKE", connection.to_string()),
        ("HEADWATER_CONNECTION", "lake".to_owned()),
        ("AWS_ALLOW_HTTP", "true".to_owned()),
    ];
    let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let (state, log) = airflow.what_became(&place, Published, &variables);
    assert!(state.starts_with("run success, task success, tries 1, night of 2026-05-31"), "{state}: {log}");
}

/// Airflow with an empty database, of which each night gets a copy.
struct Airflow {
    tools: PathBuf,
    home: tempfile::TempDir,
}

impl Airflow {
    fn installed() -> Option<Self> {
        let airflow = Self { tools: installed("airflow")?, home: tempfile::tempdir().unwrap() };
        done(&mut airflow.command(&airflow.empty(), &["db", "migrate"]));
        Some(airflow)
    }

    fn empty(&self) -> PathBuf {
        self.home.path().join("empty.db")
    }

    /// Airflow over a database and the example's folder.
    fn command(&self, database: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.tools.join("airflow"));
        command
            .args(arguments)
            .env("AIRFLOW_HOME", self.home.path())
            .env("AIRFLOW__CORE__DAGS_FOLDER", example("airflow"))
            .env("AIRFLOW__CORE__LOAD_EXAMPLES", "False")
            .env("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", format!("sqlite:///{}", database.display()));
        command
    }

    /// Runs the DAG as of two in the morning of the day after the night, in Tokyo: what became of it, and its log.
    fn what_became(&self, place: &Place, ending: Ending, variables: &[(&str, &str)]) -> (String, String) {
        let database = place.path("airflow.db");
        fs::copy(self.empty(), &database).unwrap();
        let due = format!("{}T17:00:00+00:00", ending.night());
        let mut test = self.command(&database, &["dags", "test", "headwater_nightly", &due]);
        let said = outcome(deployed(&mut test, place).envs(variables.iter().copied()));
        (state(&self.tools, "airflow_state.py", |command| command.arg(&database)), said.stdout + &said.stderr)
    }
}

/// What Dagster makes of each.
const IN_DAGSTER: &[(Ending, &str)] = &[
    (
        Published,
        "run success, tries 1, audits passed, guardrails passed, night of 2026-05-31: 60 accounts, rows in many tables",
    ),
    (
        Breached,
        "run success, tries 1, audits passed, guardrails warn, night of 2026-05-31: 60 accounts, rows in many tables",
    ),
    (Held, "run failure, tries 1, audits error"),
    (NotReady, "run failure, tries 2"),
    (BrokenInput, "run failure, tries 1"),
];

#[test]
fn dagster_publishes_checks_retries_and_fails_as_the_exit_code_says() {
    let Some(tools) = installed("dagster") else { return };
    thread::scope(|scope| {
        for (ending, expected) in IN_DAGSTER {
            let tools = &tools;
            scope.spawn(move || {
                let place = ending.place();
                let home = place.path("dagster");
                fs::create_dir(&home).unwrap();
                fs::write(home.join("dagster.yaml"), "telemetry: {enabled: false}\n").unwrap();
                let mut run = Command::new(tools.join("dagster"));
                run.args(["asset", "materialize", "--select", "headwater", "--partition", ending.night(), "-f"]);
                run.arg(example("dagster/definitions.py")).env("DAGSTER_HOME", &home);
                let said = outcome(deployed(&mut run, &place));
                let state = state(tools, "dagster_state.py", |command| command.env("DAGSTER_HOME", &home));
                assert_eq!(state, *expected, "{ending:?}: {}", said.stdout + &said.stderr);
            });
        }
    });
}

/// What cron mails, and the exit code.
const BY_CRON: &[(Ending, i32, &[&str])] = &[
    (Held, 4, &["is not published (exit code 4)", "E0801"]),
    (NotReady, 8, &["is not published (exit code 8)", "E0506"]),
    (BrokenRule, 3, &["is not published (exit code 3)", "E0302"]),
];

#[cfg(unix)]
#[test]
fn cron_mails_what_people_must_look_at() {
    for (ending, code, shown) in BY_CRON {
        let place = ending.place();
        let began = Instant::now();
        let said = by_cron(&place);
        assert_eq!(said.code, *code, "{ending:?}: {}", said.stdout);
        assert!(shown.iter().all(|part| said.stdout.contains(part)), "{ending:?}: {}", said.stdout);
        // What another try can mend is tried for as long as was said.
        assert!(*code != 8 || began.elapsed() >= Duration::from_secs(8), "{:?}", began.elapsed());
    }
}

/// The lease of another run ends while the script waits.
#[cfg(unix)]
#[test]
fn cron_waits_for_another_run_and_mails_nothing_of_a_night_that_is_published() {
    let place = Published.place();
    let ends = (chrono::Utc::now() + chrono::Duration::seconds(6)).to_rfc3339();
    let record = format!(
        r#"{{"run_id": "other", "host": "there", "state": "held", "taken_at": "2026-06-01T00:00:00Z", "expires_at": "{ends}"}}"#
    );
    place.write("published/_leases/00000001.json", &record);
    place.run().says(7, &["E0701"]);
    let said = by_cron(&place);
    assert_eq!((said.code, said.stdout.as_str()), (0, ""));
    assert_eq!(place.beginning_with("published/manifests/").len(), 1);
}

/// The night clears up, and the lease is free for the next.
#[cfg(unix)]
#[test]
fn cron_hands_a_request_to_end_on_to_the_night() {
    let place = Published.place();
    let mut script = cron(&place).stdout(Stdio::null()).spawn().unwrap();
    let began = Instant::now();
    while place.beginning_with(".headwater/spill/run-").is_empty() {
        assert!(began.elapsed() < Duration::from_secs(120), "the night does not begin");
        thread::sleep(Duration::from_millis(5));
    }
    done(Command::new("kill").arg(script.id().to_string()));
    assert_eq!(script.wait().unwrap().code(), Some(1));
    assert!(place.last_lease().1.contains("\"state\": \"released\""), "{:?}", place.last_lease());
}

#[cfg(unix)]
fn by_cron(place: &Place) -> Outcome {
    outcome(&mut cron(place))
}

#[cfg(unix)]
fn cron(place: &Place) -> Command {
    let mut script = Command::new("sh");
    deployed(script.arg(example("cron/headwater-nightly")), place);
    script.env("HEADWATER_TRY_FOR", "10").env("HEADWATER_TRY_EVERY", "2");
    script
}

/// The units as they are, but for the program, which must be there.
#[cfg(unix)]
#[test]
#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
fn systemd_accepts_the_units() {
    let place = Place::empty();
    for unit in ["headwater.service", "headwater.timer"] {
        let text = fs::read_to_string(example("systemd").join(unit)).unwrap();
        place.write(unit, &text.replace("/usr/local/bin/headwater", env!("CARGO_BIN_EXE_headwater")));
    }
    let mut verify = Command::new("systemd-analyze");
    verify.args(["verify", "--man=no"]).args([place.path("headwater.service"), place.path("headwater.timer")]);
    match verify.output() {
        Err(_) => println!("SKIPPED: there is no systemd-analyze"),
        Ok(output) => {
            let said = Outcome::from(output);
            assert_eq!((said.code, said.stdout.as_str(), said.stderr.as_str()), (0, "", ""));
        }
    }
}

/// A file or folder of the examples.
fn example(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(path)
}

/// A command in the surroundings that the examples ask for, with tries that do not last.
fn deployed<'c>(command: &'c mut Command, place: &Place) -> &'c mut Command {
    command
        .env("HEADWATER", env!("CARGO_BIN_EXE_headwater"))
        .env("HEADWATER_PROJECT", place.path(""))
        .env("HEADWATER_TIME_ZONE", "Asia/Tokyo")
        .env("HEADWATER_RETRIES", "1")
        .env("HEADWATER_RETRY_SECONDS", "1")
        .env_remove("RUST_LOG")
}

/// What a program of `scheduled/` says about what became of a run.
fn state(tools: &Path, program: &str, with: impl FnOnce(&mut Command) -> &mut Command) -> String {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/scheduled").join(program);
    let mut command = Command::new(tools.join("python"));
    done(with(command.arg(program))).trim_end().to_owned()
}

fn outcome(command: &mut Command) -> Outcome {
    command.stdin(Stdio::null()).output().unwrap().into()
}

#[track_caller]
fn done(command: &mut Command) -> String {
    let outcome = outcome(command);
    assert_eq!(outcome.code, 0, "{command:?}: {}", outcome.stderr);
    outcome.stdout
}

/// The programs of a scheduler, installed below the target folder the first time; says so where that cannot be. Tests
/// that ask at the same time wait for the one that installs.
#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
fn installed(scheduler: &str) -> Option<PathBuf> {
    let asked = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../tests/requirements-{scheduler}.txt"));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(scheduler);
    let (tools, marker) = (folder.join("bin"), folder.join("installed.txt"));
    let text = fs::read_to_string(&asked).unwrap();
    let turn = fs::File::create(folder.with_extension("lock")).unwrap();
    turn.lock().unwrap();
    if fs::read_to_string(&marker).is_ok_and(|found| found == text) {
        return Some(tools);
    }
    let install = || {
        outcome(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder)).code == 0 && {
            let mut pip = Command::new(tools.join("python"));
            pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--requirement"]).arg(&asked);
            let said = outcome(&mut pip);
            println!("{}", said.stderr);
            said.code == 0
        }
    };
    if !install() {
        println!("SKIPPED: {scheduler} cannot be installed from {}", asked.display());
        return None;
    }
    fs::write(marker, text).unwrap();
    Some(tools)
}
