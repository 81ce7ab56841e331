"""Answers that were paid for already: found, shown again, and why one could not be."""
