"""Samplers, one file each kind; found through `assay.search.samplers.contract.SAMPLERS`."""
