"""An image as a registry serves it: every digest checked, layers kept as they are."""
