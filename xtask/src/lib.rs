//! What development tasks and tests share: the pages that are generated from the code.

pub mod pages;
pub mod released;
