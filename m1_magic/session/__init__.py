"""The loop of one call, its budget, and the prices that come later."""
