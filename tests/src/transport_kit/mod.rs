//! What every transport must do, as cases that an author runs against an own one: real sockets, and a server that
//! misbehaves on purpose and counts the whole requests that it got.
//!
//! Each case makes a transport of its own and panics where it breaks a rule; [`run`] runs them all, so that an
//! author's test is one line: `run(&MyAdapter).check()`. The crate's feature `transport-kit` has it. [`markdown`] puts what several adapters did side by side.
//!
//! Left to the author: proxies that are taken from the environment (it is the process's), addresses that a name
//! resolves to, what dropping a future does, and a link that is lost.

mod answers;
mod permission;
mod proxy;
mod reuse;
pub mod server;
mod tls;

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use kicc_proto::wire::settings::HttpSettings;
use kicc_proto::wire::{Failure, MaybeSent, NotSent, Request, exchange};

use crate::journal_kit::said;
use server::Server;

/// May the request still go? Asked by the transport immediately before the first byte (R4, R20); it may take a while.
pub type MaySend = Arc<dyn Fn() -> bool + Send + Sync>;
/// What one exchange may take.
pub type Limits = exchange::Limits<Instant>;
/// How one exchange ended.
pub type Exchange = exchange::Exchange<Instant>;

/// What makes transports of the kind under test.
pub trait Adapter: Sync {
    /// As it is called in the table.
    fn name(&self) -> &str;

    /// A transport with these settings, or `None` where this kind has no such thing (TLS, proxies, kept connections):
    /// the case then says nothing of it.
    fn open(&self, settings: &HttpSettings) -> Option<Box<dyn Transport>>;
}

/// A transport under test, called from many threads at once.
pub trait Transport: Send + Sync {
    /// Sends the request once and waits for the whole answer; an async transport blocks on its runtime.
    fn exchange(&self, request: &Request<'_>, limits: Limits, may_send: MaySend) -> Exchange;
}

/// One thing that every transport must do.
#[derive(Clone, Copy)]
pub struct Case {
    /// What it shows, as a test's name. It begins with the rules of payment safety that it stands for.
    pub name: &'static str,
    run: fn(&dyn Adapter) -> Option<String>,
}

impl Case {
    /// Shows it, or panics. What came out, in a few words; `None` where the adapter has no such thing.
    ///
    /// # Panics
    /// When the transport breaks the rule.
    #[must_use]
    pub fn run(&self, adapter: &dyn Adapter) -> Option<String> {
        (self.run)(adapter)
    }

    /// The rules, such as `R4 R7`, and what it shows in words.
    fn title(&self) -> (String, String) {
        let is_rule =
            |word: &&str| word.starts_with('r') && word[1..].starts_with(|c: char| c.is_ascii_digit());
        let words: Vec<&str> = self.name.split('_').collect();
        let rules = words.iter().take_while(|word| is_rule(word)).count();
        let rule = |word: &&str| ["R", &word[1..]].concat();
        (words[..rules].iter().map(rule).collect::<Vec<_>>().join(" "), words[rules..].join(" "))
    }
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Case").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Cases under the names of the functions that show them.
macro_rules! cases {
    ($($module:ident: $($name:ident),+;)+) => {
        vec![$($(Case { name: stringify!($name), run: $module::$name }),+),+]
    };
}

/// All cases.
#[must_use]
pub fn cases() -> Vec<Case> {
    cases! {
        answers:
            a_whole_answer_is_delivered_with_status_and_content_type,
            the_request_carries_what_was_given_and_little_else,
            head_and_body_of_a_request_leave_in_one_write,
            r4_any_method_is_sent_once_and_only_post_and_put_with_a_body,
            any_status_is_an_answer_with_its_body,
            r4_a_redirect_is_an_answer_and_is_not_followed,
            an_answer_without_length_ends_where_the_peer_closes,
            a_long_request_and_a_long_answer_pass,
            refused_is_never_sent,
            an_unknown_name_is_never_sent,
            r4_a_connection_that_does_not_come_about_is_never_sent,
            r4_a_connection_that_breaks_just_before_the_first_byte_is_never_more_than_maybe_sent,
            no_answer_before_the_peer_closes_is_maybe_sent,
            no_answer_before_the_peer_resets_is_maybe_sent,
            r7_an_answer_cut_at_any_byte_is_never_whole,
            r7_an_answer_reset_at_a_byte_is_never_whole,
            r7_a_chunked_answer_cut_at_any_byte_is_whole_only_with_all_its_content,
            r7_what_is_not_http_is_maybe_sent,
            r7_an_answer_that_ends_in_two_ways_is_maybe_sent,
            r7_a_body_over_the_limit_is_cut_off_and_one_at_the_limit_is_not,
            r13a_giving_up_resets_a_money_connection_and_closes_another,
            a_dripping_answer_inside_the_time_is_delivered,
            a_dripping_answer_cannot_stretch_the_deadline,
            the_time_to_answer_counts_from_the_last_byte_written,
            writing_to_a_peer_that_does_not_read_is_bounded_too;
        permission:
            r4_without_permission_the_peer_sees_no_byte,
            r4_send_by_is_looked_at_after_the_permission_was_given,
            r4_a_send_by_in_the_past_connects_to_nobody,
            r4_the_permission_is_asked_once_per_exchange,
            r4_markers_of_requests_in_flight_together_do_not_mix;
        reuse:
            every_request_has_a_connection_of_its_own,
            reuse_is_a_setting,
            what_moves_money_has_a_connection_of_its_own_where_only_the_rest_is_reused,
            r4_a_kept_connection_asks_again_and_has_a_marker_of_its_own_for_each_request,
            a_kept_connection_that_was_closed_meanwhile_is_not_used,
            r9_an_answer_nobody_asked_for_is_not_taken_for_the_next_one,
            r9_a_given_up_connection_is_not_used_again,
            r13a_a_kept_connection_resets_on_give_up_whoever_opened_it,
            r4_a_connection_closed_as_a_request_is_sent_never_sends_it_twice;
        proxy:
            an_explicit_proxy_is_used_by_connect,
            r4_what_a_proxy_is_told_does_not_count_as_sent,
            r4_a_tunnel_that_breaks_after_the_request_is_maybe_sent,
            r4_the_permission_is_asked_for_the_request_and_not_for_the_tunnel;
        tls:
            a_server_of_a_given_authority_is_trusted_and_sessions_are_resumed,
            an_untrusted_server_or_another_name_is_never_sent,
            r4_a_handshake_that_breaks_is_never_sent_though_the_errors_are_those_of_a_broken_answer,
            r4_send_by_ends_a_handshake_that_stalls_or_drips,
            r4_the_permission_is_asked_after_the_handshake,
            a_missing_client_certificate_is_at_most_maybe_sent_in_tls_13_and_never_sent_in_tls_12,
            r7_an_answer_that_is_cut_above_tls_is_maybe_sent,
            r13a_giving_up_resets_a_money_connection_below_tls_too,
            a_long_request_and_a_long_answer_pass_through_tls,
            a_kept_connection_over_which_the_peer_said_goodbye_is_not_used,
            tls_runs_inside_a_proxys_tunnel;
    }
}

/// What one adapter did.
#[derive(Debug)]
pub struct Report {
    /// Its name.
    pub adapter: String,
    /// Of every case what came out, `None` where the adapter has no such thing, or why it failed.
    pub rows: Vec<(Case, Result<Option<String>, String>)>,
}

impl Report {
    /// # Panics
    /// When a case failed, with all that did.
    pub fn check(&self) {
        let failed = |(case, row): &(Case, Result<_, String>)| {
            row.as_ref().err().map(|why| format!("{}: {why}", case.name))
        };
        let failed: Vec<String> = self.rows.iter().filter_map(failed).collect();
        assert!(failed.is_empty(), "{} fails: {failed:#?}", self.adapter);
    }
}

/// Runs every case, one after the other.
pub fn run(adapter: &dyn Adapter) -> Report {
    let row = |case: Case| {
        let found = catch_unwind(AssertUnwindSafe(|| case.run(adapter)));
        (case, found.map_err(|panic| said(&*panic)))
    };
    Report { adapter: adapter.name().to_owned(), rows: cases().into_iter().map(row).collect() }
}

/// What several adapters did, side by side, as a Markdown table.
#[must_use]
pub fn markdown(reports: &[Report]) -> String {
    let mut table = "| rule | what is shown |".to_owned();
    reports.iter().for_each(|report| write!(table, " {} |", report.adapter).unwrap_or_default());
    table += "\n|---|---|";
    table += &"---|".repeat(reports.len());
    for (at, case) in cases().iter().enumerate() {
        let (rule, title) = case.title();
        write!(table, "\n| {rule} | {title} |").unwrap_or_default();
        for report in reports {
            let cell = match report.rows.get(at) {
                Some((_, Ok(Some(found)))) => found,
                Some((_, Err(_))) => "**fails**",
                _ => "–",
            };
            write!(table, " {cell} |").unwrap_or_default();
        }
    }
    table + "\n"
}

const PATH: &str = "/smpy/kiccpay/reqAprv";
const HEADERS: [(&str, &str); 2] = [("content-type", "application/json"), ("x-kicc-nonce", "n")];
const BODY: &[u8] = br#"{"mercTrxNo":"ORD1"}"#;

/// A transport to this server with the defaults.
fn to(adapter: &dyn Adapter, server: &Server) -> Option<Box<dyn Transport>> {
    adapter.open(&HttpSettings::new(server.url()))
}

fn limits(send_by: u64, answer_within: u64) -> Limits {
    Limits {
        send_by: Instant::now() + Duration::from_millis(send_by),
        answer_within: Duration::from_millis(answer_within),
        money: true,
    }
}

fn permitted() -> MaySend {
    Arc::new(|| true)
}

fn refused() -> MaySend {
    Arc::new(|| false)
}

fn send(transport: &dyn Transport, body: &[u8], limits: Limits, may_send: MaySend) -> Exchange {
    let request = Request::trial(PATH, &HEADERS, body).expect("two headers");
    transport.exchange(&request, limits, may_send)
}

fn post(transport: &dyn Transport, limits: Limits, may_send: MaySend) -> Exchange {
    send(transport, BODY, limits, may_send)
}

/// With two seconds for everything.
fn ask(transport: &dyn Transport) -> Exchange {
    post(transport, limits(2000, 2000), permitted())
}

/// How it ended, as it stands in the table.
fn ended(exchange: &Exchange) -> String {
    match &exchange.result {
        Ok(reply) => format!("answer {}", reply.status),
        Err(Failure::NotSent(why)) => format!("never sent: {}", words(why)),
        Err(Failure::MaybeSent(why)) => format!("maybe sent: {}", words(why)),
    }
}

/// `PermitLapsed` as `permit lapsed`.
fn words(name: &impl std::fmt::Debug) -> String {
    let mut words = String::new();
    for letter in format!("{name:?}").chars() {
        if letter.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(letter.to_lowercase());
    }
    words
}

/// The same, and how many whole requests the server got.
fn seen(exchange: &Exchange, server: &Server) -> String {
    let requests = server.requests();
    format!("{}; {requests} {}", ended(exchange), if requests == 1 { "request" } else { "requests" })
}

#[track_caller]
fn assert_not_sent(exchange: &Exchange, why: NotSent) {
    assert_eq!(exchange.result.as_ref().err(), Some(&Failure::NotSent(why)));
    assert_eq!(exchange.written_at, None);
}

#[track_caller]
fn assert_maybe_sent(exchange: &Exchange, why: MaybeSent) {
    assert_eq!(exchange.result.as_ref().err(), Some(&Failure::MaybeSent(why)));
}

#[track_caller]
fn assert_good(exchange: &Exchange) {
    let reply = exchange.result.as_ref().expect("an answer");
    assert_eq!((reply.status, reply.body.as_slice()), (200, b"good".as_slice()));
    assert!(exchange.written_at.is_some());
}

#[track_caller]
fn took(began: Instant, at_least: u64, below: u64) {
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(at_least) && took < Duration::from_millis(below), "took {took:?}");
}
