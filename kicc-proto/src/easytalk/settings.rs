//! What the documentation leaves open, as the merchant has it from KICC. Nothing here is guessed.

use alloc::{boxed::Box, vec::Vec};

use crate::{
    codes::ResultCode,
    values::{Invalid, Problem, check_ascii},
    wire::call::RequestAuthorization,
};

/// EasyTalkPay's settings. Whether there is a status query must be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    pub(super) status: Option<StatusQuery>,
    pub(super) authorization: RequestAuthorization,
    pub(super) ks_x_1001_only: bool,
    pub(super) duplicate_codes: Vec<ResultCode>,
}

/// The status query (spec B.6: its page is not public). It is a POST of `vanTid`, `shopTransactionId` and a date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusQuery {
    pub(super) path: Box<str>,
    pub(super) date_field: Box<str>,
    pub(super) not_found_codes: Vec<ResultCode>,
}

impl Settings {
    /// With a status query: what became of an approval or cancel can be asked (R11, R16).
    #[must_use]
    pub fn with_status_query(status: StatusQuery) -> Self {
        Settings { status: Some(status), ..Settings::without_status_query() }
    }

    /// Expressly without one: an approval or cancel that was not answered ends with a person, at once, and is
    /// never guessed at.
    #[must_use]
    pub fn without_status_query() -> Self {
        Settings {
            status: None,
            authorization: RequestAuthorization::default(),
            ks_x_1001_only: true,
            duplicate_codes: Vec::new(),
        }
    }

    /// How requests are authorised; by default not at all (spec B.1).
    #[must_use]
    pub fn authorization(mut self, authorization: RequestAuthorization) -> Self {
        self.authorization = authorization;
        self
    }

    /// Whether texts are refused that KS X 1001 cannot hold (the default), or only those that windows-949 cannot:
    /// whether KICC reads the larger set is not known.
    #[must_use]
    pub fn ks_x_1001_only(mut self, only: bool) -> Self {
        self.ks_x_1001_only = only;
        self
    }

    /// The codes by which it says that a `shopTransactionId` was used before on the same day (spec C.1 gives none).
    /// Such an answer tells nothing about the first request: unknown (R6). They are EasyTalkPay's alone, beside
    /// [`CodeSets::duplicate`](crate::codes::CodeSets::duplicate), which are every product's.
    ///
    /// # Errors
    /// `0000`, which always means success; a code by which the status query says that there is no such transaction.
    pub fn duplicate_codes(mut self, codes: &[ResultCode]) -> Result<Self, Invalid> {
        const FIELD: &str = "duplicate codes";
        if codes.iter().any(ResultCode::is_success) {
            return Err(Problem::Other("hold 0000, which always means success").of(FIELD));
        }
        let not_found = self.status.iter().flat_map(|status| &status.not_found_codes);
        if not_found.into_iter().any(|code| codes.contains(code)) {
            return Err(Problem::Other("hold a code that is also a not-found code").of(FIELD));
        }
        self.duplicate_codes = codes.to_vec();
        Ok(self)
    }

    /// How requests are authorised.
    #[must_use]
    pub fn request_authorization(&self) -> RequestAuthorization {
        self.authorization
    }

    /// The status query, if there is one.
    #[must_use]
    pub fn status(&self) -> Option<&StatusQuery> {
        self.status.as_ref()
    }
}

impl StatusQuery {
    /// Its path, such as `/a/b.do`; the name of the field that holds the date of the request in question; and the
    /// codes by which it says that there is no such transaction. Without such codes absence is never proven.
    ///
    /// # Errors
    /// A path that does not begin with `/` or has more than 256 bytes; a field name of other characters than
    /// letters, digits and `_`, of more than 40, or of a field that is sent anyway; `0000` among the codes.
    pub fn new(path: &str, date_field: &str, not_found_codes: &[ResultCode]) -> Result<Self, Invalid> {
        const PATH: &str = "status path";
        const FIELD: &str = "status date field";
        check_ascii(path, 256, u8::is_ascii_graphic, "only visible ASCII")
            .map_err(|problem| problem.of(PATH))?;
        if !path.starts_with('/') {
            return Err(Problem::BadCharacter { at: 0, why: "must begin with /" }.of(PATH));
        }
        let name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        check_ascii(date_field, 40, name, "only A-Z a-z 0-9 _").map_err(|problem| problem.of(FIELD))?;
        if matches!(date_field, "vanTid" | "shopTransactionId") {
            return Err(Problem::Other("is the name of a field that is sent anyway").of(FIELD));
        }
        if not_found_codes.iter().any(ResultCode::is_success) {
            return Err(Problem::Other("hold 0000, which always means success").of("not-found codes"));
        }
        Ok(StatusQuery {
            path: path.into(),
            date_field: date_field.into(),
            not_found_codes: not_found_codes.to_vec(),
        })
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The name of the field that holds the date of the request in question.
    #[must_use]
    pub fn date_field(&self) -> &str {
        &self.date_field
    }

    /// The codes by which it says that there is no such transaction.
    #[must_use]
    pub fn not_found_codes(&self) -> &[ResultCode] {
        &self.not_found_codes
    }
}
