//! Processor time.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

fn read(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Time that all threads of this process spent on a core, in user mode and in the kernel.
pub(super) fn process_time() -> Duration {
    read(ClockId::ProcessCPUTime)
}

/// The same of the calling thread.
pub(super) fn thread_time() -> Duration {
    read(ClockId::ThreadCPUTime)
}

/// Resident memory of this process and its highest value so far, in MiB.
pub(super) fn memory() -> (f64, f64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<f64>().ok().map(|kib| kib / 1024.0)
    };
    (field("VmRSS:").unwrap_or(0.0), field("VmHWM:").unwrap_or(0.0))
}
