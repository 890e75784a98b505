//! Events for `tracing`, with numbers and no secrets; nothing where the feature is off.

#[cfg(feature = "tracing")]
macro_rules! event {
    ($level:ident, $($rest:tt)*) => { tracing::event!(tracing::Level::$level, $($rest)*) };
}

/// The values count as used, so that both builds see the same code.
#[cfg(not(feature = "tracing"))]
macro_rules! event {
    (@ $message:literal) => {};
    (@ $name:ident = %$value:expr, $($rest:tt)*) => { let _ = &$value; event!(@ $($rest)*); };
    (@ $name:ident = ?$value:expr, $($rest:tt)*) => { let _ = &$value; event!(@ $($rest)*); };
    (@ $name:ident = $value:expr, $($rest:tt)*) => { let _ = &$value; event!(@ $($rest)*); };
    ($level:ident, $($rest:tt)*) => {{ event!(@ $($rest)*); }};
}

pub(super) use event;
