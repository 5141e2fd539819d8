//! Published and staged tables as tables of the engine.

use std::sync::Arc;

use datafusion::datasource::empty::EmptyTable;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl};
use datafusion::datasource::object_store::ObjectStoreUrl;
use datafusion::error::DataFusionError;
use object_store::path::Path;

use crate::contract::TableContract;
use crate::engine::{Engine, EngineError, failed};

/// Registers objects of a store as one table with the contract's columns.
///
/// Columns that the objects do not have yet (they are older than the column) are null.
///
/// # Errors
/// When an object's path is no URL.
pub(crate) fn register(
    engine: &Engine,
    store: &ObjectStoreUrl,
    name: &str,
    paths: &[Path],
    contract: &TableContract,
) -> Result<(), EngineError> {
    let table = || -> Result<Arc<ListingTable>, DataFusionError> {
        let urls = paths.iter().map(|path| object_url(store, path)).collect::<Result<Vec<_>, _>>()?;
        let options = ListingOptions::new(Arc::new(ParquetFormat::default())).with_file_extension(".parquet");
        let config =
            ListingTableConfig::new_with_multi_paths(urls).with_listing_options(options).with_schema(contract.schema());
        Ok(Arc::new(ListingTable::try_new(config)?))
    };
    let table = table().map_err(|error| failed(name, error))?;
    engine.replace(name, table)
}

/// The URL of one object: every character of its path stands for itself, whatever it means in URLs or patterns.
fn object_url(store: &ObjectStoreUrl, path: &Path) -> Result<ListingTableUrl, DataFusionError> {
    let mut url = AsRef::<url::Url>::as_ref(store).clone();
    let below = url.path_segments_mut().map(|mut segments| {
        segments.clear().extend(path.as_ref().split('/'));
    });
    match below {
        Ok(()) => ListingTableUrl::try_new(url, None),
        Err(()) => datafusion::common::exec_err!("{store} is no place for objects"),
    }
}

/// Registers a table without rows.
///
/// # Errors
/// When the session does not take it.
pub(crate) fn register_empty(engine: &Engine, name: &str, contract: &TableContract) -> Result<(), EngineError> {
    engine.replace(name, Arc::new(EmptyTable::new(contract.schema())))
}
