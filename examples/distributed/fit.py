"""Cluster rows of which each process has its own; one model, as if they were all in one place.

    torchrun --nproc_per_node=2 examples/distributed/fit.py

On several machines, run on each: torchrun --nnodes=4 --nproc_per_node=8 --rdzv_backend=c10d
--rdzv_endpoint=FIRST_MACHINE:29400 examples/distributed/fit.py
"""

import os
from datetime import timedelta

import numpy as np
import torch
from torch import distributed

from skcollision import CollisionClusterer
from skcollision.blocks import ShardedRows
from skcollision.datasets import make_embeddings


def main():
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    backend = "nccl" if torch.cuda.is_available() else "gloo"
    # Other ranks wait for rank 0 while it trains: for no longer than this.
    distributed.init_process_group(backend, timeout=timedelta(minutes=30))
    rank, n_ranks = distributed.get_rank(), distributed.get_world_size()

    # Here your own: this rank's files, as a matrix, a memory map or FeatureBlocks.
    everything, _ = make_embeddings(6000, 5, 64, random_state=0)
    rows = np.array_split(everything, n_ranks)[rank]

    clusterer = CollisionClusterer(5, random_state=0, verbose=rank == 0)
    clusterer.fit(ShardedRows(rows), checkpoint="clusterer.checkpoint")
    np.save(f"labels-{rank}.npy", clusterer.labels_)  # of this rank's rows
    score = clusterer.score(ShardedRows(rows))  # of all rows; every rank takes part
    if rank == 0:
        os.remove("clusterer.checkpoint")
        print(f"{n_ranks} ranks, {len(everything)} rows: score {score:.3f} nats")
    distributed.destroy_process_group()


if __name__ == "__main__":
    main()
