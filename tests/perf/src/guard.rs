//! The guard: counts of instructions and allocations beside those of the committed baseline.
//!
//! Both are the same in every run of the same program, unlike times. Instructions are callgrind's; they depend on the
//! compiler, on libc and on what the processor offers, so the baseline says with which it was written, and is compared
//! with no other. Allocations depend on none of these.

use std::{
    collections::BTreeMap,
    env, fmt, fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use crate::measure::{Case, Measurer, allocations};

/// A count may grow by so many parts in a thousand.
const SLACK: u64 = 20;

/// Counts of all cases, and with which tools they were taken.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counts {
    /// Compiler, libc and processor.
    pub tools: Vec<String>,
    /// By the case's name.
    pub cases: BTreeMap<String, Count>,
}

/// Of one warm run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// Ours.
    pub instructions: u64,
    /// The floor's, where there is one. They are not guarded.
    pub floor: u64,
    /// Allocations of ours.
    pub allocations: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Why there are no counts.
#[derive(Debug)]
pub struct Error(String);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

impl Counts {
    /// Counts all cases; this program runs itself below callgrind.
    ///
    /// # Errors
    /// Without valgrind, or when it counts other things than it was asked to.
    pub fn take(cases: &[Case]) -> Result<Self, Error> {
        let mut instructions = callgrind()?.into_iter();
        let mut counts = Counts { tools: tools(), ..Counts::default() };
        for case in cases {
            let mut next = || instructions.next().ok_or_else(|| Error("callgrind counted less".into()));
            let ours = next()?;
            let floor = if case.floor.is_some() { next()? } else { 0 };
            let allocated = allocations(&case.ours);
            let count =
                Count { instructions: ours, floor, allocations: allocated.calls, bytes: allocated.bytes };
            counts.cases.insert(case.name.clone(), count);
        }
        match instructions.next() {
            None => Ok(counts),
            Some(_) => Err(Error("callgrind counted more".into())),
        }
    }

    /// What has grown by more than the slack, or has no baseline. Instructions count only where the tools are the same.
    #[must_use]
    pub fn grown_since(&self, baseline: &Counts) -> Vec<String> {
        let same_tools = self.tools == baseline.tools;
        let mut grown = Vec::new();
        for (name, now) in &self.cases {
            let Some(then) = baseline.cases.get(name) else {
                grown.push(format!("{name}: not in the baseline"));
                continue;
            };
            let counts = [
                ("instructions", then.instructions, now.instructions, same_tools),
                ("allocations", then.allocations, now.allocations, true),
                ("bytes allocated", then.bytes, now.bytes, true),
            ];
            for (what, then, now, counts) in counts {
                if counts && now * 1000 > then * (1000 + SLACK) {
                    grown.push(format!("{name}: {now} {what}, {then} in the baseline"));
                }
            }
        }
        grown.extend(
            baseline
                .cases
                .keys()
                .filter(|name| !self.cases.contains_key(*name))
                .map(|name| format!("{name}: in the baseline alone")),
        );
        grown
    }

    /// Where more than the slack was won, so that the baseline would let it be lost again.
    #[must_use]
    pub fn is_stale(&self, baseline: &Counts) -> bool {
        self.tools == baseline.tools
            && self.cases.iter().any(|(name, now)| {
                let won = |then: u64, now: u64| then * 1000 > now * (1000 + SLACK);
                baseline.cases.get(name).is_some_and(|then| {
                    won(then.instructions, now.instructions) || won(then.allocations, now.allocations)
                })
            })
    }

    /// As it is committed.
    ///
    /// # Errors
    /// When the file cannot be read, or is no baseline.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = fs::read_to_string(path).map_err(|error| Error(format!("{}: {error}", path.display())))?;
        Self::parse(&text).ok_or_else(|| Error(format!("{} is no baseline", path.display())))
    }

    fn parse(text: &str) -> Option<Self> {
        let mut counts = Counts::default();
        for line in text.lines() {
            if let Some(tool) = line.strip_prefix("with ") {
                counts.tools.push(tool.to_owned());
            } else if !line.starts_with('#') {
                let (numbers, name) = line.split_once("  ")?;
                let numbers: Vec<u64> = numbers.split(' ').map(str::parse).collect::<Result<_, _>>().ok()?;
                let [instructions, floor, allocations, bytes] = *numbers else { return None };
                counts.cases.insert(name.into(), Count { instructions, floor, allocations, bytes });
            }
        }
        Some(counts)
    }

    /// Writes it to be committed.
    ///
    /// # Errors
    /// The file's.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        fs::write(path, self.to_string())
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "# Written by `tests/perf/run baseline`, checked by `tests/perf/run check`. One warm run of each:"
        )?;
        writeln!(f, "# instructions, those of its floor, allocations, bytes allocated, and what it is.")?;
        for tool in &self.tools {
            writeln!(f, "with {tool}")?;
        }
        for (name, count) in &self.cases {
            let Count { instructions, floor, allocations, bytes } = count;
            writeln!(f, "{instructions} {floor} {allocations} {bytes}  {name}")?;
        }
        Ok(())
    }
}

/// Runs every case once where callgrind counts, in their order, each before its floor.
pub fn run_counted(cases: &[Case]) {
    for case in cases {
        (case.ours)(&mut Measurer::Instructions);
        if let Some(floor) = &case.floor {
            floor(&mut Measurer::Instructions);
        }
    }
}

/// The argument by which this program knows that it runs below callgrind.
pub const COUNTED: &str = "counted";

/// Instructions of each run, in order. Callgrind writes a file of its own whenever the measured function is left.
fn callgrind() -> Result<Vec<u64>, Error> {
    let folder = env::temp_dir().join(format!("kicc-perf-{}", std::process::id()));
    fs::create_dir(&folder).map_err(|error| Error(error.to_string()))?;
    let counted = counted_in(&folder);
    let _ = fs::remove_dir_all(&folder);
    counted
}

fn counted_in(folder: &Path) -> Result<Vec<u64>, Error> {
    let failed = |error: io::Error| Error(format!("valgrind: {error}"));
    let program = env::current_exe().map_err(failed)?;
    let done = Command::new("valgrind")
        .env_clear()
        .env("PATH", env::var_os("PATH").unwrap_or_default())
        .arg("--tool=callgrind")
        .arg(format!("--callgrind-out-file={}", folder.join("out").display()))
        .args([
            "--toggle-collect=*kicc_perf_measured*",
            "--dump-after=kicc_perf::measure::kicc_perf_measured",
        ])
        .arg(program)
        .arg(COUNTED)
        .output()
        .map_err(failed)?;
    if !done.status.success() {
        return Err(Error(String::from_utf8_lossy(&done.stderr).into_owned()));
    }
    let mut found = Vec::new();
    for number in 1.. {
        let file = folder.join(format!("out.{number}"));
        let Ok(text) = fs::read_to_string(file) else { break };
        // The last file is of what followed the last run.
        if text.contains("desc: Trigger: Program termination") {
            break;
        }
        let total = text.lines().find_map(|line| line.strip_prefix("totals: ")?.trim().parse().ok());
        found.push(total.ok_or_else(|| Error("callgrind wrote no totals".into()))?);
    }
    Ok(found)
}

/// What the counts depend on: compiler, libc, valgrind, and what the processor offers.
#[must_use]
pub fn tools() -> Vec<String> {
    let said = |program: &str, argument: &str| {
        let output = Command::new(program).arg(argument).output().ok()?;
        Some(String::from_utf8_lossy(&output.stdout).lines().next()?.to_owned())
    };
    let unknown = || "an unknown tool".to_owned();
    vec![
        said("rustc", "--version").unwrap_or_else(unknown),
        said("getconf", "GNU_LIBC_VERSION").unwrap_or_else(unknown),
        said("valgrind", "--version").unwrap_or_else(unknown),
        processor(),
    ]
}

/// What the hashes, ciphers and searches of the libraries look for.
fn processor() -> String {
    #[cfg(target_arch = "x86_64")]
    let found = [
        ("avx2", std::arch::is_x86_feature_detected!("avx2")),
        ("aes", std::arch::is_x86_feature_detected!("aes")),
        ("pclmulqdq", std::arch::is_x86_feature_detected!("pclmulqdq")),
    ];
    #[cfg(not(target_arch = "x86_64"))]
    let found: [(&str, bool); 0] = [];
    let found = found.iter().filter(|feature| feature.1).map(|feature| feature.0);
    std::iter::once(env::consts::ARCH).chain(found).collect::<Vec<_>>().join(" ")
}

/// The workspace's folder.
#[must_use]
pub fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Where the committed counts are.
#[must_use]
pub fn baseline_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("baseline.txt")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::cases;

    fn counts(instructions: u64, allocations: u64) -> Counts {
        let count = Count { instructions, floor: 500, allocations, bytes: 100 * allocations };
        Counts { tools: vec!["rustc 1".into()], cases: [("a life".into(), count)].into() }
    }

    #[test]
    fn two_per_cent_more_are_let_pass_and_no_more() {
        let baseline = counts(100_000, 4);
        assert!(counts(102_000, 4).grown_since(&baseline).is_empty());
        assert_eq!(counts(102_001, 4).grown_since(&baseline).len(), 1);
        assert_eq!(counts(50_000, 5).grown_since(&baseline).len(), 2, "an allocation and its bytes");
        assert_eq!(counts(100_000, 1).grown_since(&counts(100_000, 0)).len(), 2, "from none at all");
    }

    #[test]
    fn a_case_that_nobody_guards_is_told() {
        assert_eq!(counts(1, 1).grown_since(&Counts::default()).len(), 1);
        assert_eq!(Counts::default().grown_since(&counts(1, 1)).len(), 1);
    }

    #[test]
    fn with_other_tools_allocations_count_alone() {
        let baseline = Counts { tools: vec!["rustc 2".into()], ..counts(100_000, 4) };
        assert!(counts(200_000, 4).grown_since(&baseline).is_empty());
        assert_eq!(counts(100_000, 5).grown_since(&baseline).len(), 2);
    }

    #[test]
    fn what_was_won_makes_a_baseline_stale() {
        assert!(counts(90_000, 4).is_stale(&counts(100_000, 4)));
        assert!(!counts(99_000, 4).is_stale(&counts(100_000, 4)));
    }

    #[test]
    fn a_baseline_reads_back() {
        let counts = counts(123_456, 4);
        assert_eq!(Counts::parse(&counts.to_string()), Some(counts));
        assert_eq!(Counts::parse("12 4  a life"), None);
    }

    /// A regression made on purpose: the whole life done twice.
    #[test]
    fn a_life_that_is_lived_twice_is_noticed() {
        let measured = |times: usize| {
            let case = cases().remove(0);
            let mut counts = counts(0, 0);
            let allocated = (0..times).map(|_| allocations(&case.ours).calls).sum();
            counts.cases.insert(case.name, Count { allocations: allocated, ..Count::default() });
            counts
        };
        assert!(measured(1).grown_since(&measured(1)).is_empty());
        assert_eq!(measured(2).grown_since(&measured(1)).len(), 1);
    }

    /// That each floor writes the bytes of ours and reads its answers is checked where it is made.
    #[test]
    fn every_case_runs() {
        for case in cases() {
            for work in std::iter::once(&case.ours).chain(&case.floor) {
                let _ = allocations(work);
            }
        }
    }
}
