//! The settings of a VAN.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use zeroize::Zeroizing;

use super::choice::{FaultRule, SeededFaults};
use super::json::Charset;

/// What the VAN knows of its merchants, and how it behaves.
#[derive(Debug, Clone)]
pub struct VanConfig {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The channel id that the merchant signs with (spec A.2).
    pub channel_id: String,
    /// The secret key of that channel; its UTF-8 bytes are the key.
    pub secret_key: SecretKey,
    /// Further channels with their keys.
    pub other_channels: Vec<(String, SecretKey)>,
    /// Where given, any other terminal id is refused.
    pub terminal_id: Option<String>,
    /// Where given, any other service id is refused.
    pub service_id: Option<String>,
    /// Where given, any other business number is refused.
    pub business_number: Option<String>,
    /// Where given, a token key must hold an authorisation id that a window of this VAN issued (spec A.4).
    pub token_key: Option<TokenCipher>,
    /// EasyTalkPay's own settings.
    pub easytalk: EasyTalkSettings,
    /// i'mport's own settings.
    pub iamport: IamportSettings,
    /// In which charset the windows post to `returnUrl` (the documentation does not say).
    pub window_charset: Charset,
    /// The code for a `shopTransactionId` that was used before on the same day in Korea (spec C.1 gives none).
    pub duplicate_code: String,
    /// How far the VAN's clock, which gives its dates, is ahead of the machine's; see [`Van::advance_clock`].
    ///
    /// [`Van::advance_clock`]: super::Van::advance_clock
    pub clock_ahead: Duration,
    /// Decides [`VanConfig::seeded`].
    pub seed: u64,
    /// Rules, first match first; they win over everything else.
    pub faults: Vec<FaultRule>,
    /// Whether marked numbers and magic amounts choose faults, and `certControlNo`s may be made up.
    pub magic: bool,
    /// Faults for orders that nothing else chose one for.
    pub seeded: Option<SeededFaults>,
    /// How many of an order's rescue messages a rescue fault spoils before they work.
    pub rescue_failures: u32,
    /// Whether a net-cancel that found nothing makes a later approval be refused.
    pub remembers: bool,
    /// The code for a net-cancel that finds nothing; `None`: `0000` without a card number.
    pub nothing_to_void_code: Option<String>,
    /// The code for what is voided already; `None`: `0000` to a net-cancel, `7001` to a cancel.
    pub already_voided_code: Option<String>,
    /// What every answer waits for, after the VAN has acted.
    pub latency: Duration,
    /// The gap after each byte of a drip-fed answer.
    pub drip: Duration,
    /// How long a hanging connection is held, and any single read or write may take. Longer than the client's patience.
    pub hang: Duration,
    /// How long after the client's give-up a late approval is booked. Shorter than the client's quiet period.
    pub late: Duration,
}

impl Default for VanConfig {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            channel_id: "CH_A1B2C3D4".into(),
            secret_key: "sandbox-secret-key".into(),
            other_channels: Vec::new(),
            terminal_id: None,
            service_id: None,
            business_number: None,
            token_key: None,
            easytalk: EasyTalkSettings::default(),
            iamport: IamportSettings::default(),
            window_charset: Charset::EucKr,
            duplicate_code: "7011".into(),
            clock_ahead: Duration::ZERO,
            seed: 0,
            faults: Vec::new(),
            magic: true,
            seeded: None,
            rescue_failures: 2,
            remembers: true,
            nothing_to_void_code: None,
            already_voided_code: None,
            latency: Duration::ZERO,
            drip: Duration::from_millis(1),
            hang: Duration::from_secs(120),
            late: Duration::from_secs(5),
        }
    }
}

/// What only EasyTalkPay has. Of the status query nothing is documented (spec B.6): all of it is our choice.
#[derive(Debug, Clone)]
pub struct EasyTalkSettings {
    /// Where given, any other terminal id is refused.
    pub terminal_id: Option<String>,
    /// Whether each request must bear `Authorization: Basic` with the terminal id in Base64.
    pub basic_authorization: bool,
    /// The path of the status query.
    pub status_path: String,
    /// The field of the status query that has the date of the request that is asked for.
    pub status_date_field: String,
    /// The code for a transaction that the status query does not know.
    pub not_found_code: String,
    /// Whether the status query files an approval under the VAN's own date at its booking, instead of the request's date.
    pub dated_by_booking: bool,
    /// How long after the approval request [`Rescue::QueryForgets`] turns from an error to *not found*.
    ///
    /// [`Rescue::QueryForgets`]: super::faults::Rescue::QueryForgets
    pub forgets_after: Duration,
}

impl Default for EasyTalkSettings {
    fn default() -> Self {
        Self {
            terminal_id: None,
            basic_authorization: false,
            status_path: "/appcardpay/v1/tradeStatus.do".into(),
            status_date_field: "transactionDate".into(),
            not_found_code: "7010".into(),
            dated_by_booking: false,
            forgets_after: Duration::from_secs(60),
        }
    }
}

/// What only i'mport has. Where the documentation leaves it open it is our choice.
#[derive(Debug, Clone)]
pub struct IamportSettings {
    /// The store that `IMP.init` names, and the terminal of its entries in the ledger.
    pub store_id: String,
    /// The API key.
    pub imp_key: SecretKey,
    /// The API secret.
    pub imp_secret: SecretKey,
    /// Where given, each request must bear it as its `Tier`; else none may.
    pub tier: Option<String>,
    /// KICC's id of the merchant: `pg_id`, and the part of `pg` after `kicc.`.
    pub mid: String,
    /// Whether payments are made through a test channel. Look-ups show those only with `include_sandbox=true`.
    pub sandbox: bool,
    /// Whether `find` and `findAll` show payments of a test channel at all. If not, that they find nothing proves
    /// nothing, and whatever needs them must end as `NeedsOperator`.
    pub lists_show_sandbox: bool,
    /// Whether a payment of which a part was given back is called `cancelled`, as the older manual says, or `paid`.
    pub partial_is_cancelled: bool,
    /// Whether an unknown `customer_uid` is answered by 404, as the reference says, or by code 1.
    pub unknown_customer_is_404: bool,
}

impl Default for IamportSettings {
    fn default() -> Self {
        Self {
            store_id: "imp12345678".into(),
            imp_key: "sandbox-imp-key".into(),
            imp_secret: "sandbox-imp-secret".into(),
            tier: None,
            mid: "T5102001".into(),
            sandbox: true,
            lists_show_sandbox: true,
            partial_is_cancelled: true,
            unknown_customer_is_404: true,
        }
    }
}

/// A channel's secret key, or an API's key or secret. `Debug` does not show it (R23); it is wiped when dropped.
#[derive(Clone)]
pub struct SecretKey(pub(super) Zeroizing<String>);

impl From<&str> for SecretKey {
    fn from(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }
}

impl core::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("SecretKey(..)")
    }
}

/// Key and initialisation vector of AES-256-CBC with PKCS #7. `Debug` does not show them (R23); they are wiped when
/// dropped.
#[derive(Clone)]
pub struct TokenCipher {
    pub(super) key: Zeroizing<[u8; 32]>,
    pub(super) iv: Zeroizing<[u8; 16]>,
}

impl TokenCipher {
    /// Both as bytes.
    #[must_use]
    pub fn new(key: [u8; 32], iv: [u8; 16]) -> Self {
        Self { key: Zeroizing::new(key), iv: Zeroizing::new(iv) }
    }
}

impl core::fmt::Debug for TokenCipher {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("TokenCipher(..)")
    }
}
