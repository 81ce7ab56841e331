"""Tests that look at the page: a real JupyterLab and Notebook 7 in a real Chromium."""
