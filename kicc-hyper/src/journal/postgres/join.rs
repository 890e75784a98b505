//! A write in a transaction of the caller's own, beside rows of theirs.

use kicc_proto::journal::{Row, WriteError, sql};
use tokio_postgres::{Error, Transaction};

use super::statement::{Parameter, error_text};

/// Writes a row from a revision of it, if it stands there under its token; `false`: it does not. It is done when the
/// caller commits, and durable then whatever the caller's session says.
///
/// It does without the sequence that the journal's own groups hold: a merchant's transaction would keep every other
/// writer waiting. The row itself is locked until the transaction's end, and it takes and frees no slot, so that nothing
/// else is decided by it.
///
/// # Errors
/// [`WriteError::NotStored`]: a statement failed, and with it the caller's transaction.
pub(crate) async fn update(
    transaction: &Transaction<'_>,
    row: &Row,
    revision: u64,
) -> Result<bool, WriteError> {
    let update = async {
        transaction
            .batch_execute(
                "SELECT set_config('synchronous_commit', 'on', true) \
                 WHERE current_setting('synchronous_commit') <> 'remote_apply'",
            )
            .await?;
        let found = transaction.query_opt(sql::META, &[&"sequence"]).await?;
        let Some(sequence) = found.map(|row| row.try_get::<_, i64>(0)).transpose()? else { return Ok(0) };
        let sequence = u64::try_from(sequence).unwrap_or(0);
        let values = sql::update_values(row, revision, sequence).into_iter().map(Parameter);
        transaction.execute_raw(sql::UPDATE, values).await
    };
    let updated: Result<u64, Error> = update.await;
    updated.map(|rows| rows == 1).map_err(|error| WriteError::NotStored(error_text(&error)))
}
