"""Run the command line with `python -m agescape`."""

from bridge.cli import main

if __name__ == "__main__":
    main()
