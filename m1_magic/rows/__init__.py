"""One question a row: a table's distinct questions, asked at the same time, back as columns."""
