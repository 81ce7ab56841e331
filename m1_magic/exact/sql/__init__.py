"""Where queries run, over named tables and nothing else."""
