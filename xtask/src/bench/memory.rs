//! `bench memory`: a night over the demo's company under several limits of memory, which must all publish the same bytes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use headwater_nightly::publish::Manifest;

use super::usage::Company;
use super::{AS_OF, Place, lake, night, report};
use crate::Outcome;

/// What the demo's project says of memory.
const LIMIT: &str = "memory_mb: 2048";
/// The manifest of the only night.
const MANIFEST: &str = "published/manifests/00000001.json";

/// Which lake, which limits, and where.
#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    company: Company,
    /// Limits, in megabytes.
    #[arg(long, value_delimiter = ',', default_value = "256,512,1024,4096")]
    limits: Vec<u32>,
    /// The program; built where absent.
    #[arg(long)]
    binary: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(options: &Options) -> Outcome {
    let dir = options.place.open("bench")?;
    let binary = match &options.binary {
        Some(binary) => binary.canonicalize()?,
        None => night::build()?,
    };
    let made = lake::ensure_demo(&binary, &dir, &options.company)?;
    let nights = under_limits(options, &binary, &dir);
    if !options.place.keep {
        night::remove(&dir)?;
        if made {
            lake::remove_demo(&dir)?;
        }
    }
    nights
}

fn under_limits(options: &Options, binary: &Path, dir: &Path) -> Outcome {
    let project = dir.join("headwater.yaml");
    let text = fs::read_to_string(&project)?;
    if !text.contains(LIMIT) {
        return Err(format!("the demo's project no longer says `{LIMIT}`").into());
    }
    lake::warm(dir)?;
    let (mut published, mut failed) = (None, Vec::new());
    for limit in &options.limits {
        fs::write(&project, text.replace(LIMIT, &format!("memory_mb: {limit}")))?;
        night::remove(dir)?;
        let ran = night::run(binary, dir, AS_OF);
        fs::write(&project, &text)?;
        let mut run = match ran {
            Ok(run) => run,
            Err(error) => {
                failed.push(format!("within {limit} MB: {error}"));
                continue;
            }
        };
        run.name = format!("within {limit} MB");
        report::steps(&run);
        let objects = objects(dir)?;
        if published.get_or_insert_with(|| objects.clone()) != &objects {
            failed.push(format!("within {limit} MB: other bytes are published"));
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(failed.join("\n").into()) }
}

/// The digest of each published object.
fn objects(dir: &Path) -> Outcome<BTreeMap<String, String>> {
    let manifest: Manifest = serde_json::from_str(&fs::read_to_string(dir.join(MANIFEST))?)?;
    Ok(manifest.files().map(|file| (file.path.clone(), file.sha256.clone())).collect())
}
