//! Cells of the matrix: a run disturbed at one point in one way, what is found right after, and what the next run makes
//! of it.

use std::collections::BTreeSet;
use std::error::Error;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::company::Company;
use super::disk;
use super::fault::Fault;
use super::proxy::Proxy;
use super::request::Point;
use super::state::State;
use super::store::Kind;
use super::store::Objects;
use crate::Outcome;

/// How long a lease lasts without renewal, and a moment.
const LEASE: Duration = Duration::from_secs(122);
/// What stands for a table in the kind of a request.
const TABLE: &str = "TABLE";
/// Cells that are worked on at the same time.
const WORKERS: usize = 3;
/// Rounds through the night.
const ROUNDS: usize = 8;
/// Cells that are disturbed before those before them are made up, in a store of their own.
const BATCH: usize = 45;
/// The exit code of a night that may be tried again.
const MAY_RETRY: i32 = 1;

/// One disturbance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// Where.
    pub point: Point,
    /// What.
    pub fault: Fault,
}

/// How the leases of killed runs end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leases {
    /// By themselves, which is waited for.
    Waited,
    /// As if the two minutes had passed: their records are given an earlier end.
    Ended,
}

/// What came of a cell.
#[derive(Debug)]
pub struct Tried {
    /// The cell.
    pub cell: Cell,
    /// What was found right after: how the run ended, and what was published.
    pub outcome: String,
    /// What is not as promised.
    pub odd: Vec<String>,
    place: String,
}

/// The cells of a matrix. Requests are of one kind where they differ in their table alone. What changes the store is
/// disturbed in all ways at the first of its kind, and in three at the last and at every `every`-th between; what reads
/// is disturbed in two. Requests that are of no table are all tried.
pub(super) fn choose(company: &Company, every: usize) -> Vec<Cell> {
    let mut cells = disk::full_cells(company);
    for (at, (kind, points)) in kinds(company).into_iter().enumerate() {
        let is_read = ["GET", "HEAD", "LIST"].iter().any(|verb| kind.starts_with(verb));
        for (nth, point) in points.iter().enumerate() {
            let (is_first, is_last) = (nth == 0, nth + 1 == points.len());
            let is_chosen = is_first || is_last || !kind.contains(TABLE) || nth % every == 0;
            let faults = match (is_chosen, is_read) {
                (false, _) => Vec::new(),
                (true, _) if company.store.kind == Kind::Disk => disk::faults(company, point),
                (true, true) => rotated(&[Fault::KilledBefore], at + nth),
                (true, false) if is_first || !kind.contains(TABLE) => Fault::OF_REQUESTS.to_vec(),
                (true, false) => rotated(&[Fault::KilledBefore, Fault::KilledAfter], at + nth),
            };
            cells.extend(faults.into_iter().map(|fault| Cell { point: point.clone(), fault }));
        }
    }
    cells
}

/// The cells in another order: one that is ended early has disturbed every part of the night.
pub(super) fn spread(cells: &[Cell]) -> Vec<Cell> {
    (0..ROUNDS).flat_map(|round| cells.iter().skip(round).step_by(ROUNDS)).cloned().collect()
}

/// The points of the undisturbed night by their kind, in their order.
fn kinds(company: &Company) -> Vec<(String, Vec<Point>)> {
    let tables: BTreeSet<&str> = company.tables.keys().filter_map(|path| path.split('/').next()).collect();
    let mut kinds: Vec<(String, Vec<Point>)> = Vec::new();
    for point in &company.points {
        let words = point.name.split(' ').map(|word| if tables.contains(word) { TABLE } else { word });
        let kind = words.collect::<Vec<&str>>().join(" ");
        match kinds.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, points)) => points.push(point.clone()),
            None => kinds.push((kind, vec![point.clone()])),
        }
    }
    kinds
}

/// These, and one of those that do not kill.
fn rotated(kills: &[Fault], turn: usize) -> Vec<Fault> {
    let others: Vec<Fault> = Fault::OF_REQUESTS.iter().copied().filter(|fault| !fault.kills()).collect();
    let other = others.get(turn % others.len().max(1)).copied();
    kills.iter().copied().chain(other).collect()
}

/// Disturbs a run in each cell, lets the leases end, and runs the night again in each. While the leases of some end, the
/// next ones are disturbed. What came of cells is told as soon as it is known.
///
/// # Errors
/// Where the harness itself fails; what Headwater does wrong is in the result.
pub fn try_all(company: &Company, cells: &[Cell], leases: Leases, tell: &dyn Fn(&[Tried])) -> Outcome<Vec<Tried>> {
    let mut all = Vec::new();
    let mut made_up = |disturbed: Disturbed| {
        let tried = disturbed.made_up(leases)?;
        tell(&tried);
        all.extend(tried);
        Outcome::Ok(())
    };
    let mut waiting: Option<Disturbed> = None;
    for (nth, batch) in cells.chunks(BATCH).enumerate() {
        let disturbed = Disturbed::new(company.moved(&format!("batch-{nth}"))?, batch)?;
        if let Some(before) = waiting.replace(disturbed) {
            made_up(before)?;
        }
    }
    if let Some(last) = waiting {
        made_up(last)?;
    }
    Ok(all)
}

/// Cells whose leases end.
struct Disturbed {
    company: Company,
    tried: Vec<Tried>,
    since: Instant,
}

impl Disturbed {
    /// Runs the night in each, disturbed.
    fn new(company: Company, cells: &[Cell]) -> Outcome<Self> {
        let tried = side_by_side(cells, |at, cell| disturb(&company, &format!("cell-{at:02}"), cell))?;
        Ok(Self { company, tried, since: Instant::now() })
    }

    /// Runs the night again in each.
    fn made_up(mut self, leases: Leases) -> Outcome<Vec<Tried>> {
        if leases == Leases::Waited {
            thread::sleep(LEASE.saturating_sub(self.since.elapsed()));
        }
        let settled = side_by_side(&self.tried, |_, tried| {
            if leases == Leases::Ended {
                end_lease(&self.company, &tried.place)?;
            }
            settle(&self.company, &tried.place)
        })?;
        for (tried, odd) in self.tried.iter_mut().zip(settled) {
            tried.odd.extend(odd);
        }
        Ok(self.tried)
    }
}

/// Does some work for each of several, a few at a time; the results are in their order.
fn side_by_side<T: Sync, R: Send>(all: &[T], work: impl Fn(usize, &T) -> Outcome<R> + Sync) -> Outcome<Vec<R>> {
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut done = Vec::new();
        while let at = next.fetch_add(1, Ordering::SeqCst)
            && let Some(one) = all.get(at)
        {
            done.push((at, work(at, one)?));
        }
        Ok::<_, Box<dyn Error + Send + Sync>>(done)
    };
    let mut done = thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(worker)).collect();
        let ended = workers.into_iter().map(|worker| worker.join().unwrap_or_else(|_| Err("the harness broke".into())));
        ended.collect::<Outcome<Vec<Vec<_>>>>()
    })?;
    let mut done: Vec<_> = done.drain(..).flatten().collect();
    done.sort_by_key(|(at, _)| *at);
    Ok(done.into_iter().map(|(_, result)| result).collect())
}

/// The disturbed run, and what readers find right after.
fn disturb(company: &Company, place: &str, cell: &Cell) -> Outcome<Tried> {
    company.open(place)?;
    let (status, has_sprung) = match (company.store.kind, cell.fault) {
        (Kind::Disk, Fault::Full) => disk::run_full(company, place, &cell.point)?,
        (Kind::Disk, Fault::Failed) => disk::run_failing(company, place, &cell.point)?,
        (Kind::Disk, _) => disk::run_killed(company, place, &cell.point)?,
        _ => {
            let proxy = Proxy::start(company.store.port, Some((cell.point.clone(), cell.fault)))?;
            (proxy.run(&mut company.night(place, proxy.port())?)?, proxy.has_sprung())
        }
    };
    let mut odd = Vec::new();
    if !has_sprung {
        odd.push("the run did not come to this point".to_owned());
    }
    let ended = ended(status, cell.fault, &mut odd);
    let state = State::of(company.published(place)?)?;
    odd.extend(state.harm());
    let published = published(company, &state, status.success(), &mut odd)?;
    Ok(Tried { cell: cell.clone(), outcome: format!("{ended}, {published}"), odd, place: place.to_owned() })
}

fn ended(status: ExitStatus, fault: Fault, odd: &mut Vec<String>) -> String {
    match status.code() {
        None if fault.kills() => "killed".to_owned(),
        Some(0) if !fault.kills() => "went on".to_owned(),
        Some(MAY_RETRY) if fault.may_fail() => "exit 1".to_owned(),
        code => {
            odd.push(format!("ended with {code:?}"));
            format!("ended with {code:?}")
        }
    }
}

/// Whether the night was published.
fn published(company: &Company, state: &State, succeeded: bool, odd: &mut Vec<String>) -> Outcome<&'static str> {
    let first = company.first_manifest()?;
    let number = state.latest().map_or(0, |manifest| manifest.number);
    if number == first + 1 && state.tables() == company.tables {
        return Ok("published");
    }
    if number != first {
        odd.push(format!("manifest {number} is neither the one before nor the night's"));
    }
    if succeeded {
        odd.push("the run succeeded, and has not published".to_owned());
    }
    Ok("as before")
}

/// Runs the night again, clears up, and compares with the undisturbed night.
fn settle(company: &Company, place: &str) -> Outcome<Vec<String>> {
    let port = company.store.port;
    let mut odd = Vec::new();
    let again = company.night(place, port)?.status()?;
    if !again.success() {
        odd.push(format!("the next run ended with {:?}", again.code()));
    }
    if !company.headwater(place, port, &["gc"])?.status()?.success() {
        odd.push("gc failed".to_owned());
    }
    odd.extend(State::of(company.published(place)?)?.unlike(&company.tables));
    disk::unmount(company, place)?;
    odd.extend(company.work_folders(place)?.into_iter().map(|name| format!("the work folder {name} is left behind")));
    Ok(odd)
}

/// Gives the last lease record an end that has passed.
fn end_lease(company: &Company, place: &str) -> Outcome {
    let folder = format!("{place}/published/_leases");
    let Some((name, record)) = company.store.objects(&folder)?.pop_last() else { return Ok(()) };
    let mut record: serde_json::Value = serde_json::from_slice(&record)?;
    if let Some(end) = record.get_mut("expires_at") {
        *end = "2026-01-01T00:00:00Z".into();
    }
    company.store.put(&folder, &Objects::from([(name, serde_json::to_vec(&record)?)]))
}
