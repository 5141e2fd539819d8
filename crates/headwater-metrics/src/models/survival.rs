//! How long customers stay, without a model: the estimator of Kaplan and Meier (1958).
//!
//! Customers who are still there count for as long as they were seen, and no longer; those who came before anybody
//! looked count from when they were first seen.

/// So many customers of one lifetime.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lifetime {
    /// Age when first seen; 0 for a customer seen from its start.
    pub from: f64,
    /// Age when it left, or until now.
    pub until: f64,
    /// Whether it left.
    pub has_left: bool,
    /// How many customers.
    pub customers: f64,
}

/// What is known at an age at which somebody left or was last seen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SurvivalStep {
    /// The age.
    pub age: f64,
    /// Customers who were seen at that age, before anybody left.
    pub at_risk: f64,
    /// Customers who left at it.
    pub left: f64,
    /// Customers who were last seen at it.
    pub censored: f64,
    /// The share that stays beyond it.
    pub survival: f64,
    /// Greenwood's sum, from which errors come; infinite once nobody is left.
    pub greenwood: f64,
    /// The fewest customers at risk at this age or one before it.
    pub fewest_at_risk: f64,
    /// The 95 % interval of the share: by the logarithm of its logarithm, which keeps it between 0 and 1; exact where
    /// nobody has left yet, and where nobody is left.
    pub interval: (f64, f64),
}

/// The whole curve.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Survival {
    /// Its steps by age.
    pub steps: Vec<SurvivalStep>,
}

/// The curve of customers, in any order. Who was seen for no time at all is passed over, but for who left on its first day.
#[must_use]
pub fn survival(lifetimes: &[Lifetime]) -> Survival {
    let is_seen =
        |row: &&Lifetime| row.customers > 0.0 && (row.until > row.from || row.from <= 0.0 && row.until >= 0.0);
    let counted = || lifetimes.iter().filter(is_seen);
    let mut ends: Vec<&Lifetime> = counted().collect();
    ends.sort_by(|x, y| x.until.total_cmp(&y.until));
    let mut entries: Vec<(f64, f64)> = counted().map(|row| (row.from, row.customers)).collect();
    entries.sort_by(|x, y| x.0.total_cmp(&y.0));
    let mut entries = entries.into_iter().peekable();
    let mut steps: Vec<SurvivalStep> = Vec::new();
    let (mut at_risk, mut survival, mut greenwood) = (0.0, 1.0, 0.0);
    let (mut fewest_at_risk, mut highest) = (f64::INFINITY, 1.0);
    for alike in ends.chunk_by(|x, y| x.until.total_cmp(&y.until).is_eq()) {
        let age = alike.first().map_or(0.0, |row| row.until);
        // Who is first seen at an age is at risk after it; who starts at 0 may leave at once.
        while let Some((_, customers)) = entries.next_if(|(from, _)| *from < age || *from <= 0.0) {
            at_risk += customers;
        }
        let count = |left: bool| alike.iter().filter(|row| row.has_left == left).map(|row| row.customers).sum::<f64>();
        let (left, censored) = (count(true), count(false));
        if at_risk > 0.0 && left > 0.0 {
            survival *= 1.0 - left / at_risk;
            greenwood += left / (at_risk * (at_risk - left));
        }
        fewest_at_risk = f64::min(fewest_at_risk, at_risk);
        let interval = if survival >= 1.0 {
            (least_share(fewest_at_risk), 1.0)
        } else if survival <= 0.0 {
            // Of those who were still there, all left: as many more could have stayed as chance allows.
            (0.0, if left > 0.0 { highest * (1.0 - least_share(at_risk)) } else { highest })
        } else {
            around(survival, greenwood)
        };
        highest = interval.1;
        steps.push(SurvivalStep { age, at_risk, left, censored, survival, greenwood, fewest_at_risk, interval });
        at_risk -= left + censored;
    }
    Survival { steps }
}

/// Half the width of a 95 % interval in standard errors.
const TWO_SIDED_95: f64 = 1.959_963_984_540_054;

/// The least share that stays where all of so many customers stayed, with 95 % confidence on both sides: a share below
/// it shows so many without a loss in less than 25 of 1,000 cases (Clopper and Pearson 1934).
fn least_share(customers: f64) -> f64 {
    const ONE_SIDE: f64 = 0.025;
    if customers > 0.0 { ONE_SIDE.powf(1.0 / customers) } else { 0.0 }
}

/// The interval around a share that is neither all nor none.
fn around(survival: f64, greenwood: f64) -> (f64, f64) {
    let ln = survival.ln();
    let apart = TWO_SIDED_95 * greenwood.sqrt() / ln;
    let at = |shift: f64| (-((-ln).ln() + shift).exp()).exp();
    (at(-apart), at(apart))
}

impl Survival {
    /// The first age beyond which no more than half stay; none where more do.
    #[must_use]
    pub fn median(&self) -> Option<f64> {
        self.steps.iter().find(|step| step.survival <= 0.5).map(|step| step.age)
    }

    /// The share that stays beyond an age; none where nobody was seen that long.
    #[must_use]
    pub fn beyond(&self, age: f64) -> Option<f64> {
        let last = self.steps.last()?;
        if last.age < age && last.survival > 0.0 {
            return None;
        }
        Some(self.steps.iter().take_while(|step| step.age <= age).last().map_or(1.0, |step| step.survival))
    }

    /// The mean age reached until `until`, counted up to there: the area under the curve. None where nobody was seen
    /// that long, since the curve says nothing beyond the last age seen; a curve that has come down to 0 is known for ever.
    #[must_use]
    pub fn restricted_mean(&self, until: f64) -> Option<RestrictedMean> {
        let last = self.steps.last()?;
        if last.age < until && last.survival > 0.0 {
            return None;
        }
        // Area to the right of each step, from the last to the first.
        let mut area = 0.0;
        let mut variance = 0.0;
        let mut upper = until;
        for step in self.steps.iter().rev().filter(|step| step.age < until) {
            area += step.survival * (upper - step.age);
            upper = step.age;
            let after = step.at_risk - step.left;
            if after > 0.0 && step.left > 0.0 {
                variance += area * area * step.left / (step.at_risk * after);
            }
        }
        let mean = area + upper;
        let standard_error = variance.sqrt();
        let interval = if standard_error > 0.0 {
            let half = TWO_SIDED_95 * standard_error;
            Some(((mean - half).max(0.0), (mean + half).min(until)))
        } else if self.steps.iter().all(|step| step.age >= until || step.left <= 0.0) {
            // Nobody left: the share that stays is at least so large up to the last age, and so is the part of it reached.
            let seen = self.steps.iter().take_while(|step| step.age <= until);
            let fewest = seen.last().or_else(|| self.steps.first()).map_or(0.0, |step| step.fewest_at_risk);
            Some((until * least_share(fewest), until))
        } else {
            None
        };
        Some(RestrictedMean { mean, standard_error, until, interval })
    }

    /// The last age at which at least this share of all customers was still seen: beyond it the curve rests on few.
    #[must_use]
    pub fn well_supported(&self, share: f64) -> Option<f64> {
        let most = self.steps.iter().map(|step| step.at_risk).fold(0.0, f64::max);
        self.steps.iter().rev().find(|step| step.at_risk >= share * most).map(|step| step.age)
    }
}

/// A mean age, counted up to an age.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RestrictedMean {
    /// The mean.
    pub mean: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// The age up to which was counted.
    pub until: f64,
    /// Its 95 % interval; where nobody left, from the least share that may stay. None where customers left, and all at
    /// one age: nothing is known of how far ages scatter.
    pub interval: Option<(f64, f64)>,
}

#[cfg(test)]
mod tests;
