//! `docs/performance.md`: the targets, the tables, and how to read them.

use std::{fmt::Write as _, fs, time::Duration};

use crate::{
    core::{self, LIFE, READ},
    guard::{Count, Counts},
    measure::{Pair, Spread, pair, timed},
};

/// A line of the table of targets.
pub struct Target {
    /// What is measured.
    pub what: String,
    /// What it must reach.
    pub target: String,
    /// What it reached.
    pub reached: String,
    /// Whether that is enough; `None`: it is printed only.
    pub met: Option<bool>,
}

impl Target {
    /// At most so much.
    #[must_use]
    pub fn at_most(what: &str, most: f64, reached: f64, unit: &str) -> Self {
        let [target, reached_text] = [most, reached].map(|number| with_unit(number, unit));
        Target {
            what: what.into(),
            target: format!("≤ {target}"),
            reached: reached_text,
            met: Some(reached <= most),
        }
    }

    /// At least so much.
    #[must_use]
    pub fn at_least(what: &str, least: f64, reached: f64, unit: &str) -> Self {
        let [target, reached_text] = [least, reached].map(|number| with_unit(number, unit));
        Target {
            what: what.into(),
            target: format!("≥ {target}"),
            reached: reached_text,
            met: Some(reached >= least),
        }
    }
}

fn with_unit(number: f64, unit: &str) -> String {
    match unit {
        "×" => format!("{number:.2} ×"),
        _ if number.fract() == 0.0 => format!("{number} {unit}"),
        _ => format!("{number:.2} {unit}"),
    }
}

/// The lines of some targets.
#[must_use]
pub fn targets(targets: &[Target]) -> String {
    let mut text = String::from("| what | target | reached | |\n|---|---|---|---|\n");
    for Target { what, target, reached, met } in targets {
        let met = match met {
            Some(true) => "met",
            Some(false) => "**not met**",
            None => "",
        };
        let _ = writeln!(text, "| {what} | {target} | {reached} | {met} |");
    }
    text
}

/// A ratio, with the quartiles of its rounds.
#[must_use]
pub fn ratio(Spread { low, median, high }: Spread) -> String {
    format!("{median:.2} ({low:.2} to {high:.2})")
}

/// A time in the unit that suits it.
#[must_use]
pub fn time(nanos: f64) -> String {
    match nanos {
        ..1e3 => format!("{nanos:.0} ns"),
        ..1e6 => format!("{:.2} µs", nanos / 1e3),
        _ => format!("{:.2} ms", nanos / 1e6),
    }
}

/// How thoroughly times are measured.
#[derive(Clone, Copy)]
pub struct Effort {
    /// Pairs of rounds.
    pub rounds: usize,
    /// How long each takes.
    pub round: Duration,
}

/// The core: its targets and its table.
///
/// # Errors
/// When instructions cannot be counted.
pub fn core(effort: Effort) -> Result<(Vec<Target>, String), crate::guard::Error> {
    let Effort { rounds, round } = effort;
    let cases = core::cases();
    let counts = Counts::take(&cases)?;
    let mut targets = Vec::new();
    let mut table = String::from(
        "| what | ours | floor | ours over floor | A/A | instructions | over floor | allocations | bytes |\n\
         |---|---|---|---|---|---|---|---|---|\n",
    );
    for case in &cases {
        let Count { instructions, floor: floor_instructions, allocations, bytes } = counts.cases[&case.name];
        let same = pair(rounds, round, timed(&case.ours), timed(&case.ours));
        let beside = case.floor.as_ref().map(|floor| pair(rounds, round, timed(&case.ours), timed(floor)));
        let (floor, over, fewer) = match beside {
            Some(Pair { b, ratio: over, .. }) => {
                (time(b), ratio(over), format!("{:.2}", instructions as f64 / floor_instructions as f64))
            }
            None => <(String, String, String)>::default(),
        };
        let _ = writeln!(
            table,
            "| {} | {} | {floor} | {over} | {} | {instructions} | {fewer} | {allocations} | {bytes} |",
            case.name,
            time(beside.map_or(same.a, |pair| pair.a)),
            ratio(same.ratio),
        );
        if let (Some(most), Some(Pair { ratio: over, .. })) = (case.target, beside) {
            let what = match &*case.name {
                LIFE => "whole Simple Payment life in the core over its floor".into(),
                READ => "reading a reply over `from_utf8` and `from_str` into all fields".into(),
                other => other.to_owned(),
            };
            targets.push(Target::at_most(&what, most, over.median, "×"));
        }
        if case.name == LIFE {
            let what = format!("heap allocations, whole life, warm ({bytes} bytes)");
            targets.push(Target::at_most(&what, 4.0, allocations as f64, "allocations"));
        }
    }
    let [itself, heap, buffer] = core::in_flight();
    let what = format!(
        "state of a payment in flight in the core: {itself} bytes itself, {heap} in the heap (the buffers of its request and row: {buffer})"
    );
    targets.push(Target::at_most(&what, 1536.0, (itself + heap) as f64, "bytes"));
    let (resumed, lines) = resumed(rounds.min(9));
    targets.push(resumed);
    table.push_str("\n| `resume` of | each | a bare parse of each | ratio |\n|---|---|---|---|\n");
    table.push_str(&lines);
    Ok((targets, table))
}

/// Ten thousand and a hundred thousand open records.
fn resumed(rounds: usize) -> (Target, String) {
    let (mut lines, mut pairs) = (String::new(), Vec::new());
    for count in [10_000, 100_000] {
        let [ours, floor] = core::resume(count);
        let (mut ours, mut floor) = (timed(&ours), timed(&floor));
        let mut found = Vec::new();
        for _ in 0..=rounds {
            let [a, b] = [ours(count), floor(count)].map(|took| took.as_secs_f64() * 1e9 / count as f64);
            found.push((a, b));
        }
        found.remove(0);
        let median = |of: fn(&(f64, f64)) -> f64| Spread::of(found.iter().map(of).collect());
        let (a, b, over) =
            (median(|pair| pair.0).median, median(|pair| pair.1).median, median(|pair| pair.0 / pair.1));
        let _ = writeln!(lines, "| {count} records | {} | {} | {} |", time(a), time(b), ratio(over));
        pairs.push((a, over.median));
    }
    let [(ten_thousand, _), (hundred_thousand, over)] = *pairs else { unreachable!("two counts") };
    let linear = hundred_thousand / ten_thousand;
    let what = format!(
        "`resume` of 100,000 open records over a bare parse, linear (each costs {linear:.2} × what one of 10,000 does)"
    );
    let mut target = Target::at_most(&what, 2.0, over, "×");
    target.met = Some(over <= 2.0 && linear < 1.5);
    (target, lines)
}

/// What this machine is and how busy.
#[must_use]
pub fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    let info = read("/proc/cpuinfo");
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let load = read("/proc/loadavg");
    let load = load.split(' ').take(3).collect::<Vec<_>>().join(", ");
    let kernel = read("/proc/sys/kernel/osrelease");
    format!(
        "{processors} cores of {}, Linux {}; load average {load} when it began",
        model.map_or("an unknown processor", |(_, model)| model),
        kernel.trim()
    )
}

/// The sizes of programs beside the committed ones, and the parts of the library for a device; each a line of
/// `BYTES  WHAT`.
#[must_use]
pub fn sizes(sizes: &str, parts: &str, committed: &str, targets: &mut Vec<Target>) -> String {
    let lines = |text: &str| -> Vec<(f64, String)> {
        let line = |line: &str| {
            let (bytes, what) = line.split_once("  ")?;
            Some((bytes.parse().ok()?, what.to_owned()))
        };
        text.lines().filter_map(line).collect()
    };
    let committed = lines(committed);
    for (bytes, what) in lines(sizes) {
        let Some((first, _)) = committed.iter().find(|(_, name)| *name == what) else { continue };
        targets.push(Target {
            what,
            target: format!("≤ 10 % above {first} bytes"),
            reached: format!("{bytes} bytes"),
            met: Some(bytes <= first * 1.1),
        });
    }
    let mut table = String::from("| part | bytes of code and constants |\n|---|---|\n");
    for (bytes, part) in lines(parts) {
        if bytes >= 1000.0 {
            let _ = writeln!(table, "| {part} | {bytes} |");
        }
    }
    table
}

/// The whole page.
#[must_use]
pub fn page(machine: &str, reached: &[Target], core: &str, adapters: &str, device: &str) -> String {
    let mut page = include_str!("page.md").to_owned();
    let tools = crate::guard::tools().join(", ");
    for (place, text) in [
        ("MACHINE", machine),
        ("TOOLS", &tools),
        ("TARGETS", &targets(reached)),
        ("CORE", core),
        ("ADAPTERS", adapters),
        ("DEVICE", device),
    ] {
        page = page.replace(&format!("{{{place}}}"), text.trim_end());
    }
    page
}
