//! Storage over sea-orm: SQLite in a file, or PostgreSQL by URL. No other module names sea-orm.
