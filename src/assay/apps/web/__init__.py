"""The lab as a page: what `assay serve` shows of a store, and how studies are started from it.

`shelf` reads the store, `views` turns records into what pages show, `stream` says what is new,
`drivers` starts and stops training, `guard` keeps others out, `server` joins them. `static` holds
the pages themselves; they need no build step and no other host.
"""
