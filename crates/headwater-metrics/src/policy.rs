//! The choices on which vendors disagree. Each is a switch with a name; a preset is a row of switches.

use serde::Serialize;

/// How recurring revenue and its retention are counted. The default is `strict`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct RevenuePolicy {
    /// An account on a free plan is a customer: it is new when it signs up, and going back to free is contraction.
    pub free_plans_are_customers: bool,
    /// Revenue that came back after churn counts as retained.
    pub reactivation_is_retained: bool,
    /// What a customer pays less counts as lost.
    pub contraction_is_lost: bool,
    /// Customers won in the window stand in the denominator of the churn rate.
    pub new_in_churn_base: bool,
    /// A customer is lost on the day it gives notice, not when what it paid for ends.
    pub churn_when_cancelled: bool,
    /// Who comes and goes within one period is new and churned in it.
    pub brief_customers_count: bool,
    /// A discount that is known to end makes recurring revenue smaller while it lasts.
    pub temporary_discounts_reduce_mrr: bool,
    /// A discount of which no end is known makes recurring revenue smaller.
    pub lasting_discounts_reduce_mrr: bool,
}

impl Default for RevenuePolicy {
    fn default() -> Self {
        STRICT
    }
}

/// One choice of a policy.
#[derive(Debug, Clone, Copy)]
pub struct PolicySwitch {
    /// Its name in project files.
    pub name: &'static str,
    /// What holds where it is on.
    pub meaning: &'static str,
    slot: fn(&mut RevenuePolicy) -> &mut bool,
}

impl PolicySwitch {
    /// Whether it is on.
    #[must_use]
    pub fn is_on(&self, policy: RevenuePolicy) -> bool {
        let mut policy = policy;
        *(self.slot)(&mut policy)
    }

    /// The policy with the switch set.
    #[must_use]
    pub fn set(&self, policy: RevenuePolicy, on: bool) -> RevenuePolicy {
        let mut policy = policy;
        *(self.slot)(&mut policy) = on;
        policy
    }
}

/// A named policy.
#[derive(Debug, Clone, Copy)]
pub struct PolicyPreset {
    /// Its name in project files.
    pub name: &'static str,
    /// Where it comes from.
    pub source: &'static str,
    /// The policy.
    pub policy: RevenuePolicy,
}

const STRICT: RevenuePolicy = RevenuePolicy {
    free_plans_are_customers: false,
    reactivation_is_retained: false,
    contraction_is_lost: true,
    new_in_churn_base: false,
    churn_when_cancelled: false,
    brief_customers_count: false,
    temporary_discounts_reduce_mrr: true,
    lasting_discounts_reduce_mrr: true,
};

impl RevenuePolicy {
    /// Every switch, in the order in which a bridge between two policies takes them.
    pub const SWITCHES: &'static [PolicySwitch] = &[
        PolicySwitch {
            name: "free_plans_are_customers",
            meaning: "an account on a free plan is a customer: new when it signs up, expanding when it begins to pay, contracting when it goes back to free",
            slot: |policy| &mut policy.free_plans_are_customers,
        },
        PolicySwitch {
            name: "churn_when_cancelled",
            meaning: "a customer is lost on the day it gives notice, not when what it paid for ends",
            slot: |policy| &mut policy.churn_when_cancelled,
        },
        PolicySwitch {
            name: "brief_customers_count",
            meaning: "who comes and goes within one period is new and churned in it, and does not go unseen",
            slot: |policy| &mut policy.brief_customers_count,
        },
        PolicySwitch {
            name: "temporary_discounts_reduce_mrr",
            meaning: "a discount that is known to end reduces recurring revenue while it lasts; its end is expansion",
            slot: |policy| &mut policy.temporary_discounts_reduce_mrr,
        },
        PolicySwitch {
            name: "lasting_discounts_reduce_mrr",
            meaning: "a discount of which no end is known reduces recurring revenue",
            slot: |policy| &mut policy.lasting_discounts_reduce_mrr,
        },
        PolicySwitch {
            name: "contraction_is_lost",
            meaning: "what a customer pays less counts as lost in net retention",
            slot: |policy| &mut policy.contraction_is_lost,
        },
        PolicySwitch {
            name: "reactivation_is_retained",
            meaning: "revenue that came back after churn counts as retained",
            slot: |policy| &mut policy.reactivation_is_retained,
        },
        PolicySwitch {
            name: "new_in_churn_base",
            meaning: "customers won in the window stand in the denominator of logo churn",
            slot: |policy| &mut policy.new_in_churn_base,
        },
    ];

    /// Every preset, the default first.
    pub const PRESETS: &'static [PolicyPreset] = &[
        PolicyPreset {
            name: "strict",
            source: "Gold, Fighting Churn with Data, listings 2.1 and 2.2: only what was there at the start can be retained",
            policy: STRICT,
        },
        PolicyPreset {
            name: "chartmogul",
            source: "ChartMogul help, article 203359411: reactivation counts in net MRR retention",
            policy: RevenuePolicy { reactivation_is_retained: true, ..STRICT },
        },
        PolicyPreset {
            name: "profitwell",
            source: "Paddle, ProfitWell metrics compared: who comes and goes within one period leaves no trace",
            policy: STRICT,
        },
        PolicyPreset {
            name: "stripe",
            source: "Stripe, billing analytics glossary: new subscribers stand in the denominator of churn; only perpetual discounts reduce MRR",
            policy: RevenuePolicy { new_in_churn_base: true, temporary_discounts_reduce_mrr: false, ..STRICT },
        },
        PolicyPreset {
            name: "baremetrics",
            source: "Baremetrics, net revenue retention as printed: contraction is left out; its change log: who comes and goes within a period counts as both",
            policy: RevenuePolicy { contraction_is_lost: false, brief_customers_count: true, ..STRICT },
        },
    ];

    /// The preset of that name.
    #[must_use]
    pub fn preset(name: &str) -> Option<Self> {
        Self::PRESETS.iter().find(|preset| preset.name == name).map(|preset| preset.policy)
    }

    /// The switches on which this policy and another differ, in their order.
    pub fn differences(self, other: Self) -> impl Iterator<Item = &'static PolicySwitch> {
        Self::SWITCHES.iter().filter(move |switch| switch.is_on(self) != switch.is_on(other))
    }
}

#[cfg(test)]
mod tests {
    use super::RevenuePolicy;

    #[test]
    fn a_policy_reaches_another_by_setting_their_differences() {
        let policies = RevenuePolicy::PRESETS.iter().map(|preset| preset.policy);
        let policies: Vec<_> = policies.chain([RevenuePolicy::default()]).collect();
        for from in &policies {
            for to in &policies {
                let reached = from.differences(*to).fold(*from, |policy, switch| switch.set(policy, switch.is_on(*to)));
                assert_eq!(reached, *to);
            }
        }
        assert_eq!(RevenuePolicy::preset("strict"), Some(RevenuePolicy::default()));
    }
}
