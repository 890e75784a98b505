//! One exchange as every transport counts it: its limits, how far it got, and how it ended. The marker that decides
//! *never sent* lives here and nowhere else.
//!
//! `T` is a moment on the transport's own monotonic clock, such as `std::time::Instant`.

use alloc::{string::String, vec::Vec};
use core::{fmt, ops::Sub, time::Duration};

use super::{Failure, MaybeSent, NotSent, Reply};

/// What one exchange may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits<T> {
    /// The first byte of the request is not handed over after this.
    pub send_by: T,
    /// The whole answer must be there this long after the last byte of the request was handed over.
    pub answer_within: Duration,
    /// The request moves money (an approval or a cancellation): its socket resets on close (R13a).
    pub money: bool,
}

/// How one exchange ended.
#[derive(Debug)]
pub struct Exchange<T> {
    /// When the last byte of the request was handed to the kernel; `None` if that did not happen.
    pub written_at: Option<T>,
    /// The answer, whatever its status; or why there is none.
    pub result: Result<OwnedReply, Failure>,
}

/// A whole answer. Where it had neither a length nor chunks, its end is where the peer closed: only the core, which
/// reads the JSON, can tell whether such a body is complete (R7).
pub struct OwnedReply {
    /// The HTTP status.
    pub status: u16,
    /// The value of `content-type`, if there was one and it is visible ASCII.
    pub content_type: Option<String>,
    /// The whole body, as it came.
    pub body: Vec<u8>,
}

impl OwnedReply {
    /// The same, as the core takes it.
    #[must_use]
    pub fn as_reply(&self) -> Reply<'_> {
        Reply { status: self.status, content_type: self.content_type.as_deref(), body: &self.body }
    }
}

impl fmt::Debug for OwnedReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_reply().fmt(f)
    }
}

/// Whether the head of an answer says in at most one way where the body ends, from the values of every
/// `transfer-encoding` and of every `content-length` in it. Where it says two, whoever stands between may have seen
/// another body than we would (RFC 9112, 6.1 and 6.3), and the answer is [`MaybeSent::Protocol`] (R7).
///
/// One way: no `transfer-encoding`, and no two lengths that differ; or, in HTTP/1.1, a single `chunked` and no length.
/// The rest of what a length may be is the HTTP library's to refuse.
pub fn has_one_end<'h>(
    is_http_1_1: bool,
    codings: impl IntoIterator<Item = &'h [u8]>,
    lengths: impl IntoIterator<Item = &'h [u8]>,
) -> bool {
    let (mut codings, mut lengths) = (codings.into_iter(), lengths.into_iter());
    match (codings.next(), lengths.next()) {
        (None, None) => true,
        (None, Some(length)) => lengths.all(|other| other == length),
        (Some(coding), None) => {
            is_http_1_1 && coding.eq_ignore_ascii_case(b"chunked") && codings.next().is_none()
        }
        (Some(_), Some(_)) => false,
    }
}

/// How far one exchange got. A transport tells it what happens, at the moment it happens.
///
/// Its deadlines: up to the first byte of the request `send_by`; while writing, `answer_within` from the first byte;
/// then `answer_within` from the last byte. Where writing went on past `send_by` that counts from `send_by`, because
/// a lease covers the exchange to `send_by + answer_within` and no further (R20).
#[derive(Debug)]
pub struct Progress<T> {
    limits: Limits<T>,
    /// What failed, should it end before the first byte.
    step: NotSent,
    /// The marker: set before the first byte of the request is handed down.
    first_byte: Option<T>,
    /// Set while all that was handed down so far was taken.
    written_at: Option<T>,
    answer_began: bool,
    timed_out: bool,
}

impl<T: Copy + Ord + Sub<T, Output = Duration>> Progress<T> {
    /// Nothing has happened yet.
    #[must_use]
    pub fn new(limits: Limits<T>) -> Self {
        Progress {
            limits,
            step: NotSent::Connect,
            first_byte: None,
            written_at: None,
            answer_began: false,
            timed_out: false,
        }
    }

    /// The step that is taken now, to be named should it fail before the first byte.
    pub fn at(&mut self, step: NotSent) {
        self.step = step;
    }

    /// The time left for whatever is being done now, never zero. `None`: it is over, and the exchange ends as a
    /// timeout whatever still comes.
    pub fn left(&mut self, now: T) -> Option<Duration> {
        let left = self.left_at(now);
        self.timed_out |= left.is_none();
        left
    }

    /// Whether the marker is set: from then on bytes may have left.
    #[must_use]
    pub fn is_begun(&self) -> bool {
        self.first_byte.is_some()
    }

    /// Sets the marker, before the first byte of the request is handed down, if the sender was `permitted` to and
    /// `send_by` has not passed (R4, R20). `now` is read after the permission was given, which may have taken a
    /// while. `false`: nothing may be handed down.
    #[must_use]
    pub fn begin(&mut self, permitted: bool, now: T) -> bool {
        let lapsed = !permitted || now > self.limits.send_by;
        if lapsed {
            self.step = NotSent::PermitLapsed;
        } else {
            self.first_byte = Some(now);
        }
        !lapsed
    }

    /// More of the request is about to be handed down.
    pub fn writing(&mut self) {
        self.written_at = None;
    }

    /// All that was handed down so far was taken by the kernel. Said again, it changes nothing.
    pub fn written(&mut self, now: T) {
        if self.is_begun() {
            self.written_at.get_or_insert(now);
        }
    }

    /// A byte of the answer came.
    pub fn answer_began(&mut self) {
        self.answer_began = true;
    }

    /// The name of a connection that broke, by how far the exchange got.
    #[must_use]
    pub fn broken(&self) -> MaybeSent {
        if self.answer_began { MaybeSent::Truncated } else { MaybeSent::Reset }
    }

    /// How it ended. The marker decides between *never sent* and *maybe sent*; what the transport found only chooses
    /// a name. The time is looked at once more, because it may have run out after the last read (R9).
    #[must_use]
    pub fn conclude(&self, found: Result<OwnedReply, MaybeSent>, now: T) -> Exchange<T> {
        if self.first_byte.is_none() {
            return Exchange { written_at: None, result: Err(Failure::NotSent(self.step)) };
        }
        let late = self.timed_out || self.left_at(now).is_none();
        let result = if late { Err(MaybeSent::Timeout) } else { found };
        Exchange { written_at: self.written_at, result: result.map_err(Failure::MaybeSent) }
    }

    fn left_at(&self, now: T) -> Option<Duration> {
        let Limits { send_by, answer_within, .. } = self.limits;
        let since = |from: T| if now > from { now - from } else { Duration::ZERO };
        let left = match (self.first_byte, self.written_at) {
            (None, _) if send_by > now => Some(send_by - now),
            (None, _) => None,
            (Some(first), None) => answer_within.checked_sub(since(first)),
            (_, Some(last)) => answer_within.checked_sub(since(last.min(send_by))),
        };
        left.filter(|left| !left.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Moments of these tests: the time since some beginning.
    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn progress() -> Progress<Duration> {
        Progress::new(Limits { send_by: at(10), answer_within: at(33), money: true })
    }

    fn reply() -> Result<OwnedReply, MaybeSent> {
        Ok(OwnedReply { status: 200, content_type: None, body: Vec::new() })
    }

    #[test]
    fn r7_two_ends_of_one_body_are_noticed() {
        let one = |http_1_1, codings: &[&'static str], lengths: &[&'static str]| {
            let bytes = |texts: &[&'static str]| Vec::from_iter(texts.iter().map(|text| text.as_bytes()));
            has_one_end(http_1_1, bytes(codings), bytes(lengths))
        };
        assert!(one(true, &[], &[]) && one(true, &[], &["4"]) && one(true, &[], &["4", "4"]));
        assert!(one(true, &["chunked"], &[]) && one(true, &["Chunked"], &[]) && one(false, &[], &["4"]));
        assert!(!one(true, &[], &["4", "5"]) && !one(true, &["chunked"], &["4"]));
        assert!(!one(false, &["chunked"], &[]) && !one(true, &["chunked", "chunked"], &[]));
        for coding in
            ["identity", "gzip", "gzip, chunked", "chunked, identity", "chunked, chunked", "", "xchunked"]
        {
            assert!(!one(true, &[coding], &[]), "{coding}");
        }
    }

    #[test]
    fn r20_no_phase_goes_on_past_send_by_and_the_time_to_answer() {
        let mut progress = progress();
        assert_eq!(progress.left(at(4)), Some(at(6)));
        assert!(progress.begin(true, at(9)));
        assert_eq!(progress.left(at(11)), Some(at(31)));
        progress.written(at(10));
        assert_eq!(progress.left(at(11)), Some(at(32)));
        assert_eq!(progress.left_at(at(43)), None);
        progress.writing();
        progress.written(at(20));
        assert_eq!(progress.left(at(20)), Some(at(23)));
        assert_eq!(progress.left(at(43)), None);
    }

    #[test]
    fn r4_without_permission_or_after_send_by_the_marker_is_not_set() {
        for (permitted, now, sends) in [(true, 10, true), (true, 11, false), (false, 9, false)] {
            let mut progress = progress();
            assert_eq!(progress.begin(permitted, at(now)), sends);
            assert_eq!(progress.is_begun(), sends);
            let ended = progress.conclude(Err(MaybeSent::Reset), at(now)).result.unwrap_err();
            let lapsed = Failure::NotSent(NotSent::PermitLapsed);
            assert_eq!(ended, if sends { Failure::MaybeSent(MaybeSent::Reset) } else { lapsed });
        }
    }

    #[test]
    fn r4_the_marker_alone_decides_whatever_was_found() {
        let mut progress = progress();
        progress.at(NotSent::Tls);
        assert_eq!(progress.conclude(reply(), at(1)).result.unwrap_err(), Failure::NotSent(NotSent::Tls));
        assert!(progress.begin(true, at(1)));
        assert!(progress.conclude(reply(), at(1)).result.is_ok());
    }

    /// R4, R20: before the first byte there is time up to `send_by`, and not a moment more.
    #[test]
    fn r4_there_is_no_time_left_at_send_by() {
        for (now, left) in [(9, Some(at(1))), (10, None), (11, None)] {
            assert_eq!(progress().left(at(now)), left, "{now}");
        }
    }

    /// The time to answer begins with the last byte: while more is being written it is counted from the first.
    #[test]
    fn r20_the_last_byte_is_the_one_that_counts() {
        let mut progress = progress();
        assert!(progress.begin(true, at(1)));
        progress.written(at(2));
        assert_eq!(progress.left(at(6)), Some(at(29)));
        progress.writing();
        assert_eq!(progress.left(at(6)), Some(at(28)));
        progress.written(at(7));
        progress.written(at(8));
        assert_eq!(progress.left(at(8)), Some(at(32)), "the first word on it stands");
    }

    /// R23: an answer is printed by its size; a connection that breaks tells whether one had begun.
    #[test]
    fn r23_debug_shows_of_an_answer_only_its_size() {
        let reply = OwnedReply { status: 200, content_type: None, body: b"SECRET".to_vec() };
        assert_eq!(alloc::format!("{reply:?}"), "Reply { status: 200, body_bytes: 6 }");
        let mut progress = progress();
        assert_eq!(progress.broken(), MaybeSent::Reset);
        progress.answer_began();
        assert_eq!(progress.broken(), MaybeSent::Truncated);
    }

    #[test]
    fn r9_an_answer_that_is_whole_only_after_the_time_is_given_up() {
        let mut progress = progress();
        assert!(progress.begin(true, at(1)));
        progress.written(at(1));
        let timeout = Failure::MaybeSent(MaybeSent::Timeout);
        assert_eq!(progress.conclude(reply(), at(34)).result.unwrap_err(), timeout);
        assert!(progress.left(at(34)).is_none());
        assert_eq!(progress.conclude(reply(), at(2)).result.unwrap_err(), timeout);
    }
}
