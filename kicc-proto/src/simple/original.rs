//! An approval that no journal here knows: given by hand, to be refunded.

use alloc::boxed::Box;

use super::order::{Merchant, Recorded};
use crate::{
    flow::{approval::Stated, outcome::Ending, table::Stage},
    journal::{
        Kind,
        record::{Happening, Record},
        short_hash,
    },
    product::{self, Payload},
    time::Now,
    values::{Amount, Instalment, Invalid, KstDate, KstDateTime, KstTime, TransactionNumber},
};

/// What a cancel names (spec A.6), from the shop's own books or a slip. The approval's token key is not among
/// it, so that a refund of unknown outcome can only be settled by a person (R16).
#[derive(Debug, Clone)]
pub struct Original {
    /// The approval's transaction number.
    pub number: TransactionNumber,
    /// In won.
    pub amount: Amount,
    /// Months, as approved.
    pub instalment: Instalment,
    /// The card company's approval number.
    pub approval_number: Box<str>,
    /// The card company's approval date, KST.
    pub approval_date: KstDate,
    /// The gateway's number, where it is known; else the cancel names our own.
    pub van_number: Option<Box<str>>,
}

impl Original {
    /// The record of an approval that was made elsewhere, as [`refund`](crate::flow::refund) takes it.
    ///
    /// # Errors
    /// A date before Unix time.
    pub fn record(&self, merchant: &Merchant, now: Now) -> Result<Record, Invalid> {
        let some_time = KstTime::from_hms(12, 0, 0)?;
        let key = product::Merchant::Simple(merchant.clone()).key(self.number.clone());
        let payload = Payload::Simple(Recorded {
            service_id: merchant.service_id.clone(),
            business_number: merchant.business_number.clone(),
            instalment: self.instalment,
            requested_at: KstDateTime::from_parts(self.approval_date, some_time)?,
        });
        let fingerprint = short_hash(&["elsewhere", self.number.as_str(), &*self.approval_number]);
        let mut record = Record::new(
            [0; 16],
            (key, Kind::Approval),
            (self.amount, payload),
            fingerprint,
            (now.wall, now.wall),
        );
        let stated = Stated {
            approval_number: (&*self.approval_number).into(),
            approval_date: self.approval_date.as_str().into(),
            van_number: self.van_number.as_deref().unwrap_or_default().into(),
            ..Stated::default()
        };
        record.approval = Some(stated.into());
        record.stage = Stage::Closed;
        record.ending = Some(Ending::Approved);
        record.note(now.wall, Happening::Closed);
        Ok(record)
    }
}
