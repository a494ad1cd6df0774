"""Tables, queries and transactions: the only place with SQLAlchemy."""
