//! The program as people and schedulers meet it: what it prints, where, and its exit code.

#[cfg(test)]
mod cli;
#[cfg(test)]
mod crashes;
#[cfg(test)]
mod doctor;
#[cfg(test)]
mod failures;
#[cfg(test)]
mod memory;
#[cfg(test)]
mod observe;
#[cfg(test)]
mod observe_failures;
#[cfg(test)]
mod observe_secrets;
#[cfg(test)]
mod operation;
#[cfg(test)]
mod projects;
#[cfg(test)]
mod scheduled;
#[cfg(test)]
mod series;
#[cfg(all(test, unix))]
mod signals;
#[cfg(test)]
mod sink;
#[cfg(test)]
mod tools;
