"""Connected side of vllm-airgap: turns a manifest into a signed bundle."""
