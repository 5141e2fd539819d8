//! Object stores, opened once per bucket from what the caller hands in.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use datafusion::datasource::object_store::ObjectStoreUrl;
use datafusion::prelude::SessionContext;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::{ClientOptions, ObjectStore, RetryConfig};

use crate::{Location, StoreError, StoreFailure};

/// What stores are opened with.
#[derive(Clone, Default)]
pub struct StoreOptions {
    /// The process environment as the binary read it; the stores take what is theirs (`AWS_…`, `GOOGLE_…`, `AZURE_…`).
    pub environment: Vec<(String, String)>,
    /// What the project says about stores.
    pub overrides: Vec<StoreOverride>,
    /// How long a failing request is tried again; one minute where not given.
    pub retry_for: Option<Duration>,
}

impl fmt::Debug for StoreOptions {
    /// Names only: the values may be secrets.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.environment.iter().map(|(name, _)| name.as_str()).collect();
        formatter
            .debug_struct("StoreOptions")
            .field("environment", &names)
            .field("overrides", &self.overrides)
            .field("retry_for", &self.retry_for)
            .finish()
    }
}

/// What a project says about the stores whose URL starts with a prefix; never a secret.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreOverride {
    /// For example `s3://bucket`.
    pub prefix: String,
    /// The service's URL, for stores that only speak the same protocol.
    pub endpoint: Option<String>,
    /// The region.
    pub region: Option<String>,
    /// Whether plain HTTP may be spoken.
    pub allow_http: Option<bool>,
    /// Whether the bucket stands in the path and not in the host name.
    pub path_style: Option<bool>,
    /// The Azure storage account.
    pub account: Option<String>,
}

/// All stores of one run: each bucket is opened once.
#[derive(Debug, Default)]
pub struct Stores {
    options: StoreOptions,
    opened: Mutex<BTreeMap<String, Arc<dyn ObjectStore>>>,
}

impl Stores {
    /// Stores that will be opened with `options`.
    #[must_use]
    pub fn new(options: StoreOptions) -> Self {
        Self { options, opened: Mutex::default() }
    }

    /// The store a location is in. Nothing is sent to it yet.
    ///
    /// # Errors
    /// Where URL, project and environment do not make a usable configuration.
    pub fn open(&self, location: &Location) -> Result<Arc<dyn ObjectStore>, StoreError> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = opened.get(location.root()) {
            return Ok(Arc::clone(store));
        }
        let store = self.build(location.root(), self.retry())?;
        opened.insert(location.root().to_owned(), Arc::clone(&store));
        Ok(store)
    }

    /// The same store, but for requests that fail: they are not tried again.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_to_ask_once(&self, location: &Location) -> Result<Arc<dyn ObjectStore>, StoreError> {
        match location.root().split_once("://") {
            // Nothing lies between these and what they keep.
            Some(("file" | "memory", _)) => self.open(location),
            _ => self.build(location.root(), RetryConfig { max_retries: 0, ..self.retry() }),
        }
    }

    /// Makes the store known to a session, and gives the URL that scans of the session use for it.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn register(&self, context: &SessionContext, location: &Location) -> Result<ObjectStoreUrl, StoreError> {
        let store = self.open(location)?;
        // The session tells stores apart by host alone, so the container moves from the user part into the host.
        let address = match location.root() {
            "file://" => "file://".to_owned(),
            root => root.replace('@', "."),
        };
        let invalid = |error: &dyn fmt::Display| StoreError::configuration(location.root(), error.to_string());
        let url = ObjectStoreUrl::parse(&address).map_err(|error| invalid(&error))?;
        context.runtime_env().register_object_store(url.as_ref(), store);
        Ok(url)
    }

    fn build(&self, root: &str, retry: RetryConfig) -> Result<Arc<dyn ObjectStore>, StoreError> {
        let scheme = root.split_once("://").map_or("", |(scheme, _)| scheme);
        let said = self.override_of(root);
        let built = match scheme {
            "file" => Ok(Arc::new(LocalFileSystem::new().with_automatic_cleanup(true)) as Arc<dyn ObjectStore>),
            "memory" => Ok(Arc::new(InMemory::new()) as Arc<dyn ObjectStore>),
            "s3" | "s3a" => {
                self.s3(root, &said).with_retry(retry).build().map(|store| Arc::new(store) as Arc<dyn ObjectStore>)
            }
            "gs" => self.gcs(root).with_retry(retry).build().map(|store| Arc::new(store) as Arc<dyn ObjectStore>),
            _ => self.azure(root, &said).with_retry(retry).build().map(|store| Arc::new(store) as Arc<dyn ObjectStore>),
        };
        built.map_err(|error| StoreError { kind: StoreFailure::Configuration, ..StoreError::of(root, error) })
    }

    fn s3(&self, root: &str, said: &StoreOverride) -> AmazonS3Builder {
        let mut builder = AmazonS3Builder::new().with_url(root);
        for (name, value) in self.variables("AWS_") {
            if let Ok(key) = name.parse() {
                builder = builder.with_config(key, value);
            }
        }
        if let Some(endpoint) = &said.endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        if let Some(region) = &said.region {
            builder = builder.with_region(region);
        }
        if let Some(path_style) = said.path_style {
            builder = builder.with_virtual_hosted_style_request(!path_style);
        }
        match said.allow_http {
            Some(allow) => builder.with_allow_http(allow),
            None => builder,
        }
    }

    fn gcs(&self, root: &str) -> GoogleCloudStorageBuilder {
        let mut builder = GoogleCloudStorageBuilder::new().with_url(root);
        for (name, value) in self.variables("GOOGLE_") {
            if let Ok(key) = name.parse() {
                builder = builder.with_config(key, value);
            }
        }
        builder
    }

    fn azure(&self, root: &str, said: &StoreOverride) -> MicrosoftAzureBuilder {
        let mut builder = MicrosoftAzureBuilder::new().with_url(root);
        for (name, value) in self.variables("AZURE_") {
            if let Ok(key) = name.parse() {
                builder = builder.with_config(key, value);
            }
        }
        if let Some(account) = &said.account {
            builder = builder.with_account(account);
        }
        if let Some(endpoint) = &said.endpoint {
            builder = builder.with_endpoint(endpoint.clone());
        }
        match said.allow_http {
            Some(allow) => builder.with_client_options(ClientOptions::new().with_allow_http(allow)),
            None => builder,
        }
    }

    /// The variables of one service, by their names in small letters. Without the prefix the builders would also
    /// take what other programs mean by `BUCKET` or `REGION`.
    fn variables<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (String, &'a str)> {
        let own = self.options.environment.iter().filter(move |(name, _)| name.starts_with(prefix));
        own.map(|(name, value)| (name.to_ascii_lowercase(), value.as_str()))
    }

    fn retry(&self) -> RetryConfig {
        let retry_timeout = self.options.retry_for.unwrap_or(Duration::from_secs(60));
        // Pauses are drawn by lot, and ten short ones are over in two seconds: the time decides, not the count.
        RetryConfig { retry_timeout, max_retries: usize::MAX, ..RetryConfig::default() }
    }

    /// What the project says about a store: the longest prefix of its URL wins.
    fn override_of(&self, root: &str) -> StoreOverride {
        let fitting = self.options.overrides.iter().filter(|said| root.starts_with(said.prefix.trim_end_matches('/')));
        fitting.max_by_key(|said| said.prefix.len()).cloned().unwrap_or_default()
    }
}
