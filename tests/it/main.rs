//! Tests of the workspace as a whole, in one binary: its shape, its generated pages, and whole nights.

#[cfg(test)]
mod tidy;
