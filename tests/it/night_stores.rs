//! The same night on other stores, by other numbers of threads, and by two runs at once.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use headwater_ingest::{Location, StoreOptions, StoreOverride, Stores};
use headwater_nightly::publish::{Manifest, Publication, Retention};
use headwater_nightly::{FailureKind, Operation, clear, rollback};

use crate::night::{Company, has_shared_data, repository};

/// An S3-compatible server on loopback that ends with the test.
struct S3 {
    server: Child,
    port: u16,
}

impl S3 {
    /// Starts the server that the test environment installed; says so where there is none.
    #[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
    fn start() -> Option<Self> {
        let program = ["target/test-venv/bin/moto_server", "target/venv/bin/moto_server"]
            .iter()
            .map(|path| repository().join(path))
            .chain(std::env::var_os("HEADWATER_MOTO_SERVER").map(Into::into))
            .find(|path| path.is_file());
        let Some(program) = program else {
            println!("SKIPPED: no S3-compatible server is installed; .ci/run installs one");
            return None;
        };
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let server = Command::new(program)
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let s3 = Self { server, port };
        for _ in 0..200 {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Some(s3);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("the S3 server does not answer");
    }

    fn overrides(&self) -> Vec<StoreOverride> {
        vec![StoreOverride {
            prefix: "s3://lake".to_owned(),
            endpoint: Some(format!("http://127.0.0.1:{}", self.port)),
            region: Some("us-east-1".to_owned()),
            allow_http: Some(true),
            path_style: Some(true),
            account: None,
        }]
    }

    fn environment() -> Vec<(String, String)> {
        [("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec()
    }

    /// Makes the bucket with a plain request; the server does not check signatures.
    fn make_bucket(&self) {
        use std::io::{Read, Write};
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let request = format!(
            "PUT /lake HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            self.port
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        self.server.kill().unwrap();
        self.server.wait().unwrap();
    }
}

#[tokio::test]
async fn ravenstack_on_s3_gives_the_bytes_it_gives_on_disk() {
    let Some(s3) = has_shared_data().then(S3::start).flatten() else { return };
    s3.make_bucket();
    let disk = Company::of_fixture("ravenstack", "2024-12-31").digests().await;
    let stores =
        Stores::new(StoreOptions { environment: S3::environment(), overrides: s3.overrides(), retry_for: None });
    let base = Location::local(&repository()).unwrap();
    let lake = Location::parse("s3://lake/ravenstack", &base).unwrap();
    let store = stores.open(&lake).unwrap();
    for entry in std::fs::read_dir(repository().join("../shared/data/ravenstack")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let target = lake.below(&name).path();
        object_store_put(store.as_ref(), &target, std::fs::read(&path).unwrap()).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(repository().join("fixtures/projects/ravenstack/headwater.yaml")).unwrap();
    let text = text.replace("lake: ../../../../shared/data/ravenstack", "lake: s3://lake/ravenstack");
    let text = text.replace("../../../target/projects/ravenstack", "published");
    std::fs::write(folder.path().join("headwater.yaml"), text).unwrap();
    let mut company = Company::in_folder(folder.path(), "2024-12-31").with_stores(s3.overrides(), S3::environment());
    company.request.project.outputs.location = Location::parse("s3://lake/published", &base).unwrap();
    let remote = company.digests().await;
    assert_eq!(remote, disk);
    let publication = Publication::new(store, Location::parse("s3://lake/published", &base).unwrap().path());
    let first = publication.latest().await.unwrap().unwrap();
    assert_eq!(first.number, 1);
    taken_back_and_cleared(company, &publication, &first).await;
}

/// Publishes another version, the first one again, and clears what was superseded.
async fn taken_back_and_cleared(mut company: Company, publication: &Publication, first: &Manifest) {
    company.request.run_id = "second".to_owned();
    company.request.project.economics.horizon_months = 48;
    assert!(!company.publish().await.report.unchanged);
    let mut operation = Operation { run_id: "third".to_owned(), ..Operation::from(&company.request) };
    let report = rollback(&operation, "first").await.unwrap();
    assert_eq!((report.manifest, report.replaced), (3, Some(2)));
    operation.run_id = "fourth".to_owned();
    operation.project.outputs.retention = Retention { superseded_days: 0, held_days: 0 };
    let cleared: Vec<String> = clear(&operation).await.unwrap().objects.into_iter().map(|waste| waste.path).collect();
    assert!(cleared.iter().any(|path| path.starts_with("_aside/run_manifest/")), "{cleared:?}");
    assert!(cleared.contains(&"manifests/00000001.json".to_owned()), "{cleared:?}");
    assert!(clear(&operation).await.unwrap().objects.is_empty());
    let latest = publication.latest().await.unwrap().unwrap();
    assert_eq!((&latest.tables, latest.restores), (&first.tables, Some(1)));
    assert_eq!(publication.missing(&latest).await.unwrap(), Vec::<String>::new());
}

async fn object_store_put(store: &dyn object_store::ObjectStore, path: &object_store::path::Path, bytes: Vec<u8>) {
    use object_store::ObjectStoreExt;
    store.put(path, bytes.into()).await.unwrap();
}

#[tokio::test]
async fn threads_do_not_show_in_the_bytes() {
    if !has_shared_data() {
        return;
    }
    let one = {
        let mut company = Company::of_fixture("ravenstack", "2024-06-30");
        company.request.threads = 1;
        company.digests().await
    };
    let mut company = Company::of_fixture("ravenstack", "2024-06-30");
    company.request.threads = 7;
    assert_eq!(company.digests().await, one);
}

#[tokio::test]
async fn of_two_runs_at_once_one_publishes_and_a_third_publishes_the_same() {
    if !has_shared_data() {
        return;
    }
    let first = Company::of_fixture("ravenstack", "2024-12-31");
    let mut second = first.request.clone();
    second.run_id = "second".to_owned();
    let (one, other) = tokio::join!(first.run(), headwater_nightly::run(&second));
    let (published, refused) = match (one, other) {
        (Ok(published), Err(refused)) | (Err(refused), Ok(published)) => (published, refused),
        (one, other) => panic!("{:?} {:?}", one.is_ok(), other.is_ok()),
    };
    assert_eq!(refused.kind, FailureKind::Lease);
    let mut third = first.request.clone();
    third.run_id = "third".to_owned();
    let again = headwater_nightly::run(&third).await.unwrap().report;
    assert!(again.unchanged);
    assert_eq!(again.tables, published.report.tables);
    let staged = first.published.path().join("_staging");
    let left: Vec<_> = std::fs::read_dir(staged).map(|entries| entries.collect()).unwrap_or_default();
    assert!(left.is_empty(), "{left:?}");
}
