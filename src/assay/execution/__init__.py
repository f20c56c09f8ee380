"""Execution of studies: jobs, their ledger, events, and the executors that train them."""
