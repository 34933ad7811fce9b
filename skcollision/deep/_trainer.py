"""Training of a network by a clustering criterion."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from skcollision._extras import import_extra
from skcollision.criteria import ClusteringCriterion, PseudoLabels
from skcollision.deep._augment import VirtualAdversary
from skcollision.deep._network import ClusteringNetwork, evaluating
from skcollision.deep._samples import Samples
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


@dataclass(frozen=True)
class DeepSettings:
    """How a network is trained; see :class:`skcollision.deep.DeepClusterer`."""

    n_epochs: int
    batch_size: int
    optimizer: str
    learning_rate: float
    backbone_learning_rate: float
    schedule: str
    weight_decay: float
    label_rounds: int | None
    precision: str
    n_devices: int
    strategy: str
    compile: bool
    supervised_weight: float = 1.0


@dataclass(frozen=True)
class Views:
    """Where the second view of a sample comes from.

    Attributes
    ----------
    augment : callable, VirtualAdversary or None
        From samples (B, ...) to views.
    neighbours : ndarray of shape (N, n_neighbors) or None
        Samples one of which is the view, before it is augmented.
    """

    augment: Any
    neighbours: np.ndarray | None

    def make(
        self, samples: Samples, rows: np.ndarray, batch: Tensor, network: nn.Module
    ) -> Tensor | None:
        """Return the second views of a batch, None where samples have but one."""
        if self.neighbours is not None:
            near = self.neighbours[rows]
            chosen = torch.randint(near.shape[1], (len(rows),)).numpy()
            batch = samples.batch(near[np.arange(len(rows)), chosen], batch.device)
        elif self.augment is None:
            return None
        return self.augmented(batch, network)

    def augmented(self, batch: Tensor, network: nn.Module) -> Tensor:
        """Return augmentations of a batch, or the batch where there are none."""
        if self.augment is None:
            return batch
        if isinstance(self.augment, VirtualAdversary):
            with evaluating(network):
                return self.augment.view(batch, network)
        with torch.no_grad():
            view: Tensor = self.augment(batch)
        if view.shape != batch.shape:
            raise ValueError(
                f"The 'augment' parameter must keep the shape of a batch, {tuple(batch.shape)}. "
                f"It returned {tuple(view.shape)} instead."
            )
        return view


class DeepTrainer:
    """Alternate labels and gradient steps over epochs.

    Everything random in an epoch is drawn from the seed and the epoch's number, so that a resumed
    run draws what an unbroken one would have.

    Parameters
    ----------
    network : ClusteringNetwork
        Trained in place.
    criterion : ClusteringCriterion
        What to minimise.
    settings : DeepSettings
        How.
    views : Views
        Where second views come from.
    device : torch.device
        Where to compute, if on one device.
    seed : int
        Of batches and augmentations.
    targets : ndarray of shape (N,), optional
        Classes for a semi-supervised fit, -1 for unknown.
    """

    def __init__(
        self,
        network: ClusteringNetwork,
        criterion: ClusteringCriterion,
        settings: DeepSettings,
        views: Views,
        device: torch.device,
        seed: int,
        targets: np.ndarray | None = None,
    ) -> None:
        self.network = network
        self.settings = settings
        self.seed = seed
        self.epoch = 0
        self.history: dict[str, list[float]] = {name: [] for name in MEASURES}
        self._criteria = _criteria_of_heads(criterion, network.n_outputs)
        self._views = views
        self._targets = targets
        self._memory: PseudoLabels | None = None
        self._fabric = _make_fabric(settings, device)
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._rates = [settings.learning_rate, settings.backbone_learning_rate]
        parts = [network.head, network.backbone]
        groups = [
            {"params": list(part.parameters()), "lr": rate}
            for part, rate in zip(parts, self._rates, strict=True)
        ]
        make = OPTIMIZERS[settings.optimizer]
        optimizer = make(groups, weight_decay=settings.weight_decay)
        compiled = torch.compile(network) if settings.compile else network
        self._module, self._optimizer = self._fabric.setup(compiled, optimizer)

    def run(self, samples: Samples, on_epoch_end: Callable[[], bool]) -> None:
        """Train until told to stop by `on_epoch_end`, or `n_epochs` have passed."""
        elapsed = self.history["seconds"][-1] if self.epoch else 0.0
        start = time.perf_counter() - elapsed
        devices = [self._fabric.device] if self._fabric.device.type == "cuda" else []
        with torch.random.fork_rng(devices):
            while self.epoch < self.settings.n_epochs:
                torch.manual_seed(self._seed_of(1 + self._fabric.global_rank))
                self._label_all(samples)
                measured = self._pass(samples)
                self._record(measured, time.perf_counter() - start)
                self.epoch += 1
                if on_epoch_end():
                    break
        self.network.to("cpu", memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        self.network.eval()

    def state(self) -> dict[str, Any]:
        """Return all that a resumed run needs, as tensors and plain values."""
        memory = None
        if self._memory is not None:
            memory = [self._memory.labels, self._memory.cost, self._memory.duality_gap]
        return {
            "epoch": self.epoch,
            "network": self.network.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "precision": self._fabric.strategy.precision.state_dict(),
            "history": self.history,
            "memory": memory,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from where `state` was taken."""
        self.epoch = state["epoch"]
        self.network.load_state_dict(state["network"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._fabric.strategy.precision.load_state_dict(state["precision"])
        self.history = state["history"]
        if state["memory"] is not None:
            self._memory = PseudoLabels(*state["memory"])

    @property
    def is_first_process(self) -> bool:
        """Whether this process is the one that writes."""
        return bool(self._fabric.is_global_zero)

    def _seed_of(self, stream: int) -> int:
        sequence = np.random.SeedSequence([self.seed, self.epoch, stream])
        return int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(1))

    def _label_all(self, samples: Samples) -> None:
        """Solve for the labels of the whole set at once, where a round of that is due."""
        rounds = self.settings.label_rounds
        if rounds is None:
            return
        n_epochs = self.settings.n_epochs
        before = (self.epoch - 1) * rounds // n_epochs if self.epoch else -1
        if self.epoch * rounds // n_epochs == before:
            return
        with evaluating(self._module), torch.no_grad():
            blocks = samples.blocks(2 * self.settings.batch_size, self._fabric.device)
            logits = torch.cat([self._module(block).float() for block in blocks])
        self._memory = self._criteria[0].solve(logits[None, :, : self.network.n_outputs[0]], None)

    def _pass(self, samples: Samples) -> np.ndarray:
        """Visit every sample once; return the means of what was measured."""
        self.network.train()
        if self.settings.backbone_learning_rate == 0:
            # What rests keeps the statistics of its normalisation too.
            self.network.backbone.eval()
        rows = np.random.default_rng(self._seed_of(0)).permutation(len(samples))
        n_batches = self._count_batches(len(rows))
        total = np.zeros(3)
        for index, batch in enumerate(np.array_split(rows, n_batches)):
            self._set_rates((self.epoch + index / n_batches) / self.settings.n_epochs)
            mine = np.array_split(batch, self._fabric.world_size)[self._fabric.global_rank]
            total += len(batch) * self._step(samples, mine)
        return total / len(rows)

    def _count_batches(self, n_samples: int) -> int:
        """Return how many batches leave two samples, which normalisation needs, on each device."""
        wanted = math.ceil(n_samples / self.settings.batch_size)
        return max(1, min(wanted, n_samples // (2 * self._fabric.world_size)))

    def _set_rates(self, progress: float) -> None:
        factor = SCHEDULES[self.settings.schedule](progress)
        for group, rate in zip(self._optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate * factor

    def _step(self, samples: Samples, rows: np.ndarray) -> np.ndarray:
        """Take one step on a batch; return objective, H(σ̄) and duality gap, in nats."""
        batch = samples.batch(rows, self._fabric.device)
        view = self._views.make(samples, rows, batch, self.network)
        known = self._draw_known(len(rows))
        parts = [batch] if view is None else [batch, view]
        if known is not None:
            parts.append(self._views.augmented(samples.batch(known, batch.device), self.network))
        # In one forward pass, so that normalisation layers see the same statistics for all.
        joint = torch.cat(parts)
        outputs = self._module(joint.to(memory_format=_format_of(joint))).float()
        logits, *others = outputs.split([len(part) for part in parts])
        objective, gap = self._objective(logits, None if view is None else others[0], rows)
        if known is not None:
            objective = objective + self._supervised(others[-1], known)
        if not torch.isfinite(objective):
            raise ValueError(
                f"The objective became {objective.item()} in epoch {self.epoch + 1}: training "
                "diverged. Lower 'learning_rate'."
            )
        self._optimizer.zero_grad()
        self._fabric.backward(objective)
        self._optimizer.step()
        entropy = marginal_entropy(logits.detach()[:, : self.network.n_outputs[0]])
        measured = torch.stack([objective.detach(), entropy, gap.to(objective)])
        return np.asarray(self._fabric.all_reduce(measured, reduce_op="mean").cpu().double())

    def _objective(
        self, logits: Tensor, view: Tensor | None, rows: np.ndarray
    ) -> tuple[Tensor, Tensor]:
        """Return the sum over heads, with the cross-entropy of known classes, and the gap."""
        sizes = self.network.n_outputs
        of_heads = logits.split(sizes, dim=1)
        views = of_heads if view is None else view.split(sizes, dim=1)
        objective, gap = logits.new_zeros(()), logits.new_zeros(())
        for index, criterion in enumerate(self._criteria):
            head = of_heads[index][None]
            solved = self._labels(criterion, head, rows, main=index == 0)
            if view is None:
                loss = criterion.loss(head, solved, None)
            else:
                loss = criterion.pair_loss(head, views[index][None], solved, None)
            if solved is not None:
                loss = loss + solved.cost
                gap = solved.duality_gap[0] if index == 0 else gap
            objective = objective + loss[0]
        return objective, gap

    def _draw_known(self, n_rows: int) -> np.ndarray | None:
        """Draw samples of known classes, of which a batch may have next to none."""
        if self._targets is None:
            return None
        rows = np.flatnonzero(self._targets >= 0)
        order = torch.randperm(len(rows))[: max(1, n_rows // LABELLED_SHARE)]
        return rows[order.numpy()]

    def _supervised(self, logits: Tensor, rows: np.ndarray) -> Tensor:
        """Shannon's cross-entropy of known classes."""
        assert self._targets is not None
        targets = torch.from_numpy(self._targets[rows]).to(logits.device)
        loss = cross_entropy(logits[:, : self.network.n_outputs[0]], targets)
        return self.settings.supervised_weight * loss

    def _labels(
        self, criterion: ClusteringCriterion, logits: Tensor, rows: np.ndarray, *, main: bool
    ) -> PseudoLabels | None:
        memory = self._memory
        if memory is None or not main:
            return criterion.solve(logits.detach(), None)
        labels = memory.labels[:, torch.from_numpy(rows).to(memory.labels.device)]
        return PseudoLabels(labels.to(logits), memory.cost.to(logits), memory.duality_gap)

    def _record(self, measured: np.ndarray, seconds: float) -> None:
        values = (*measured.tolist(), self._optimizer.param_groups[0]["lr"], seconds)
        for name, value in zip(MEASURES, values, strict=True):
            self.history[name].append(float(value))


def _criteria_of_heads(
    criterion: ClusteringCriterion, n_outputs: list[int]
) -> list[ClusteringCriterion]:
    """Return the criterion for each head; proportions of the clusters are those of the first."""
    criteria = [criterion]
    for size in n_outputs[1:]:
        has_prior = getattr(criterion, "prior", None) is not None
        uniform = np.full(size, 1 / size)
        criteria.append(criterion.with_prior(uniform) if has_prior else criterion)
    return criteria


def _format_of(batch: Tensor) -> torch.memory_format:
    return torch.channels_last if batch.ndim == 4 else torch.contiguous_format


def _make_fabric(settings: DeepSettings, device: torch.device) -> Any:
    """Return a launched Fabric: devices, precision and gradients of several processes are its."""
    lightning = import_extra("lightning_fabric", "deep", "Training a network")
    devices: Any = settings.n_devices
    if settings.n_devices == 1 and device.type == "cuda":
        devices = [device.index or 0]
    fabric = lightning.Fabric(
        accelerator=device.type,
        devices=devices,
        strategy=settings.strategy,
        precision=settings.precision,
    )
    fabric.launch()
    return fabric
