//! Runs on the local disk, under strace: killed after one of their steps, or with one that fails; and on a disk that is
//! full, which is a small file system in memory.
//!
//! strace holds the thread after the step for a moment, in which the program is killed from here.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use super::cells::Cell;
use super::company::Company;
use super::fault::Fault;
use super::request::{Point, Trace, touched};
use super::store::Kind;
use crate::Outcome;

/// The calls that change a publication, with words for them.
const CALLS: &[(&str, &str)] = &[
    ("openat", "create"),
    ("write", "write"),
    ("linkat", "link to"),
    ("rename", "rename to"),
    ("unlink", "remove"),
    ("mkdir", "make folder of"),
    ("rmdir", "remove folder of"),
];
/// How long a thread is held after a step, in microseconds.
const HELD: u32 = 40_000;
/// How often new lines are looked for.
const GLANCE: Duration = Duration::from_millis(1);
/// A page of the file system in memory, in bytes.
const PAGE: usize = 4096;
/// Pages that are left before the disk is full.
const PAGES_LEFT: &[usize] = &[0, 1, 2, 3, 4, 6, 9, 12, 16, 20, 25];

/// A step on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    call: String,
    /// Below the cell's folder.
    path: String,
}

impl Step {
    /// Whether another run takes it under the same path.
    fn is_foreseen(&self) -> bool {
        !self.path.contains("_staging")
    }
}

/// The faults of a step.
pub(super) fn faults(company: &Company, point: &Point) -> Vec<Fault> {
    let is_foreseen = company.steps.get(point).is_some_and(Step::is_foreseen);
    if is_foreseen { vec![Fault::KilledAfter, Fault::Failed] } else { vec![Fault::KilledAfter] }
}

/// Cells of a disk that is full, where there is one and file systems can be mounted.
pub(super) fn full_cells(company: &Company) -> Vec<Cell> {
    if company.store.kind != Kind::Disk {
        return Vec::new();
    }
    let point = |pages: &usize| Point { name: format!("{pages} pages are left"), occurrence: 1 };
    PAGES_LEFT.iter().map(|pages| Cell { point: point(pages), fault: Fault::Full }).collect()
}

/// Runs the night and notes its steps.
pub(super) fn run_watched(company: &Company, place: &str) -> Outcome<(ExitStatus, Vec<(Point, Step)>)> {
    let mut watch = Watch::start(company, place, &[])?;
    let mut steps = Vec::new();
    while let Some((point, step)) = watch.next()? {
        steps.push((point, step));
    }
    Ok((watch.strace.wait()?, steps))
}

/// Runs the night until a step, and kills it then; whether it came to it.
pub(super) fn run_killed(company: &Company, place: &str, target: &Point) -> Outcome<(ExitStatus, bool)> {
    let call = company.steps.get(target).map_or("", |step| step.call.as_str());
    let mut watch = Watch::start(company, place, &[format!("--inject={call}:delay_exit={HELD}")])?;
    let mut has_sprung = false;
    while let Some((point, _)) = watch.next()? {
        if point == *target && !has_sprung {
            has_sprung = true;
            Command::new("kill").args(["-KILL", &watch.program]).status()?;
        }
    }
    Ok((watch.strace.wait()?, has_sprung))
}

/// Runs the night with a step that fails; whether it came to it.
pub(super) fn run_failing(company: &Company, place: &str, target: &Point) -> Outcome<(ExitStatus, bool)> {
    let step = company.steps.get(target).ok_or("a step that no undisturbed run takes")?;
    let said = company.folder(place).join("strace.txt");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "--signal=none"]);
    // Of a call with two paths strace looks at the first, which is that of the draft.
    for draft in ["", "#0", "#1"] {
        strace.arg("-P").arg(company.folder(place).join(format!("{}{draft}", step.path)));
    }
    strace.args([&format!("--trace={}", step.call), &format!("--inject={}:error=EIO:when=1", step.call)]);
    strace.arg("-o").arg(&said);
    let status = company.night_under(place, strace)?.status()?;
    Ok((status, fs::read_to_string(said)?.contains("(INJECTED)")))
}

/// Runs the night where only so much more fits on the disk.
pub(super) fn run_full(company: &Company, place: &str, target: &Point) -> Outcome<(ExitStatus, bool)> {
    let pages: usize = target.name.split(' ').next().unwrap_or_default().parse()?;
    let published = company.folder(place).join("published");
    fs::remove_dir_all(&published)?;
    fs::create_dir(&published)?;
    let size = format!("size={}", company.base_bytes(PAGE) + pages * PAGE);
    mount(&["-t", "tmpfs", "-o", &size, "tmpfs"], &published)?;
    company.fill(place)?;
    let status = company.night(place, company.store.port)?.status()?;
    mount(&["-o", "remount,size=64m"], &published)?;
    let said = fs::read_to_string(company.folder(place).join("log.txt"))?;
    Ok((status, said.contains("No space left")))
}

/// Unmounts the small file system of a cell that has one.
pub(super) fn unmount(company: &Company, place: &str) -> Outcome {
    let published = company.folder(place).join("published");
    let is_mounted = fs::read_to_string("/proc/mounts")
        .is_ok_and(|mounts| mounts.lines().any(|line| line.split(' ').nth(1) == published.to_str()));
    if is_mounted {
        Command::new("umount").arg(&published).status()?;
    }
    Ok(())
}

fn mount(arguments: &[&str], at: &Path) -> Outcome {
    let mounted = Command::new("mount").args(arguments).arg(at).status()?;
    if mounted.success() { Ok(()) } else { Err("a file system in memory could not be mounted".into()) }
}

/// A run under strace whose steps are read as they are taken.
struct Watch {
    strace: Child,
    lines: BufReader<fs::File>,
    folder: PathBuf,
    /// The program's process; empty until it is known.
    program: String,
    /// What threads have begun, and not ended.
    begun: BTreeMap<String, String>,
    trace: Trace,
}

impl Watch {
    fn start(company: &Company, place: &str, more: &[String]) -> Outcome<Self> {
        let folder = company.folder(place);
        let said = folder.join("strace.txt");
        fs::write(&said, "")?;
        let calls: Vec<&str> = CALLS.iter().map(|(call, _)| *call).collect();
        let mut strace = Command::new("strace");
        strace.args(["-f", "-y", "-qq", "-s", "1", "--signal=none", &format!("--trace={}", calls.join(","))]);
        strace.args(more).arg("-o").arg(&said);
        let strace = company.night_under(place, strace)?.stdin(Stdio::null()).spawn()?;
        let lines = BufReader::new(fs::File::open(said)?);
        Ok(Self { strace, lines, folder, program: String::new(), begun: BTreeMap::new(), trace: Trace::default() })
    }

    /// The next step; nothing when the run has ended.
    fn next(&mut self) -> Outcome<Option<(Point, Step)>> {
        let mut line = String::new();
        loop {
            let has_ended = self.strace.try_wait()?.is_some();
            self.lines.read_line(&mut line)?;
            if line.ends_with('\n') {
                if let Some(step) = self.step(line.trim_end()) {
                    return Ok(Some(step));
                }
                line.clear();
            } else if has_ended {
                return Ok(None);
            } else {
                thread::sleep(GLANCE);
            }
        }
    }

    /// The step that a line tells of. One that is interrupted by another thread's is told in two lines.
    fn step(&mut self, line: &str) -> Option<(Point, Step)> {
        let (of, said) = line.split_once(' ')?;
        if self.program.is_empty() {
            of.clone_into(&mut self.program);
        }
        let said = said.trim_start();
        if let Some(begin) = said.strip_suffix("<unfinished ...>") {
            self.begun.insert(of.to_owned(), begin.to_owned());
            return None;
        }
        let whole = match said.strip_prefix("<... ") {
            Some(rest) => format!("{}{}", self.begun.remove(of)?, rest.split_once("resumed>")?.1),
            None => said.to_owned(),
        };
        let step = self.parse(&whole)?;
        let (_, word) = CALLS.iter().find(|(call, _)| *call == step.call)?;
        let draft = if step.path.contains('#') { " draft" } else { "" };
        let of = touched(&format!("/{}", step.path));
        Some((self.trace.add(&format!("{word} {of}{draft}")), step))
    }

    /// A call that succeeded and changed something in the publication.
    fn parse(&self, whole: &str) -> Option<Step> {
        let (call, rest) = whole.split_once('(')?;
        let (arguments, result) = rest.rsplit_once(") = ")?;
        if result.starts_with('-') || (call == "openat" && !arguments.contains("O_CREAT")) {
            return None;
        }
        // The last path is the one that is made; of a file that is written, strace says it in angle brackets.
        let path = match call {
            "write" => arguments.split_once('<')?.1.split_once('>')?.0,
            _ => arguments.rsplit('"').nth(1)?,
        };
        let path = Path::new(path).strip_prefix(&self.folder).ok()?.to_str()?;
        path.starts_with("published").then(|| Step { call: call.to_owned(), path: path.to_owned() })
    }
}
