"""The testbed: real offline nodes and real inputs on one Debian machine; only the GPU is pretended."""
