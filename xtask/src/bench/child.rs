//! What another process costs, read from Linux's `/proc` while it runs.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use crate::Outcome;

/// Length of a tick in `/proc/PID/stat`: `USER_HZ` is 100 on every architecture Rust supports.
const TICKS_PER_SECOND: f64 = 100.0;
/// How long a child may take from closing its outputs to being gone.
const PATIENCE: Duration = Duration::from_secs(10);

/// What something took.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cost {
    /// Seconds on the clock.
    pub(super) wall: f64,
    /// Seconds of all processors together.
    pub(super) cpu: f64,
    /// Most memory at one time, in bytes.
    pub(super) peak_bytes: f64,
}

impl Cost {
    /// This and then another.
    pub(super) fn then(self, next: Self) -> Self {
        Self { wall: self.wall + next.wall, cpu: self.cpu + next.cpu, peak_bytes: self.peak_bytes.max(next.peak_bytes) }
    }
}

/// Something that was run in steps.
pub(super) struct Run {
    /// What ran.
    pub(super) name: String,
    /// The whole of it.
    pub(super) total: Cost,
    /// Its steps, in their order.
    pub(super) steps: Vec<Step>,
}

impl Run {
    /// What the steps of these names took together; the whole where no name is given.
    pub(super) fn cost_of(&self, names: &[&str]) -> Cost {
        if names.is_empty() {
            return self.total;
        }
        let steps = self.steps.iter().filter(|step| names.contains(&step.name.as_str()));
        steps.map(|step| step.cost).fold(Cost::default(), Cost::then)
    }
}

/// A step of a run.
pub(super) struct Step {
    /// Its name.
    pub(super) name: String,
    /// Rows it produced.
    pub(super) rows: f64,
    /// What it took.
    pub(super) cost: Cost,
}

/// A running child whose cost is taken piece by piece.
pub(super) struct Meter {
    process: String,
    began: Instant,
    cpu: f64,
}

impl Meter {
    /// Begins a piece now.
    pub(super) fn start(id: u32) -> Outcome<Self> {
        let process = format!("/proc/{id}");
        let cpu = cpu(&process)?;
        Ok(Self { process, began: Instant::now(), cpu })
    }

    /// The cost since the last piece ended; the next piece begins.
    pub(super) fn lap(&mut self) -> Outcome<Cost> {
        let cost = Cost {
            wall: self.began.elapsed().as_secs_f64(),
            cpu: cpu(&self.process)? - self.cpu,
            peak_bytes: peak_bytes(&self.process)?,
        };
        // Writing 5 sets the peak back to what is in use now.
        fs::write(format!("{}/clear_refs", self.process), "5")?;
        self.began = Instant::now();
        self.cpu += cost.cpu;
        Ok(cost)
    }

    /// Seconds of processors since the child began, taken when it has ended but was not waited for.
    pub(super) fn total_cpu(&self) -> Outcome<f64> {
        let asked = Instant::now();
        while !stat(&self.process)?.starts_with('Z') {
            if asked.elapsed() > PATIENCE {
                return Err("the child closed its outputs but did not end".into());
            }
            thread::sleep(Duration::from_millis(1));
        }
        cpu(&self.process)
    }
}

/// The fields of `/proc/PID/stat` after the name, which may hold anything.
fn stat(process: &str) -> Outcome<String> {
    let text = fs::read_to_string(format!("{process}/stat"))?;
    let (_, fields) = text.rsplit_once(") ").ok_or("`/proc/PID/stat` has another form")?;
    Ok(fields.to_owned())
}

fn cpu(process: &str) -> Outcome<f64> {
    let fields = stat(process)?;
    // Times in user and kernel mode are the twelfth and thirteenth field after the name.
    let ticks = fields.split(' ').skip(11).take(2).map(str::parse::<f64>).sum::<Result<f64, _>>()?;
    Ok(ticks / TICKS_PER_SECOND)
}

fn peak_bytes(process: &str) -> Outcome<f64> {
    let status = fs::read_to_string(format!("{process}/status"))?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes: f64 = peak.and_then(|peak| peak.split_whitespace().next()).unwrap_or("0").parse()?;
    Ok(kilobytes * 1024.0)
}
