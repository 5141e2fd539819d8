//! A run that is told to end, and one that is killed.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Mutex;

use crate::cli::Place;

/// How the folder of a run in the staging folder begins.
const STAGED: &str = "published/_staging/run_id=";

/// Nothing of a run is left but its lease records.
#[track_caller]
fn nothing_is_left(place: &Place) {
    assert!(place.beginning_with("published/_staging").is_empty());
    assert!(place.beginning_with(".headwater/spill/run-").is_empty());
    let (path, record) = place.last_lease();
    assert!(record.contains("\"state\": \"released\""), "{}: {record}", path.display());
}

#[test]
fn a_run_that_is_told_to_end_clears_up_and_the_next_need_not_wait() {
    let place = Place::demo();
    for (signal, when) in [("TERM", "published/_leases/"), ("INT", ".headwater/spill/run-"), ("TERM", STAGED)] {
        place.run_until(when).send(signal).says(1, &["E0704", "= help"]);
        assert!(place.beginning_with("published/manifests/").is_empty());
        nothing_is_left(&place);
    }
    place.run().says(0, &["published as manifest 1"]);
    nothing_is_left(&place);
}

#[test]
fn a_night_that_is_published_when_the_signal_comes_ends_normally() {
    let place = Place::demo();
    let outcome = place.run_until("published/manifests/00000001.json").send("TERM");
    outcome.says(0, &["published as manifest 1"]);
    nothing_is_left(&place);
}

#[test]
fn what_a_killed_run_left_is_removed_by_the_next() {
    let place = Place::demo();
    assert_eq!(place.run_until(STAGED).send("KILL").code, -1);
    let left = [place.beginning_with(STAGED), place.beginning_with(".headwater/spill/run-")].concat();
    assert_eq!(left.len(), 2, "{left:?}");
    place.run().says(7, &["E0701"]);
    let (path, record) = place.last_lease();
    std::fs::write(path, record.replace("\"held\"", "\"released\"")).unwrap();
    place.run().says(0, &["published as manifest 1"]);
    assert!(left.iter().all(|path| !path.exists()));
    nothing_is_left(&place);
}

/// What the environment says of a store that asks for nothing.
const KEYS: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "any"), ("AWS_SECRET_ACCESS_KEY", "any")];

/// A demo that publishes to a store at an address.
fn publishing_to(address: SocketAddr) -> Place {
    let place = Place::demo();
    place.edit("headwater.yaml", "location: published", "location: s3://bucket/published");
    let store = format!(
        "\nstores:\n  s3://bucket: {{region: us-east-1, allow_http: true, path_style: true, endpoint: \"http://{address}\"}}"
    );
    place.edit("headwater.yaml", "\noutputs:", &format!("{store}\noutputs:"));
    place
}

#[test]
fn a_command_that_waits_for_a_store_ends_when_it_is_told_to() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let place = publishing_to(listener.local_addr().unwrap());
    let commands: [&[&str]; 6] = [
        &["doctor"],
        &["gc"],
        &["gc", "--dry-run"],
        &["rollback", "--to", "1"],
        &["retry", "1"],
        &["run", "--as-of", "2026-05-31"],
    ];
    for command in commands {
        // One command may have asked for several things at once.
        while listener.accept().is_ok() {}
        // Whoever asks is never answered.
        let asked: Mutex<Vec<TcpStream>> = Mutex::default();
        let is_asked = || {
            let mut asked = asked.lock().unwrap();
            asked.extend(listener.accept().map(|(connection, _)| connection));
            !asked.is_empty()
        };
        place.begin(command, &KEYS, is_asked).send("TERM").says(1, &["E0704", "= help"]);
    }
}

/// The store has nothing in it and takes nothing: what a run writes is not answered.
#[test]
fn a_run_that_cannot_clear_up_ends_all_the_same() {
    const NOTHING: &str = "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>";
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let place = publishing_to(listener.local_addr().unwrap());
    let unanswered: Mutex<Vec<TcpStream>> = Mutex::default();
    let is_written_to = || {
        if let Ok((mut connection, _)) = listener.accept() {
            connection.set_nonblocking(false).unwrap();
            let mut request = vec![0; 16_384];
            let length = connection.read(&mut request).unwrap();
            if request[..length].starts_with(b"GET ") {
                let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", NOTHING.len());
                connection.write_all((head + NOTHING).as_bytes()).unwrap();
            } else {
                unanswered.lock().unwrap().push(connection);
            }
        }
        !unanswered.lock().unwrap().is_empty()
    };
    let command = place.begin(&["gc"], &KEYS, is_written_to);
    command.send("TERM").says(1, &["E0704", "stopped before it had cleared up", "headwater status"]);
}
