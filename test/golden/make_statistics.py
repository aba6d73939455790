"""Makes statistics.safetensors: what cleanlab, scikit-learn, scipy and numpy give for small planted data.

Usage: python make_statistics.py     (needs cleanlab, numpy, safetensors, scikit-learn and scipy)
"""
from pathlib import Path

import numpy as np
from cleanlab.count import compute_confident_joint
from cleanlab.filter import find_label_issues
from safetensors.numpy import save_file
from scipy.linalg import sqrtm
from scipy.spatial.distance import cdist
from scipy.stats import multivariate_normal
from sklearn.covariance import ledoit_wolf

random = np.random.default_rng(7)
tensors = {}


def put(name, value):
    tensors[name] = np.ascontiguousarray(value, dtype=np.float32)


# Labels of which a sixth is wrong, and a classifier that is right more often than not.
classes = 5
truth = random.choice(classes, 900, p=[0.35, 0.05, 0.2, 0.25, 0.15])
labels = np.where(random.random(900) < 1 / 6, (truth + random.integers(1, classes, 900)) % classes, truth)
logits = random.normal(0, 1, (900, classes)) + 2.2 * np.eye(classes)[truth]
probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
put("noise/truth", truth)
put("noise/labels", labels)
put("noise/probabilities", probabilities)
probabilities = tensors["noise/probabilities"].astype(np.float64)
probabilities /= probabilities.sum(1, keepdims=True)
put("noise/joint", compute_confident_joint(labels, probabilities))
for ours, theirs in (("class", "prune_by_class"), ("noise-rate", "prune_by_noise_rate"), ("both", "both")):
    put(f"noise/wrong/{ours}", find_label_issues(labels, probabilities, filter_by=theirs, n_jobs=1))

# Fewer vectors than dimensions: the covariance has no inverse before it is shrunk.
vectors = random.normal(0, 1, (20, 30)) @ random.normal(0, 0.5, (30, 30)) + 3
put("gaussian/vectors", vectors)
vectors = tensors["gaussian/vectors"].astype(np.float64)
covariance, shrinkage = ledoit_wolf(vectors)
put("gaussian/shrinkage", [shrinkage])
put("gaussian/log-likelihood", multivariate_normal(vectors.mean(0), covariance).logpdf(vectors))

# Two clouds that overlap in part.
put("sets/real", random.normal(0, 1, (120, 16)))
put("sets/made", random.normal(0.4, 0.8, (90, 16)))
real, made = (tensors[f"sets/{name}"].astype(np.float64) for name in ("real", "made"))
s1, s2 = np.cov(real, rowvar=False), np.cov(made, rowvar=False)
fid = np.sum((real.mean(0) - made.mean(0)) ** 2) + np.trace(s1 + s2 - 2 * sqrtm(s1 @ s2).real)
put("sets/fid", [fid])


def kernel(a, b):
    return (a @ b.T / a.shape[1] + 1) ** 3


def without_diagonal(k):
    n = len(k)
    return (k.sum() - np.trace(k)) / (n * (n - 1))


put("sets/kid", [without_diagonal(kernel(real, real)) + without_diagonal(kernel(made, made)) - 2 * kernel(real, made).mean()])


def radii(points, k):
    return np.sort(cdist(points, points), axis=1)[:, k]


# Kynkaanniemi et al. 2019; Naeem et al. 2020. Row: made, column: real.
k = 5
between = cdist(made, real)
put("sets/precision", [np.mean((between <= radii(real, k)).any(1))])
put("sets/recall", [np.mean((between.T <= radii(made, k)).any(1))])
put("sets/density", [(between < radii(real, k)).sum() / k / len(made)])
put("sets/coverage", [np.mean(between.min(0) < radii(real, k))])
save_file(tensors, Path(__file__).with_name("statistics.safetensors"))
for name, value in tensors.items():
    print(name, value.shape, value.ravel()[:3], value.sum())
