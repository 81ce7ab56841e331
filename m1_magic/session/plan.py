"""What is to be done for one request, before anything is sent or written."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from ..backends import Backend
from ..calls import Request
from ..pricing.prices import ModelLimits


@dataclass(frozen=True, slots=True)
class Plan:
    """A request fitted to who will answer it, what an attempt could cost, and until when."""

    request: Request
    backend: Backend
    limits: ModelLimits | None
    most: Decimal | None
    until: float
