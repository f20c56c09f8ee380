"""Samplers, one file each kind; found through `assay.studies.search.samplers.sampler.SAMPLERS`."""
