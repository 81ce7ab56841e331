"""IPython and the front end: where the code runs, and what of it is at hand."""
