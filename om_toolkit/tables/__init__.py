"""The five tables: their schema, and frames made of objects, of JSON or of files."""

from om_toolkit.tables.tables import Tables

__all__ = ["Tables"]
