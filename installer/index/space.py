"""How much room a node needs besides the files themselves: for those who plan a trip and for those who check a node."""

# docker unpacks the archive aside before it stores the layers, and layers grow 2 to 2.5 times (field experience).
IMAGE_GROWTH = 4
RUNTIME_BYTES = 200 << 20  # the Python and its packages, unpacked
