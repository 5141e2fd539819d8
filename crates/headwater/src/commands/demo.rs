//! `demo`: a whole project with a generated company, and a night on it.

use std::fs;
use std::path::Path;

use headwater_fixtures::{CompanySpec, write_lake};
use headwater_nightly::Watch;
use serde_json::json;

use super::{folder, run};
use crate::args::{Demo, Global, Night};
use crate::exit::Exit;
use crate::pack;
use crate::render::Output;
use crate::render::table::thousands;

/// The project file of the demo.
const PROJECT: &str = include_str!("../../templates/demo.yaml");
/// What the lake was made from, kept beside it.
const SPEC_FILE: &str = "lake/company.json";

pub(crate) async fn run(global: &Global, demo: &Demo, watch: &Watch, output: &Output) -> Exit {
    let spec = spec(demo);
    let dir = folder(&global.directory.join(&demo.dir));
    match write(&spec, &dir, output) {
        Ok(()) => {}
        Err(message) => {
            output.error(&message);
            return Exit::Usage;
        }
    }
    if demo.no_run {
        return Exit::Done;
    }
    let global = Global { directory: dir.clone(), ..global.clone() };
    let night = Night {
        as_of: spec.last_day.to_string(),
        catch_up: false,
        lookback: None,
        dry_run: false,
        wait_for_inputs: None,
        watching: demo.watching.clone(),
    };
    let exit = run::run(&global, &night, watch, output).await;
    if exit == Exit::Done && !output.is_data() {
        let shown = demo.dir.display();
        output.say(&format!(
            "\nLook at it:   duckdb -c \"SELECT * FROM '{shown}/published/segment_scores/**/*.parquet' LIMIT 10\"\n\
             Change it:    edit {shown}/rules/*.yaml, then headwater -C {shown} check\n\
             Run it again: headwater -C {shown} run --as-of {}",
            spec.last_day
        ));
    }
    exit
}

fn spec(demo: &Demo) -> CompanySpec {
    let standard = CompanySpec::demo();
    CompanySpec {
        accounts: demo.accounts.unwrap_or(standard.accounts),
        seed: demo.seed.unwrap_or(standard.seed),
        days: demo.days.unwrap_or(standard.days),
        target_events: demo.events.or(standard.target_events),
        ..standard
    }
}

/// Writes the project; a project of the same company that is there already is kept as it is.
fn write(spec: &CompanySpec, dir: &Path, output: &Output) -> Result<(), String> {
    let said = |what: &str, error: &dyn std::fmt::Display| format!("{what} cannot be written: {error}");
    let wanted = json!({
        "accounts": spec.accounts, "seed": spec.seed, "days": spec.days,
        "events": spec.target_events, "last_day": spec.last_day.to_string(),
    });
    match fs::read_to_string(dir.join(SPEC_FILE)) {
        Ok(text) if serde_json::from_str::<serde_json::Value>(&text).is_ok_and(|there| there == wanted) => {
            return Ok(());
        }
        Ok(_) => return Err(format!("{} holds another company; choose another --dir", dir.display())),
        Err(_) if dir.join("lake").exists() || dir.join("headwater.yaml").exists() => {
            return Err(format!("{} holds a project already; choose another --dir", dir.display()));
        }
        Err(_) => {}
    }
    fs::create_dir_all(dir).map_err(|error| said(&dir.display().to_string(), &error))?;
    if !output.is_data() {
        output.say(&format!("Making a company of {} accounts in {}", thousands(spec.accounts), dir.display()));
    }
    // The lake appears whole or not at all.
    let partial = dir.join("lake.partial");
    if partial.exists() {
        fs::remove_dir_all(&partial).map_err(|error| said("the lake", &error))?;
    }
    let made = write_lake(spec, &partial).map_err(|error| said("the lake", &error))?;
    fs::write(partial.join("company.json"), format!("{wanted:#}\n")).map_err(|error| said("the lake", &error))?;
    pack::write_rules(&dir.join("rules")).map_err(|error| said("the rules", &error))?;
    fs::write(dir.join("headwater.yaml"), PROJECT).map_err(|error| said("headwater.yaml", &error))?;
    fs::rename(&partial, dir.join("lake")).map_err(|error| said("the lake", &error))?;
    if !output.is_data() {
        output.say(&format!(
            "{} usage events, {} subscriptions\n",
            thousands(made.rows("usage_events")),
            thousands(made.rows("subscriptions"))
        ));
    }
    Ok(())
}
