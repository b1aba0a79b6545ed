"""Run the command line with `python -m bridge`."""

from bridge.cli import main

main()
