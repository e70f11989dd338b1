"""Who vouches for a bundle, and whether it is whole: the only way from a folder to a bundle that may be used."""
