//! Plans that need more memory than there is.

use std::sync::Arc;

use datafusion::arrow::array::AsArray;
use datafusion::error::DataFusionError;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};
use headwater_ingest::WorkArea;

/// A join whose sides are both larger than the memory of the session.
const JOIN: &str = "SELECT a.value AS id, repeat('x', 100) || b.value AS text
    FROM generate_series(1, 200000) AS a JOIN generate_series(1, 200000) AS b ON a.value = b.value";

fn session(megabytes: usize) -> SessionContext {
    let pool = Arc::new(FairSpillPool::new(megabytes << 20));
    let runtime = RuntimeEnvBuilder::new().with_memory_pool(pool).build_arc().unwrap();
    // As much as sorting keeps back for merging has to fit.
    let config = SessionConfig::new().with_target_partitions(2).with_sort_spill_reservation_bytes(256 << 10);
    SessionContext::new_with_config_rt(config, runtime)
}

#[tokio::test]
async fn joins_that_do_not_fit_are_sorted() {
    let context = session(4);
    let refused = context.sql(JOIN).await.unwrap().collect().await.unwrap_err();
    assert!(matches!(refused.find_root(), DataFusionError::ResourcesExhausted(_)), "{refused}");
    let folder = tempfile::tempdir().unwrap();
    let work = WorkArea::new(folder.path().to_owned());
    let frame = context.sql(JOIN).await.unwrap();
    assert_eq!(work.materialise(&context, "joined", frame).await.unwrap(), 200_000);
    let sums = "SELECT count(DISTINCT id) = 200000 AND max(length(text)) = 106 AS same FROM joined";
    let same = session(1_000);
    same.register_table("joined", context.table_provider("joined").await.unwrap()).unwrap();
    let rows = same.sql(sums).await.unwrap().collect().await.unwrap();
    assert!(rows[0].column(0).as_boolean().value(0));
    // Nothing is left of the attempt that failed.
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn a_table_may_be_made_in_parts() {
    let context = session(64);
    let folder = tempfile::tempdir().unwrap();
    let work = WorkArea::new(folder.path().to_owned());
    let part =
        async |number: &u32| context.sql(&format!("SELECT value FROM generate_series({number}, {number} + 9)")).await;
    assert_eq!(work.materialise_parts(&context, "rows", &[0, 10, 20], part).await.unwrap(), 30);
    assert_eq!(context.table("rows").await.unwrap().count().await.unwrap(), 30);
    let broken = async |_: &u32| context.sql("SELECT nothing").await;
    assert!(work.materialise_parts(&context, "rows", &[0], broken).await.is_err());
    assert_eq!(context.table("rows").await.unwrap().count().await.unwrap(), 30);
}
