//! Pages that are written by the program, and the register of codes behind one of them.

use std::collections::BTreeSet;
use std::fs;

use headwater_diagnostics::Code;

use super::nothing_of;
use super::tree::root;

#[test]
fn generated_pages_are_up_to_date() {
    let pages = xtask::pages::all(&root()).unwrap_or_else(|why| panic!("{why}"));
    if std::env::var_os("HEADWATER_WRITE_PAGES").is_some() {
        for page in &pages {
            fs::write(root().join(page.path), &page.text).unwrap();
        }
    }
    let found: Vec<String> = pages
        .into_iter()
        .filter(|page| fs::read_to_string(root().join(page.path)).ok().as_ref() != Some(&page.text))
        .map(|page| page.path.to_owned())
        .collect();
    nothing_of("pages to be written again with `cargo xtask generate`", &found);
}

#[test]
fn codes_are_unique_and_stand_in_the_order_of_their_ranges() {
    let ids: Vec<&str> = Code::ALL.iter().map(|code| code.id()).collect();
    let sorted: Vec<&str> = ids.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
    assert_eq!(ids, sorted);
    let misnamed = ids.into_iter().filter(|id| {
        let (letter, digits) = id.split_at(1);
        let range = digits.get(..2).and_then(|range| range.parse().ok());
        !["E", "W"].contains(&letter) || digits.len() != 4 || !(1..=9).contains(&range.unwrap_or(0))
    });
    nothing_of("codes outside the ranges", &misnamed.map(str::to_owned).collect::<Vec<_>>());
}

#[test]
fn every_code_has_its_page() {
    let silent = Code::ALL
        .iter()
        .filter(|code| [code.title(), code.meaning(), code.remedy()].iter().any(|text| text.trim().is_empty()));
    nothing_of("codes without title, meaning or remedy", &silent.map(ToString::to_string).collect::<Vec<_>>());
}

#[test]
fn titles_are_fragments_and_explanations_are_sentences() {
    let mut found = Vec::new();
    for code in Code::ALL {
        if code.title().ends_with('.') {
            found.push(format!("{code}: the title ends in a full stop"));
        }
        for text in [code.meaning(), code.remedy()] {
            if !text.ends_with(['.', '?']) {
                found.push(format!("{code}: no sentence: {text}"));
            }
        }
    }
    nothing_of("texts of codes", &found);
}
