"""Every number that README, docs and study headers state, found again in the records.

`python -m claims` reads the texts and the files beside this one (`*.yaml`), computes what they say
from `results/` and `benchmarks/results/`, and names each number that it cannot find there.
"""
