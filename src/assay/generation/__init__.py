"""Generated images, and how near they come to real ones."""
