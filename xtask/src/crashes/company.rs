//! A small company whose nights are disturbed: its lake, its project file, and a publication to begin from.
//!
//! What is published to begin with is the night before, and the night itself by other rules: so the disturbed run carries
//! on a state, replaces a version, and finds objects that it need not write again.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::disk::{self, Step};
use super::proxy::Proxy;
use super::request::Point;
use super::state::{State, Tables};
use super::store::{Kind, Objects, Store, files_of};
use crate::Outcome;

const PROJECT: &str = include_str!("company/headwater.yaml");
const RULES: &str = include_str!("company/rules.yaml");
/// The place of the lake in the store.
const LAKE: &str = "lake/company";
/// The inputs that the project reads.
const INPUTS: &[&str] = &["accounts", "subscriptions", "orders", "exchange_rates"];
const NIGHT_BEFORE: &str = "2026-05-30";
const NIGHT: &str = "2026-05-31";
/// What an account must pay to be a large one, as the first version of the night has it, and the disturbed one.
const LARGE: [&str; 2] = ["100", "500"];

/// A company in a store, with what an undisturbed night of it comes to.
#[derive(Debug)]
pub struct Company {
    binary: PathBuf,
    /// The store.
    pub store: Store,
    lake: Objects,
    /// The publication that every disturbed run begins from.
    base: Objects,
    /// The tables of the undisturbed night.
    pub(super) tables: Tables,
    /// The requests of the undisturbed night, or its steps on the disk.
    pub(super) points: Vec<Point>,
    /// What each step on the disk was.
    pub(super) steps: BTreeMap<Point, Step>,
}

impl Company {
    /// Makes the company by `headwater demo`, publishes to begin with, and runs the night undisturbed.
    ///
    /// # Errors
    /// Where any of it fails.
    pub fn new(binary: &Path, store: Store) -> Outcome<Self> {
        let mut company = Self {
            binary: binary.to_owned(),
            store,
            lake: Objects::new(),
            base: Objects::new(),
            tables: Tables::new(),
            points: Vec::new(),
            steps: BTreeMap::new(),
        };
        company.lake = company.make_lake()?;
        company.fill_lake()?;
        company.begin()?;
        company.undisturbed()?;
        Ok(company)
    }

    /// The same company in a store of its own. Servers of the tests are slower with each object that they keep.
    pub(super) fn moved(&self, name: &str) -> Outcome<Self> {
        let moved = Self {
            binary: self.binary.clone(),
            store: self.store.another(&self.store.folder.join(name))?,
            lake: self.lake.clone(),
            base: self.base.clone(),
            tables: self.tables.clone(),
            points: self.points.clone(),
            steps: self.steps.clone(),
        };
        moved.fill_lake()?;
        Ok(moved)
    }

    fn make_lake(&self) -> Outcome<Objects> {
        let demo = self.store.folder.join("demo");
        let mut command = Command::new(&self.binary);
        command.args(["demo", "--accounts", "60", "--days", "60", "--no-run", "--dir"]).arg(&demo);
        succeeds(command.stdout(Stdio::null()).stderr(Stdio::null()), "the company could not be made")?;
        let mut lake = files_of(&demo.join("lake"))?;
        lake.retain(|path, _| INPUTS.iter().any(|input| path.starts_with(&format!("{input}/"))));
        Ok(lake)
    }

    fn fill_lake(&self) -> Outcome {
        self.store.make_room(LAKE)?;
        self.store.put(LAKE, &self.lake)
    }

    fn begin(&mut self) -> Outcome {
        let cell = "begin";
        self.prepare(cell, LARGE[0])?;
        for night in [NIGHT_BEFORE, NIGHT] {
            let run = &mut self.headwater(cell, self.store.port, &["run", "--as-of", night])?;
            succeeds(run, "what is published to begin with could not be")?;
        }
        self.base = self.published(cell)?;
        Ok(())
    }

    /// Runs the night undisturbed, and notes what it comes to.
    fn undisturbed(&mut self) -> Outcome {
        let cell = "undisturbed";
        self.open(cell)?;
        let status = if self.store.kind == Kind::Disk {
            let (status, steps) = disk::run_watched(self, cell)?;
            self.points = steps.iter().map(|(point, _)| point.clone()).collect();
            self.steps = steps.into_iter().collect();
            status
        } else {
            let proxy = Proxy::start(self.store.port, None)?;
            let status = proxy.run(&mut self.night(cell, proxy.port())?)?;
            self.points = proxy.points();
            status
        };
        if !status.success() {
            return Err("the undisturbed night failed".into());
        }
        let state = State::of(self.published(cell)?)?;
        self.tables = state.tables();
        let unlike = state.unlike(&self.tables);
        if unlike.is_empty() { Ok(()) } else { Err(unlike.join("\n").into()) }
    }

    /// The bytes that the publication takes to begin with, each object on whole pages.
    pub(super) fn base_bytes(&self, page: usize) -> usize {
        self.base.values().map(|bytes| bytes.len().div_ceil(page) * page).sum()
    }

    /// The folder of a cell on this machine.
    pub(super) fn folder(&self, cell: &str) -> PathBuf {
        self.store.folder.join(cell)
    }

    /// Makes a place of its own for a disturbed run.
    pub(super) fn open(&self, cell: &str) -> Outcome {
        self.prepare(cell, LARGE[1])?;
        self.fill(cell)
    }

    /// Puts in place what is published to begin with.
    pub(super) fn fill(&self, cell: &str) -> Outcome {
        self.store.put(&format!("{cell}/published"), &self.base)
    }

    fn prepare(&self, cell: &str, large: &str) -> Outcome {
        let folder = self.store.folder.join(cell);
        fs::create_dir_all(folder.join("rules"))?;
        self.store.make_room(cell)?;
        let location = |place: &str| self.store.kind.location(&self.store.folder, place);
        let project = PROJECT.replace("LAKE", &location(LAKE));
        let project = project.replace("PUBLISHED", &location(&format!("{cell}/published")));
        fs::write(folder.join("headwater.yaml"), project)?;
        Ok(fs::write(folder.join("rules/rules.yaml"), RULES.replace("LARGE", large))?)
    }

    /// The night that is disturbed, or run again, through a port.
    pub(super) fn night(&self, cell: &str, port: u16) -> Outcome<Command> {
        self.headwater(cell, port, &["run", "--as-of", NIGHT])
    }

    /// A command in a cell, with what it says in a file beside the project.
    pub(super) fn headwater(&self, cell: &str, port: u16, arguments: &[&str]) -> Outcome<Command> {
        let mut command = Command::new(&self.binary);
        command.args(arguments);
        self.surround(command, cell, port)
    }

    /// The night under another program, whose last argument it is.
    pub(super) fn night_under(&self, cell: &str, mut other: Command) -> Outcome<Command> {
        other.arg(&self.binary).args(["run", "--as-of", NIGHT]);
        self.surround(other, cell, self.store.port)
    }

    fn surround(&self, mut command: Command, cell: &str, port: u16) -> Outcome<Command> {
        let folder = self.folder(cell);
        let log = File::options().create(true).append(true).open(folder.join("log.txt"))?;
        command.current_dir(folder).env_remove("RUST_LOG");
        command.envs(self.store.kind.environment(port)).env("NO_PROXY", "127.0.0.1");
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        Ok(command)
    }

    /// Everything in the publication; on disk, also files that a store does not list.
    pub(super) fn published(&self, cell: &str) -> Outcome<Objects> {
        match self.store.kind {
            Kind::Disk => files_of(&self.folder(cell).join("published")),
            _ => self.store.objects(&format!("{cell}/published")),
        }
    }

    /// Folders that runs work in and that are still there.
    pub(super) fn work_folders(&self, cell: &str) -> Outcome<Vec<String>> {
        let spill = self.store.folder.join(cell).join(".headwater/spill");
        if !spill.exists() {
            return Ok(Vec::new());
        }
        let names = fs::read_dir(spill)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
        let names = names.collect::<Outcome<Vec<String>>>()?;
        Ok(names.into_iter().filter(|name| name.starts_with("run-")).collect())
    }

    /// The number of the manifest that is the last one to begin with.
    pub(super) fn first_manifest(&self) -> Outcome<u64> {
        let state = State::of(self.base.clone())?;
        Ok(state.latest().map_or(0, |manifest| manifest.number))
    }
}

fn succeeds(command: &mut Command, otherwise: &str) -> Outcome {
    if command.status()?.success() { Ok(()) } else { Err(otherwise.into()) }
}
