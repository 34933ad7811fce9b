"""Which types a skops file of ours may hold."""

from __future__ import annotations

import inspect
from typing import get_args

from skcollision import cluster, criteria, supervised
from skcollision.export._validation import Linear


def skops_trusted_types() -> list[str]:
    """List the types of this package that :func:`skops.io.load` may be told to trust.

    They are the linear clusterers and classifiers and their criteria. Loading them runs no code but
    this package's. A fitted model in a skops file has no other types than these and those that
    skops trusts anyway, unless its callbacks or a criterion of your own bring some in.

    Returns
    -------
    list of str
        Full names of classes, sorted.

    Examples
    --------
    >>> import skops.io
    >>> from skcollision import CollisionClusterer
    >>> from skcollision.datasets import make_embeddings
    >>> from skcollision.export import skops_trusted_types
    >>> X, _ = make_embeddings(100, 3, 16, random_state=0)
    >>> clusterer = CollisionClusterer(n_clusters=3, max_iter=20, random_state=0).fit(X)
    >>> saved = skops.io.dumps(clusterer)  # skops.io.dump writes a file
    >>> loaded = skops.io.loads(saved, trusted=skops_trusted_types())
    >>> bool((loaded.predict(X) == clusterer.labels_).all())
    True
    """
    bases = (*get_args(Linear), criteria.ClusteringCriterion)
    modules = (cluster, criteria, supervised)
    exported = [getattr(each, name) for each in modules for name in each.__all__]
    return sorted(
        f"{each.__module__}.{each.__qualname__}"
        for each in exported
        if inspect.isclass(each) and issubclass(each, bases) and not inspect.isabstract(each)
    )
