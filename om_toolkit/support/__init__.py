"""Helpers without knowledge of orders: instants, progress bars, atomic writes, JSON text and CSV files."""
