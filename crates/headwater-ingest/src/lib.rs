//! Object stores, input contracts, the as-of cut and quarantine.
//!
//! [`open`] turns what the project file says about the lake into tables of a session that are typed, cut at the
//! night and clean, and says what was found: objects, counts, reasons, coverage. Rules are not known here.

mod chains;
mod checks;
mod contract;
mod corrections;
mod drift;
mod duplicates;
mod exchange;
mod facts;
mod failure;
mod foresight;
mod forms;
mod interval;
mod lake_schema;
mod listed;
mod listing;
mod location;
mod mapping;
mod memory;
mod objects;
mod open;
mod opened;
mod pointers;
mod prepare;
mod query;
mod sieve;
mod spec;
mod sql;
mod store_error;
mod stores;
mod stream;
mod successors;
mod survey;
mod syntax;
mod words;
mod work;

pub use checks::built_in_counts;
pub use contract::data_type;
pub use drift::{DriftAnswer, DriftPolicy, SourceColumn, drifted};
pub use foresight::{InputForesight, foresee};
pub use listed::{ListedInput, list_inputs};
pub use listing::ObjectVersion;
pub use location::{InvalidLocation, Location};
pub use memory::{Joins, RefusedMemory, is_out_of_memory, within_memory};
pub use open::open;
pub use opened::{OpenError, OpenedColumn, OpenedInput, OpenedInputs, RowCounts};
pub use query::query_problems;
pub use spec::{
    Expectation, InputSource, InputSpec, LakeSpec, MappedColumn, ObjectsSpec, SourceSpec, SqlText, SubscriptionForm,
};
pub use store_error::{StoreError, StoreFailure, innermost_cause};
pub use stores::{StoreOptions, StoreOverride, Stores};
pub use stream::StreamedInput;
pub use syntax::expression_syntax;
pub use work::WorkArea;
