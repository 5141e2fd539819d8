//! Nights that have little memory.

use crate::cli::Place;

#[test]
fn a_night_with_little_memory_publishes_the_bytes_of_one_with_much() {
    let place = Place::empty();
    let company = ["--accounts", "6000", "--days", "60", "--events", "60000"];
    place.headwater(&[&["demo", "--dir", ".", "--no-run"], &company[..]].concat()).says(0, &[]);
    place.run().says(0, &["published as manifest 1"]);
    place.edit("headwater.yaml", "memory_mb: 2048", "memory_mb: 64, threads: 16");
    let night = place.headwater(&["run", "--as-of", "2026-05-31", "--log-format", "json"]);
    night.says(0, &["memory_short", "every byte as it was published before"]);
}
