//! The adapters' targets and tables.

use std::{
    env,
    fmt::Write as _,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::runtime::Runtime;

use super::{
    Failed, Side, bare, blocking,
    journals::{AsyncMemory, Memory, Timed},
    non_blocking, resident, run_bare, run_blocking,
    server::Server,
    settings, sqlite,
};
use crate::{
    measure::{Pair, Spread, pair},
    report::{Effort, Target, ratio, time},
};

/// The argument for a process that measures its memory; then `bare` or `ours`.
pub const MEMORY: &str = "memory";
/// The argument for a process that a profiler looks at; then whose payments, and how many.
pub const PROFILE: &str = "profile";
/// The argument for a process whose flushes are slow.
pub const SLOW: &str = "slow-flushes";

const AT_ONCE: usize = 1_024;

struct Table(String);

impl Table {
    fn line(&mut self, what: &str, Pair { a, b, ratio: throughput }: Pair, same: Option<Pair>) {
        // The ratio is one of payments per second: the other way round than that of times.
        let same = same.map_or(String::new(), |same| ratio(inverse(same.ratio)));
        let _ = writeln!(
            self.0,
            "| {what} | {} | {} | {} | {same} |",
            time(a),
            time(b),
            ratio(inverse(throughput))
        );
    }
}

fn inverse(Spread { low, median, high }: Spread) -> Spread {
    Spread { low: 1.0 / high, median: 1.0 / median, high: 1.0 / low }
}

/// All of them.
///
/// # Errors
/// When a server, a journal or a process fails.
pub fn adapters(effort: Effort) -> Result<(Vec<Target>, String), Failed> {
    let mut targets = Vec::new();
    let mut table = Table(
        "| what | ours | beside it | payments per second, ours over the other | A/A |\n|---|---|---|---|---|\n".into(),
    );
    sequential(effort, &mut targets, &mut table)?;
    concurrent(effort, &mut targets, &mut table)?;
    tls(effort, &mut targets, &mut table)?;
    slow_flushes(&mut targets)?;
    memory(&mut targets)?;
    Ok((targets, table.0))
}

/// `kicc-ureq` and bare ureq, one payment after the other.
fn sequential(
    Effort { rounds, round }: Effort,
    targets: &mut Vec<Target>,
    table: &mut Table,
) -> Result<(), Failed> {
    let server = Server::start(Duration::ZERO, false)?;
    let client = blocking(settings(&server), Arc::new(Memory::default()))?;
    let run = |payments| run_blocking(&client, payments);
    let mut bare = bare::Ureq::new(server.port);
    let beside = pair(rounds, round, run, |payments| run_bare(&mut bare, payments));
    let same = pair(rounds, round, run, run);
    table.line("`kicc-ureq`, one after the other; bare ureq", beside, Some(same));
    let reached = 1.0 / beside.ratio.median;
    let what = "`kicc-ureq` sequential over bare ureq that also builds, signs and parses";
    targets.push(Target::at_least(what, 0.97, reached, "×"));
    Ok(())
}

/// `kicc-hyper` and bare hyper, many at once; its journals beside each other.
fn concurrent(
    Effort { rounds, round }: Effort,
    targets: &mut Vec<Target>,
    table: &mut Table,
) -> Result<(), Failed> {
    let server = Server::start(Duration::ZERO, false)?;
    let runtime = Runtime::new()?;
    let ours = Side::Ours(non_blocking(settings(&server), Arc::new(AsyncMemory::default()))?);
    let (bare, canned) = (
        Side::Bare(bare::Hyper { port: server.port, canned: false }),
        Side::Bare(bare::Hyper { port: server.port, canned: true }),
    );
    let run = |side: &Side, at_once: usize| {
        let (side, runtime) = (side.clone(), &runtime);
        move |payments: usize| {
            side.run(runtime, payments.max(at_once), at_once) * payments as u32 / payments.max(at_once) as u32
        }
    };
    for at_once in [1, 64, AT_ONCE] {
        let beside = pair(rounds, round, run(&ours, at_once), run(&bare, at_once));
        let same = pair(rounds, round, run(&ours, at_once), run(&ours, at_once));
        table.line(&format!("`kicc-hyper`, {at_once} in flight; bare hyper"), beside, Some(same));
        if at_once == 64 {
            let what = "`kicc-hyper` at 64 in flight over bare hyper that also builds, signs and parses";
            targets.push(Target::at_least(what, 0.95, 1.0 / beside.ratio.median, "×"));
            let beside = pair(rounds, round, run(&ours, at_once), run(&canned, at_once));
            table.line("`kicc-hyper`, 64 in flight; bare hyper, canned bytes", beside, None);
            let what = "the same over bare hyper with canned bytes";
            targets.push(Target::at_least(what, 0.88, 1.0 / beside.ratio.median, "×"));
        }
    }
    let folder = tempfile::tempdir()?;
    let file = Arc::new(runtime.block_on(sqlite(folder.path()))?);
    let in_a_file = Side::Ours(non_blocking(settings(&server), file)?);
    for at_once in [64, AT_ONCE] {
        let beside = pair(rounds, round, run(&in_a_file, at_once), run(&ours, at_once));
        table.line(&format!("`kicc-hyper`, {at_once} in flight, SQLite; the same in memory"), beside, None);
        if at_once == AT_ONCE {
            let what = "`kicc-hyper` at 1,024 in flight, SQLite journal over journal in memory";
            targets.push(Target::at_least(what, 0.7, 1.0 / beside.ratio.median, "×"));
        }
    }
    Ok(())
}

/// A connection for each request, its session resumed, and one that is kept.
fn tls(Effort { rounds, round }: Effort, targets: &mut Vec<Target>, table: &mut Table) -> Result<(), Failed> {
    let server = Server::start(Duration::ZERO, true)?;
    let runtime = Runtime::new()?;
    let mut keeping = settings(&server);
    keeping.reuse_connections = true;
    let [each, kept] = [settings(&server), keeping]
        .map(|settings| non_blocking(settings, Arc::new(AsyncMemory::default())).map(Side::Ours));
    let (each, kept) = (each?, kept?);
    let beside = pair(
        rounds,
        round,
        |payments| each.run(&runtime, payments, 1),
        |payments| kept.run(&runtime, payments, 1),
    );
    table.line("TLS 1.3, a connection for each request, resumed; a kept one", beside, None);
    targets.push(Target {
        what: "TLS: added time of a connection for each request, resumed, over a kept one, loopback".into(),
        target: "printed".into(),
        reached: time(beside.a - beside.b),
        met: None,
    });
    Ok(())
}

/// In a process of its own, below `slow-flush.c`.
fn slow_flushes(targets: &mut Vec<Target>) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let library = folder.path().join("slow-flush.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("slow-flush.c");
    let compiled =
        Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source).arg("-ldl").status()?;
    if !compiled.success() {
        return Err("slow-flush.c was not compiled".into());
    }
    let said = child(&[SLOW], |command| command.env("LD_PRELOAD", &library))?;
    let [flush, idle, per_commit, commit, gate, late] = numbers(&said)?;
    targets.push(Target::at_least(
        "with flushes slowed by 5 ms: payments per commit at 1,024 in flight",
        64.0,
        per_commit,
        "payments",
    ));
    let what = format!(
        "the same: a row's write, from call to answer, over a commit ({:.1} ms, of which {flush:.1} ms are the flush; the slowest hundredth: {:.2} ×)",
        commit,
        late / commit
    );
    targets.push(Target::at_most(&what, 2.0, gate / commit, "×"));
    let what = format!("the same when idle: over the flush alone ({idle:.2} ms over {flush:.2} ms)");
    targets.push(Target::at_most(&what, 1.1, idle / flush, "×"));
    Ok(())
}

/// What that process does: a flush alone, payments one by one, payments at once; in milliseconds and counts.
///
/// # Errors
/// When a server or a journal fails.
pub fn with_slow_flushes() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let millis = |time: &Duration| time.as_secs_f64() * 1e3;
    let mut file = fs::File::create(folder.path().join("flushed"))?;
    let mut flushes = Vec::new();
    for _ in 0..40 {
        file.write_all(&[0; 4096])?;
        let began = Instant::now();
        file.sync_data()?;
        flushes.push(millis(&began.elapsed()));
    }
    let server = Server::start(Duration::ZERO, false)?;
    let runtime = Runtime::new()?;
    let journal = Arc::new(Timed::new(runtime.block_on(sqlite(folder.path()))?));
    let side = Side::Ours(non_blocking(settings(&server), journal.clone())?);
    side.run(&runtime, 4, 1);
    journal.take();
    side.run(&runtime, 20, 1);
    let idle = Spread::of(journal.take().iter().map(millis).collect()).median;
    // Not the first round, in which all begin at once.
    side.run(&runtime, AT_ONCE, AT_ONCE);
    journal.take();
    let before = journal.journal.counts();
    let took = side.run(&runtime, 8 * AT_ONCE, AT_ONCE);
    let commits = (journal.journal.counts().commits - before.commits) as f64;
    let gates: Vec<f64> = journal.take().iter().map(millis).collect();
    let late = gates[gates.len() * 99 / 100];
    let gate = Spread::of(gates).median;
    println!(
        "{} {idle} {} {} {gate} {late}",
        Spread::of(flushes).median,
        (8 * AT_ONCE) as f64 / commits,
        millis(&took) / commits
    );
    Ok(())
}

/// Two processes, each with so many payments in flight and nothing else.
fn memory(targets: &mut Vec<Target>) -> Result<(), Failed> {
    let mut each = Vec::new();
    for side in ["bare", "ours"] {
        let [kib] = numbers(&child(&[MEMORY, side], |command| command)?)?;
        each.push(kib);
    }
    let [bare, ours] = *each else { unreachable!("two sides") };
    let what = format!(
        "memory per payment in flight ({ours:.1} KiB) over bare hyper's per request ({bare:.1} KiB), 4,096 in flight"
    );
    targets.push(Target::at_most(&what, 1.25, ours / bare, "×"));
    Ok(())
}

/// What such a process does: prints how many KiB each payment in flight takes.
///
/// # Errors
/// When a server or a journal fails.
pub fn measure_memory(side: &str) -> Result<(), Failed> {
    const IN_FLIGHT: usize = 4 * AT_ONCE;
    let (warm, slow) = (Server::start(Duration::ZERO, false)?, Server::start(Duration::from_secs(6), false)?);
    let runtime = Runtime::new()?;
    let folder = tempfile::tempdir()?;
    let journal = Arc::new(runtime.block_on(sqlite(folder.path()))?);
    let side = |server: &Server| -> Result<Side, Failed> {
        Ok(match side {
            "bare" => Side::Bare(bare::Hyper { port: server.port, canned: false }),
            _ => Side::Ours(non_blocking(settings(server), journal.clone())?),
        })
    };
    let (once, many) = (side(&warm)?, side(&slow)?);
    // The journal's caches are full then.
    once.run(&runtime, IN_FLIGHT, 8);
    let idle = resident()?;
    // All have been sent by then, and none was answered.
    let watch = std::thread::spawn(|| {
        std::thread::sleep(Duration::from_secs(4));
        resident()
    });
    many.run(&runtime, IN_FLIGHT, IN_FLIGHT);
    let peak = watch.join().map_err(|_| "nobody watched")??;
    println!("{}", (peak - idle) as f64 / IN_FLIGHT as f64);
    Ok(())
}

/// So many payments by one thread, at most `at_once` in flight, for a profiler: of `ureq`, `hyper`, `sqlite` (hyper with that journal), and of
/// `bare-ureq`, `bare-hyper`.
///
/// # Errors
/// When the server fails, or there is no such side.
pub fn profile(side: &str, payments: usize, at_once: usize) -> Result<(), Failed> {
    let server = Server::start(Duration::ZERO, false)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let took = match side {
        "ureq" => run_blocking(&blocking(settings(&server), Arc::new(Memory::default()))?, payments),
        "bare-ureq" => run_bare(&mut bare::Ureq::new(server.port), payments),
        "hyper" => {
            let journal = Arc::new(AsyncMemory::default());
            Side::Ours(non_blocking(settings(&server), journal)?).run(&runtime, payments, at_once)
        }
        "sqlite" => {
            let folder = tempfile::tempdir()?;
            let journal = Arc::new(runtime.block_on(sqlite(folder.path()))?);
            Side::Ours(non_blocking(settings(&server), journal)?).run(&runtime, payments, at_once)
        }
        "bare-hyper" => {
            Side::Bare(bare::Hyper { port: server.port, canned: false }).run(&runtime, payments, at_once)
        }
        other => return Err(format!("there is no {other}").into()),
    };
    println!("{} each", time(took.as_secs_f64() * 1e9 / payments as f64));
    Ok(())
}

fn child(arguments: &[&str], with: impl FnOnce(&mut Command) -> &mut Command) -> Result<String, Failed> {
    let program: PathBuf = env::current_exe()?;
    let done = with(Command::new(program).args(arguments)).output()?;
    match done.status.success() {
        true => Ok(String::from_utf8(done.stdout)?),
        false => Err(String::from_utf8_lossy(&done.stderr).into()),
    }
}

fn numbers<const N: usize>(said: &str) -> Result<[f64; N], Failed> {
    let numbers: Vec<f64> = said.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    numbers.try_into().map_err(|_| format!("not {N} numbers: {said}").into())
}
