//! The commands and configurations that README and docs show: they are taken as they stand there.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::{CommandFactory as _, Parser as _, error::ErrorKind};

use super::Cli;
use crate::config::Config;

/// The folder of the workspace.
fn house() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every page, with the name of its file.
fn pages() -> Vec<(String, String)> {
    let at_the_top = ["README.md", "CONTRIBUTING.md", "SECURITY.md"].map(|name| house().join(name));
    let docs = fs::read_dir(house().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let pages =
        at_the_top.into_iter().chain(docs.filter(|path| path.extension().is_some_and(|kind| kind == "md")));
    pages.map(|path| (path.display().to_string(), fs::read_to_string(path).unwrap())).collect()
}

/// What stands between ```` ```KIND ```` and its end.
fn blocks<'p>(page: &'p str, kind: &str) -> Vec<&'p str> {
    let begin = format!("\n```{kind}\n");
    page.split(&begin).skip(1).map(|rest| rest.split("\n```").next().unwrap_or(rest)).collect()
}

/// The lines of shell that a page shows, without what is fed to them and without comments.
fn shell(page: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for block in blocks(page, "sh") {
        let mut fed = false;
        for line in block.lines() {
            if !fed {
                lines.push(line.to_owned());
            }
            fed = if fed { line != "END" } else { line.contains("<<'END'") };
        }
    }
    lines.extend(
        page.lines().filter_map(|line| line.strip_prefix("    kicc ")).map(|rest| format!("kicc {rest}")),
    );
    lines
}

/// The words of one command: quotes taken off, redirections and comments left out, placeholders filled in.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut begun) = (Vec::new(), String::new(), None, false);
    for letter in line.chars().chain([' ']) {
        match (quote, letter) {
            (None, '\'' | '"') => (quote, begun) = (Some(letter), true),
            (Some(open), close) if open == close => quote = None,
            (None, ' ') => {
                if begun {
                    words.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            _ => {
                word.push(letter);
                begun = true;
            }
        }
    }
    let end = words.iter().position(|word| ["<<END", "#", "&", "|", ">"].contains(&word.as_str()));
    words.truncate(end.unwrap_or(words.len()));
    words.iter().map(|word| if word == "yes|no" { "yes".into() } else { word.clone() }).collect()
}

#[test]
fn every_command_that_is_shown_is_one() {
    let mut seen = 0;
    for (name, page) in pages() {
        for line in shell(&page).iter().filter(|line| line.starts_with("kicc ")) {
            if let Err(error) = Cli::try_parse_from(words(line)) {
                assert_eq!(error.kind(), ErrorKind::DisplayHelp, "{name}: {line}\n{error}");
            }
            seen += 1;
        }
    }
    assert!(seen > 10, "{seen}");
}

/// A mention in a sentence may leave out what is needed, and names nothing that there is not.
#[test]
fn every_option_that_is_mentioned_exists() {
    let mut seen = 0;
    for (name, page) in pages() {
        for mention in page
            .split('`')
            .skip(1)
            .step_by(2)
            .filter(|span| span.starts_with("kicc ") && !span.contains('\n'))
        {
            let mut command = &Cli::command();
            let mut is_subcommand = true;
            for word in mention.split_whitespace().skip(1) {
                let given = command.find_subcommand(word);
                match (word.strip_prefix("--"), given) {
                    (Some("help"), _) => {}
                    (Some(option), _) => {
                        let exists =
                            command.get_arguments().any(|argument| argument.get_long() == Some(option));
                        assert!(exists, "{name}: `{mention}` has no --{option}");
                    }
                    (None, Some(subcommand)) if is_subcommand => command = subcommand,
                    (None, _) => {
                        let is_placeholder = !command.has_subcommands() || word == "COMMAND";
                        assert!(is_placeholder, "{name}: `{mention}`: there is no {word}");
                        is_subcommand = false;
                    }
                }
            }
            seen += 1;
        }
    }
    assert!(seen > 30, "{seen}");
}

/// Packages, examples, tests and features of `cargo run`, `cargo test` and `cargo install`.
#[test]
fn every_target_that_is_shown_exists() {
    let mut seen = 0;
    for (name, page) in pages() {
        let spans = page.split('`').filter(|span| !span.contains('\n')).map(str::to_owned);
        for line in shell(&page).into_iter().chain(spans).filter(|line| line.contains("cargo ")) {
            let words = words(&line[line.find("cargo ").unwrap_or(0)..]);
            let after = |names: &[&str]| {
                let at = words.iter().position(|word| names.contains(&word.as_str()))?;
                words.get(at + 1).cloned()
            };
            let Some(package) = after(&["-p", "--package", "--path"]) else { continue };
            let folder = match package.as_str() {
                "kicc-testkit" => house().join("tests"),
                "kicc-sqlite" => house().join("kicc-ureq/sqlite"),
                other => house().join(other),
            };
            let manifest = fs::read_to_string(folder.join("Cargo.toml"))
                .unwrap_or_else(|_| panic!("{name}: `{line}`: there is no package {package}"));
            for (option, kind) in [("--example", "examples"), ("--test", "tests")] {
                if let Some(target) = after(&[option]) {
                    let places = [format!("{target}.rs"), format!("{target}/main.rs")];
                    let exists = places.iter().any(|place| folder.join(kind).join(place).exists());
                    assert!(exists, "{name}: `{line}`: there is no {target} in {}", folder.display());
                }
            }
            for feature in after(&["--features"]).iter().flat_map(|list| list.split(',')) {
                assert!(
                    manifest.contains(&format!("\n{feature} = [")),
                    "{name}: `{line}`: no feature {feature}"
                );
            }
            seen += 1;
        }
    }
    assert!(seen > 10, "{seen}");
}

#[test]
fn every_configuration_that_is_shown_is_taken() {
    let mut seen = 0;
    for (name, page) in pages() {
        for text in blocks(&page, "toml").into_iter().filter(|text| text.starts_with("# kicc.toml")) {
            let config = Config::read(text, PathBuf::new(), None);
            config.unwrap_or_else(|error| panic!("{name}: {error}"));
            seen += 1;
        }
    }
    assert!(seen > 0);
}

/// A page that moves leaves no link behind.
#[test]
fn every_link_leads_to_a_page_and_its_heading() {
    let pages = pages();
    let headings = |page: &str| -> Vec<String> {
        let plain = |letter: char| letter.is_alphanumeric() || letter == '-' || letter == '_';
        let titles = page.lines().filter(|line| line.starts_with('#'));
        titles
            .map(|line| line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-"))
            .map(|title| title.chars().filter(|letter| plain(*letter)).collect())
            .collect()
    };
    for (name, page) in &pages {
        for link in page.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.starts_with("http") || link.contains(char::is_whitespace) {
                continue;
            }
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let path = match file {
                "" => PathBuf::from(name),
                file => Path::new(name).parent().unwrap().join(file),
            };
            assert!(path.exists(), "{name}: {link}");
            if !heading.is_empty() {
                let there = headings(&fs::read_to_string(path).unwrap());
                assert!(there.iter().any(|title| title == heading), "{name}: {link} is not among {there:?}");
            }
        }
    }
}
