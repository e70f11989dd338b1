"""vLLM's CPU platform, with Ray and without memory shared between its workers."""
# mypy: ignore-errors
# It runs inside the image, where vllm is.

from vllm.platforms.cpu import CpuPlatform


class RayOnCpuPlatform(CpuPlatform):
    ray_device_key = "GPU"  # what ``ray start --num-gpus`` counts

    @classmethod
    def get_device_communicator_cls(cls) -> str:
        """By name: its module imports much that asks for the platform, which is only now being made."""
        return f"{__package__}.communicator.SeparateMachinesCommunicator"
