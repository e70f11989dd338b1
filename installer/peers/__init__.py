"""Whether the nodes reach each other, both ways, and in what they differ: told before a cluster hangs for it."""
