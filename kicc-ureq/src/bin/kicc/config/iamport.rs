//! i'mport: `[iamport]`, and the times that only it has.

use kicc_proto::{
    flow::Policy,
    iamport::{
        Merchant, OnFoundPaid, Settings, StoreCode, Tier,
        window::{ChannelKey, Gateway},
    },
    values::{Environment, Invalid},
};

use super::{
    file::{ChannelName, FoundPaidName, IamportSection},
    plain,
};

/// i'mport's part.
pub struct Iamport {
    /// Who sells.
    pub merchant: Merchant,
    /// By which contract the windows open that `kicc register` writes parameters for.
    pub gateway: Gateway,
}

/// Who sells by i'mport; the policy gets its settings, and, where the file names none, a lease that covers its longer
/// exchange (R20).
pub(super) fn iamport(
    section: IamportSection,
    environment: &Environment,
    policy: &mut Policy,
    names_a_lease: bool,
) -> Result<Iamport, String> {
    let mut settings = match section.channel {
        ChannelName::Live => Settings::live(),
        ChannelName::Test => Settings::test(),
    };
    settings.sees_sandbox = section.sees_sandbox.unwrap_or(settings.sees_sandbox);
    settings.on_found_paid = match section.on_found_paid.unwrap_or(FoundPaidName::Cancel) {
        FoundPaidName::Cancel => OnFoundPaid::Cancel,
        FoundPaidName::Adopt => OnFoundPaid::Adopt,
    };
    settings.answer_timeout = section.answer_timeout.map_or(settings.answer_timeout, |span| span.0);
    settings.quiet_period = section.quiet_period.map_or(settings.quiet_period, |span| span.0);
    let lease = policy.lease;
    *policy = policy.clone().with_iamport(settings);
    if names_a_lease {
        // One that is too short is refused, and not lengthened in silence.
        policy.lease = lease;
    }
    let gateway = match (&section.channel_key, &section.pg) {
        (Some(key), None) => ChannelKey::new(key).map(Gateway::Channel),
        (None, Some(pg)) => Gateway::from_pg(pg),
        (None, None) => Ok(Gateway::kicc()),
        (Some(_), Some(_)) => return Err("[iamport] name pg or channel_key, not both".into()),
    };
    let tier = section.tier.as_deref().map(Tier::new).transpose().map_err(at_iamport)?;
    let store = StoreCode::new(&section.store).map_err(at_iamport)?;
    Ok(Iamport {
        merchant: Merchant { environment: environment.clone(), store, tier },
        gateway: gateway.map_err(at_iamport)?,
    })
}

fn at_iamport(invalid: Invalid) -> String {
    format!("[iamport] {}", plain(invalid))
}
