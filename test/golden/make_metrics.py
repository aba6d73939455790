"""Makes metrics.json: scikit-learn's figures of three sets of predictions, and a corrected t-test.

The test is scikit-learn's published example "Statistical comparison of models using grid search"
(auto_examples/model_selection/plot_grid_search_stats), which prints a corrected t-value of 0.750
and a (one-sided) p-value of 0.227 for its two best models.

Usage: python make_metrics.py     (needs scikit-learn)
"""
import json
from pathlib import Path

import numpy as np
from scipy.stats import false_discovery_control, t
from sklearn.datasets import make_moons
from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support, roc_auc_score
from sklearn.model_selection import GridSearchCV, RepeatedStratifiedKFold
from sklearn.svm import SVC


def scored(labels, probabilities):
    classes = probabilities.shape[1]
    found = probabilities.argmax(1)
    precision, recall, f1, _ = precision_recall_fscore_support(
        labels, found, labels=range(classes), zero_division=0
    )
    auc = [roc_auc_score(labels == c, probabilities[:, c]) for c in range(classes)]
    return {
        "classes": classes,
        "labels": labels.tolist(),
        "probabilities": probabilities.ravel().tolist(),
        "precision": precision.tolist(),
        "recall": recall.tolist(),
        "f1": f1.tolist(),
        "auc": auc,
        "accuracy": accuracy_score(labels, found),
        "confusion": confusion_matrix(labels, found, labels=range(classes)).tolist(),
    }


rng = np.random.default_rng(1)
cases = []
for n, classes, sharp in [(90, 7, 2.0), (60, 3, 0.5)]:
    labels = rng.integers(classes, size=n)
    labels[:classes] = range(classes)
    logits = rng.normal(size=(n, classes)) + sharp * np.eye(classes)[labels]
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    cases.append(scored(labels, p.round(5)))
# Few distinct values, so many ties; and a class that is never found.
labels = rng.integers(3, size=40)
p = rng.integers(1, 4, size=(40, 3)).astype(float)
p[:, 2] = 0.5
cases.append(scored(labels, p / 4))

X, y = make_moons(noise=0.352, random_state=1, n_samples=100)
cv = RepeatedStratifiedKFold(n_splits=10, n_repeats=10, random_state=0)
search = GridSearchCV(
    estimator=SVC(random_state=0),
    param_grid=[{"kernel": ["linear"]}, {"kernel": ["poly"], "degree": [2, 3]}, {"kernel": ["rbf"]}],
    scoring="roc_auc",
    cv=cv,
)
search.fit(X, y)
order = np.argsort(search.cv_results_["rank_test_score"])
scores = np.array([[search.cv_results_[f"split{i}_test_score"][k] for i in range(100)] for k in order])
differences = scores[0] - scores[1]
n_train, n_test = len(list(cv.split(X, y))[0][0]), len(list(cv.split(X, y))[0][1])
deviation = np.sqrt(differences.var(ddof=1) * (1 / 100 + n_test / n_train))
statistic = differences.mean() / deviation
p_values = [0.01, 0.2, 0.03, 0.04, 0.05, 0.004]
comparison = {
    "differences": differences.tolist(),
    "testOverTrain": n_test / n_train,
    "t": statistic,
    "oneSidedP": float(t.sf(statistic, 99)),
    "interval": [float(differences.mean() + q * deviation * t.ppf(0.975, 99)) for q in (-1, 1)],
    "pValues": p_values,
    "benjaminiHochberg": false_discovery_control(p_values).tolist(),
}
print(comparison["t"], comparison["oneSidedP"])
Path(__file__).with_name("metrics.json").write_text(json.dumps({"cases": cases, "comparison": comparison}) + "\n")
