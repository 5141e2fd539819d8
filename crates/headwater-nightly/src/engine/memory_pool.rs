//! The memory of plans: shared out fairly, but that exchanges of rows between threads are never refused theirs.
//!
//! An exchange that is refused memory writes rows to the disk, and two threads that do so at once can leave the reader
//! waiting for one file while its rows are in the other: the plan stands still for ever
//! (<https://github.com/apache/datafusion/issues/24883>). An exchange holds a few batches for each thread, and what it takes
//! is taken from the others.
//!
//! Nor may a join by other conditions than equality answer a refusal by itself (see `join_inputs`).

use std::fmt;

use datafusion::error::Result;
use datafusion::execution::memory_pool::{FairSpillPool, MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation};

use super::join_inputs::in_own_words;

/// What names of the consumers begin with that are exchanges.
const EXCHANGE: &str = "RepartitionExec[";
/// What names of the consumers begin with that hold an input of a join on other conditions than equality.
const JOIN_INPUT: &str = "NestedLoopJoinLoad[";

/// A fair pool of a size.
#[derive(Debug)]
pub(super) struct PlanMemory(FairSpillPool);

impl PlanMemory {
    pub(super) fn new(bytes: usize) -> Self {
        Self(FairSpillPool::new(bytes))
    }
}

impl MemoryPool for PlanMemory {
    fn name(&self) -> &str {
        "plans"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.0.register(consumer);
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.0.unregister(consumer);
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.0.grow(reservation, additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.0.shrink(reservation, shrink);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        let name = reservation.consumer().name();
        if name.starts_with(EXCHANGE) {
            self.0.grow(reservation, additional);
            return Ok(());
        }
        let grown = self.0.try_grow(reservation, additional);
        if name.starts_with(JOIN_INPUT) { grown.map_err(in_own_words) } else { grown }
    }

    fn reserved(&self) -> usize {
        self.0.reserved()
    }

    fn memory_limit(&self) -> MemoryLimit {
        self.0.memory_limit()
    }
}

impl fmt::Display for PlanMemory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn an_exchange_has_what_it_asks_for_and_others_have_what_is_left() {
        let pool: Arc<dyn MemoryPool> = Arc::new(PlanMemory::new(1_000));
        let consumer = |name: &str| MemoryConsumer::new(name).with_can_spill(true).register(&pool);
        let (exchange, sort) = (consumer("RepartitionExec[0]"), consumer("ExternalSorter[0]"));
        assert!(sort.try_grow(400).is_ok());
        assert!(exchange.try_grow(10_000).is_ok());
        assert!(sort.try_grow(10_000).is_err());
        assert_eq!(pool.reserved(), 10_400);
    }
}
