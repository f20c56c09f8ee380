"""Ways to say a time to a network; each module of this package registers its schemes."""
