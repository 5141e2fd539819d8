//! Plans of the catalogue, run over small tables.

mod bench;
mod groups;
mod measures;
