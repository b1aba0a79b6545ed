"""The motion on the landscape: ensembles of SGD runs and their aging."""
