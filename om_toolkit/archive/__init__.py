"""The archive: snapshots of orders in one SQLite file."""
