//! `bench check`: how long it takes to be told what is wrong with many rules, without data and without store.

use std::fmt::Write as _;
use std::fs;
use std::process::{Command, Stdio};
use std::time::Instant;

use clap::Args;

use super::{Place, night, remove_folder};
use crate::Outcome;

/// The project: that of the demo.
const PROJECT: &str = include_str!("../../../crates/headwater/templates/demo.yaml");
/// How often `check` is run.
const RUNS: usize = 9;

/// How many rules, and where.
#[derive(Args)]
pub(crate) struct Options {
    /// Rules in all: three of five are triggers, one is a metric, the rest are schemes and guardrails.
    #[arg(long, default_value_t = 500)]
    rules: usize,
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(options: &Options) -> Outcome {
    let dir = options.place.open("bench-check")?;
    let binary = night::build()?;
    fs::create_dir_all(dir.join("rules"))?;
    fs::write(dir.join("headwater.yaml"), PROJECT)?;
    let sound = rules(options.rules);
    // Everything that is wrong is told too: one metric of ten does not exist.
    let broken = sound.replace("usage_events_prev_28d + 1", "usage_events_prv_28d + 1");
    println!("{:<28} {:>9} {:>9} {:>9} {:>9}", "check", "rules", "least s", "median s", "most s");
    for (name, text, code) in [("sound rules", &sound, 0), ("broken rules", &broken, 3)] {
        fs::write(dir.join("rules/many.yaml"), text)?;
        let mut times = Vec::new();
        for _ in 0..RUNS {
            let began = Instant::now();
            let mut check = Command::new(&binary);
            let status = check.arg("-C").arg(&dir).arg("check").stdout(Stdio::null()).stderr(Stdio::null()).status()?;
            times.push(began.elapsed().as_secs_f64());
            if status.code() != Some(code) {
                return Err(format!("check of {name} ended with {status}").into());
            }
        }
        times.sort_by(f64::total_cmp);
        let at = |place: usize| times.get(place).copied().unwrap_or(f64::NAN);
        let rules = options.rules;
        println!("{name:<28} {rules:>9} {:>9.3} {:>9.3} {:>9.3}", at(0), at(RUNS / 2), at(RUNS - 1));
    }
    if options.place.keep { Ok(()) } else { remove_folder(&dir) }
}

/// So many rules that refer to one another.
fn rules(count: usize) -> String {
    let (metrics, triggers, schemes) = ((count / 5).max(1), count * 3 / 5, count / 10);
    let guardrails = count.saturating_sub(metrics + triggers + schemes);
    let mut text = "version: 1\ndefaults: {owner: growth}\nmetrics:\n".to_owned();
    let mut line = |words: std::fmt::Arguments<'_>| {
        // Writing to a String cannot fail.
        let _infallible = text.write_fmt(words);
    };
    for at in 0..metrics {
        let expr = format_args!("usage_events_28d / nullif(usage_events_prev_28d + {}, 0) - 1", at % 10);
        line(format_args!(
            "  - {{id: trend_{at}, description: Usage against before, type: ratio, expr: \"{expr}\"}}\n"
        ));
    }
    line(format_args!("segment_schemes:\n"));
    for at in 0..schemes {
        let trend = at % metrics;
        line(format_args!(
            "  - id: scheme_{at}\n    description: Who rises and who falls\n    segments:\n      - {{id: rising, when: \"trend_{trend} > 0.1\"}}\n      \
             - {{id: falling, when: \"trend_{trend} < -0.{}\"}}\n      - {{id: steady, otherwise: true}}\n",
            at % 90 + 10
        ));
    }
    line(format_args!("triggers:\n"));
    for at in 0..triggers {
        let trend = at % metrics;
        line(format_args!(
            "  - id: trigger_{at}\n    description: Uses it less\n    when: {{all: [{{id: fell, expr: \"trend_{trend} <= -0.{}\"}}, \
             {{id: quiet, expr: \"days_since_last_activity > {at}\"}}, \"mrr > 0 AND coalesce(escalations_90d, 0) = 0\"]}}\n    \
             value_at_stake: mrr\n    annotations: {{summary: \"Usage changed by {{trend_{trend}}}\"}}\n",
            at % 90 + 10
        ));
    }
    line(format_args!("guardrails:\n"));
    for at in 0..guardrails {
        line(format_args!(
            "  - {{id: guardrail_{at}, description: Customers grow, metric: nrr_12m, scope: {{by: [total, acquisition_channel]}}, \
             bands: {{pass: \"> 1.{at:03}\", watch: \"> 0.9\"}}}}\n"
        ));
    }
    text
}
