//! The commands behind `tests/perf/run`.

use std::{error::Error, process::ExitCode, time::Duration};

use kicc_perf::{
    core,
    guard::{self, Counts},
    report::{self, Effort},
};

type Result<T = ()> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match *arguments {
        [guard::COUNTED] => {
            guard::run_counted(&core::cases());
            Ok(())
        }
        ["check"] => check(),
        ["baseline"] => baseline(),
        ["core"] => core_alone(),
        #[cfg(feature = "adapters")]
        [command, ref arguments @ ..] => adapters(command, arguments),
        _ => Err("this is called by tests/perf/run".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn baseline() -> Result {
    Counts::take(&core::cases())?.write(&guard::baseline_path())?;
    Ok(())
}

/// Fails when a count has grown, and when the check itself would not notice.
fn check() -> Result {
    let counts = Counts::take(&core::cases())?;
    let baseline = Counts::read(&guard::baseline_path())?;
    let grown = counts.grown_since(&baseline);
    if !grown.is_empty() {
        return Err(format!(
            "{}\nIf that is meant: `tests/perf/run baseline`, and commit what it wrote with the change.",
            grown.join("\n")
        )
        .into());
    }
    if counts.tools != baseline.tools {
        let why = format!(
            "the baseline was written with {}, this is {}: instructions cannot be compared",
            baseline.tools.join(", "),
            counts.tools.join(", ")
        );
        if std::env::var_os("KICC_NO_SKIP").is_some() {
            return Err(format!("{why}; write it anew with `tests/perf/run baseline`").into());
        }
        println!("{why}");
    } else {
        noticed(&counts, &baseline)?;
    }
    let stale =
        if counts.is_stale(&baseline) { ", some well below: the baseline may be lowered" } else { "" };
    println!("{} cases within 2 % of the baseline{stale}", counts.cases.len());
    Ok(())
}

/// The same counts beside a baseline in which every one is lower by a little more than is let pass: each must be told.
fn noticed(counts: &Counts, baseline: &Counts) -> Result {
    let mut lowered = baseline.clone();
    for (name, count) in &mut lowered.cases {
        let now = counts.cases.get(name).map_or(0, |count| count.instructions);
        count.instructions = now * 97 / 100;
    }
    let told = counts.grown_since(&lowered).len();
    if told < counts.cases.len() {
        return Err(format!("the guard noticed {told} of {} regressions", counts.cases.len()).into());
    }
    Ok(())
}

const EFFORT: Effort = Effort { rounds: 15, round: Duration::from_millis(40) };

fn core_alone() -> Result {
    let (targets, table) = report::core(EFFORT)?;
    println!("{}\n{table}", report::targets(&targets));
    Ok(())
}

#[cfg(feature = "adapters")]
fn adapters(command: &str, arguments: &[&str]) -> Result {
    use kicc_perf::net::{report as net, server};
    // Long enough for a thousand in flight to come round.
    const EFFORT: Effort = Effort { rounds: 9, round: Duration::from_millis(600) };
    match (command, arguments) {
        (server::SERVE, [delay, tls]) => {
            Ok(server::serve(Duration::from_millis(delay.parse()?), *tls == "tls")?)
        }
        (net::MEMORY, [side]) => net::measure_memory(side),
        (net::PROFILE, [side, payments]) => net::profile(side, payments.parse()?, 64),
        (net::PROFILE, [side, payments, at_once]) => net::profile(side, payments.parse()?, at_once.parse()?),
        (net::SLOW, []) => net::with_slow_flushes(),
        ("adapters", []) => {
            let (targets, table) = net::adapters(EFFORT)?;
            println!("{}\n{table}", report::targets(&targets));
            Ok(())
        }
        ("report", [sizes, parts, committed]) => {
            let machine = report::machine();
            let (mut targets, core) = report::core(crate::EFFORT)?;
            let (more, adapters) = net::adapters(EFFORT)?;
            targets.extend(more);
            let device = report::sizes(sizes, parts, committed, &mut targets);
            let page = report::page(&machine, &targets, &core, &adapters, &device);
            Ok(std::fs::write(guard::repository().join("docs/performance.md"), page)?)
        }
        _ => Err("this is called by tests/perf/run".into()),
    }
}
