"""What may leave: secrets, personal data, outputs of cells, errors, paths."""
