//! Models of how customers buy, stay and spend: plain functions over slices, without a plan or a table.
//!
//! Each is fitted by maximum likelihood from rows that stand for so many customers of one history. What a model cannot
//! tell is an [`Outcome`], never a number that looks like one.

mod buying;
mod contracts;
mod maximum;
mod order_value;
mod special;
mod survival;

pub use buying::{Buyer, BuyingFits, BuyingModel, Leaving, fit_buying};
pub use contracts::{Contract, ContractFits, ContractModel, fit_contracts};
pub use maximum::{Fit, Outcome, standard_error};
pub use order_value::{OrderValue, OrderValueModel, fit_order_values, value_correlation};
pub use survival::{Lifetime, RestrictedMean, Survival, SurvivalStep, survival};
