"""Tensors between CPU workers that share no memory."""
# mypy: ignore-errors
# It runs inside the image, where vllm is.

from vllm.distributed.device_communicators.cpu_communicator import CpuCommunicator


class SeparateMachinesCommunicator(CpuCommunicator):
    def _all_group_ranks_share_shm_group_name(self) -> bool:
        """Two containers share no memory, so gloo carries the tensors."""
        return False
