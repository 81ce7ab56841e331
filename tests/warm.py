"""What takes a second to make and is the same in all workers, which are forked once it is there."""

import pint
from hypothesis import strategies

UNITS = pint.UnitRegistry()
strategies.text().validate()  # looks for all characters that there are
