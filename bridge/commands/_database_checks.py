"""What commands ask of a database before they draw it."""

from landscape.database import Database


def check_minima(database: Database, fewest: int) -> None:
    """Raise a ValueError if a database holds fewer minima."""
    if (number := database.n_minima) < fewest:
        held = {0: "no minimum", 1: "only one minimum"}[number]
        msg = f"{database.path} holds {held}; explore it further"
        raise ValueError(msg)
