//! `fuzz`: mangled YAML and SQL, file after file, checked as `headwater check` checks them.
//!
//! The files that are mangled are the shipped rules, their tests and the corpus of broken files. A file that is too slow or
//! too large is kept below the target folder; before each is checked, it is written there, so that one that ends the process
//! is found there too.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use headwater_nightly::check_rules;
use headwater_nightly::project::load;

use xtask::dice::Dice;

use crate::{Outcome, root, target};

/// The longest that one file may take; without optimisation everything takes twenty times as long.
const PATIENCE: Duration = Duration::from_secs(if cfg!(debug_assertions) { 60 } else { 3 });
/// The most memory that checking may come to.
const MOST_MEGABYTES: u64 = 1_024;
/// Stack of the thread that checks, as the program's own.
const STACK_BYTES: usize = 256 << 20;

/// How long, and from which seed.
#[derive(Args)]
pub(crate) struct Options {
    /// Minutes to go on for.
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// Another seed mangles otherwise.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub(crate) fn run(options: &Options) -> Outcome {
    let (minutes, seed) = (options.minutes, options.seed);
    let checked = thread::Builder::new().stack_size(STACK_BYTES).spawn(move || fuzz(minutes, seed))?;
    checked.join().map_err(|_| "the check of a file ended its thread")??;
    Ok(())
}

fn fuzz(minutes: u64, seed: u64) -> Result<(), String> {
    let texts = texts().map_err(|error| error.to_string())?;
    let folder = target().join("fuzz");
    fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let loaded = load(&root(), None);
    let project = loaded.project.map_err(|problems| format!("{problems:?}"))?;
    let (began, mut dice, mut slowest) = (Instant::now(), Dice::new(seed), Duration::ZERO);
    let (mut files, mut sound, mut kept) = (0_u64, 0_u64, 0_u64);
    while began.elapsed() < Duration::from_secs(minutes * 60) {
        let text = mangled(&texts, &mut dice);
        let at_work = folder.join("at_work.yaml");
        fs::write(&at_work, &text).map_err(|error| error.to_string())?;
        let mut sources = headwater_diagnostics::Sources::default();
        let file = sources.add("rules/mangled.yaml", text);
        let started = Instant::now();
        let checked = catch_unwind(AssertUnwindSafe(|| {
            let (rules, problems) = check_rules(&project, &sources, &[file]);
            // What is found is told, too: places may be anything by now.
            let rendering = headwater_diagnostics::Rendering::Human { colour: false };
            let told = headwater_diagnostics::render(&problems, &sources, rendering);
            (rules.is_some(), told.len())
        }));
        let took = started.elapsed();
        slowest = slowest.max(took);
        files += 1;
        let memory = peak_megabytes();
        let why = match checked {
            Err(_) => Some("panic".to_owned()),
            Ok(_) if took > PATIENCE => Some(format!("{:.1}s", took.as_secs_f64())),
            Ok(_) if memory > MOST_MEGABYTES => Some(format!("{memory}MB")),
            Ok((is_sound, _)) => {
                sound += u64::from(is_sound);
                None
            }
        };
        if let Some(why) = why {
            kept += 1;
            let path = folder.join(format!("{seed}-{files}-{why}.yaml"));
            fs::copy(&at_work, &path).map_err(|error| error.to_string())?;
            println!("{why}: {}", path.display());
            if why.ends_with("MB") {
                // The peak never goes down: what comes after would be blamed for it.
                break;
            }
        }
    }
    println!(
        "{files} files in {} s, {sound} of them sound; slowest {:.3} s, peak {} MB; kept {kept}",
        began.elapsed().as_secs(),
        slowest.as_secs_f64(),
        peak_megabytes()
    );
    if kept == 0 { Ok(()) } else { Err(format!("{kept} files are kept")) }
}

/// The files that are mangled.
fn texts() -> std::io::Result<Vec<String>> {
    let folders = ["rules", "rules/tests", "crates/headwater-rules/tests/it/broken"];
    let mut paths: Vec<PathBuf> = Vec::new();
    for folder in folders {
        for entry in fs::read_dir(root().join(folder))? {
            paths.push(entry?.path());
        }
    }
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    paths.sort();
    paths.iter().map(fs::read_to_string).collect()
}

/// The most memory that this process has had, where the system tells.
fn peak_megabytes() -> u64 {
    let status = fs::read_to_string(Path::new("/proc/self/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").trim().parse::<u64>().ok()).unwrap_or(0) / 1_024
}

/// Pieces of YAML and SQL that mean something somewhere.
const PIECES: &[&str] = &[
    ":",
    ": ",
    " #",
    "- ",
    "\n",
    "\t",
    "\r\n",
    "{",
    "}",
    "[",
    "]",
    "\"",
    "'",
    "''",
    "&a ",
    "*a",
    "!x ",
    "|\n",
    ">-\n",
    "<<: *a",
    "---\n",
    "...\n",
    "? ",
    "null",
    "~",
    "true",
    "no",
    "1e999",
    ".nan",
    "-0",
    "9223372036854775808",
    "0x1F",
    "\u{feff}",
    "\u{0}",
    "\u{2028}",
    "é",
    "\u{1F600}",
    "(",
    ")",
    " AND ",
    " OR ",
    " NOT ",
    " = NULL",
    " IS NOT DISTINCT FROM ",
    " BETWEEN 1 AND ",
    " IN (",
    "CASE WHEN ",
    " THEN ",
    " END",
    "CAST(",
    " AS DATE)",
    "EXTRACT(year FROM ",
    "INTERVAL '3 months'",
    "coalesce(",
    "nullif(",
    "round(",
    "date_trunc('month', ",
    "param.",
    "segment.",
    "milestone.",
    "as_of",
    "$1",
    "?",
    "{{",
    "--",
    "/*",
    ";",
    "::text",
    "SELECT ",
    "count(*)",
    " OVER ()",
    "version: 1\n",
    "metrics:\n",
    "triggers:\n",
    "expr: ",
    "when: ",
    "all: ",
    "any: ",
    "weight: ",
    "otherwise: true",
    "for: {runs: 2}",
    "bands: {pass: \"> 1\"}",
    "..",
    ">=",
    "<>",
];

/// One of the texts, changed in a few places.
fn mangled(texts: &[String], dice: &mut Dice) -> String {
    let all: Vec<&str> = texts.iter().map(String::as_str).collect();
    let mut text = dice.one_of(&all).copied().unwrap_or_default().to_owned();
    for _ in 0..=dice.below(6) {
        let (start, end) = (place(&text, dice), place(&text, dice));
        let (start, end) = (start.min(end), start.max(end).min(place_near(&text, start, dice)));
        let piece = dice.one_of(PIECES).copied().unwrap_or_default();
        match dice.below(12) {
            0 => text.replace_range(start..end, ""),
            1 => text.replace_range(start..end, piece),
            2..=4 => text.insert_str(start, piece),
            5 => {
                let again = text.get(start..end).unwrap_or_default().to_owned();
                text.insert_str(end, &again);
            }
            6 => text.insert_str(start, &piece.repeat(dice.below(400))),
            7 => text.insert_str(start, &"(".repeat(dice.below(3_000))),
            8 => text.insert_str(start, &"[".repeat(dice.below(3_000))),
            9 => text.insert_str(start, &"x".repeat(dice.below(200_000))),
            10 => text = lines_moved(&text, dice),
            _ => {
                let other = dice.one_of(&all).copied().unwrap_or_default();
                let from = place(other, dice);
                text.insert_str(start, other.get(from..place_near(other, from, dice)).unwrap_or_default());
            }
        }
    }
    if dice.below(60) == 0 { bomb(dice) + &text } else { text }
}

/// A place between two characters.
fn place(text: &str, dice: &mut Dice) -> usize {
    let mut at = dice.below(text.len() + 1);
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// A place not far behind another.
fn place_near(text: &str, start: usize, dice: &mut Dice) -> usize {
    let mut at = (start + dice.below(80)).min(text.len());
    while !text.is_char_boundary(at) {
        at += 1;
    }
    at
}

/// Two lines in each other's place, or with another indentation.
fn lines_moved(text: &str, dice: &mut Dice) -> String {
    let mut lines: Vec<String> = text.lines().map(ToOwned::to_owned).collect();
    let (one, other) = (dice.below(lines.len()), dice.below(lines.len()));
    if !lines.is_empty() {
        lines.swap(one, other);
    }
    if let Some(line) = lines.get_mut(one) {
        *line = format!("{}{}", " ".repeat(dice.below(9)), line.trim_start());
    }
    lines.join("\n")
}

/// Aliases of aliases, each of them several times the one before.
fn bomb(dice: &mut Dice) -> String {
    let levels = 2 + dice.below(30);
    let mut text = "bomb0: &b0 [x, x, x]\n".to_owned();
    for level in 1..levels {
        let aliases = vec![format!("*b{}", level - 1); 1 + dice.below(9)].join(", ");
        text.push_str(&format!("bomb{level}: &b{level} [{aliases}]\n"));
    }
    text
}
