"""Label schemes, which represent a time for a network; each module here registers its own."""
