"""The command line `assay`."""
