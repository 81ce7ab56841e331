"""Prices, limits and price lists of models; tokens."""
