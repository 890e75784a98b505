//! A write in a transaction of the caller's own, beside rows of theirs.

use kicc_proto::journal::{Row, WriteError, sql};
use tokio_postgres::{Error, Transaction};

use super::{
    group::moved,
    statement::{Parameter, error_text},
};

/// Writes a row from a revision of it, if it stands there under its token; `false`: it does not. It is done when the
/// caller commits, and durable then whatever the caller's session says.
///
/// It does without the sequence that the journal's own groups hold: a merchant's transaction would keep every other
/// writer waiting. The row itself is locked until the transaction's end, and it takes and frees no slot, so that nothing
/// else is decided by it.
///
/// # Errors
/// [`WriteError::NotStored`]: a statement failed, and with it the caller's transaction; or the tables are not (or no
/// longer) for this program.
pub(crate) async fn update(
    transaction: &Transaction<'_>,
    row: &Row,
    revision: u64,
) -> Result<bool, WriteError> {
    let update = async {
        transaction
            .batch_execute(
                "SELECT set_config('synchronous_commit', 'on', true) \
                 WHERE current_setting('synchronous_commit') <> 'remote_apply'; \
                 LOCK TABLE kicc_attempts IN ROW EXCLUSIVE MODE",
            )
            .await?;
        // Behind the lock: who moves or upgrades the tables is either done, or waits for this transaction.
        let found = transaction.query_opt(sql::SEQUENCE, &[]).await?;
        let Some(sequence) = found.map(|row| row.try_get::<_, i64>(0)).transpose()? else { return Ok(None) };
        let sequence = u64::try_from(sequence).unwrap_or(0);
        let values = sql::update_values(row, revision, sequence).into_iter().map(Parameter);
        transaction.execute_raw(sql::UPDATE, values).await.map(Some)
    };
    let updated: Result<Option<u64>, Error> = update.await;
    match updated.map_err(|error| WriteError::NotStored(error_text(&error)))? {
        Some(rows) => Ok(rows == 1),
        None => Err(moved()),
    }
}
