"""Training: labels and gradient steps over epochs, on any devices."""

import math
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from skcollision._ambient import own_generator
from skcollision._extras import import_extra
from skcollision._ranks import exchanging
from skcollision.criteria import ClusteringCriterion, PseudoLabels
from skcollision.criteria._base import check_loss
from skcollision.deep._network import ClusteringNetwork, evaluating
from skcollision.deep._samples import Samples
from skcollision.deep._shares import Shares, layout
from skcollision.deep._views import VirtualAdversary
from skcollision.losses import marginal_entropy

OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "sgd": lambda params, **options: torch.optim.SGD(params, momentum=0.9, **options),
}
SCHEDULES: dict[str, Callable[[float], float]] = {
    "cosine": lambda progress: 0.5 * (1 + math.cos(math.pi * progress)),
    "constant": lambda progress: 1.0,
}
# In a semi-supervised fit, a batch is joined by one labelled sample for so many of its own.
LABELLED_SHARE = 4
#: What `history_` has of each epoch.
MEASURES = ("objective", "marginal_entropy", "duality_gap", "learning_rate", "seconds")


class DeepTrainer:
    """Train a network in place, by the parameters of an estimator."""

    def __init__(
        self,
        estimator: Any,
        network: ClusteringNetwork,
        criterion: ClusteringCriterion,
        samples: Samples,
        *,
        augment: Any,
        neighbours: np.ndarray | None,  # (N, n_neighbors)
        targets: np.ndarray | None,  # classes, -1 for unknown
        device: torch.device,
        seed: int,
    ) -> None:
        self.network = network
        self.seed = seed
        self.epoch = 0
        self.history: dict[str, list[float]] = {name: [] for name in MEASURES}
        self._parameters = estimator
        # Proportions of the clusters are those of the first head.
        has_prior = getattr(criterion, "prior", None) is not None
        self._criteria = [criterion] + [
            criterion.with_prior(np.full(size, 1 / size)) if has_prior else criterion
            for size in network.n_outputs[1:]
        ]
        self._augment = augment
        self._neighbours = neighbours
        self._targets = targets
        self._memory: PseudoLabels | None = None
        lightning = import_extra("lightning_fabric", "deep", "Training a network")
        devices: Any = estimator.n_devices
        if devices == 1 and device.type == "cuda":
            devices = [device.index or 0]
        options = layout(samples, devices, estimator.strategy)
        options["precision"] = estimator.precision
        self._fabric = lightning.Fabric(accelerator=device.type, **options)
        self._fabric.launch()
        self._samples = samples
        self._shares = Shares(samples, self._fabric.global_rank, self._fabric.world_size)
        self.is_first_process = bool(self._fabric.is_global_zero)  # which is the one that writes
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        rate, slow = estimator.learning_rate, estimator.backbone_learning_rate
        self._rates = {network.head: rate, network.backbone: rate if slow is None else slow}
        groups = [{"params": list(part.parameters()), "lr": r} for part, r in self._rates.items()]
        make = OPTIMIZERS[estimator.optimizer]
        optimizer = make(groups, weight_decay=estimator.weight_decay)
        compiled = torch.compile(network) if estimator.compile else network
        self._module, self._optimizer = self._fabric.setup(compiled, optimizer)

    def run(self, on_epoch_end: Callable[[], bool]) -> None:
        """Train until told to stop by `on_epoch_end`, or `max_iter` epochs have passed."""
        elapsed = self.history["seconds"][-1] if self.epoch else 0.0
        start = time.perf_counter() - elapsed
        kind = self._fabric.device.type
        devices = [self._fabric.device] if kind == "cuda" else []
        set_seed = torch.default_generator.manual_seed if kind == "cpu" else torch.manual_seed
        with own_generator(devices), exchanging():
            while self.epoch < self._parameters.max_iter:
                set_seed(self._seed_of(1 + self._fabric.global_rank))
                self._label_all()
                measured = self._pass().tolist()
                rate, seconds = self._optimizer.param_groups[0]["lr"], time.perf_counter() - start
                for name, value in zip(MEASURES, (*measured, rate, seconds), strict=True):
                    self.history[name].append(float(value))
                self.epoch += 1
                if self._fabric.broadcast(on_epoch_end()):
                    break
        self.network.to("cpu", memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        self.network.eval()

    def state(self) -> dict[str, Any]:
        """Return all that a resumed run needs, as tensors and plain values."""
        memory = self._memory
        return {
            "epoch": self.epoch,
            "network": self.network.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "precision": self._fabric.strategy.precision.state_dict(),
            "history": self.history,
            "memory": memory and [memory.labels, memory.cost, memory.duality_gap],
            "seed": self.seed,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from where `state` was taken."""
        self.epoch, self.history = state["epoch"], state["history"]
        self.network.load_state_dict(state["network"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._fabric.strategy.precision.load_state_dict(state["precision"])
        if state["memory"] is not None:
            self._memory = PseudoLabels(*state["memory"])

    def _seed_of(self, stream: int) -> int:
        # Of the epoch: a resumed run draws what an unbroken one would have.
        sequence = np.random.SeedSequence([self.seed, self.epoch, stream])
        return int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(1))

    def _label_all(self) -> None:
        """Solve for the labels of the whole set at once, where a round of that is due."""
        rounds, n_epochs = self._parameters.label_rounds, self._parameters.max_iter
        if rounds is None:
            return
        if self.epoch and self.epoch * rounds // n_epochs == (self.epoch - 1) * rounds // n_epochs:
            return
        with evaluating(self._module), torch.no_grad():
            parts = self._shares.split(np.arange(self._samples.n_all))
            logits = self._shares.join(self._logits(self._shares.own(parts)), parts)
        self._memory = self._criteria[0].solve(logits[None], None)

    def _logits(self, rows: np.ndarray) -> Tensor:
        """Return the logits of the first head for some samples, of whatever number."""
        size, n_clusters = 2 * self._parameters.batch_size, self.network.n_outputs[0]
        found = []
        for start in range(0, len(rows) or 1, size):
            batch = self._samples.batch(rows[start : start + size], self._fabric.device)
            with self._fabric.autocast():  # not by the wrapper, which waits for other processes
                found.append(self.network(batch)[:, :n_clusters].float())
        return torch.cat(found)

    def _pass(self) -> np.ndarray:
        """Visit every sample once; return the means of what was measured."""
        self.network.train()
        if self._rates[self.network.backbone] == 0:
            # What rests keeps the statistics of its normalisation too.
            self.network.backbone.eval()
        draws = np.random.default_rng(self._seed_of(0))  # alike in all processes
        rows = draws.permutation(self._samples.n_all)
        # Normalisation needs two samples on each device.
        most = len(rows) // (2 * self._fabric.world_size)
        n_batches = max(1, min(math.ceil(len(rows) / self._parameters.batch_size), most))
        total = np.zeros(3)
        for index, batch in enumerate(np.array_split(rows, n_batches)):
            progress = (self.epoch + index / n_batches) / self._parameters.max_iter
            factor = SCHEDULES[self._parameters.schedule](progress)
            for group, rate in zip(self._optimizer.param_groups, self._rates.values(), strict=True):
                group["lr"] = rate * factor
            total += len(batch) * self._step(batch, draws)
        self._shares.agree(self.network.buffers())
        return total / len(rows)

    def _step(self, rows: np.ndarray, draws: np.random.Generator) -> np.ndarray:
        """Take one step on a batch; return objective, H(σ̄) and duality gap, in nats.

        Each process passes its part through the network. The objective is that of the whole batch.
        """
        shares = self._shares
        parts = shares.split(rows)
        own = shares.own(parts)
        batch = self._samples.batch(own, self._fabric.device)
        view = self._view(own, batch)
        inputs, places = ([batch], [parts]) if view is None else ([batch, view], [parts, parts])
        if self._targets is not None:  # of known classes a batch may have next to none
            known = draws.permutation(np.flatnonzero(self._targets >= 0))
            labelled = shares.split(known[: max(1, len(rows) // LABELLED_SHARE)])
            chosen = self._samples.batch(shares.own(labelled), batch.device)
            inputs.append(self._augmented(chosen))
            places.append(labelled)
        # In one forward pass, so that normalisation layers see the same statistics for all.
        joint = torch.cat(inputs)
        form = torch.channels_last if joint.ndim == 4 else torch.contiguous_format
        # Normalisation needs two samples; a rank that has fewer here uses what it has learnt.
        with evaluating(self.network) if len(joint) < 2 else nullcontext():
            outputs = self._module(joint.to(memory_format=form)).float()
        pieces = outputs.split([len(each) for each in inputs])
        logits, *others = (shares.join(*each) for each in zip(pieces, places, strict=True))
        objective, gap = self._objective(
            logits, None if view is None else others[0], np.concatenate(parts)
        )
        n_classes = self.network.n_outputs[0]
        if self._targets is not None:
            targets = torch.from_numpy(self._targets[np.concatenate(labelled)]).to(logits.device)
            supervised = cross_entropy(others[-1][:, :n_classes], targets)
            objective = objective + self._parameters.supervised_weight * supervised
        if not torch.isfinite(objective):
            raise ValueError(
                f"The objective became {objective.item()} in epoch {self.epoch + 1}: training "
                "diverged. Lower 'learning_rate'."
            )
        self._optimizer.zero_grad()
        # Gradients are those of the own part, and the mean of the processes' is taken.
        self._fabric.backward(objective * shares.n_processes)
        self._optimizer.step()
        entropy = marginal_entropy(logits.detach()[:, :n_classes])
        measured = torch.stack([objective.detach(), entropy, gap.to(objective)])
        return np.asarray(measured.cpu().double())

    def _view(self, rows: np.ndarray, batch: Tensor) -> Tensor | None:
        """Return the second views of a batch, None where samples have but one."""
        if self._neighbours is not None:
            near = self._neighbours[rows]
            chosen = torch.randint(near.shape[1], (len(rows),)).numpy()
            batch = self._samples.batch(near[np.arange(len(rows)), chosen], batch.device)
        elif self._augment is None:
            return None
        return self._augmented(batch)

    def _augmented(self, batch: Tensor) -> Tensor:
        """Return augmentations of a batch, or the batch where there are none."""
        if self._augment is None or not len(batch):
            return batch
        if isinstance(self._augment, VirtualAdversary):
            with evaluating(self.network):
                return self._augment.view(batch, self.network)
        with torch.no_grad():
            view: Tensor = self._augment(batch)
        if view.shape != batch.shape:
            raise ValueError(
                f"The 'augment' parameter must keep the shape of a batch, {tuple(batch.shape)}. "
                f"It returned {tuple(view.shape)} instead."
            )
        return view

    def _objective(
        self, logits: Tensor, view: Tensor | None, rows: np.ndarray
    ) -> tuple[Tensor, Tensor]:
        """Return the sum of the criterion over the heads, and the duality gap of the first."""
        sizes = self.network.n_outputs
        views = [None] * len(sizes) if view is None else view.split(sizes, dim=1)
        objective = logits.new_zeros(())
        gaps: list[Tensor] = []
        for criterion, own, other in zip(
            self._criteria, logits.split(sizes, dim=1), views, strict=True
        ):
            head, memory = own[None], self._memory
            if memory is None or gaps:
                solved = criterion.solve(head.detach(), None)
            else:  # what is remembered are the labels of the first head
                labels = memory.labels[:, torch.from_numpy(rows).to(memory.labels.device)]
                solved = PseudoLabels(labels.to(head), memory.cost.to(head), memory.duality_gap)
            if other is None:
                loss = criterion.loss(head, solved, None)
            else:
                loss = criterion.pair_loss(head, other[None], solved, None)
            check_loss(loss, 1, criterion)
            cost, gap = (0.0, 0.0) if solved is None else (solved.cost, solved.duality_gap[0])
            objective = objective + (loss + cost)[0]
            gaps.append(torch.as_tensor(gap))
        return objective, gaps[0]
