"""What the estimators that train a network share."""

import copy
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, ClassVar, Final

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import check_array, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor, nn

from skcollision import criteria
from skcollision._ambient import isolated, own_generator
from skcollision._array_api import stacked
from skcollision._callbacks import CallbackSupportMixin, EpochTasks
from skcollision._checkpoint import Checkpoint
from skcollision._networks import load_weights
from skcollision._parameters import StrictEstimator
from skcollision._ranks import together
from skcollision._warnings import warn_of_batches
from skcollision.blocks import ShardedRows
from skcollision.criteria import ClusteringCriterion
from skcollision.deep._network import Backbone, ClusteringNetwork, evaluating, make_backbone
from skcollision.deep._samples import Samples
from skcollision.deep._trainer import OPTIMIZERS, SCHEDULES, DeepTrainer
from skcollision.deep._views import Augmentation, VirtualAdversary, default_augmentation
from skcollision.engine import resolve_device

#: What the names of `criterion` stand for. A network starts near uniform predictions, where all
#: labels are within some 1e-2 nats of the optimum: solvers must be exact for training to start.
CRITERIA: Final[dict[str, ClusteringCriterion]] = {
    "collision": criteria.CollisionCriterion(lam=100.0, fairness_weight=1.0, solver_tol=1e-4),
    "mutual_information": criteria.MutualInformationCriterion(),
    "miadm": criteria.MIADMCriterion(solver_tol=1e-4),
    "sela": criteria.SeLaCriterion(solver_tol=1e-4),
    "imsat": criteria.IMSATCriterion(),
    "iic": criteria.IICCriterion(),
    "scan": criteria.SCANCriterion(),
}
Function = Callable[[ClusteringNetwork, Tensor], Tensor]
# Parameters that change neither the result nor what a checkpoint holds.
NOT_IDENTIFYING = {"checkpoint", "device", "n_devices", "random_state", "strategy", "verbose"}


# Fields are the parameters that all of them have, so that none is listed twice.
@dataclass(kw_only=True, eq=False, repr=False)
class BaseDeepEstimator(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, CallbackSupportMixin, StrictEstimator
):
    """Train a backbone and a linear head by a clustering criterion."""

    criterion: str | ClusteringCriterion = "collision"
    backbone: Backbone = "vgg4"
    augment: str | Augmentation | VirtualAdversary | None = "auto"
    n_neighbors: int = 0
    overclustering: int | None = None
    label_rounds: int | None = None
    image_shape: tuple[int, ...] | None = None
    channels: str = "auto"
    pretrained: str | os.PathLike[str] | Mapping[str, Tensor] | None = None
    max_iter: int = 50
    batch_size: int = 250
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    backbone_learning_rate: float | None = None
    schedule: str = "cosine"
    weight_decay: float = 0.01
    precision: str = "32-true"
    device: str = "auto"
    n_devices: int = 1
    strategy: str = "auto"
    compile: bool = False
    checkpoint: str | os.PathLike[str] | None = None
    warm_start: bool = False
    random_state: int | np.random.RandomState | None = None
    verbose: bool = False

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "criterion": [StrOptions(set(CRITERIA)), ClusteringCriterion],
        "backbone": [str, nn.Module, callable],
        "augment": [StrOptions({"auto"}), VirtualAdversary, callable, None],
        "n_neighbors": [Interval(Integral, 0, None, closed="left")],
        "overclustering": [None, Interval(Integral, 1, None, closed="left")],
        "label_rounds": [None, Interval(Integral, 1, None, closed="left")],
        "image_shape": [None, tuple],
        "channels": [StrOptions({"auto", "first", "last"})],
        "pretrained": [None, str, os.PathLike, dict],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "optimizer": [StrOptions(set(OPTIMIZERS))],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "backbone_learning_rate": [None, Interval(Real, 0, None, closed="left")],
        "schedule": [StrOptions(set(SCHEDULES))],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "precision": [StrOptions({"32-true", "16-mixed", "bf16-mixed"})],
        "device": [str],
        "n_devices": [Interval(Integral, 1, None, closed="left")],
        "strategy": [str],
        "compile": ["boolean"],
        "checkpoint": [None, str, os.PathLike],
        "warm_start": ["boolean"],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Compute the backbone's features.

        Parameters
        ----------
        X : array-like or Tensor
            Samples, of the shape of those in `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_features_out), float32
            Features, flattened.
        """
        return self._apply(X, ClusteringNetwork.features)

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Compute soft assignments.

        Parameters
        ----------
        X : array-like or Tensor
            Samples, of the shape of those in `fit`.

        Returns
        -------
        ndarray of shape (n_samples, K), float32
            Probabilities; rows sum to 1.
        """
        return self._apply(X, lambda network, batch: network.logits(batch).softmax(1))

    def _fit(
        self, X: ArrayLike, samples: Samples, n_clusters: int, targets: np.ndarray | None = None
    ) -> None:
        """Train a network; set everything but what is said of the training samples."""
        if samples.n_all < n_clusters:
            raise ValueError(
                f"X has n_samples={samples.n_all} samples, fewer than n_clusters={n_clusters}."
            )
        warn_of_batches(self.batch_size, samples.n_all, n_clusters)
        saves = samples.led(lambda: self.checkpoint is not None)
        identity = self._identity(samples, targets) if saves else None
        checkpoint, saved, seed = samples.led(lambda: self._start(identity))
        with own_generator():
            torch.default_generator.manual_seed(seed)  # of the CPU: no other is restored
            network = self._new_network(samples, n_clusters)
        criterion, augment = self.criterion, self.augment
        if augment == "auto":
            augment = default_augmentation(samples.shape, type(self).__name__)
        trainer = DeepTrainer(
            self,
            network,
            CRITERIA[criterion] if isinstance(criterion, str) else criterion,
            samples,
            augment=augment,
            neighbours=self._neighbours(network, samples),
            targets=targets,
            device=resolve_device(self.device),
            seed=seed,
        )
        if saved:
            trainer.restore(saved)
        self.image_shape_ = samples.shape
        tasks = EpochTasks(self, self.max_iter - trainer.epoch, X=X)

        def on_epoch_end() -> bool:
            if checkpoint is not None and trainer.is_first_process:
                checkpoint.save(trainer.state())
            if self.verbose and trainer.is_first_process:
                name, value = type(self).__name__, trainer.history["objective"][-1]
                print(f"{name}: epoch {trainer.epoch}/{self.max_iter}, objective {value:.5f}")
            return tasks.end_epoch(lambda: {"network_": copy.deepcopy(trainer.network).cpu()})

        trainer.run(on_epoch_end)
        tasks.close()
        self.network_ = trainer.network
        self.n_iter_ = trainer.epoch
        self.history_ = {name: np.array(curve) for name, curve in trainer.history.items()}
        self.objective_ = trainer.history["objective"][-1]

    def _start(self, identity: dict[str, Any] | None) -> tuple[Checkpoint | None, Any, int]:
        """Return the checkpoint, if one is wanted, what it has, and the seed."""
        seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        if self.checkpoint is None or identity is None:
            return None, None, seed
        checkpoint = Checkpoint(self.checkpoint, identity)
        saved = checkpoint.load()
        return checkpoint, saved, saved["seed"] if saved else seed

    def _new_network(self, samples: Samples, n_clusters: int) -> ClusteringNetwork:
        sizes = [n_clusters] + ([] if self.overclustering is None else [self.overclustering])
        if self.warm_start and hasattr(self, "network_"):
            if self.network_.n_outputs != sizes or self.image_shape_ != samples.shape:
                raise ValueError(
                    "warm_start=True needs the clusters and the shape of images of the fit before, "
                    f"{self.network_.n_outputs} and {self.image_shape_}. "
                    f"Got {sizes} and {samples.shape} instead."
                )
            return copy.deepcopy(self.network_)
        caller = type(self).__name__
        backbone = make_backbone(self.backbone, samples.shape, caller)
        if self.pretrained is not None:
            load_weights(backbone, self.pretrained, f"The 'pretrained' parameter of {caller}")
        few = samples.batch(slice(0, 2))
        return ClusteringNetwork(backbone, sizes, *samples.statistics(self.batch_size), few)

    def _neighbours(self, network: ClusteringNetwork, samples: Samples) -> np.ndarray | None:
        """Return each sample's nearest ones by the cosine of its features before training."""
        if self.n_neighbors == 0:
            return None
        owner = f"The 'n_neighbors' parameter of {type(self).__name__} must be"
        if samples.shared:
            raise ValueError(
                f"{owner} 0 with ShardedRows, as neighbours may be on other ranks. Got "
                f"{self.n_neighbors} instead: pass all samples to each rank, and 'n_devices', "
                "which shares batches out."
            )
        if self.n_neighbors >= len(samples):
            raise ValueError(
                f"{owner} less than n_samples={len(samples)}. Got {self.n_neighbors} instead."
            )
        features = self._collect(network, samples, ClusteringNetwork.features)
        search = NearestNeighbors(n_neighbors=self.n_neighbors, metric="cosine").fit(features)
        # Without an argument a sample is not its own neighbour.
        return np.asarray(search.kneighbors(return_distance=False))

    def _identity(self, samples: Samples, targets: np.ndarray | None) -> dict[str, Any]:
        """Describe what must be the same for a run to go on from another's checkpoint."""
        parameters = {name: _describe(value) for name, value in self._identifying().items()}
        if isinstance(self.random_state, Integral):
            parameters["random_state"] = str(self.random_state)
        return {
            "parameters": f"{type(self).__name__} {parameters}",
            "samples": samples.fingerprint(),
            "labels": targets,
        }

    def _identifying(self) -> dict[str, Any]:
        parameters = self.get_params(deep=False)
        return {name: parameters[name] for name in sorted({*parameters} - NOT_IDENTIFYING)}

    def _check_samples(self, X: ArrayLike, *, reset: bool) -> Samples:
        """Validate X; `reset` when it starts a new model."""
        caller = type(self).__name__
        if isinstance(X, ShardedRows):
            rows = X.own
            if not reset:  # each rank predicts for its own
                return self._check_samples(rows, reset=False)
            samples = together(lambda: self._check_samples(rows, reset=True))
            samples.share(self._identifying())
            return samples
        values: Any = X.detach().cpu().numpy() if isinstance(X, Tensor) else stacked(X)
        n_axes = values.ndim if hasattr(values, "ndim") else np.asarray(values).ndim
        if n_axes > 2:
            array = check_array(values, allow_nd=True, input_name="X", estimator=self)
        else:
            array = validate_data(self, values, reset=reset)
        samples = Samples(array, self.image_shape, self.channels, caller)
        if reset and array.ndim > 2:
            self.n_features_in_ = int(np.prod(array.shape[1:]))
        if not reset and samples.shape != self.image_shape_:
            raise ValueError(
                f"X has samples of shape {samples.shape}, but {caller} was fitted on samples of "
                f"shape {self.image_shape_}, channels first."
            )
        return samples

    @isolated()
    def _collect(
        self, network: ClusteringNetwork, samples: Samples, function: Function
    ) -> np.ndarray:
        """Return a function of the network and each block of samples, joined."""
        device = resolve_device(self.device)
        network = network if device.type == "cpu" else copy.deepcopy(network).to(device)
        with evaluating(network), torch.no_grad():
            blocks = samples.blocks(self.batch_size, device)
            found = np.concatenate([function(network, block).cpu().numpy() for block in blocks])
        if not np.isfinite(found).all():
            raise ValueError(
                f"X has values so far from those that {type(self).__name__} was fitted to that "
                "the network's outputs overflow."
            )
        return found

    def _apply(self, X: ArrayLike, function: Function) -> np.ndarray:
        check_is_fitted(self)
        return self._collect(self.network_, self._check_samples(X, reset=False), function)

    @property
    def _n_features_out(self) -> int:
        return self.network_.n_features

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        tags.non_deterministic = False
        return tags


def _describe(value: Any) -> str:
    """Describe a parameter in the same words in every process."""
    if isinstance(value, dict):
        return repr(sorted(value))
    # Of a module, the state has the weights; what matters before is which network it is.
    if callable(value) and not isinstance(value, nn.Module | ClusteringCriterion):
        return getattr(value, "__qualname__", type(value).__qualname__)
    return repr(value)
