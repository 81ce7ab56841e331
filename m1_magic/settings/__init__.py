"""Every setting: its kind, its value, and where it comes from."""
