//! The program as people and schedulers meet it: what it prints, where, and its exit code.

mod cli;
mod failures;
mod projects;
