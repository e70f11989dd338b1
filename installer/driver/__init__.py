"""What stands between a node and another NVIDIA driver: who holds the GPUs, modules, services, nouveau."""
