"""Figures that cannot be made up: M1 writes queries, which DuckDB computes on this machine."""
