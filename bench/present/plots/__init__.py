"""Plots, one file each; the only importers of matplotlib."""
