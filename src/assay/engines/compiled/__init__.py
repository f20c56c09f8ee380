"""A compiled program for dense networks on the CPU, which performs many updates without Python.

The default engine chooses this program where it is the fastest; a study never names it. Numba
compiles the loops once after installation and keeps them in the user's cache.

`tape` turns a network into numbers: a table of operations and the positions of their arrays.
`stepping` executes the table forward, backward and for the update; `products` multiplies matrices,
and `layers`, `activations` and `rules` contain the formulas. So one compiled function trains every
dense network. Weights are stored in the order in which the products read them (`packing`).
`program` is one run in this form, and `trainer` trains several for the shared loop, each on its own
thread while Python waits.
"""

from __future__ import annotations

__all__: list[str] = []
