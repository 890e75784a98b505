//! As a sequence diagram of Mermaid.

use std::io::{self, Write};

use kicc_proto::time::UnixMillis;

use super::{Line, Story, Who};

use crate::times;

/// In columns: what is longer goes on in the next line.
const WIDTH: usize = 36;

pub fn write(story: &Story, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "sequenceDiagram")?;
    for (who, name) in
        [(Who::Shop, "shop"), (Who::Kicc, "kicc"), (Who::Journal, "journal"), (Who::Gateway, story.gateway)]
    {
        writeln!(out, "    participant {} as {name}", letter(who))?;
    }
    for line in &story.lines {
        match line {
            Line::Day(day) => writeln!(out, "    Note over S,V: {}", plain(day))?,
            Line::Message { at, from, to, arrived, text } => {
                let arrow = match (arrived, from < to) {
                    (true, true) => "->>",
                    (true, false) => "-->>",
                    (false, true) => "-x",
                    (false, false) => "--x",
                };
                let text = timed(*at, text);
                writeln!(out, "    {}{arrow}{}: {text}", letter(*from), letter(*to))?;
            }
            Line::Note { at, text } => writeln!(out, "    Note over K: {}", timed(*at, text))?,
        }
    }
    Ok(())
}

fn letter(who: Who) -> char {
    match who {
        Who::Shop => 'S',
        Who::Kicc => 'K',
        Who::Journal => 'J',
        Who::Gateway => 'V',
    }
}

fn timed(at: Option<UnixMillis>, text: &str) -> String {
    let text = match at {
        Some(at) => format!("{} {text}", times::instant(at)),
        None => text.to_owned(),
    };
    super::wrapped(&text, WIDTH).iter().map(|line| plain(line)).collect::<Vec<_>>().join("<br/>")
}

/// What would end the statement, or means something to HTML or Markdown, is written in its full width.
fn plain(text: &str) -> String {
    let plain = |c| match c {
        ';' => ',',
        '#' | '<' | '>' | '&' | '"' | '{' | '}' | '`' | '\\' | '%' => {
            char::from_u32(u32::from(c) + 0xfee0).unwrap_or(char::REPLACEMENT_CHARACTER)
        }
        c => c,
    };
    text.chars().map(plain).collect()
}
