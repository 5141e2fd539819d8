//! Plans of the catalogue, run over small tables.

#[cfg(test)]
mod bench;
#[cfg(test)]
mod groups;
#[cfg(test)]
mod lifetimes;
#[cfg(test)]
mod measures;
#[cfg(test)]
mod policies;
#[cfg(test)]
mod renewals;
#[cfg(test)]
mod sales;
mod spending;
