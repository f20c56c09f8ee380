"""The formats of `assay export`; each format is one file here that registers itself."""
