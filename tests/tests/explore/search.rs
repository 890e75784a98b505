//! Through everything that can happen, by replay: the engine's values cannot be copied, so that a state is reached again
//! by the acts that led to it.

use std::{
    collections::HashMap,
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
};

use super::{
    acts::{Act, Budget, Cost},
    coverage::Coverage,
    machines::Machine,
    place::Place,
    world::World,
};

/// What a search has come to.
#[derive(Default)]
pub struct Found {
    pub states: usize,
    pub transitions: usize,
    pub ends: usize,
    /// The most choices on the way to a state.
    pub deepest: u16,
    pub coverage: Coverage,
    pub counterexample: Option<Counterexample>,
}

pub struct Counterexample {
    pub broken: String,
    /// How many choices it takes, and how many of them are departures.
    pub length: usize,
    pub departures: u8,
    pub diagram: Vec<String>,
}

/// In which order.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Each replay goes on for as long as it meets what is new: the fastest.
    Onward,
    /// Breadth first: what is found is the shortest.
    Shortest,
}

/// Everything that can happen in these places with at most so much going wrong; the shortest way to a
/// broken rule, if there is one.
pub fn search(places: &[Place], machine: Machine, budget: Budget, order: Order) -> Found {
    let mut search = Search {
        places,
        machine,
        budget,
        order,
        nodes: Vec::new(),
        seen: HashMap::new(),
        found: Found::default(),
    };
    for place in 0..places.len() {
        let place = u8::try_from(place).expect("few places");
        search.visit(place, None, None);
    }
    let mut at = 0;
    while at < search.nodes.len() && search.found.counterexample.is_none() {
        let Node { place, acts, .. } = search.nodes[at];
        let first = match order {
            Order::Onward => 1,
            Order::Shortest => 0,
        };
        for choice in first..acts {
            if search.found.counterexample.is_none() {
                search.visit(place, Some(at), Some(choice));
            }
        }
        at += 1;
    }
    search.found.states = search.seen.len();
    search.found
}

/// The shortest way to a broken rule, with as little going wrong as possible.
pub fn shortest(places: &[Place], machine: Machine, budget: Budget) -> Option<Counterexample> {
    (1..=budget.departures)
        .map(|departures| Budget { departures, crashes: 0 })
        .chain([budget])
        .find_map(|budget| search(places, machine, budget, Order::Shortest).counterexample)
}

/// A state: how it was reached, and how many acts are possible in it.
struct Node {
    parent: Option<u32>,
    place: u8,
    act: Option<(Act, Cost)>,
    acts: u8,
    depth: u16,
    measure: (u8, u64),
}

struct Search<'a> {
    places: &'a [Place],
    machine: Machine,
    budget: Budget,
    order: Order,
    nodes: Vec<Node>,
    /// Every state, with the number of acts in it.
    seen: HashMap<u64, u8>,
    found: Found,
}

impl Search<'_> {
    /// Does that in that state, and goes on as the order says.
    fn visit(&mut self, place: u8, mut from: Option<usize>, mut choice: Option<u8>) {
        let here = &self.places[usize::from(place)];
        let mut script = self.script_of(from);
        let result = catch_unwind(AssertUnwindSafe(|| {
            let mut world = World::new(here, self.machine, self.budget);
            world.judges = false;
            if from.is_some() {
                replay(&mut world, &script);
            }
            world.judges = true;
            world.coverage = Some(mem::take(&mut self.found.coverage));
            loop {
                self.found.transitions += 1;
                let act = choice.map(|choice| world.acts()[usize::from(choice)]);
                script.extend(act);
                match act {
                    Some(act) => step(&mut world, act),
                    None => world.run_forced(),
                }
                from = match self.enter(&mut world, place, from, act)? {
                    Some(new) if self.order == Order::Onward && self.nodes[new].acts > 0 => Some(new),
                    _ => break,
                };
                choice = Some(0);
            }
            self.found.coverage = world.coverage.take().unwrap_or_default();
            Ok(())
        }));
        if let Err(broken) = result.unwrap_or_else(|_| Err("a panic".into())) {
            let counterexample = explain(here, self.machine, self.budget, &script, broken);
            self.found.counterexample = Some(match self.order {
                Order::Shortest => counterexample,
                Order::Onward => {
                    eprintln!("{}\nlooking for the shortest...", counterexample.diagram.join("\n"));
                    shortest(self.places, self.machine, self.budget).unwrap_or(counterexample)
                }
            });
        }
    }

    /// Judges the state that was reached; its node, if it is new.
    fn enter(
        &mut self,
        world: &mut World<'_>,
        place: u8,
        from: Option<usize>,
        act: Option<(Act, Cost)>,
    ) -> Result<Option<usize>, String> {
        if let Some(broken) = world.broken.take() {
            return Err(broken);
        }
        let before = from.map(|from| &self.nodes[from]);
        let (measure, depth) = (world.measure(), before.map_or(0, |before| before.depth + 1));
        // A machine that is known to be bad has to be found by what it does.
        if let Some(before) =
            before.filter(|before| before.measure <= measure && self.machine == Machine::Real)
        {
            return Err(format!("the measure does not fall: {:?}, then {measure:?}", before.measure));
        }
        let (digest, acts, rests) = (world.digest(place), world.acts().len(), world.is_at_rest());
        let acts = u8::try_from(acts).expect("few acts");
        if let Some(known) = self.seen.insert(digest, acts) {
            let same = known == acts || self.machine != Machine::Real;
            return if same { Ok(None) } else { Err("two states that count as one differ".into()) };
        }
        if rests {
            self.found.ends += 1;
            world.judge_end();
        } else if acts == 0 {
            return Err("it stopped before its end".into());
        }
        let parent = from.map(|from| u32::try_from(from).expect("fewer states than memory holds"));
        self.found.deepest = self.found.deepest.max(depth);
        self.nodes.push(Node { parent, place, act, acts, depth, measure });
        world.broken.take().map_or(Ok(Some(self.nodes.len() - 1)), Err)
    }

    fn script_of(&self, mut at: Option<usize>) -> Vec<(Act, Cost)> {
        let mut script = Vec::new();
        while let Some(node) = at.map(|at| &self.nodes[at]) {
            script.extend(node.act);
            at = node.parent.map(|parent| parent as usize);
        }
        script.reverse();
        script
    }
}

fn replay(world: &mut World<'_>, script: &[(Act, Cost)]) {
    world.run_forced();
    for act in script {
        step(world, *act);
    }
}

fn step(world: &mut World<'_>, (act, cost): (Act, Cost)) {
    world.perform(act, cost);
    world.run_forced();
}

/// The same run once more, written down.
fn explain(
    place: &Place,
    machine: Machine,
    budget: Budget,
    script: &[(Act, Cost)],
    broken: String,
) -> Counterexample {
    let mut world = World::new(place, machine, budget);
    world.diagram = Some(vec!["sequenceDiagram".into()]);
    let _ = catch_unwind(AssertUnwindSafe(|| {
        replay(&mut world, script);
        if world.broken.is_none() && world.is_at_rest() {
            world.judge_end();
        }
    }));
    let departures = budget.total() - world.left.total();
    let mut diagram = world.diagram.take().unwrap_or_default();
    if !diagram.last().is_some_and(|line| line.ends_with(&broken)) {
        diagram.push(format!("Note over S,G: broken: {broken}"));
    }
    Counterexample { broken, length: script.len(), departures, diagram }
}
