//! Breadth first through everything that can happen, by replay: the engine's values cannot be copied, so that a state
//! is reached again by the acts that led to it.

use std::{
    collections::{BTreeMap, HashSet},
    panic::{AssertUnwindSafe, catch_unwind},
};

use super::{coverage::Coverage, machines::Machine, place::Place, world::World};

/// A state: how it was reached, and how many acts are possible in it.
struct Node {
    parent: u32,
    place: u8,
    act: u8,
    acts: u8,
    measure: (u8, u64),
}

/// What a search has come to.
#[derive(Default)]
pub struct Found {
    pub states: usize,
    pub transitions: usize,
    /// States by the number of choices that lead to them.
    pub levels: BTreeMap<usize, usize>,
    pub ends: usize,
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

const ROOT: u32 = u32::MAX;

/// Everything that can happen in these places with at most so many departures from the good; the shortest way to a
/// broken rule, if there is one.
pub fn search(places: &[Place], machine: Machine, departures: u8) -> Found {
    let mut found = Found::default();
    let (mut nodes, mut seen) = (Vec::new(), HashSet::new());
    for (n, _) in places.iter().enumerate() {
        let place = u8::try_from(n).expect("few places");
        visit(&mut found, &mut nodes, &mut seen, places, machine, departures, (ROOT, place, None));
    }
    let mut at = 0;
    let mut level = (0, nodes.len());
    while at < nodes.len() && found.counterexample.is_none() {
        if at == level.1 {
            level = (level.0 + 1, nodes.len());
        }
        *found.levels.entry(level.0).or_default() += 1;
        let Node { place, acts, .. } = nodes[at];
        for act in 0..acts {
            let parent = u32::try_from(at).expect("fewer states than memory holds");
            visit(&mut found, &mut nodes, &mut seen, places, machine, departures, (parent, place, Some(act)));
            if found.counterexample.is_some() {
                break;
            }
        }
        at += 1;
    }
    found.states = seen.len();
    found
}

fn visit(
    found: &mut Found,
    nodes: &mut Vec<Node>,
    seen: &mut HashSet<u64>,
    places: &[Place],
    machine: Machine,
    departures: u8,
    (parent, place, act): (u32, u8, Option<u8>),
) {
    let mut script = script_of(nodes, parent);
    let before = script.len();
    script.extend(act);
    found.transitions += 1;
    let here = &places[usize::from(place)];
    let mut run = || {
        let mut world = World::new(here, machine, departures);
        world.judges = false;
        if act.is_some() {
            replay(&mut world, &script[..before]);
        }
        (world.judges, world.coverage) = (true, Some(&mut found.coverage));
        if let Some(act) = act {
            step(&mut world, act);
        } else {
            world.run_forced();
        }
        if world.broken.is_some() {
            return Err(world.broken.unwrap_or_default());
        }
        let after = world.measure();
        // A machine that is known to be bad has to be found by what it does.
        let falls = machine == Machine::Real;
        if let Some(measure) =
            nodes.get(parent as usize).map(|node| node.measure).filter(|before| falls && *before <= after)
        {
            return Err(format!("the measure does not fall: {measure:?}, then {after:?}"));
        }
        let (digest, acts, rests) = (world.digest(), world.acts().len(), world.is_at_rest());
        if rests {
            world.judge_end();
        } else if acts == 0 {
            return Err("it stopped before its end".into());
        }
        world.broken.map_or(Ok((digest, acts, rests, after)), Err)
    };
    let result = catch_unwind(AssertUnwindSafe(&mut run)).unwrap_or_else(|_| Err("a panic".into()));
    match result {
        Ok((digest, acts, rests, measure)) => {
            if seen.insert((digest ^ u64::from(place)).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ u64::from(place))
            {
                found.ends += usize::from(rests);
                let acts = u8::try_from(acts).expect("few acts");
                nodes.push(Node { parent, place, act: act.unwrap_or(0), acts, measure });
            }
        }
        Err(broken) => found.counterexample = Some(explain(here, machine, departures, &script, broken)),
    }
}

fn script_of(nodes: &[Node], mut at: u32) -> Vec<u8> {
    let mut script = Vec::new();
    while at != ROOT {
        let node = &nodes[at as usize];
        if node.parent != ROOT {
            script.push(node.act);
        }
        at = node.parent;
    }
    script.reverse();
    script
}

fn replay(world: &mut World<'_>, script: &[u8]) {
    world.run_forced();
    for act in script {
        step(world, *act);
    }
}

fn step(world: &mut World<'_>, choice: u8) {
    let (act, cost) = world.acts()[usize::from(choice)];
    world.perform(act, cost);
    world.run_forced();
}

/// The same run once more, written down.
fn explain(place: &Place, machine: Machine, departures: u8, script: &[u8], broken: String) -> Counterexample {
    let mut world = World::new(place, machine, departures);
    world.diagram = Some(vec!["sequenceDiagram".into()]);
    let _ = catch_unwind(AssertUnwindSafe(|| {
        replay(&mut world, script);
        if world.broken.is_none() && world.is_at_rest() {
            world.judge_end();
        }
    }));
    let left = world.departures_left;
    let mut diagram = world.diagram.take().unwrap_or_default();
    diagram.push(format!("Note over S,G: {broken}"));
    Counterexample { broken, length: script.len(), departures: departures - left, diagram }
}
