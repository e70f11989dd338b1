"""What GPUs, drivers, kernels, images and models need of each other. Pure: both sides ask it."""
