"""What one call may ask for: flags of ``%%m1``, keywords of ``ask()``, tasks."""
