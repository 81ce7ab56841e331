"""Answers whose figures are queries: parsed, run on this machine, filled in."""
