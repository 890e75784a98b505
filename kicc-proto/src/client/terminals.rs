//! Terminals and their keys.

use alloc::{sync::Arc, vec::Vec};

use super::BuildError;
use crate::{
    flow::Policy,
    iamport::{AccessToken, ApiKeys},
    journal::Key,
    product::{Credentials, Merchant, Product},
    values::ChannelId,
    wire::sign::Sign,
};

/// A merchant's terminal, and what makes the gateway believe its requests.
#[derive(Clone)]
pub struct Terminal {
    /// The ids in every message.
    pub merchant: Merchant,
    /// The keys that go with them.
    pub keys: Keys,
}

/// Which keys a terminal has: its product says which it needs.
#[derive(Clone)]
pub enum Keys {
    /// None: EasyTalkPay (spec B.1).
    None,
    /// One that signs: Simple Payment.
    Signing(Signing),
    /// Those that tokens are asked for with: i'mport. Terminals with the same ones share a token.
    Api(ApiKeys),
}

/// The channel of the signature headers (spec A.2), and who signs.
#[derive(Clone)]
pub struct Signing {
    /// `X-KICC-ChannelId`.
    pub channel_id: ChannelId,
    /// The key, wherever it lives.
    pub signer: Arc<dyn Sign + Send + Sync>,
}

impl Terminal {
    /// What its messages are encoded with: i'mport's want a token that was got for its [`ApiKeys`].
    #[must_use]
    pub fn credentials<'a>(&'a self, token: Option<&'a AccessToken>) -> Credentials<'a> {
        match (&self.keys, token) {
            (Keys::Signing(Signing { channel_id, signer }), _) => {
                Credentials::Signature { channel_id, signer: &**signer }
            }
            (Keys::Api(_), Some(token)) => Credentials::Token(token),
            (Keys::Api(_) | Keys::None, _) => Credentials::None,
        }
    }
}

/// The terminals of a client; the first one of a product is its default.
#[derive(Clone)]
pub struct Terminals(Vec<Terminal>);

impl Terminals {
    /// Checks what a client is to be made of.
    ///
    /// # Errors
    /// [`BuildError`]; times that are unsafe against a real gateway are refused unless it is on this machine.
    pub fn new(terminals: Vec<Terminal>, policy: &Policy, is_loopback: bool) -> Result<Self, BuildError> {
        policy.check(is_loopback)?;
        if terminals.is_empty() {
            return Err(BuildError::NoTerminal);
        }
        for (at, one) in terminals.iter().enumerate() {
            let merchant = &one.merchant;
            match merchant {
                Merchant::Simple(_) if !matches!(one.keys, Keys::Signing(_)) => {
                    return Err(BuildError::NoSigning(merchant.terminal().as_str().into()));
                }
                Merchant::EasyTalk(_) if policy.products.easytalk.is_none() => {
                    return Err(BuildError::NoEasyTalkSettings);
                }
                Merchant::Iamport(_) if policy.products.iamport.is_none() => {
                    return Err(BuildError::NoIamportSettings);
                }
                Merchant::Iamport(_) if !matches!(one.keys, Keys::Api(_)) => {
                    return Err(BuildError::NoApiKeys(merchant.terminal().as_str().into()));
                }
                _ => {}
            }
            let same = |other: &Terminal| {
                other.merchant.product() == merchant.product()
                    && other.merchant.environment() == merchant.environment()
                    && other.merchant.terminal() == merchant.terminal()
            };
            if terminals[..at].iter().any(same) {
                return Err(BuildError::TerminalTwice(merchant.terminal().as_str().into()));
            }
        }
        Ok(Terminals(terminals))
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Terminal> {
        self.0.iter()
    }

    /// The first one of a product.
    #[must_use]
    pub fn of_product(&self, product: Product) -> Option<&Terminal> {
        self.0.iter().find(|terminal| terminal.merchant.product() == product)
    }

    /// The one of a product by its id.
    #[must_use]
    pub fn named(&self, product: Product, id: &str) -> Option<&Terminal> {
        let named = |terminal: &&Terminal| {
            terminal.merchant.product() == product && terminal.merchant.terminal().as_str() == id
        };
        self.0.iter().find(named)
    }

    /// The one whose record this is (R20).
    #[must_use]
    pub fn of_key(&self, key: &Key) -> Option<&Terminal> {
        self.0.iter().find(|terminal| {
            let merchant = &terminal.merchant;
            merchant.product() == key.product
                && *merchant.environment() == key.environment
                && *merchant.terminal() == key.terminal
        })
    }
}
