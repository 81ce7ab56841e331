"""Pint's units: to read their definitions takes a third of a second."""

import pint

UNITS = pint.UnitRegistry()
