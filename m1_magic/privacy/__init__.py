"""What may leave: secrets, personal data, values, files, outputs of cells."""
