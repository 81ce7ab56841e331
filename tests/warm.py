"""What takes a second to make and is the same in all workers, which are forked once it is there."""

import pint
from hypothesis import strategies
from hypothesis.configuration import notice_initialization_restarted

UNITS = pint.UnitRegistry()
strategies.text().validate()  # looks for all characters that there are
notice_initialization_restarted(warn=False)  # its plugin of pytest would call it slow
