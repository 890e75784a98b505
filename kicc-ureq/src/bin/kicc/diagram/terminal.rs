//! As lines of a terminal: the time, the arrows, the words.

use std::io::{self, Write};

use super::{Line, Story, Who};
use crate::times;

/// The columns of the lifelines; the time stands before the first.
const LIFELINES: [usize; 4] = [17, 26, 35, 46];
/// Where the words begin, and how many columns they have.
const WORDS: usize = 53;
const WIDTH: usize = 60;

pub fn write(story: &Story, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{}\n", story.title)?;
    let mut names = vec![' '; WORDS];
    for (name, at) in ["shop", "kicc", "journal", story.gateway].into_iter().zip(LIFELINES) {
        put(&mut names, at - name.chars().count() / 2, name);
    }
    line(names, "", out)?;
    for step in &story.lines {
        let mut row = lifelines();
        let (at, text) = match step {
            Line::Day(day) => {
                put(&mut row, 0, day);
                (None, "")
            }
            Line::Message { at, from, to, arrived, text } => {
                arrow(&mut row, *from, *to, *arrived);
                (*at, text.as_str())
            }
            Line::Note { at, text } => (*at, text.as_str()),
        };
        if let Some(at) = at {
            put(&mut row, 0, &times::instant(at));
        }
        let mut words = super::wrapped(text, WIDTH).into_iter();
        line(row, &words.next().unwrap_or_default(), out)?;
        for more in words {
            line(lifelines(), &more, out)?;
        }
    }
    Ok(())
}

fn lifelines() -> Vec<char> {
    let mut row = vec![' '; WORDS];
    LIFELINES.into_iter().for_each(|at| row[at] = '│');
    row
}

fn arrow(row: &mut [char], from: Who, to: Who, arrived: bool) {
    let (from, to) = (LIFELINES[from as usize], LIFELINES[to as usize]);
    let between = from.min(to) + 1..from.max(to);
    for cell in &mut row[between.clone()] {
        *cell = if *cell == '│' { '┼' } else { '─' };
    }
    row[from] = if from < to { '├' } else { '┤' };
    let head = if from < to { between.end - 1 } else { between.start };
    row[head] = match (arrived, from < to) {
        (false, _) => '✗',
        (true, true) => '>',
        (true, false) => '<',
    };
}

/// Beyond the end nothing is put.
fn put(row: &mut [char], at: usize, text: &str) {
    row.iter_mut().skip(at).zip(text.chars()).for_each(|(cell, c)| *cell = c);
}

fn line(row: Vec<char>, words: &str, out: &mut impl Write) -> io::Result<()> {
    let line: String = row.into_iter().chain(words.chars()).collect();
    writeln!(out, "{}", line.trim_end())
}
