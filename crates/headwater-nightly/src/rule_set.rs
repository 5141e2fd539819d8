//! The project's rules, checked against what the project declares or against what its inputs turned out to hold.

use std::collections::BTreeMap;

use headwater_diagnostics::{Code, Diagnostic, Diagnostics, FileId, Sources};
use headwater_ingest::OpenedInputs;
use headwater_metrics::{Catalogue, InputTable};
use headwater_rules::{CheckedRules, Environment};

use crate::catalogue_tables::CATALOGUE_TABLES;
use crate::contract;
use crate::project::Project;

/// Checks rule files without any data: every column of the accounts contract may be there.
///
/// The rules are there where no error was found; the diagnostics hold warnings too.
#[must_use]
pub fn check_rules(project: &Project, sources: &Sources, files: &[FileId]) -> (Option<CheckedRules>, Diagnostics) {
    check(project, sources, files, &environment_of(project))
}

/// Checks rule files against open inputs: only mapped columns are there.
#[must_use]
pub(crate) fn check_rules_over(
    project: &Project,
    sources: &Sources,
    files: &[FileId],
    opened: &OpenedInputs,
) -> (Option<CheckedRules>, Diagnostics) {
    let accounts = opened.get(InputTable::Accounts);
    let columns = accounts.into_iter().flat_map(|input| input.columns.iter().chain(&input.attributes));
    let attributes = columns.map(|column| (column.name.clone(), column.kind.unit())).collect();
    check(project, sources, files, &Environment { attributes, ..environment_of(project) })
}

/// What a project offers to its rules before any data is read.
pub(crate) fn environment_of(project: &Project) -> Environment {
    let contract = InputTable::Accounts.columns().iter().map(|column| (column.name.to_owned(), column.kind.unit()));
    Environment {
        catalogue: Catalogue,
        inputs: project.inputs.iter().map(|input| input.table).collect(),
        attributes: contract.chain(project.attributes()).collect(),
        other_tables: other_tables(project),
        params: project.params.clone(),
        profiles: project.profile_names().map(ToOwned::to_owned).collect(),
    }
}

fn check(
    project: &Project,
    sources: &Sources,
    files: &[FileId],
    environment: &Environment,
) -> (Option<CheckedRules>, Diagnostics) {
    let (raw, mut problems) = headwater_rules::parse(sources, files);
    let (rules, found) = headwater_rules::check(&raw, environment);
    problems.append(found);
    if let Some(rules) = &rules {
        problems.extend(unknown_audience(project, rules));
    }
    problems.extend(no_rules(project, files));
    (rules.filter(|_| !problems.has_errors()), problems)
}

/// A project that says nothing of where its rules are, and has none: most likely they are somewhere else.
fn no_rules(project: &Project, files: &[FileId]) -> Option<Diagnostic> {
    let looked = project.rules.iter().find(|pattern| pattern.span.is_none()).filter(|_| files.is_empty())?;
    let problem = Diagnostic::of(Code::NoRules, &looked.pattern, "no rule file is there, so nothing is judged");
    Some(problem.help("correct the folder, or write `rules: []` where no rules are meant"))
}

/// Segments that the project names and no scheme has.
fn unknown_audience(project: &Project, rules: &CheckedRules) -> Vec<Diagnostic> {
    let known: Vec<String> = rules.segments().map(|(scheme, segment)| format!("{scheme}.{segment}")).collect();
    let named =
        project.retention_audience.iter().map(|(named, span)| (format!("{}.{}", named.scheme, named.segment), span));
    let unknown = named.filter(|(name, _)| !known.contains(name)).map(|(name, span)| {
        let problem = Diagnostic::at(Code::UnknownSegment, *span, format!("no scheme has the segment `{name}`"));
        problem.suggest(&name, known.iter().map(String::as_str))
    });
    unknown.collect()
}

/// The tables that audits may name beside those the rules produce.
fn other_tables(project: &Project) -> BTreeMap<String, Vec<String>> {
    let is_there = |table: InputTable| project.inputs.iter().any(|input| input.table == table);
    let of_accounts = headwater_metrics::coverage_columns(is_there).into_iter().map(ToOwned::to_owned).collect();
    let of_catalogue = CATALOGUE_TABLES.iter().map(|table| (table.contract)());
    let own = [contract::group_metrics(), contract::run_manifest()];
    of_catalogue
        .chain(own)
        .map(|table| (table.name, table.columns.into_iter().map(|column| column.name).collect()))
        .chain([("account_metrics".to_owned(), of_accounts)])
        .collect()
}
