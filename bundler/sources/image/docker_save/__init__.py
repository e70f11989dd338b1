"""Takes apart what `docker save` writes."""
