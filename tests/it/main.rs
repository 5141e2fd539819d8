//! Tests of the workspace as a whole, in one binary: its shape, its generated pages, and whole nights.

#[cfg(test)]
mod editors;
#[cfg(test)]
mod model_references;
#[cfg(test)]
mod night;
#[cfg(test)]
mod night_edges;
#[cfg(test)]
mod night_flags;
#[cfg(test)]
mod night_queries;
#[cfg(test)]
mod night_references;
#[cfg(test)]
mod night_restatements;
#[cfg(test)]
mod night_scores;
#[cfg(test)]
mod night_stops;
#[cfg(test)]
mod night_stores;
#[cfg(test)]
mod night_values;
#[cfg(test)]
mod night_waits;
#[cfg(test)]
mod readers;
#[cfg(test)]
mod schedules;
#[cfg(test)]
mod shipped;
#[cfg(test)]
mod small_company;
#[cfg(test)]
mod tidy;
