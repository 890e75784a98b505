//! A screen of one box, drawn with text.

/// In columns, between the borders.
const WIDTH: usize = 58;

/// Shows a title and some lines.
pub fn show(title: &str, lines: &[String]) {
    println!("┌{}┐", "─".repeat(WIDTH));
    line(title);
    if !lines.is_empty() {
        println!("├{}┤", "─".repeat(WIDTH));
    }
    for text in lines {
        line(text);
    }
    println!("└{}┘", "─".repeat(WIDTH));
}

fn line(text: &str) {
    let room = (WIDTH - 2).saturating_sub(columns(text));
    println!("│ {text}{} │", " ".repeat(room));
}

/// Hangul takes two columns; of what stands here, everything else takes one.
fn columns(text: &str) -> usize {
    text.chars().map(|letter| if ('\u{1100}'..'\u{FFE0}').contains(&letter) { 2 } else { 1 }).sum()
}

#[test]
fn hangul_takes_two_columns() {
    assert_eq!(columns("결제 A1"), 7);
}
