"""Units in texts; the unit of a squared error, which has that of its target squared, is an empty text."""


def labeled(text: str, unit: str) -> str:
    """A label with its unit, such as "training loss (nats)"; without a unit the text alone."""
    return f"{text} ({unit})" if unit else text


def with_unit(text: str, unit: str) -> str:
    """A number with its unit, such as "0.1 nats"; without a unit the text alone."""
    return f"{text} {unit}" if unit else text
