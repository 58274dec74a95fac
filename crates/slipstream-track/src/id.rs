//! Numbers of tracks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Where the numbers of tracks come from: 1, 2, 3, … Clones count on together, so that no number is given twice, not
/// even by trackers that come one after the other.
#[derive(Debug, Clone)]
pub struct IdAllocator(Arc<AtomicU64>);

impl IdAllocator {
    /// Starts at 1.
    pub fn new() -> Self {
        Self::starting_at(1)
    }

    /// Starts at `first`.
    pub fn starting_at(first: u64) -> Self {
        Self(Arc::new(AtomicU64::new(first)))
    }

    /// The next number.
    pub fn allocate(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

impl Default for IdAllocator {
    fn default() -> Self {
        Self::new()
    }
}
