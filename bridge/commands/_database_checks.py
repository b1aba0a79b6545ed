"""What commands ask of a database before they draw it."""

from landscape.database import Database


def check_minima(database: Database, fewest: int) -> None:
    """Raise a ValueError unless a database holds so many minima."""
    if (number := database.n_minima) < fewest:
        held = {0: "no minimum", 1: "only one minimum"}[number]
        msg = f"{database.path} holds {held} yet; explore it further"
        raise ValueError(msg)
