"""Where SGD is in the landscape: visits, comparison, report, command line."""
