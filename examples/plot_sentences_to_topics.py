"""
Sentences to named topics, in ten lines
=======================================

Sentences are clustered, and each cluster gets the terms that tell it from the others.
"""

# %%
# The sentences say what functions of SciPy do. Any list of strings will do.

import importlib
import inspect

packages = ["interpolate", "linalg", "ndimage", "optimize", "signal", "sparse", "spatial", "stats"]
sentences = []
for package in packages:
    module = importlib.import_module(f"scipy.{package}")
    functions = filter(inspect.isroutine, (getattr(module, name) for name in module.__all__))
    docs = (inspect.getdoc(function) or "" for function in functions)
    sentences += [" ".join(doc.split("\n\n")[0].split()) for doc in docs if doc]
len(sentences)

# %%
# These are the ten lines. Embeddings are word counts in fewer dimensions, which needs no network
# and no download; sentence-transformers makes better ones.

from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline

from skcollision import CollisionClusterer
from skcollision.plotting import ClusterReport

words = TfidfVectorizer(stop_words="english", sublinear_tf=True)
fewer = TruncatedSVD(100, random_state=0)
pipeline = make_pipeline(words, fewer, CollisionClusterer(8, random_state=0)).fit(sentences)
report = ClusterReport.from_estimator(pipeline, sentences, texts=sentences, n_points=3)
report

# %%
# The report names each cluster by its terms, and shows what is behind them.
# ``report.to_html("topics.html")`` writes it to a file. The names alone:

for cluster in report.clusters:
    print(f"{cluster.size:4} sentences: {', '.join(cluster.terms)}")

# %%
# On a map, with the terms as names:

from sklearn.manifold import TSNE

from skcollision.plotting import ClusterMapDisplay

topics = ["\n".join(cluster.terms[:2]) for cluster in report.clusters]
embeddings = pipeline[:-1].transform(sentences)
places = TSNE(metric="cosine", init="pca", random_state=0).fit_transform(embeddings)
display = ClusterMapDisplay.from_predictions(
    places, [topics[k] for k in pipeline.predict(sentences)]
)
