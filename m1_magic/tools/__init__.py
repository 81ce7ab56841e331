"""Functions that the model may call: described, asked about, run here, and what of it is told."""
