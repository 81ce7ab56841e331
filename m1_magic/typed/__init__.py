"""Answers that are data: what is asked for, how it is read, and what is asked for again."""
