"""Ratios of ours to a floor that runs beside it, in the same process and on the same data."""
