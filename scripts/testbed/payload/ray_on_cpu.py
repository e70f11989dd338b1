"""A vLLM platform plugin: lets vLLM's CPU platform take part in a Ray cluster of several machines."""
# mypy: ignore-errors
# It runs inside the image, where vllm is.

from vllm.distributed.device_communicators.cpu_communicator import CpuCommunicator
from vllm.platforms.cpu import CpuPlatform


class SeparateMachinesCommunicator(CpuCommunicator):
    def _all_group_ranks_share_shm_group_name(self) -> bool:
        """Two containers share no memory, so gloo carries the tensors."""
        return False


class RayOnCpuPlatform(CpuPlatform):
    ray_device_key = "GPU"  # what ``ray start --num-gpus`` counts

    @classmethod
    def get_device_communicator_cls(cls) -> str:
        return f"{__name__}.{SeparateMachinesCommunicator.__name__}"


def register() -> str:
    return f"{__name__}.{RayOnCpuPlatform.__name__}"
