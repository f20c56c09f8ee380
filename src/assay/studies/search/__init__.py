"""Search: a space instead of factors, asked by a sampler, answered by ordinary runs."""
