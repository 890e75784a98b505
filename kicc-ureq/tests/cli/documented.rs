//! `docs/command.md`, done as it stands there: its configuration, its commands, and what they print.

use std::{
    fs,
    net::TcpListener,
    path::Path,
    process::{Command, Stdio},
};

/// The blocks of a kind, in the order of the page.
fn blocks<'p>(page: &'p str, kind: &str) -> Vec<&'p str> {
    let begin = format!("\n```{kind}\n");
    page.split(&begin).skip(1).map(|rest| rest.split("\n```").next().unwrap()).collect()
}

#[test]
fn the_page_about_the_command_is_what_happens() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/command.md")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    // At a port of its own, and 35 times as fast as the text says.
    let here = |text: &str| {
        text.replace("127.0.0.1:8080", &port.to_string())
            .replace("answer_timeout = \"33s\"", "answer_timeout = \"1s\"")
            .replace("quiet_period = \"35s\"", "quiet_period = \"1s\"")
    };
    let bin = Path::new(env!("CARGO_BIN_EXE_kicc")).parent().unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let run = |config: &str, script: &str| {
        fs::write(folder.path().join("kicc.toml"), config).unwrap();
        let ran = Command::new("bash")
            .args(["-c", script])
            .current_dir(folder.path())
            .env("PATH", &path)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        [ran.stdout, ran.stderr].map(|text| String::from_utf8(text).unwrap())
    };
    let (configs, scripts) = (blocks(&page, "toml"), blocks(&page, "sh"));
    let [out, err] = run(&here(configs[0]), &here(scripts[0]));
    assert!(out.contains("FIRST_1               approved") && out.contains("now: approved"), "{out}\n{err}");

    let config = here(configs[1]);
    assert!(config.contains("answer_timeout = \"1s\"") && config.contains("quiet_period = \"1s\""));
    let mut script: Vec<_> = scripts[1..].iter().map(|block| here(block)).collect();
    script.push("kill $!".to_owned());
    let [out, err] = run(&config, &script.join("\n"));
    let ended = |number: &str, outcome: &str| {
        out.lines().any(|line| line.split_whitespace().take(2).eq([number, outcome]))
    };
    // Of the lines that the page shows: the number and its outcome.
    let shown: Vec<_> =
        blocks(&page, "text")[0].lines().map(|line| line.split_whitespace().take(2)).collect();
    assert_eq!(shown.len(), 4);
    for mut words in shown {
        let (number, outcome) = (words.next().unwrap(), words.next().unwrap());
        assert!(ended(number, outcome), "{number} {outcome}\n{out}\n{err}");
    }
    for (number, outcome) in [("GDS_2", "approved"), ("Xhanga-5", "reversed"), ("MONTH_1", "approved")] {
        assert!(ended(number, outcome), "{number} {outcome}\n{out}\n{err}");
    }
    assert!(out.contains("refunded"), "{out}\n{err}");
    let books: Vec<_> = fs::read_dir(folder.path().join("books")).unwrap().collect();
    assert_eq!(books.len(), 4, "ORD_1, ORD_2, GDS_2 and MONTH_1\n{out}\n{err}");
    let show = Command::new(env!("CARGO_BIN_EXE_kicc"))
        .args(["journal", "show", "Xrsta-4", "--journal", "journal.db"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let show = String::from_utf8(show.stdout).unwrap();
    let without_times = |text: &str| -> Vec<String> {
        text.lines().map(|line| line.split_once("  ").map_or(line, |(_, rest)| rest).to_owned()).collect()
    };
    let shown = without_times(blocks(&page, "text")[1]);
    for line in shown.iter().filter(|line| !line.starts_with("2026-") && line.len() > 3) {
        assert!(show.contains(line.trim()), "{line:?} is not in\n{show}");
    }
}
