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

/// Time that the threads which are alive now spent on a core, without those of this name.
pub(super) fn time_of_threads_but(name: &str) -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let times = tasks.filter_map(|task| {
        let read = |file: &str| std::fs::read_to_string(task.path().join(file)).ok();
        if read("comm")?.trim_end() == name {
            return None;
        }
        // The first field is the time on a core: proc_pid_schedstat(5), in nanoseconds.
        read("schedstat")?.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
    });
    times.sum()
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
