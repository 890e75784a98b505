//! How a case is measured: in time, in allocations, in instructions.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use crate::alloc::Allocated;

/// Something to measure, and the same work through the bare libraries.
pub struct Case {
    /// What it is, as the tables and the baseline name it.
    pub name: String,
    /// Ours.
    pub ours: Work,
    /// The floor, where there is one.
    pub floor: Option<Work>,
    /// How many times the floor's time it may take.
    pub target: Option<f64>,
}

/// One side of a case: it prepares what it needs, and has the measurer run it.
pub type Work = Box<dyn Fn(&mut Measurer<'_, '_>)>;

/// Runs a routine as it is to be measured.
pub enum Measurer<'a, 'b> {
    /// So often, and how long all of them took.
    Time(usize, &'a mut Duration),
    /// Once, warm, and what this thread allocated meanwhile.
    Allocations(&'b mut Allocated),
    /// Once, warm, inside of `kicc_perf_measured`, where callgrind counts.
    Instructions,
    /// By divan.
    #[cfg(feature = "divan")]
    Divan(Option<divan::Bencher<'a, 'b>>),
}

impl Measurer<'_, '_> {
    /// Measures the routine, each time with an input of its own that is made beforehand. What it gives back is dropped
    /// afterwards. Both are done a few at a time, so that neither side waits for memory that a program would have at hand.
    pub fn each<I, O>(&mut self, mut input: impl FnMut() -> I, mut routine: impl FnMut(I) -> O) {
        match self {
            Measurer::Time(times, took) => {
                **took = Duration::ZERO;
                let (mut inputs, mut outputs) = (Vec::with_capacity(BATCH), Vec::with_capacity(BATCH));
                let mut left = *times;
                while left > 0 {
                    let batch = left.min(BATCH);
                    inputs.extend((0..batch).map(|_| input()));
                    let began = Instant::now();
                    for input in inputs.drain(..) {
                        outputs.push(black_box(routine(black_box(input))));
                    }
                    **took += began.elapsed();
                    outputs.clear();
                    left -= batch;
                }
            }
            Measurer::Allocations(allocated) => {
                warm(&mut input, &mut routine);
                let input = input();
                let before = Allocated::now();
                let output = black_box(routine(black_box(input)));
                **allocated = Allocated::now() - before;
                drop(output);
            }
            Measurer::Instructions => {
                warm(&mut input, &mut routine);
                let mut next = Some(input());
                let mut output = None;
                kicc_perf_measured(&mut || output = next.take().map(&mut routine));
                drop(black_box(output));
            }
            #[cfg(feature = "divan")]
            Measurer::Divan(bencher) => {
                let bencher = bencher.take().expect("a case measures once");
                bencher.with_inputs(input).bench_local_values(routine);
            }
        }
    }

    /// As [`Measurer::each`], of what needs no input.
    pub fn again<O>(&mut self, mut routine: impl FnMut() -> O) {
        self.each(|| (), |()| routine());
    }
}

/// So many inputs and outputs are there at once: with a payment's state each, they fit into the nearest cache.
const BATCH: usize = 16;

/// Buffers are grown, tables are read.
fn warm<I, O>(input: &mut impl FnMut() -> I, routine: &mut impl FnMut(I) -> O) {
    for _ in 0..3 {
        drop(black_box(routine(black_box(input()))));
    }
}

/// What happens in here is counted. Callgrind knows it by its name.
#[inline(never)]
fn kicc_perf_measured(measured: &mut dyn FnMut()) {
    measured();
    // So that the call is not the last thing, and the function is left where it was entered.
    black_box(());
}

/// Medians of paired rounds: A, B, A, B, and so on, in one process; the ratio is that of each pair.
#[derive(Debug, Clone, Copy)]
pub struct Pair {
    /// One run of A, in nanoseconds.
    pub a: f64,
    /// One run of B, in nanoseconds.
    pub b: f64,
    /// A over B.
    pub ratio: Spread,
}

/// A median, and what a quarter of the rounds lay below and above.
#[derive(Debug, Clone, Copy)]
pub struct Spread {
    /// The lower quartile.
    pub low: f64,
    /// The median.
    pub median: f64,
    /// The upper quartile.
    pub high: f64,
}

impl Spread {
    /// Of these values.
    ///
    /// # Panics
    /// Without any.
    #[must_use]
    pub fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |part: usize| values[(values.len() - 1) * part / 4];
        Spread { low: at(1), median: at(2), high: at(3) }
    }
}

/// So many rounds of both, interleaved, after one round of each that does not count. Each is given how often to run, and
/// says how long that took; how often is chosen so that a round takes about `round`.
pub fn pair(
    rounds: usize,
    round: Duration,
    mut a: impl FnMut(usize) -> Duration,
    mut b: impl FnMut(usize) -> Duration,
) -> Pair {
    let times = |run: &mut dyn FnMut(usize) -> Duration| {
        let mut times = 1;
        loop {
            let took = run(times);
            if took * 4 >= round || times >= 1 << 16 {
                let scale = round.as_secs_f64() / took.as_secs_f64().max(1e-9);
                return ((times as f64 * scale) as usize).clamp(1, 1 << 16);
            }
            times *= 4;
        }
    };
    let (times_a, times_b) = (times(&mut a), times(&mut b));
    let mut found = Vec::with_capacity(rounds);
    for _ in 0..=rounds {
        let each = |took: Duration, times: usize| took.as_secs_f64() * 1e9 / times as f64;
        let one = each(a(times_a), times_a);
        found.push((one, each(b(times_b), times_b)));
    }
    found.remove(0);
    Pair {
        a: Spread::of(found.iter().map(|round| round.0).collect()).median,
        b: Spread::of(found.iter().map(|round| round.1).collect()).median,
        ratio: Spread::of(found.iter().map(|round| round.0 / round.1).collect()),
    }
}

/// One side of a case, to be given to [`pair`].
pub fn timed(work: &Work) -> impl FnMut(usize) -> Duration + '_ {
    |times| {
        let mut took = Duration::ZERO;
        work(&mut Measurer::Time(times, &mut took));
        took
    }
}

/// What one warm run allocates.
#[must_use]
pub fn allocations(work: &Work) -> Allocated {
    let mut allocated = Allocated::default();
    work(&mut Measurer::Allocations(&mut allocated));
    allocated
}
