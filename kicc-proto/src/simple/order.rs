//! An order, checked, and the attempt that begins with it.

use serde::{Deserialize, Serialize};

use super::messages;
use crate::{
    flow::{self, Attempt, Opening, Persist},
    journal::short_hash,
    product::{self, Payload, Product},
    time::Now,
    values::{
        Amount, AuthorizationId, BusinessNumber, Environment, Instalment, Invalid, KstDateTime, Mark,
        ServiceId, TerminalId, TokenKey, TransactionNumber, UserData,
    },
    wire::{
        sign::{Sign, SignError, authorisation_mark},
        token_key::{EncryptTokenKey, TokenKeyError},
    },
};

/// Who sells, in every message of Simple Payment (spec A.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merchant {
    /// The environment's label (R3), such as `test`.
    pub environment: Environment,
    /// `tid`.
    pub terminal_id: TerminalId,
    /// `svcId`.
    pub service_id: ServiceId,
    /// `bizrNo`.
    pub business_number: BusinessNumber,
}

/// What is to be paid. Every part was checked when it was made (R5).
#[derive(Debug, Clone)]
pub struct Order {
    pub(super) number: TransactionNumber,
    pub(super) amount: Amount,
    pub(super) token_key: TokenKey,
    pub(super) mark: Option<Mark>,
    pub(super) instalment: Instalment,
    pub(super) user_data: Option<UserData>,
}

/// Why an authorisation did not become a token key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthorizationError {
    /// The cipher.
    #[error("the authorization id was not encrypted; nothing was sent: {0}")]
    Cipher(#[from] TokenKeyError),
    /// The signer, which makes the mark.
    #[error("the authorization id was not marked; nothing was sent: {0}")]
    Signer(#[from] SignError),
}

impl Order {
    /// An order with a finished token key (spec A.4), lump sum, without user data.
    #[must_use]
    pub fn new(number: TransactionNumber, amount: Amount, token_key: TokenKey) -> Self {
        Order { number, amount, token_key, mark: None, instalment: Instalment::lump_sum(), user_data: None }
    }

    /// An order with what the authentication window returned. The authorisation is spent once (R3): the journal
    /// keeps a keyed hash of it.
    ///
    /// # Errors
    /// The cipher's or the signer's.
    pub fn authorised(
        number: TransactionNumber,
        amount: Amount,
        authorization: &AuthorizationId,
        cipher: &(impl EncryptTokenKey + ?Sized),
        signer: &(impl Sign + ?Sized),
    ) -> Result<Self, AuthorizationError> {
        let mut order = Self::new(number, amount, cipher.encrypt(authorization)?);
        order.mark = Some(authorisation_mark(signer, authorization)?);
        Ok(order)
    }

    /// In instalments.
    #[must_use]
    pub fn instalment(mut self, instalment: Instalment) -> Self {
        self.instalment = instalment;
        self
    }

    /// With the merchant's own data.
    #[must_use]
    pub fn user_data(mut self, user_data: UserData) -> Self {
        self.user_data = Some(user_data);
        self
    }

    /// Its amount, in won.
    #[must_use]
    pub fn amount(&self) -> &Amount {
        &self.amount
    }

    /// The same data give the same text, whatever a cipher with a random IV made of them (R3).
    fn fingerprint(&self) -> Mark {
        let authorisation = self.mark.as_ref().map_or_else(|| self.token_key.expose(), Mark::as_str);
        let user_data = self.user_data.as_ref().map_or("", UserData::as_str);
        short_hash::<[u8]>(&[
            b"simple",
            &self.amount.to_bytes(),
            self.instalment.as_str().as_bytes(),
            authorisation.as_bytes(),
            user_data.as_bytes(),
        ])
    }
}

/// What Simple Payment keeps in the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recorded {
    /// `svcId`.
    pub service_id: ServiceId,
    /// `bizrNo`.
    pub business_number: BusinessNumber,
    /// `alotMonth`.
    pub instalment: Instalment,
    /// `tranDt` and `tranTm` of the approval, KST.
    pub requested_at: KstDateTime,
}

impl product::Order for Order {
    fn product(&self) -> Product {
        Product::Simple
    }

    fn number(&self) -> &TransactionNumber {
        &self.number
    }

    fn open(&self, opening: &Opening<'_>, now: Now) -> Result<Persist, Invalid> {
        let product::Merchant::Simple(merchant) = opening.merchant else {
            return Err(product::wrong_merchant());
        };
        let at = flow::selling_at(now)?;
        let (body, net_cancel) = messages::approval_and_net_cancel(merchant, self, &at);
        let recorded = Recorded {
            service_id: merchant.service_id.clone(),
            business_number: merchant.business_number.clone(),
            instalment: self.instalment,
            requested_at: at,
        };
        let attempt = Attempt {
            key: opening.merchant.key(self.number.clone()),
            amount: self.amount,
            payload: Payload::Simple(recorded),
            fingerprint: self.fingerprint(),
            authorisation_mark: self.mark,
            body,
            net_cancel: net_cancel.into(),
        };
        Ok(flow::open(attempt, opening, now))
    }
}
