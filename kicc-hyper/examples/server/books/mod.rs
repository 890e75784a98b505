//! The shop's own books: one table of orders, in a file of its own beside the payment journal, or in the database that the
//! journal is in.

mod store;

use std::path::Path;

use deadpool_postgres::{Pool, Transaction};
use kicc_hyper::client::{Answer, Clock, End, Question};
use kicc_proto::{
    flow::{Outcome, approval::Approval},
    time::Millis,
    values::{OrderNumber, TransactionNumber, Won},
};

pub use self::store::within;
use self::store::{Columns, Store, Value, parameters};

/// The books; a clone is the same ones.
#[derive(Clone)]
pub struct Books(Store);

/// An order as the books have it.
#[derive(Debug, Clone)]
pub struct Order {
    /// Shown to the customer, and registered with the gateway.
    pub order_number: OrderNumber,
    /// Under which the payment is approved (`shopTransactionId`).
    pub number: TransactionNumber,
    /// What it costs. Nobody else's word counts for that.
    pub amount: Won,
    /// Where it stands.
    pub state: State,
    /// For the customer: the approval number, or why it was refused.
    pub note: Option<String>,
}

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The payment window is open, or the customer has closed it.
    Unpaid,
    /// The customer has authenticated, and the payment is under way.
    Paying,
    /// Paid. Only the accept step says so.
    Paid,
    /// Not paid, and it will not be; a new order may be.
    Refused,
    /// It may have been charged, and is not.
    Reversed,
    /// A person must look.
    Person,
}

/// Why the books did not answer.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

const TABLE: &str = "CREATE TABLE IF NOT EXISTS orders (
    order_number TEXT PRIMARY KEY NOT NULL,
    number TEXT NOT NULL UNIQUE,
    amount BIGINT NOT NULL,
    state TEXT NOT NULL,
    note TEXT,
    began BIGINT NOT NULL)";

/// Takes an order in as paid, or has done so before: `$1` approval number, `$2` number, `$3` amount.
const ACCEPT: &str = "UPDATE orders SET state = 'paid', note = $1 \
    WHERE number = $2 AND amount = $3 AND state IN ('paying', 'paid')";

impl Books {
    /// Opens those of a file, and makes them if there are none.
    pub fn file(path: &Path) -> Result<Self, Error> {
        Store::file(path, TABLE).map(Books)
    }

    /// Opens those of a PostgreSQL database, and makes them if there are none.
    pub async fn database(address: &str) -> Result<Self, Error> {
        Store::database(address, TABLE).await.map(Books)
    }

    /// The connections, where the books are in a database.
    pub fn pool(&self) -> Option<&Pool> {
        match &self.0 {
            Store::File(_) => None,
            Store::Database(pool) => Some(pool),
        }
    }

    /// Writes a new order down. `false`: its number, or its order number, is known.
    pub async fn add(&self, order: &Order) -> Result<bool, Error> {
        let sql = "INSERT INTO orders VALUES ($1, $2, $3, $4, NULL, 0) ON CONFLICT DO NOTHING";
        let Order { order_number, number, amount, state, .. } = order;
        let values =
            vec![order_number.as_str().into(), number.as_str().into(), won(*amount)?, state.name().into()];
        Ok(self.0.execute(sql, values).await? == 1)
    }

    /// The order of that order number.
    pub async fn find(&self, order_number: &OrderNumber) -> Result<Option<Order>, Error> {
        let sql = "SELECT order_number, number, amount, state, note FROM orders WHERE order_number = $1";
        let found = self.0.select(sql, vec![order_number.as_str().into()]).await?;
        found.into_iter().next().map(read).transpose()
    }

    /// The orders whose payment has been under way for so long, and still is.
    pub async fn paying(&self, for_so_long: Millis) -> Result<Vec<Order>, Error> {
        let sql = "SELECT order_number, number, amount, state, note FROM orders \
            WHERE state = 'paying' AND began <= $1";
        let before = now()? - i64::try_from(for_so_long.0)?;
        self.0.select(sql, vec![Value::Number(before)]).await?.into_iter().map(read).collect()
    }

    /// The customer has authenticated. An order that was paid or refused before stays what it is.
    pub async fn begin(&self, order: &Order) -> Result<(), Error> {
        let sql = "UPDATE orders SET state = 'paying', began = $1 WHERE number = $2 AND state = 'unpaid'";
        let values = vec![Value::Number(now()?), order.number.as_str().into()];
        self.0.execute(sql, values).await.map(drop)
    }

    /// The accept step: the books take an order in as paid, or have done so before, or do not know it.
    pub async fn accept(&self, question: Question) -> Answer {
        let note = question.approval.as_ref().and_then(Approval::approval_number);
        let accept = async {
            let values = accepted(note, &question.key.number, question.amount.total())?;
            Ok(self.0.execute(ACCEPT, values).await? == 1)
        };
        answer(accept.await)
    }

    /// What they say after a journal was restored from a backup: whether they hold it (R24).
    pub async fn holds(&self, question: Question) -> Answer {
        let sql = "SELECT order_number, number, amount, state, note FROM orders \
            WHERE number = $1 AND amount = $2 AND state = 'paid'";
        let look = async {
            let values = vec![question.key.number.as_str().into(), won(question.amount.total())?];
            Ok(!self.0.select(sql, values).await?.is_empty())
        };
        answer(look.await)
    }

    /// The same in a transaction, which is the caller's to commit.
    pub async fn accept_in(
        transaction: &Transaction<'_>,
        order: &Order,
        approval: Option<&Approval>,
    ) -> Result<bool, Error> {
        let note = approval.and_then(|approval| approval.approval_number());
        let values = accepted(note, &order.number, order.amount)?;
        let statement = transaction.prepare_cached(ACCEPT).await?;
        Ok(transaction.execute(&statement, &parameters(&values)).await? == 1)
    }

    /// Writes the end of a payment down, whoever brought it about.
    pub async fn ended(&self, end: &End) -> Result<(), Error> {
        let (Some(outcome), Some(record)) = (end.outcome(), end.record()) else { return Ok(()) };
        let (state, note) = match outcome {
            Outcome::Approved(approval) => (State::Paid, approval.approval_number()),
            Outcome::Declined(said) => (State::Refused, Some(&*said.message)),
            Outcome::NeverSent(_) => (State::Refused, None),
            Outcome::Reversed(_) => (State::Reversed, None),
            Outcome::NeedsOperator { .. } => (State::Person, None),
        };
        self.set(&record.key.number, None, state, note).await
    }

    /// Nothing of the payment was ever recorded, so nothing was sent.
    pub async fn never_began(&self, order: &Order) -> Result<(), Error> {
        self.set(&order.number, Some(State::Paying), State::Refused, None).await
    }

    /// From that state, or from any.
    async fn set(
        &self,
        number: &TransactionNumber,
        from: Option<State>,
        to: State,
        note: Option<&str>,
    ) -> Result<(), Error> {
        let sql = "UPDATE orders SET state = $1, note = $2 WHERE number = $3 AND state = coalesce($4, state)";
        let text = |text: Option<&str>| Value::Text(text.map(str::to_owned));
        let values = vec![to.name().into(), text(note), number.as_str().into(), text(from.map(State::name))];
        self.0.execute(sql, values).await.map(drop)
    }
}

/// Whether the books hold it, for the client.
fn answer(held: Result<bool, Error>) -> Answer {
    match held {
        Ok(true) => Answer::Held,
        Ok(false) => Answer::NotHeld,
        Err(error) => {
            tracing::error!(%error, "the books cannot tell whether they hold a sale");
            Answer::CannotTell
        }
    }
}

fn accepted(note: Option<&str>, number: &TransactionNumber, amount: Won) -> Result<Vec<Value>, Error> {
    Ok(vec![Value::Text(note.map(str::to_owned)), number.as_str().into(), won(amount)?])
}

fn won(amount: Won) -> Result<Value, Error> {
    Ok(Value::Number(i64::try_from(amount.0)?))
}

/// Unix milliseconds.
fn now() -> Result<i64, Error> {
    Ok(i64::try_from(Clock::new().now().wall.0)?)
}

impl State {
    const ALL: [State; 6] =
        [State::Unpaid, State::Paying, State::Paid, State::Refused, State::Reversed, State::Person];

    fn name(self) -> &'static str {
        match self {
            State::Unpaid => "unpaid",
            State::Paying => "paying",
            State::Paid => "paid",
            State::Refused => "refused",
            State::Reversed => "reversed",
            State::Person => "person",
        }
    }
}

fn read((order_number, number, amount, state, note): Columns) -> Result<Order, Error> {
    Ok(Order {
        order_number: OrderNumber::new(&order_number)?,
        number: TransactionNumber::new(&number)?,
        amount: Won(u64::try_from(amount)?),
        state: State::ALL.into_iter().find(|own| own.name() == state).ok_or("no state")?,
        note,
    })
}
