"""What `assay export` writes; a format is one file here that registers itself."""
