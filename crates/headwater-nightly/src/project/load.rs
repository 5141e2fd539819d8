//! Reads a project's texts from disk: the one place of this crate that opens the project's own files.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use headwater_diagnostics::{Code, Diagnostic, Diagnostics, FileId, Sources};

use super::{Project, RulePattern};

/// The name of the project file.
pub const PROJECT_FILE: &str = "headwater.yaml";

/// A project's texts, and the project where they have no problem.
#[derive(Debug)]
pub struct Loaded {
    /// Every text that was read, for showing diagnostics.
    pub sources: Sources,
    /// The project, or everything that is wrong with it.
    pub project: Result<Project, Diagnostics>,
    /// The rule files, sorted by path.
    pub rules: Vec<FileId>,
    /// The files with tests of rules, sorted by path.
    pub tests: Vec<FileId>,
}

/// Loads the project in `folder`, an absolute path, with a profile applied, and the rule files it names.
#[must_use]
pub fn load(folder: &Path, profile: Option<&str>) -> Loaded {
    load_with_rules_of(folder, folder, profile)
}

/// The same with the rule files that the project would have if it lay in the folder `of_rules`, an absolute path: those of
/// an earlier day, say.
#[must_use]
pub fn load_with_rules_of(folder: &Path, of_rules: &Path, profile: Option<&str>) -> Loaded {
    let mut sources = Sources::default();
    let file = match fs::read_to_string(folder.join(PROJECT_FILE)) {
        Ok(text) => sources.add(PROJECT_FILE, text),
        Err(error) => {
            let problem =
                Diagnostic::of(Code::MissingFile, folder.join(PROJECT_FILE).display().to_string(), reason(&error));
            let problem = problem.help("run it in a project's folder, or create one with `headwater init`");
            return Loaded { sources, project: Err(problem.into()), rules: Vec::new(), tests: Vec::new() };
        }
    };
    let mut project = Project::read(file, &sources, folder, profile);
    let (mut rules, mut tests) = (Vec::new(), Vec::new());
    if let Ok(read) = &project {
        let mut problems = Diagnostics::new();
        let wanted = [(of_rules, &read.rules, &mut rules), (folder, &read.tests, &mut tests)];
        for (folder, patterns, files) in wanted {
            for path in matching(folder, patterns, &mut problems) {
                match fs::read_to_string(folder.join(&path)) {
                    Ok(text) => files.push(sources.add(path.display().to_string(), text)),
                    Err(error) => {
                        problems.push(Diagnostic::of(Code::MissingFile, path.display().to_string(), reason(&error)))
                    }
                }
            }
        }
        if rules.is_empty() && of_rules != folder {
            let place = of_rules.display().to_string();
            let problem = Diagnostic::of(Code::MissingFile, place, "no rule file of the project is there");
            problems.push(problem.help("give the folder that `rules` of the project file starts from"));
        }
        if problems.has_errors() {
            project = Err(problems);
        }
    }
    Loaded { sources, project, rules, tests }
}

/// The files that match, relative to the project's folder, each once, sorted.
fn matching(folder: &Path, patterns: &[RulePattern], problems: &mut Diagnostics) -> BTreeSet<PathBuf> {
    let literal = PathBuf::from(glob::Pattern::escape(&folder.display().to_string()));
    let mut files = BTreeSet::new();
    for RulePattern { pattern, span } in patterns {
        let found = glob::glob(&literal.join(pattern).display().to_string()).into_iter().flatten().flatten();
        let found: Vec<PathBuf> = found.filter(|path| !path.is_dir()).collect();
        if let (Some(span), true) = (span, found.is_empty()) {
            let problem = Diagnostic::at(Code::MissingFile, *span, format!("no file matches `{pattern}`"));
            problems.push(problem.help("correct it, or leave it out: `[]` where no file is meant"));
        }
        files.extend(found.into_iter().map(|path| path.strip_prefix(folder).map(Path::to_owned).unwrap_or(path)));
    }
    refuse_other_ending(folder, &literal, (patterns, &files), problems);
    files
}

/// A file that would match but for `.yml` instead of `.yaml`, and that no other pattern names, is meant to be read: nobody
/// would hear that it is not.
fn refuse_other_ending(
    folder: &Path,
    literal: &Path,
    (patterns, files): (&[RulePattern], &BTreeSet<PathBuf>),
    problems: &mut Diagnostics,
) {
    for RulePattern { pattern, span } in patterns {
        let Some(other) = pattern.strip_suffix(".yaml").map(|start| format!("{start}.yml")) else { continue };
        for path in glob::glob(&literal.join(other).display().to_string()).into_iter().flatten().flatten() {
            let path = path.strip_prefix(folder).map(Path::to_owned).unwrap_or(path);
            if files.contains(&path) {
                continue;
            }
            let name = path.display().to_string();
            let message = format!("`{name}` is not read: `{pattern}` does not match it");
            let problem = match span {
                Some(span) => Diagnostic::at(Code::MissingFile, *span, message),
                None => Diagnostic::of(Code::MissingFile, name, message),
            };
            problems.push(problem.help("end its name in `.yaml`"));
        }
    }
}

fn reason(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::NotFound => "the file is not there",
        std::io::ErrorKind::PermissionDenied => "the file may not be read",
        std::io::ErrorKind::InvalidData => "the file is not UTF-8 text",
        _ => "the file cannot be read",
    }
}
