//! What the flow is to do: `[policy]`, and `[easytalk]` beside it.

use kicc_proto::{
    codes::{CodeSets, Codes, ResultCode},
    easytalk::{Settings, StatusQuery},
    flow::{
        Policy,
        policy::{ReportReversal, SettlesRefund, UnlistedCodes},
    },
    wire::call::RequestAuthorization,
};

use super::{
    file::{AuthorizationName, EasyTalkSection, PolicySection, ReportName, SettlesName, UnlistedName},
    plain,
};
use crate::times::Span;

/// The defaults with what the section says.
pub(super) fn policy(section: Option<PolicySection>) -> Result<(Policy, CodeSets), String> {
    let mut policy = Policy::default();
    let Some(section) = section else { return Ok((policy, CodeSets::default())) };
    let backoff = section.backoff.unwrap_or_default();
    for (field, span) in [
        (&mut policy.answer_timeout, section.answer_timeout),
        (&mut policy.send_by, section.send_by),
        (&mut policy.quiet_period, section.quiet_period),
        (&mut policy.backoff_first, backoff.first),
        (&mut policy.backoff_cap, backoff.cap),
        (&mut policy.horizon, section.horizon),
        (&mut policy.lease, section.lease),
    ] {
        if let Some(Span(span)) = span {
            *field = span;
        }
    }
    policy.confirm_reversal = section.confirm_reversal.unwrap_or(policy.confirm_reversal);
    policy.rescue_attempts = section.rescue_attempts.unwrap_or(policy.rescue_attempts);
    policy.rescues_in_flight = section.rescues_in_flight.unwrap_or(policy.rescues_in_flight);
    policy.report_reversal = match section.report_reversal.unwrap_or(ReportName::Confirmed) {
        ReportName::Confirmed => ReportReversal::Confirmed,
        ReportName::FirstSuccess => ReportReversal::FirstSuccess,
    };
    policy.unlisted_codes = match section.unlisted_codes.unwrap_or(UnlistedName::Settle) {
        UnlistedName::Settle => UnlistedCodes::Settle,
        UnlistedName::Decline => UnlistedCodes::Decline,
    };
    policy.net_cancel_settles_refund = match section.net_cancel_settles_refund.unwrap_or(SettlesName::SameDay)
    {
        SettlesName::SameDay => SettlesRefund::SameDay,
        SettlesName::Always => SettlesRefund::Always,
        SettlesName::Never => SettlesRefund::Never,
    };
    let sets = CodeSets {
        unknown: codes("[policy] unknown_codes", section.unknown_codes)?,
        duplicate: codes("[policy] duplicate_codes", section.duplicate_codes)?,
        nothing_to_void: codes("[policy] nothing_to_void_codes", section.nothing_to_void_codes)?,
        already_voided: codes("[policy] already_voided_codes", section.already_voided_codes)?,
        refusals: codes("[policy] refusal_codes", section.refusal_codes)?,
    };
    policy.codes = Codes::new(sets.clone()).map_err(|error| format!("[policy] {error}"))?;
    Ok((policy, sets))
}

/// The settings, and the codes for a repeated number among them. Without path and date field of the status query
/// there is none.
pub(super) fn easytalk(section: EasyTalkSection) -> Result<(Settings, Vec<ResultCode>), String> {
    let not_found = codes("[easytalk] not_found_codes", section.not_found_codes)?;
    let duplicates = codes("[easytalk] duplicate_codes", section.duplicate_codes)?;
    let settings = match (section.status_path, section.status_date_field) {
        (Some(path), Some(field)) => {
            Settings::with_status_query(StatusQuery::new(&path, &field, &not_found).map_err(at_easytalk)?)
        }
        (None, None) if not_found.is_empty() => Settings::without_status_query(),
        (path, _) => {
            let missing = if path.is_none() { "status_path" } else { "status_date_field" };
            return Err(format!("[easytalk] a status query needs {missing} too"));
        }
    };
    let settings = settings
        .authorization(authorization(section.request_authorization))
        .ks_x_1001_only(section.ks_x_1001_only.unwrap_or(true))
        .duplicate_codes(&duplicates)
        .map_err(at_easytalk)?;
    Ok((settings, duplicates))
}

/// None by default: that is what the public pages have.
pub(super) fn authorization(name: Option<AuthorizationName>) -> RequestAuthorization {
    match name.unwrap_or(AuthorizationName::None) {
        AuthorizationName::None => RequestAuthorization::None,
        AuthorizationName::Basic => RequestAuthorization::Basic,
    }
}

fn at_easytalk(invalid: kicc_proto::values::Invalid) -> String {
    format!("[easytalk] {}", plain(invalid))
}

fn codes(name: &str, texts: Option<Vec<String>>) -> Result<Vec<ResultCode>, String> {
    let code = |text: &String| ResultCode::new(text).map_err(|invalid| format!("{name}: {}", plain(invalid)));
    texts.iter().flatten().map(code).collect()
}
