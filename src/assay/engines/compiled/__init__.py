"""Dense networks on the CPU as one compiled program: whole stretches of updates without Python.

A program of the default engine, which chooses it where it is the fastest; nothing in a study names
it. Loops are compiled by numba once after installation and kept in the user's cache.

`tape` turns a network into numbers: a table of operations and where their arrays lie. `stepping`
goes through the table, forward, backward and update; `products` multiplies matrices, `layers`,
`activations` and `rules` are the formulas. So one compiled function trains every dense network.
The weights lie as the products read them (`packing`). `program` is one run in this form, `trainer`
what the shared loop asks of several, each on a thread of its own while Python waits.
"""

from __future__ import annotations

__all__: list[str] = []
