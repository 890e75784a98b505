//! The shop's own books: one table of orders, in a file of its own beside the payment journal.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use kicc_hyper::client::{Answer, End, Question};
use kicc_proto::{
    flow::Outcome,
    values::{OrderNumber, TransactionNumber, Won},
};
use rusqlite::{Connection, OptionalExtension as _, params};

/// The books; a clone is the same ones.
#[derive(Clone)]
pub struct Books(Arc<Mutex<Connection>>);

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
    amount INTEGER NOT NULL,
    state TEXT NOT NULL,
    note TEXT)";

impl Books {
    /// Opens them, and makes them if there are none.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(10))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // What the accept step has answered must survive a power cut.
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.execute(TABLE, [])?;
        Ok(Books(Arc::new(Mutex::new(connection))))
    }

    /// Writes a new order down. `false`: its number, or its order number, is known.
    pub async fn add(&self, order: &Order) -> Result<bool, Error> {
        let Order { order_number, number, amount, state, .. } = order.clone();
        let amount = i64::try_from(amount.0)?;
        self.call(move |books| {
            let sql = "INSERT INTO orders VALUES (?1, ?2, ?3, ?4, NULL) ON CONFLICT DO NOTHING";
            let values = params![order_number.as_str(), number.as_str(), amount, state.name()];
            Ok(books.execute(sql, values)? == 1)
        })
        .await
    }

    /// The order of that order number.
    pub async fn find(&self, order_number: &OrderNumber) -> Result<Option<Order>, Error> {
        let order_number = order_number.clone();
        self.call(move |books| {
            let sql = "SELECT order_number, number, amount, state, note FROM orders WHERE order_number = ?1";
            let mut statement = books.prepare_cached(sql)?;
            Ok(statement.query_row([order_number.as_str()], read).optional()?)
        })
        .await
    }

    /// The orders whose payment was under way when this server began.
    pub async fn paying(&self) -> Result<Vec<Order>, Error> {
        self.call(|books| {
            let sql = "SELECT order_number, number, amount, state, note FROM orders WHERE state = 'paying'";
            Ok(books.prepare(sql)?.query_map([], read)?.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// The customer has authenticated. An order that was paid or refused before stays what it is.
    pub async fn begin(&self, order: &Order) -> Result<(), Error> {
        self.set(order.number.clone(), Some(State::Unpaid), State::Paying, None).await
    }

    /// The accept step: the books take an order in as paid, or have done so before, or do not know it. Asked without an
    /// approval (after a journal was restored from a backup) they only say what they hold.
    pub async fn accept(&self, question: Question) -> Answer {
        let (number, amount) = (question.key.number.clone(), question.amount.total().0);
        let held = self.call(move |books| {
            let (number, amount) = (number.as_str(), i64::try_from(amount)?);
            let Some(approval) = question.approval else {
                let sql = "SELECT 1 FROM orders WHERE number = ?1 AND amount = ?2 AND state = 'paid'";
                return Ok(books.prepare_cached(sql)?.exists(params![number, amount])?);
            };
            let sql = "UPDATE orders SET state = 'paid', note = ?3 \
                       WHERE number = ?1 AND amount = ?2 AND state IN ('paying', 'paid')";
            Ok(books.prepare_cached(sql)?.execute(params![number, amount, approval.approval_number])? == 1)
        });
        match held.await {
            Ok(true) => Answer::Held,
            Ok(false) => Answer::NotHeld,
            Err(error) => {
                tracing::error!(%error, "the books cannot tell whether they hold a sale");
                Answer::CannotTell
            }
        }
    }

    /// Writes the end of a payment down, whoever brought it about.
    pub async fn ended(&self, end: &End) -> Result<(), Error> {
        let (Some(outcome), Some(record)) = (end.outcome(), end.record()) else { return Ok(()) };
        let (state, note) = match outcome {
            Outcome::Approved(approval) => {
                (State::Paid, approval.approval_number.as_deref().map(str::to_owned))
            }
            Outcome::Declined(said) => (State::Refused, Some(said.message.to_string())),
            Outcome::NeverSent(_) => (State::Refused, None),
            Outcome::Reversed(_) => (State::Reversed, None),
            Outcome::NeedsOperator { .. } => (State::Person, None),
        };
        self.set(record.key.number.clone(), None, state, note).await
    }

    /// Nothing of the payment was ever recorded, so nothing was sent.
    pub async fn never_began(&self, order: &Order) -> Result<(), Error> {
        self.set(order.number.clone(), Some(State::Paying), State::Refused, None).await
    }

    /// From that state, or from any.
    async fn set(
        &self,
        number: TransactionNumber,
        from: Option<State>,
        to: State,
        note: Option<String>,
    ) -> Result<(), Error> {
        self.call(move |books| {
            let sql =
                "UPDATE orders SET state = ?2, note = ?3 WHERE number = ?1 AND state = coalesce(?4, state)";
            books.prepare_cached(sql)?.execute(params![
                number.as_str(),
                to.name(),
                note,
                from.map(State::name)
            ])?;
            Ok(())
        })
        .await
    }

    /// A database blocks: not on the threads that serve.
    async fn call<T: Send + 'static>(
        &self,
        call: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let books = Arc::clone(&self.0);
        tokio::task::spawn_blocking(move || call(&books.lock().unwrap_or_else(PoisonError::into_inner)))
            .await?
    }
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

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Order> {
    let text = |at: usize| row.get::<_, String>(at);
    let state = text(3)?;
    Ok(Order {
        order_number: OrderNumber::new(&text(0)?).map_err(unreadable)?,
        number: TransactionNumber::new(&text(1)?).map_err(unreadable)?,
        amount: Won(u64::try_from(row.get::<_, i64>(2)?).map_err(unreadable)?),
        state: State::ALL
            .into_iter()
            .find(|own| own.name() == state)
            .ok_or_else(|| unreadable("no state"))?,
        note: row.get(4)?,
    })
}

fn unreadable(why: impl Into<Error>) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(why.into())
}
