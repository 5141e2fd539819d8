//! Metrics of the last run, as text that Prometheus and OpenMetrics both read: in a file, or pushed to a gateway.
//!
//! What is known of the last night that was published stays when a later run publishes nothing: in the file it is taken over
//! from the one that was there, in the gateway it is a group of its own.

mod families;
mod text;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use reqwest::{Method, Url};

use self::text::Family;
use super::http::{self, Sent};
use super::record::{RunRecord, Told};
use crate::args::Watching;
use crate::surroundings;

/// Where metrics are written.
pub(super) struct MetricsFile {
    path: PathBuf,
}

/// Where metrics are pushed.
pub(super) struct MetricsPush {
    gateway: Url,
}

impl MetricsFile {
    /// What arguments or environment name.
    pub(super) fn of(watching: &Watching) -> Option<Self> {
        let said = watching.metrics_file.clone();
        let path = said.or_else(|| surroundings::variable("HEADWATER_METRICS_FILE").map(PathBuf::from))?;
        Some(Self { path })
    }

    /// Writes what a run came to in the place of what the run before it came to.
    pub(super) async fn tell(&self, told: &Told) -> Result<(), String> {
        let Told::Ended(run) = told else { return Ok(()) };
        let (path, run) = (self.path.clone(), std::sync::Arc::clone(run));
        let written = tokio::task::spawn_blocking(move || write(&path, &run)).await;
        written.map_err(|error| error.to_string())?.map_err(|error| format!("{}: {error}", self.path.display()))
    }
}

/// Puts the file in place as a whole: a collector that reads it meanwhile has the old one or the new one.
fn write(path: &Path, run: &RunRecord) -> io::Result<()> {
    let before = match fs::read_to_string(path) {
        Ok(text) => text,
        // A file that is no text has nothing to take over, and is replaced.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidData) => String::new(),
        Err(error) => return Err(error),
    };
    let text = text::document(&families::of(run), run.begun.project(), &before);
    let name = path.file_name().ok_or_else(|| io::Error::other("it names no file"))?;
    // A collector of a folder takes files that end in .prom only, so it passes over this one.
    let draft = path.with_file_name(format!(".{}.{}", name.to_string_lossy(), std::process::id()));
    let written = fs::File::create(&draft).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    let placed = written.and_then(|()| fs::rename(&draft, path));
    if placed.is_err() {
        // What went wrong is told; that the draft is left too would not help.
        fs::remove_file(&draft).ok();
    }
    placed
}

impl MetricsPush {
    /// What arguments or environment name.
    pub(super) fn of(watching: &Watching) -> Result<Option<Self>, String> {
        let said = watching.metrics_push.clone().or_else(|| surroundings::variable("HEADWATER_METRICS_PUSH"));
        said.map(|url| Ok(Self { gateway: http::url("the Pushgateway", &url)? })).transpose()
    }

    /// Pushes what a run came to.
    pub(super) async fn tell(&self, told: &Told) -> Result<(), String> {
        let Told::Ended(run) = told else { return Ok(()) };
        let project = run.begun.project();
        let (of_night, of_run): (Vec<Family>, Vec<Family>) =
            families::of(run).into_iter().partition(|family| family.is_kept);
        // PUT takes the place of a whole group.
        self.put(project, "last_run", &of_run).await?;
        if run.report.is_some() {
            self.put(project, "published_night", &of_night).await?;
        }
        Ok(())
    }

    async fn put(&self, project: &str, about: &str, families: &[Family]) -> Result<(), String> {
        let sent = Sent {
            method: Method::PUT,
            url: &group(&self.gateway, project, about),
            headers: &[],
            content_type: "text/plain; version=0.0.4",
            body: text::document(families, project, "").into_bytes(),
        };
        http::send(sent).await.map(|_| ())
    }
}

/// A group of metrics in a gateway: of the project or, where the URL names a group, below that one.
fn group(gateway: &Url, project: &str, about: &str) -> Url {
    let mut url = gateway.clone();
    let path = url.path().trim_end_matches('/').to_owned();
    // A slash cannot stand in a name, encoded or not: the gateway takes it for a border.
    let project = project.replace(['/', '%'], "_");
    let own = if path.contains("/metrics/job/") {
        String::new()
    } else {
        format!("/metrics/job/headwater/project/{project}")
    };
    url.set_path(&format!("{path}{own}/about/{about}"));
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_pushed_to_the_group_of_the_project_or_to_the_one_named() {
        for (url, pushed) in [
            ("http://gateway:9091", "http://gateway:9091/metrics/job/headwater/project/a%20b_c/about/x"),
            ("http://u:p@gateway/below/", "http://u:p@gateway/below/metrics/job/headwater/project/a%20b_c/about/x"),
            ("http://gateway/metrics/job/clv/team/data", "http://gateway/metrics/job/clv/team/data/about/x"),
        ] {
            assert_eq!(group(&Url::parse(url).unwrap(), "a b/c", "x").as_str(), pushed);
        }
    }
}
