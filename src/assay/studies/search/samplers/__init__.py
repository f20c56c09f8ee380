"""Samplers, one file for each kind, registered in `samplers.sampler.SAMPLERS`."""
