//! What the machine says of this process, by the names that Prometheus' own libraries use.

use std::fmt::Error;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// The unit of times in `/proc`: `USER_HZ`, which is 100 for programs on every machine that Linux
/// runs on today.
const TICKS: f64 = 100.0;

/// What the machine says of this process; nothing where there is no `/proc`.
#[derive(Debug)]
pub(super) struct Machine;

/// One reading.
#[derive(Debug, Default, PartialEq)]
struct Reading {
    cpu_seconds: Option<f64>,
    started_at: Option<f64>,
    resident_bytes: Option<i64>,
    threads: Option<i64>,
    open_files: Option<i64>,
    most_files: Option<i64>,
}

impl Collector for Machine {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let reading = Reading::take();
        if let Some(seconds) = reading.cpu_seconds {
            let help = "Time on the processor, in seconds";
            let counter = encoder.encode_descriptor(
                "process_cpu_seconds",
                help,
                None,
                MetricType::Counter,
            )?;
            ConstCounter::new(seconds).encode(counter)?;
        }
        if let Some(at) = reading.started_at {
            let (name, help) = ("process_start_time_seconds", "When it began, since 1970");
            let gauge = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            ConstGauge::new(at).encode(gauge)?;
        }
        for (name, help, value) in [
            ("process_resident_memory_bytes", "Resident memory", reading.resident_bytes),
            ("process_threads", "Threads", reading.threads),
            ("process_open_fds", "Open files and connections", reading.open_files),
            ("process_max_fds", "How many there may be", reading.most_files),
        ] {
            let Some(value) = value else { continue };
            let gauge = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            ConstGauge::new(value).encode(gauge)?;
        }
        Ok(())
    }
}

impl Reading {
    fn take() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let open = std::fs::read_dir("/proc/self/fd").ok();
        Self {
            // The folder that is being read is one of them.
            open_files: open.and_then(|files| i64::try_from(files.count()).ok()).map(|n| n - 1),
            ..Self::of(
                &read("/proc/self/stat"),
                &read("/proc/self/status"),
                &read("/proc/self/limits"),
                &read("/proc/stat"),
            )
        }
    }

    /// What stands in the files of that name (`proc_pid_stat(5)`, `proc_pid_status(5)`).
    fn of(stat: &str, status: &str, limits: &str, machine: &str) -> Self {
        // The program's name stands in brackets and may hold anything.
        let fields: Vec<&str> = stat
            .rsplit_once(')')
            .map(|(_, rest)| rest.split_whitespace().collect())
            .unwrap_or_default();
        // The first of these is the third of the whole.
        let ticks = |field: usize| fields.get(field - 3)?.parse::<f64>().ok();
        let line = |text: &str, name: &str| {
            text.lines().find_map(|line| Some(line.strip_prefix(name)?.trim().to_owned()))
        };
        let number = |text: Option<String>| text?.split_whitespace().next()?.parse::<i64>().ok();
        let booted = line(machine, "btime").and_then(|text| text.parse::<f64>().ok());
        Self {
            cpu_seconds: ticks(14).zip(ticks(15)).map(|(user, system)| (user + system) / TICKS),
            started_at: booted.zip(ticks(22)).map(|(boot, after)| boot + after / TICKS),
            resident_bytes: number(line(status, "VmRSS:")).map(|kilobytes| kilobytes * 1024),
            threads: number(line(status, "Threads:")),
            open_files: None,
            most_files: number(line(limits, "Max open files")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machines_words_are_read() {
        let stat = "7 (a b) c) S 1 7 7 0 -1 4194560 1 0 0 0 150 25 0 0 20 0 3 0 1000 1 2";
        let status = "Name:\ta\nVmRSS:\t    2048 kB\nThreads:\t3\n";
        let limits = "Limit  Soft Limit  Hard Limit  Units\nMax open files  1024  4096  files\n";
        let reading = Reading::of(stat, status, limits, "cpu 1\nbtime 1700000000\n");
        let expected = Reading {
            cpu_seconds: Some(1.75),
            started_at: Some(1_700_000_010.0),
            resident_bytes: Some(2048 * 1024),
            threads: Some(3),
            open_files: None,
            most_files: Some(1024),
        };
        assert_eq!(reading, expected);
        assert_eq!(Reading::of("", "", "", ""), Reading::default());
    }

    #[test]
    fn this_process_has_a_reading() {
        let reading = Reading::take();
        assert!(reading.resident_bytes > Some(1024 * 1024), "{reading:?}");
        assert!(reading.open_files > Some(2) && reading.cpu_seconds.is_some(), "{reading:?}");
    }
}
