//! Stores that are not there, or not allowed.

use std::time::Duration;

use datafusion::prelude::SessionContext;
use headwater_ingest::{
    InputSource, LakeSpec, Location, ObjectsSpec, OpenError, StoreFailure, StoreOptions, StoreOverride, Stores,
    WorkArea, open,
};
use headwater_metrics::{AsOf, Exchange, InputTable};
use object_store::{ObjectStoreExt, PutPayload};

use crate::lake::{Lake, NIGHT, anywhere, input, texts};

fn location(text: &str) -> Location {
    Location::parse(text, &Location::local(std::path::Path::new("/")).unwrap()).unwrap()
}

async fn open_accounts(stores: &Stores, text: &str) -> Result<headwater_ingest::OpenedInputs, OpenError> {
    let objects = ObjectsSpec { location: location(text), partitions: Vec::new(), span: anywhere() };
    let work = tempfile::tempdir().unwrap();
    let area = WorkArea::new(work.path().to_owned());
    let as_of = AsOf::new(NIGHT.parse().unwrap(), "UTC".parse().unwrap());
    let accounts = [input(InputTable::Accounts, InputSource::Objects(objects))];
    let spec = LakeSpec {
        location: &location("/"),
        sources: &[],
        inputs: &accounts,
        currency: "EUR",
        exchange: Exchange::Moving,
    };
    open(&SessionContext::new(), stores, &spec, &as_of, &area).await
}

#[tokio::test]
async fn a_bucket_is_opened_once_and_read_like_a_folder() {
    let lake = Lake::new();
    let file = lake.write("accounts.parquet", &[("account_id", texts(&["a"]))]);
    let stores = Stores::new(StoreOptions::default());
    let store = stores.open(&location("memory://lake")).unwrap();
    let bytes = std::fs::read(file).unwrap();
    store.put(&"crm/accounts.parquet".into(), PutPayload::from(bytes)).await.unwrap();
    let opened = open_accounts(&stores, "memory://lake/crm/*.parquet").await.unwrap();
    let objects = &opened.get(InputTable::Accounts).unwrap().objects;
    assert_eq!(objects[0].path, "memory://lake/crm/accounts.parquet");
    assert!(objects[0].etag.is_some());
}

#[tokio::test]
async fn an_unreachable_store_is_a_failure_to_try_again() {
    let options = StoreOptions {
        environment: vec![
            ("AWS_ACCESS_KEY_ID".to_owned(), "a".to_owned()),
            ("AWS_SECRET_ACCESS_KEY".to_owned(), "hidden".to_owned()),
        ],
        overrides: vec![StoreOverride {
            prefix: "s3://nowhere".to_owned(),
            endpoint: Some("http://127.0.0.1:9".to_owned()),
            allow_http: Some(true),
            ..StoreOverride::default()
        }],
        retry_for: Some(Duration::from_millis(10)),
    };
    assert!(!format!("{options:?}").contains("hidden"));
    let error = open_accounts(&Stores::new(options), "s3://nowhere/a/").await.unwrap_err();
    assert!(error.is_retryable());
    let OpenError::Store(error) = error else { panic!("not of the store: {error}") };
    assert_eq!(error.kind, StoreFailure::Failed);
    assert_eq!(error.diagnostic().code.id(), "E0602");
    assert!(error.message.contains("Connection refused"), "{}", error.message);
}

#[tokio::test]
async fn a_store_that_cannot_be_configured_is_no_reason_to_try_again() {
    let error = open_accounts(&Stores::new(StoreOptions::default()), "az://container/a").await.unwrap_err();
    assert!(!error.is_retryable());
    let OpenError::Store(error) = error else { panic!("not of the store: {error}") };
    assert_eq!(error.diagnostic().code.id(), "E0601");
}

#[tokio::test]
async fn every_kind_of_url_opens_its_store() {
    let variables = [
        ("AZURE_STORAGE_ACCOUNT_NAME", "shop"),
        ("AZURE_STORAGE_ACCOUNT_KEY", "c2VjcmV0"),
        ("GOOGLE_SKIP_SIGNATURE", "true"),
        ("AWS_REGION", "eu-south-1"),
        ("BUCKET", "another"),
    ];
    let environment = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let stores = Stores::new(StoreOptions { environment, ..StoreOptions::default() });
    let context = SessionContext::new();
    for text in
        ["s3://lake/a", "s3a://lake/a", "gs://lake/a", "az://lake/a", "abfss://lake@shop.dfs.core.windows.net/a", "/a"]
    {
        let store = stores.open(&location(text)).unwrap();
        assert!(!store.to_string().contains("another"), "{store}");
        stores.register(&context, &location(text)).unwrap();
    }
}
