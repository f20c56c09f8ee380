"""Reading the clock in one photo: finding it, looking at it from several sides, being sure."""
