//! A store that nights are published to, as somebody beside the program sees it.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path as FilePath, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use std::{env, fs};

use futures::{StreamExt, TryStreamExt};
use object_store::aws::AmazonS3Builder;
use object_store::azure::{AzureAccessKey, AzureAuthorizer, AzureCredential, MicrosoftAzureBuilder};
use object_store::client::{HttpRequest, HttpRequestBody};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use tokio::runtime::Runtime;

use super::request::exchange;
use crate::{Outcome, target};

/// The account of azurite, and its key, which its documentation gives to everybody.
const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(60);
/// Requests at the same time.
const CONCURRENT: usize = 4;

/// The objects below a place, by their paths.
pub type Objects = BTreeMap<String, Vec<u8>>;

/// A kind of store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Kind {
    /// The local disk.
    Disk,
    /// S3, by moto.
    S3,
    /// Azure Blob Storage, by azurite.
    Azure,
}

impl Kind {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Disk => "disk",
            Self::S3 => "s3",
            Self::Azure => "azure",
        }
    }

    /// What a program finds in its environment to reach the store through a port of this machine.
    #[must_use]
    pub fn environment(self, port: u16) -> Vec<(&'static str, String)> {
        let plain = |name, value: &str| (name, value.to_owned());
        match self {
            Self::Disk => Vec::new(),
            Self::S3 => vec![
                plain("AWS_ACCESS_KEY_ID", "test"),
                plain("AWS_SECRET_ACCESS_KEY", "test"),
                plain("AWS_REGION", "us-east-1"),
                plain("AWS_ALLOW_HTTP", "true"),
                plain("AWS_ENDPOINT", &format!("http://127.0.0.1:{port}")),
            ],
            Self::Azure => vec![
                plain("AZURE_STORAGE_ACCOUNT_NAME", ACCOUNT),
                plain("AZURE_STORAGE_ACCOUNT_KEY", KEY),
                plain("AZURE_ALLOW_HTTP", "true"),
                plain("AZURE_STORAGE_ENDPOINT", &format!("http://127.0.0.1:{port}/{ACCOUNT}")),
            ],
        }
    }

    /// A place of the store, as projects write it; `folder` is where a store on disk is.
    #[must_use]
    pub fn location(self, folder: &FilePath, place: &str) -> String {
        match self {
            Self::Disk => folder.join(place).display().to_string(),
            Self::S3 => format!("s3://{}/{place}", bucket(place)),
            Self::Azure => format!("az://{}/{place}", bucket(place)),
        }
    }
}

/// The bucket, or container, of a place. Each has its own: the servers look through a whole bucket to list what is below a
/// path of it.
fn bucket(place: &str) -> &str {
    place.split('/').next().unwrap_or(place)
}

/// A store, with its server where it has one.
#[derive(Debug)]
pub struct Store {
    /// What it is.
    pub kind: Kind,
    /// The port of its server; 0 for the disk.
    pub port: u16,
    /// The folder of a store on disk.
    pub folder: PathBuf,
    server: Option<Server>,
    runtime: Runtime,
}

/// The server of a store.
#[derive(Debug)]
struct Server {
    program: PathBuf,
    process: Child,
}

impl Store {
    /// A store on disk.
    ///
    /// # Errors
    /// Where the harness cannot run it.
    pub fn disk(folder: &FilePath) -> Outcome<Self> {
        Self::new(Kind::Disk, 0, folder, None)
    }

    /// Starts moto, by the path of `moto_server`.
    ///
    /// # Errors
    /// Where it does not answer.
    pub fn moto(program: &FilePath, folder: &FilePath) -> Outcome<Self> {
        let port = free_port()?;
        let process = served(Command::new(program).args(["-H", "127.0.0.1", "-p", &port.to_string()]), port)?;
        Self::new(Kind::S3, port, folder, Some(Server { program: program.to_owned(), process }))
    }

    /// Starts azurite, by the path of its `blob/main.js`.
    ///
    /// # Errors
    /// Where it does not answer.
    pub fn azurite(program: &FilePath, folder: &FilePath) -> Outcome<Self> {
        let port = free_port()?;
        let mut command = Command::new("node");
        // Kept in memory, azurite looks through its objects for ever after ten minutes, and answers no more.
        command.arg(program).arg("--location").arg(folder.join("azurite"));
        command.args(["--skipApiVersionCheck", "--disableTelemetry", "--silent", "--blobPort", &port.to_string()]);
        let process = served(&mut command, port)?;
        Self::new(Kind::Azure, port, folder, Some(Server { program: program.to_owned(), process }))
    }

    /// An empty store of the same kind, with a server of its own, for a folder that is not there yet.
    pub(super) fn another(&self, folder: &FilePath) -> Outcome<Self> {
        fs::create_dir(folder)?;
        match (&self.server, self.kind) {
            (Some(server), Kind::S3) => Self::moto(&server.program, folder),
            (Some(server), Kind::Azure) => Self::azurite(&server.program, folder),
            _ => Self::disk(folder),
        }
    }

    fn new(kind: Kind, port: u16, folder: &FilePath, server: Option<Server>) -> Outcome<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { kind, port, folder: folder.to_owned(), server, runtime })
    }

    /// Makes the bucket, or container, of a place that is not there yet.
    ///
    /// # Errors
    /// When the store fails.
    pub fn make_room(&self, place: &str) -> Outcome {
        let (made, expected) = match self.kind {
            Kind::Disk => return Ok(()),
            Kind::S3 => (make_bucket(self.port, bucket(place))?, "HTTP/1.1 200"),
            Kind::Azure => (make_container(self.port, bucket(place))?, "HTTP/1.1 201"),
        };
        if made.starts_with(expected) { Ok(()) } else { Err(made.into()) }
    }

    fn client(&self, place: &str) -> Outcome<Arc<dyn ObjectStore>> {
        let options = self.kind.environment(self.port).into_iter();
        let options = options.map(|(name, value)| (name.to_ascii_lowercase(), value));
        Ok(match self.kind {
            Kind::Disk => Arc::new(LocalFileSystem::new_with_prefix(&self.folder)?),
            Kind::S3 => {
                let mut builder = AmazonS3Builder::new().with_bucket_name(bucket(place));
                for (name, value) in options {
                    builder = builder.with_config(name.parse()?, value);
                }
                Arc::new(builder.build()?)
            }
            Kind::Azure => {
                let mut builder = MicrosoftAzureBuilder::new().with_container_name(bucket(place));
                for (name, value) in options {
                    builder = builder.with_config(name.parse()?, value);
                }
                Arc::new(builder.build()?)
            }
        })
    }

    /// Every object below a place, by its path below it.
    ///
    /// # Errors
    /// When the store fails.
    pub fn objects(&self, place: &str) -> Outcome<Objects> {
        let (store, root) = (self.client(place)?, Path::from(place));
        let read = async {
            let listed: Vec<_> = store.list(Some(&root)).try_collect().await?;
            let reads = futures::stream::iter(listed).map(async |object| {
                let bytes = store.get(&object.location).await?.bytes().await?;
                Ok::<_, object_store::Error>((object.location, bytes))
            });
            reads.buffered(CONCURRENT).try_collect::<Vec<_>>().await
        };
        let objects = self.runtime.block_on(read)?;
        let below =
            |path: &Path| path.as_ref().strip_prefix(place).map(|below| below.trim_start_matches('/').to_owned());
        Ok(objects.into_iter().filter_map(|(path, bytes)| Some((below(&path)?, bytes.to_vec()))).collect())
    }

    /// Puts objects below a place.
    ///
    /// # Errors
    /// When the store fails.
    pub fn put(&self, place: &str, objects: &Objects) -> Outcome {
        let store = self.client(place)?;
        let writes =
            futures::stream::iter(objects).map(Ok).try_for_each_concurrent(CONCURRENT, async |(path, bytes)| {
                store.put(&Path::parse(format!("{place}/{path}"))?, bytes.clone().into()).await.map(drop)
            });
        Ok(self.runtime.block_on(writes)?)
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if let Some(server) = &mut self.server {
            // A server that has ended already is none that is left behind.
            server.process.kill().and_then(|()| server.process.wait()).ok();
        }
    }
}

/// Every file of a folder, by its path below it.
///
/// # Errors
/// Where the folder cannot be read.
pub fn files_of(folder: &FilePath) -> Outcome<Objects> {
    let mut files = Objects::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.insert(path.strip_prefix(folder)?.display().to_string(), fs::read(&path)?);
            }
        }
    }
    Ok(files)
}

/// The program `moto_server`, where `.ci/run` installed it or `HEADWATER_MOTO_SERVER` says; none where it is not there.
#[must_use]
pub fn moto_server() -> Option<PathBuf> {
    let named = env::var_os("HEADWATER_MOTO_SERVER").map(PathBuf::from);
    named.into_iter().chain([target().join("test-venv/bin/moto_server")]).find(|program| program.is_file())
}

fn free_port() -> Outcome<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Starts a server and waits until it answers.
fn served(command: &mut Command, port: u16) -> Outcome<Child> {
    let mut server = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let began = Instant::now();
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        if server.try_wait()?.is_some() || began.elapsed() > PATIENCE {
            server.kill()?;
            return Err("the store's server does not answer".into());
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(server)
}

fn make_bucket(port: u16, bucket: &str) -> Outcome<String> {
    exchange(port, &format!("PUT /{bucket} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 0\r\n"))
}

fn make_container(port: u16, container: &str) -> Outcome<String> {
    let target = format!("/{ACCOUNT}/{container}?restype=container");
    let mut request = HttpRequest::new(HttpRequestBody::empty());
    *request.method_mut() = "PUT".parse()?;
    *request.uri_mut() = format!("http://127.0.0.1:{port}{target}").parse()?;
    let credential = AzureCredential::AccessKey(AzureAccessKey::try_new(KEY)?);
    AzureAuthorizer::new(&credential, ACCOUNT).authorize(&mut request);
    let mut head = format!("PUT {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 0\r\n");
    for (name, value) in request.headers() {
        head.push_str(&format!("{name}: {}\r\n", value.to_str()?));
    }
    exchange(port, &head)
}
