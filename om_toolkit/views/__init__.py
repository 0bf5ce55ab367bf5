"""Plots, the explorer, the report, and the text formatting they share."""
