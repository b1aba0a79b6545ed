"""The unit of a loss in words."""

import re

NATS = re.compile(r"\s*\(nats\)| nats\b")


def in_unit(text: str, unit: str) -> str:
    """A text that gives losses in nats, for a loss that has another unit: " (nats)" and "0.1 nats" are rewritten.

    An empty `unit` (of a squared error, which has that of its target squared) leaves the unit out.
    """
    if unit == "nats":
        return text
    return NATS.sub(lambda found: found[0].replace("nats", unit) if unit else "", text)
