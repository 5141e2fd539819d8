//! Inputs opened from lakes that are written on the fly.
#![cfg(test)]

mod expectations;
mod lake;
mod long_texts;
mod memory;
mod objects;
mod problems;
mod reasons;
mod stores;
mod streams;
mod subscriptions;
mod types;
mod worth;
