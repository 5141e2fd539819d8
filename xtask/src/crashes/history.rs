//! A month of nights in which everything goes wrong: `cargo xtask history`. Inputs come late, twice, or wrong and are
//! corrected; nights are left out, run again, tried again, taken back and computed anew, by chance.
//!
//! In the end the lake is as it should be, and the range of nights is computed once more. What is published then must
//! be, to the byte, what a publication has that was computed from the last state of the lake and from nothing else.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::state::{State, Tables};
use super::store::files_of;
use crate::Outcome;
use crate::dice::Dice;

const PROJECT: &str = include_str!("history/headwater.yaml");
const RULES: &str = include_str!("history/rules.yaml");
/// The day after the last night.
const AFTER: i64 = 20_605; // 2026-06-01
/// What a command may come to: done, held, a broken contract, inputs not ready, nothing there to go back to.
const MAY_END_WITH: &[i32] = &[0, 4, 5, 8, 9];

/// What is tried.
#[derive(Debug, clap::Args)]
pub struct Histories {
    /// The program.
    #[arg(long)]
    binary: PathBuf,
    /// The folder to work in, which must not be there yet.
    #[arg(long)]
    dir: PathBuf,
    /// How many nights a history has.
    #[arg(long, default_value_t = 30)]
    nights: u32,
    /// Each history has its chances from one of these.
    #[arg(long, value_delimiter = ',', default_value = "1,2,3")]
    seeds: Vec<u64>,
}

/// Lives the histories.
///
/// # Errors
/// Where the harness fails, and where what is published in the end is not as promised.
pub fn run(histories: &Histories, print: &(dyn Fn(&str) + Sync)) -> Outcome {
    fs::create_dir_all(&histories.dir)?;
    let (binary, dir) = (histories.binary.canonicalize()?, histories.dir.canonicalize()?);
    let mut odd = 0;
    for seed in &histories.seeds {
        let lived = live(&binary, &dir.join(seed.to_string()), histories.nights, *seed)?;
        odd += lived.odd.len();
        print(&format!("seed {seed}: {} nights", histories.nights));
        lived
            .done
            .iter()
            .for_each(|((command, code), times)| print(&format!("{times:>6} {command} ended with {code}")));
        lived.odd.iter().for_each(|why| print(&format!("   ODD: {why}")));
    }
    if odd == 0 { Ok(()) } else { Err(format!("{odd} things are not as promised").into()) }
}

/// What came of a history.
#[derive(Debug, Default)]
pub struct Lived {
    /// How often each command ended with which exit code.
    pub done: BTreeMap<(String, i32), usize>,
    /// What is not as promised.
    pub odd: Vec<String>,
}

/// Lives one history in a folder of its own.
///
/// # Errors
/// Where the harness itself fails.
pub fn live(binary: &Path, folder: &Path, nights: u32, seed: u64) -> Outcome<Lived> {
    let mut history = History::begin(binary, folder, nights, seed)?;
    for night in history.first..AFTER {
        history.changes_of_lake(night)?;
        history.work(night)?;
    }
    history.end()
}

/// Something about one object of the lake that is mended on some night.
struct Trouble {
    /// Below the lake.
    path: PathBuf,
    until: i64,
}

struct History {
    binary: PathBuf,
    /// The project whose lake changes.
    lived: PathBuf,
    /// The project over the lake as it should be.
    clean: PathBuf,
    first: i64,
    dice: Dice,
    troubles: Vec<Trouble>,
    came_to: Lived,
}

impl History {
    fn begin(binary: &Path, folder: &Path, nights: u32, seed: u64) -> Outcome<Self> {
        let mut history = Self {
            binary: binary.to_owned(),
            lived: folder.join("lived"),
            clean: folder.join("clean"),
            first: AFTER - i64::from(nights),
            dice: Dice::new(seed),
            troubles: Vec::new(),
            came_to: Lived::default(),
        };
        for project in [&history.lived, &history.clean] {
            let mut demo = Command::new(binary);
            demo.args(["demo", "--accounts", "60", "--days", "60", "--no-run", "--dir"]).arg(project);
            if !demo.stdout(Stdio::null()).stderr(Stdio::null()).status()?.success() {
                return Err("the company could not be made".into());
            }
            fs::remove_dir_all(project.join("rules"))?;
            fs::create_dir(project.join("rules"))?;
            fs::write(project.join("headwater.yaml"), PROJECT)?;
            fs::write(project.join("rules/rules.yaml"), RULES)?;
        }
        history.begin_troubles()?;
        Ok(history)
    }

    /// Of every three objects, one is not there yet, is there twice, or has what another one has.
    fn begin_troubles(&mut self) -> Outcome {
        let paths: Vec<PathBuf> = files_of(&self.clean.join("lake"))?.into_keys().map(PathBuf::from).collect();
        for path in &paths {
            let place = self.lived.join("lake").join(path);
            let until = self.first + i64::try_from(self.dice.below(usize::try_from(AFTER - self.first)?))?;
            let beside = || paths.iter().filter(|other| kind_of(other) == kind_of(path)).cloned().collect::<Vec<_>>();
            match self.dice.below(9) {
                0 if kind_of(path) != "accounts" => fs::remove_file(&place)?,
                1 => drop(fs::copy(&place, place.with_extension("again.parquet"))?),
                2 => {
                    let others = beside();
                    let other = self.dice.one_of(&others).cloned().unwrap_or_else(|| path.clone());
                    fs::copy(self.clean.join("lake").join(other), &place)?;
                }
                _ => continue,
            }
            self.troubles.push(Trouble { path: path.clone(), until });
        }
        Ok(())
    }

    /// Mends what is mended on a night.
    fn changes_of_lake(&mut self, night: i64) -> Outcome {
        let (mended, left) = std::mem::take(&mut self.troubles).into_iter().partition(|trouble| trouble.until <= night);
        self.troubles = left;
        let mended: Vec<Trouble> = mended;
        for Trouble { path, .. } in mended {
            let place = self.lived.join("lake").join(&path);
            let again = place.with_extension("again.parquet");
            if again.exists() {
                fs::remove_file(again)?;
            } else {
                fs::copy(self.clean.join("lake").join(&path), place)?;
            }
        }
        Ok(())
    }

    /// What is done on a night: most often it is run, and two other things besides.
    fn work(&mut self, night: i64) -> Outcome {
        let today = day(night);
        if self.dice.below(8) > 0 {
            self.headwater("run", &["--as-of", &today])?;
        }
        for _ in 0..2 {
            let back = i64::try_from(self.dice.below(6))?;
            let earlier = day((night - back).max(self.first));
            let run = self.some_run()?;
            match (self.dice.below(9), run) {
                (0, _) => self.headwater("run", &["--as-of", &today])?,
                (1, _) => self.headwater("run", &["--as-of", &earlier])?,
                (2, _) => self.headwater("run", &["--as-of", &today, "--catch-up"])?,
                (3, _) => self.headwater("run", &["--as-of", &today, "--lookback", "3"])?,
                (4, _) => self.headwater("backfill", &["--from", &earlier, "--to", &today])?,
                (5, _) => self.headwater("backfill", &["--from", &earlier, "--to", &earlier, "--ripple"])?,
                (6, Some(run)) => self.headwater("retry", &[&run])?,
                (7, Some(run)) => self.headwater("retry", &[&run, "--accept-changed-inputs"])?,
                (8, Some(run)) => self.headwater("rollback", &["--to", &run])?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Some run whose manifest is kept.
    fn some_run(&mut self) -> Outcome<Option<String>> {
        let runs: Vec<String> = self.state(&self.lived)?.runs().map(ToOwned::to_owned).collect();
        Ok(self.dice.one_of(&runs).cloned())
    }

    /// Runs a command on the publication that is lived with, and looks at it afterwards.
    fn headwater(&mut self, command: &str, arguments: &[&str]) -> Outcome {
        let code = self.run_in(&self.lived, command, arguments)?;
        *self.came_to.done.entry((command.to_owned(), code)).or_default() += 1;
        let said = || format!("{command} {}", arguments.join(" "));
        if !MAY_END_WITH.contains(&code) {
            self.came_to.odd.push(format!("{} ended with {code}", said()));
        }
        let harm = self.state(&self.lived)?.harm();
        self.came_to.odd.extend(harm.into_iter().map(|harm| format!("after {}: {harm}", said())));
        Ok(())
    }

    fn run_in(&self, project: &Path, command: &str, arguments: &[&str]) -> Outcome<i32> {
        let log = File::options().create(true).append(true).open(project.join("log.txt"))?;
        let mut run = Command::new(&self.binary);
        run.arg(command).args(arguments).current_dir(project).env_remove("RUST_LOG");
        run.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        Ok(run.status()?.code().unwrap_or(-1))
    }

    fn state(&self, project: &Path) -> Outcome<State> {
        let published = project.join("published");
        State::of(if published.exists() { files_of(&published)? } else { BTreeMap::new() })
    }

    /// Computes the range once more, and over the clean lake, and compares every night.
    fn end(mut self) -> Outcome<Lived> {
        self.changes_of_lake(AFTER)?;
        let (from, to) = (day(self.first), day(AFTER - 1));
        for project in [&self.lived, &self.clean] {
            let code = self.run_in(project, "backfill", &["--from", &from, "--to", &to, "--ripple"])?;
            if code != 0 {
                self.came_to.odd.push(format!("the last backfill ended with {code}"));
            }
        }
        let (lived, clean) = (self.state(&self.lived)?, self.state(&self.clean)?);
        self.came_to.odd.extend(lived.harm());
        let (lived, clean) = (lived.nights(), clean.nights());
        if i64::try_from(clean.len())? != AFTER - self.first || !lived.keys().eq(clean.keys()) {
            self.came_to.odd.push(format!("{} nights are published, and {} clean ones", lived.len(), clean.len()));
        }
        for (night, tables) in &clean {
            let lived = lived.get(night);
            let unlike = |path: &str| lived.and_then(|lived| lived.get(path)) != tables.get(path);
            let paths = tables.keys().chain(lived.into_iter().flat_map(Tables::keys));
            let unlike: Vec<&str> = paths.map(String::as_str).filter(|path| unlike(path)).collect();
            self.came_to
                .odd
                .extend(unlike.into_iter().map(|path| format!("{night}: {path} is not as in the clean one")));
        }
        Ok(self.came_to)
    }
}

/// The input that an object is of.
fn kind_of(path: &Path) -> String {
    path.iter().next().unwrap_or_default().to_string_lossy().into_owned()
}

/// A day by its number since 1970, as it is written. The days of a history are in May 2026, or before.
fn day(number: i64) -> String {
    chrono::DateTime::from_timestamp(number * 86_400, 0).map(|at| at.date_naive().to_string()).unwrap_or_default()
}
