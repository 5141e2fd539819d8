//! The places that a project reads, for those who draw where data comes from.

use headwater_ingest::{InputSource, Location};
use headwater_metrics::InputTable;

use super::Project;

impl Project {
    /// Every place that an input is read from; of an input that is a query, those of the sources it names.
    #[must_use]
    pub fn places_read(&self) -> Vec<(InputTable, &Location)> {
        let mut places = Vec::new();
        for input in &self.inputs {
            match &input.from {
                InputSource::Objects(objects) => places.push((input.table, &objects.location)),
                InputSource::Sql(query) => {
                    let named = self.sources.iter().filter(|source| names(&query.text, &source.name));
                    places.extend(named.map(|source| (input.table, &source.objects.location)));
                }
            }
        }
        places
    }
}

/// Whether a name stands in a query as a word of its own.
fn names(query: &str, name: &str) -> bool {
    query.split(|letter: char| !letter.is_alphanumeric() && letter != '_').any(|word| word.eq_ignore_ascii_case(name))
}
