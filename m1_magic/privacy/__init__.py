"""What may leave: secrets, personal data, outputs of cells, and the fences around all of it."""
