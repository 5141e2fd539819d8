//! Plans of the catalogue, run over small tables.

#[cfg(test)]
mod bench;
#[cfg(test)]
mod customers;
#[cfg(test)]
mod fit;
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
#[cfg(test)]
mod spending;
#[cfg(test)]
mod usage;
#[cfg(test)]
mod voice;
