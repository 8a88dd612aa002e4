//! Where the two databases write one thing in two ways.

use sea_orm::DbBackend;

/// How one of them writes it.
pub(super) struct Dialect {
    /// Between the rows that are wanted and the table in which each of them is looked up.
    pub(super) look_up: &'static str,
    /// What tells, of a row with the columns `event` and `reason`, that they may be `a` and `b`, by the index that there is.
    pub(super) is_told: &'static str,
    /// Adds rows of which none is there yet, where a failure undoes the whole transaction.
    pub(super) insert: &'static str,
    /// Where a row lies.
    pub(super) place: &'static str,
    /// The greater of two values.
    pub(super) greater: &'static str,
    /// The last position that a revocation was given, be that still there or not.
    #[cfg(any(test, feature = "redis"))]
    pub(super) last_position: &'static str,
}

const SQLITE: Dialect = Dialect {
    // Left to itself, SQLite reads the whole table; joined in this order, it looks each up.
    look_up: "CROSS JOIN",
    is_told: "event = a AND reason = b",
    // By default SQLite notes what it would take to undo the statement alone.
    insert: "INSERT OR FAIL INTO",
    place: "rowid",
    greater: "MAX",
    #[cfg(any(test, feature = "redis"))]
    last_position: "SELECT seq FROM sqlite_sequence WHERE name = 'revocation'",
};

const POSTGRES: Dialect = Dialect {
    look_up: "JOIN",
    // An entry of an index has room for 2,704 bytes, and a reason may be longer.
    is_told: "hashtextextended(event || reason, 0) = hashtextextended(a || b, 0) AND event = a AND reason = b",
    insert: "INSERT INTO",
    place: "ctid",
    greater: "GREATEST",
    #[cfg(any(test, feature = "redis"))]
    last_position: "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM revocation_position_seq",
};

/// How this one writes it.
pub(super) fn of(backend: DbBackend) -> &'static Dialect {
    if backend == DbBackend::Postgres {
        &POSTGRES
    } else {
        &SQLITE
    }
}
