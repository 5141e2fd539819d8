//! Runs of one night that begin at the same time: `cargo xtask races`.

use std::collections::BTreeMap;
use std::fs;
use std::process::Child;

use super::company::Company;
use super::state::State;
use super::store::Kind;
use super::{Place, counted};
use crate::Outcome;

/// The exit code of a run that finds the lease held, or loses it.
const LEASE_HELD: i32 = 7;

/// What is tried.
#[derive(Debug, clap::Args)]
pub struct Races {
    #[command(flatten)]
    place: Place,
    /// How many runs begin at the same time.
    #[arg(long, value_delimiter = ',', default_value = "2,5")]
    runs: Vec<usize>,
    /// How often.
    #[arg(long, default_value_t = 100)]
    times: usize,
}

/// What came of a race.
#[derive(Debug)]
pub struct Raced {
    /// How the runs ended, counted.
    pub outcome: String,
    /// What is not as promised.
    pub odd: Vec<String>,
}

/// Tries the races and gives the tables to print.
///
/// # Errors
/// Where the harness fails, and where a race did not end as promised.
pub fn run(races: &Races, print: &(dyn Fn(&str) + Sync)) -> Outcome {
    races.place.on_each_store(print, &|kind, company| {
        let mut odd = 0;
        for runs in &races.runs {
            let mut outcomes = Vec::new();
            for nth in 0..races.times {
                let place = format!("race-{runs}-{nth}");
                let raced = race(&company, &place, *runs)?;
                odd += usize::from(!raced.odd.is_empty());
                raced.odd.iter().for_each(|why| print(&format!("{} {place}: ODD: {why}", kind.name())));
                outcomes.push(raced.outcome);
                fs::remove_dir_all(company.folder(&place))?;
            }
            print(&format!("{}: {runs} runs at once, {} times", kind.name(), races.times));
            let mut counts = BTreeMap::new();
            outcomes.iter().for_each(|outcome: &String| *counts.entry(("", outcome.as_str())).or_default() += 1);
            print(&counted(counts));
        }
        Ok(odd)
    })
}

/// Begins several runs of one night at the same time. One publishes, the others find the lease held; a run that begins so
/// late that the first has ended publishes the night again.
///
/// # Errors
/// Where the harness itself fails.
pub fn race(company: &Company, place: &str, runs: usize) -> Outcome<Raced> {
    company.open(place)?;
    let mut commands = (0..runs).map(|_| company.night(place, company.store.port)).collect::<Outcome<Vec<_>>>()?;
    let begun = commands.iter_mut().map(|command| Ok(command.spawn()?)).collect::<Outcome<Vec<Child>>>()?;
    let ended = begun.into_iter().map(|mut run| Ok(run.wait()?.code())).collect::<Outcome<Vec<Option<i32>>>>()?;
    let count = |code: i32| ended.iter().filter(|ended| **ended == Some(code)).count();
    let (published, held) = (count(0), count(LEASE_HELD));
    let state = State::of(company.published(place)?)?;
    let mut odd = state.unlike(&company.tables);
    if published == 0 || published + held != runs {
        odd.push(format!("the runs ended with {ended:?}"));
    }
    let manifests = state.latest().map_or(0, |manifest| manifest.number) - company.first_manifest()?;
    if usize::try_from(manifests)? != published {
        odd.push(format!("{published} runs say that they have published, and {manifests} manifests came"));
    }
    if company.store.kind == Kind::Disk {
        odd.extend(company.work_folders(place)?.into_iter().map(|name| format!("{name} is left behind")));
    }
    Ok(Raced { outcome: format!("{published} published, {held} found the lease held"), odd })
}
