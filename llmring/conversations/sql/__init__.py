"""The store in a database: SQLite or PostgreSQL, by SQLAlchemy. Loaded when one is opened."""
