"""Print the cluster's live nodes as one line of JSON; works with the minimal Ray that vLLM's image has."""

import json

import ray

ray.init(address="auto", logging_level="ERROR", log_to_driver=False)
rows = [
    {"ip": node["NodeManagerAddress"], "gpus": int(node["Resources"].get("GPU", 0))}
    for node in ray.nodes()
    if node["Alive"]
]
print(json.dumps(rows))
