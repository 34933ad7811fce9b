"""One pass over the points at fixed prices: smoothed labels, their sums, the certificate.

For each point, phi_eps(sigma, delta) = min over y of -ln(sigma'y) - delta'y + eps sum y ln y on the
simplex. Its labels are y_k ~ exp(line_k / eps), line_k = s sigma_k + delta_k, where s = 1 / sigma'y
maximises 1 + ln s - eps ln sum_k exp(line_k / eps). Labels of lines far below the highest are zero.
"""

from __future__ import annotations

import numpy as np

from skcollision.pseudo_labels.kernels._jit import kernel
from skcollision.pseudo_labels.kernels.passes import largest

# Newton steps a point, and the relative error of s at which they stop.
MAX_NEWTON, ROOT_TOL = 40, 1e-3
# Lines further below the highest than this, in units of eps, are left out.
FAR = 20.0


@kernel
def sweep(probs, weights, delta, eps, start, stop, s, labels, sums, mean, curvature):
    """Fill the labels of some points, from their s on, and s.

    Adds phi, phi_eps, ln p and the smoothing's part of the gap to ``sums``, the labels to ``mean``
    and the diagonal of the Hessian to ``curvature``.
    """
    n_clusters = len(delta)
    line, row, y = np.empty(n_clusters), np.empty(n_clusters), np.empty(n_clusters)
    near = np.empty(n_clusters, dtype=np.int64)
    for i in range(start, stop):
        q, s_i, low, high = probs[i], s[i], 0.0, np.inf
        n = 0
        top = norm = p = spread = loss = 0.0
        for _ in range(MAX_NEWTON):
            for k in range(n_clusters):
                line[k] = s_i * q[k] + delta[k]
                row[k] = line[k]
            top = largest(row)
            n = 0
            for k in range(n_clusters):
                if line[k] > top - FAR * eps:
                    near[n] = k
                    n += 1
            norm = p = spread = loss = 0.0
            for j in range(n):
                k = near[j]
                y[j] = np.exp((line[k] - top) / eps)
                norm += y[j]
                p += y[j] * q[k]
                spread += y[j] * q[k] * q[k]
                loss += y[j] * (top - line[k])
            p /= norm
            spread = max(spread / norm - p * p, 0.0) / eps
            error = 1.0 - s_i * p
            if abs(error) <= ROOT_TOL:
                break
            if error > 0.0:
                low = s_i
            else:
                high = s_i
            move = error / (s_i * p + s_i * s_i * spread)
            after = s_i * np.exp(min(max(move, -1.0), 1.0))
            if not low < after < high:
                after = 0.5 * (low + high) if high < np.inf else 2.0 * s_i
            s_i = after
        weight, slope = weights[i], 1.0 / (1.0 / (s_i * s_i) + spread)
        for k in range(n_clusters):
            labels[i, k] = 0.0
        for j in range(n):
            k, each = near[j], y[j] / norm
            c = each * (q[k] - p) / eps
            labels[i, k] = each
            mean[k] += weight * each
            curvature[k] += weight * (each * (1.0 - each) / eps - c * c * slope)
        s[i] = s_i
        phi = 1.0 + np.log(s_i) - top
        sums[0] += weight * phi
        sums[1] += weight * (phi - eps * np.log(norm))
        sums[2] += weight * np.log(p)
        sums[3] += weight * loss / norm
