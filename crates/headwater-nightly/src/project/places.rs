//! Locations in the project file.

use headwater_diagnostics::yaml::{Fields, Node};
use headwater_diagnostics::{Code, Diagnostic};
use headwater_ingest::{InputSource, InputSpec, InvalidLocation, Location, SourceSpec};

use super::Reading;
use crate::all_tables::every_table;

impl Reading<'_> {
    /// Where relative input paths start: the project's folder unless it says otherwise.
    pub(crate) fn lake(&mut self, fields: &mut Fields<'_>) -> Location {
        let folder = self.folder.clone();
        let Some(node) = fields.take("lake") else { return folder };
        match self.location(node, "lake", &folder) {
            Some(lake) if lake.pattern().is_some() => {
                let problem =
                    Diagnostic::at(Code::InvalidValue, node.span, "`lake` is one folder and takes no wildcards");
                self.problems.push(problem.help("put the wildcards into the paths of the inputs"));
                folder
            }
            Some(lake) => lake,
            None => folder,
        }
    }

    /// Refuses inputs among whose objects those would be that the project publishes: a night would read what the night
    /// before it wrote.
    pub(crate) fn refuse_to_read(&mut self, outputs: &Location, sources: &[SourceSpec], inputs: &[InputSpec]) {
        let of_inputs = inputs.iter().filter_map(|input| match &input.from {
            InputSource::Objects(objects) => Some(objects),
            InputSource::Sql(_) => None,
        });
        let tables = every_table();
        for objects in sources.iter().map(|source| &source.objects).chain(of_inputs) {
            if tables.iter().any(|table| takes_table(&objects.location, outputs, &table.name)) {
                let message = format!("this takes the tables too that are published in `{outputs}`");
                let problem = Diagnostic::at(Code::Contradiction, objects.span, message);
                self.problems.push(problem.help("narrow the path, or publish elsewhere with `outputs: {location: …}`"));
            }
        }
    }

    /// A location, relative to `base`.
    pub(crate) fn location(&mut self, node: &Node, name: &str, base: &Location) -> Option<Location> {
        let Some(text) = node.as_text() else {
            let message = format!("`{name}` must be text, not {}", node.kind());
            self.problems.push(Diagnostic::at(Code::WrongShape, node.span, message));
            return None;
        };
        if has_credentials(text) {
            let problem = Diagnostic::at(Code::SecretInProject, node.span, "a location with credentials in it");
            self.problems.push(problem.help("take them out, and set the store's usual environment variables"));
            return None;
        }
        match Location::parse(text, base) {
            Ok(location) => Some(location),
            Err(error) => {
                let code = match error {
                    InvalidLocation::Scheme(_) | InvalidLocation::NoBucket(_) => Code::UnsupportedStore,
                    _ => Code::InvalidValue,
                };
                self.problems.push(Diagnostic::at(code, node.span, error.to_string()));
                None
            }
        }
    }
}

/// Whether a location stands for objects of a table that is published, of any night.
fn takes_table(location: &Location, outputs: &Location, table: &str) -> bool {
    let pattern = location.pattern().unwrap_or_default();
    let night = pattern.split('/').find(|segment| segment.starts_with("as_of_date=") && !segment.contains('*'));
    let night = night.unwrap_or("as_of_date=2026-05-31");
    location.is_in(&outputs.below(table)) || location.takes(outputs, &format!("{table}/{night}/{OBJECT}"))
}

/// A name as published objects have it.
const OBJECT: &str = "00000-0123456789abcdef.parquet";

/// What makes a URL a signed one, which whoever has it can open.
const SIGNATURES: &[&str] = &["?sig=", "&sig=", "X-Amz-Signature=", "X-Goog-Signature="];

/// Whether a URL carries a user with a password, or a signature. (`abfss://container@account` names a container.)
pub(crate) fn has_credentials(text: &str) -> bool {
    if SIGNATURES.iter().any(|signature| text.contains(signature)) {
        return true;
    }
    let authority = text.split_once("://").map_or("", |(_, rest)| rest.split('/').next().unwrap_or_default());
    authority.split_once('@').is_some_and(|(user, _)| user.contains(':'))
}
