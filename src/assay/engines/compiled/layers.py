"""Operations on rows between products: input, dropout, batch norm, bias, loss."""

from __future__ import annotations

import numpy as np

from assay.engines.compiled.compiling import compiled
from assay.engines.compiled.exponentials import constants, exp
from assay.engines.streams import GOLDEN, MIX, PLASTIC

__all__ = [
    "add_bias",
    "batch_norm",
    "batch_norm_backward",
    "copy",
    "cross_entropy",
    "draw_mask",
    "gather",
    "mix",
    "multiply",
    "sum_rows",
]


@compiled
def gather(bytes_, floats, small, index, shift, scale, out, at, row, moves, moved, size):  # type: ignore[no-untyped-def]
    """Gather pictures, (picture - shift) * scale for each channel, moved and mirrored.

    Args:
        bytes_, floats: (n, features) each; `small` chooses one.
        index: positions of the pictures.
        moves: (B, 3): down, right, mirrored (1) or not; read where `moved` is true.
        size: (height, width, channels).
    """
    features = size[0] * size[1] * size[2]
    for i in range(len(index)):
        target = out[at + i * row : at + i * row + features]
        if moved:
            if small:
                _moved(bytes_[index[i]], shift, scale, target, moves[i], size)
            else:
                _moved(floats[index[i]], shift, scale, target, moves[i], size)
        elif small:
            _normal(bytes_[index[i]], shift, scale, target)
        else:
            _normal(floats[index[i]], shift, scale, target)


@compiled
def _normal(picture, shift, scale, out):  # type: ignore[no-untyped-def]
    channels = len(scale)
    if channels == 1:
        mean, factor = shift[0], scale[0]
        for j in range(len(out)):
            out[j] = (out.dtype.type(picture[j]) - mean) * factor
        return
    for start in range(0, len(out), channels):
        for c in range(channels):
            value = out.dtype.type(picture[start + c])
            out[start + c] = (value - shift[c]) * scale[c]


@compiled
def _moved(picture, shift, scale, out, move, size):  # type: ignore[no-untyped-def]
    """Pixels from outside are black, whose value is behind the shifts."""
    height, width, channels = size[0], size[1], size[2]
    for line in range(height):
        from_line = line + move[0]
        for column in range(width):
            from_column = (width - 1 - column if move[2] > 0 else column) + move[1]
            inside = 0 <= from_line < height and 0 <= from_column < width
            to = (line * width + column) * channels
            source = (from_line * width + from_column) * channels
            for c in range(channels):
                if inside:
                    value = out.dtype.type(picture[source + c])
                    out[to + c] = (value - shift[c]) * scale[c]
                else:
                    out[to + c] = shift[channels + c]


@compiled
def draw_mask(key, draw, threshold, scale, rows, out, at, features, channels, row):  # type: ignore[no-untyped-def]
    """A dropout mask; see `assay.engines.streams.Bits` and `scaled_mask`.

    Args:
        key, draw: of the random bits, uint64, and the number of draws before.
        threshold, scale: a bit pattern below the threshold gives 0, all others the scale.
        rows, features: shape of the mask, whose place is `at` with `row` between rows.
        channels: numbers that are a row for `Bits`: those of a pixel before pictures are flattened,
            else all features.
    """
    start = key + np.uint64(draw) * np.uint64(GOLDEN)
    words = np.empty((channels + 3) // 4, np.uint64)
    bits, zero, pixels = words.view(np.int16), out.dtype.type(0), features // channels
    for i in range(rows * pixels):
        place = (np.uint64(i) << np.uint64(32)) * np.uint64(PLASTIC)
        for j in range(len(words)):
            word = start ^ (place + np.uint64(j) * np.uint64(PLASTIC))
            word = (word ^ (word >> np.uint64(MIX[0][0]))) * np.uint64(MIX[0][1])
            word = (word ^ (word >> np.uint64(MIX[1][0]))) * np.uint64(MIX[1][1])
            words[j] = word ^ (word >> np.uint64(MIX[2][0]))
        begin = at + i // pixels * row + i % pixels * channels
        line = out[begin : begin + channels]
        for j in range(channels):
            line[j] = scale if bits[j] >= threshold else zero


@compiled
def copy(work, x_at, y_at, count):  # type: ignore[no-untyped-def]
    """Y = X for one row, unless it is the same place."""
    if x_at != y_at:
        source, target = work[x_at : x_at + count], work[y_at : y_at + count]
        for j in range(count):
            target[j] = source[j]


@compiled
def multiply(work, x_at, mask_at, y_at, row, rows, features):  # type: ignore[no-untyped-def]
    """Y = X * mask."""
    for i in range(rows):
        copy(work, x_at + i * row, y_at + i * row, features)
        factor = work[mask_at + i * row : mask_at + i * row + features]
        target = work[y_at + i * row : y_at + i * row + features]
        for j in range(features):
            target[j] *= factor[j]


@compiled
def add_bias(y, y_at, y_row, rows, bias):  # type: ignore[no-untyped-def]
    """Y += bias."""
    for i in range(rows):
        line = y[y_at + i * y_row : y_at + i * y_row + len(bias)]
        for j in range(len(bias)):
            line[j] += bias[j]


@compiled
def sum_rows(d, d_at, d_row, rows, out):  # type: ignore[no-untyped-def]
    """out = sum of the rows of D."""
    for j in range(len(out)):
        out[j] = 0
    for i in range(rows):
        line = d[d_at + i * d_row : d_at + i * d_row + len(out)]
        for j in range(len(out)):
            out[j] += line[j]


@compiled
def batch_norm(  # type: ignore[no-untyped-def]
    x, x_at, x_row, y_at, rows, features, gamma, beta, moving_mean, moving_variance,
    normal_at, inverse, mean, variance, momentum, epsilon, training,
):  # fmt: skip
    """y = gamma n + beta with n = (x - mean) / sqrt(variance + epsilon); n and 1 / sqrt(...) are
    stored.

    All rows are in x. The channels are the last of the features: pixels before pictures are
    flattened, else all.
    """
    channels = len(gamma)
    one = x.dtype.type(1)
    if training:
        count = x.dtype.type(rows * features // channels)
        for c in range(channels):
            mean[c] = variance[c] = 0
        for i in range(rows):
            for start in range(0, features, channels):
                at = x_at + i * x_row + start
                for c in range(channels):
                    mean[c] += x[at + c]
        for c in range(channels):
            mean[c] /= count
        for i in range(rows):
            for start in range(0, features, channels):
                at = x_at + i * x_row + start
                for c in range(channels):
                    apart = x[at + c] - mean[c]
                    variance[c] += apart * apart
        for c in range(channels):
            variance[c] /= count
            moving_mean[c] = momentum * moving_mean[c] + (one - momentum) * mean[c]
            moving_variance[c] = momentum * moving_variance[c] + (one - momentum) * variance[c]
    else:
        for c in range(channels):
            mean[c], variance[c] = moving_mean[c], moving_variance[c]
    for c in range(channels):
        inverse[c] = one / np.sqrt(variance[c] + epsilon)
    for i in range(rows):
        for start in range(0, features, channels):
            at = i * x_row + start
            source = x[x_at + at : x_at + at + channels]
            normal = x[normal_at + at : normal_at + at + channels]
            target = x[y_at + at : y_at + at + channels]
            for c in range(channels):  # two loops: y may be in the place of x
                normal[c] = (source[c] - mean[c]) * inverse[c]
            for c in range(channels):
                target[c] = gamma[c] * normal[c] + beta[c]


@compiled
def batch_norm_backward(  # type: ignore[no-untyped-def]
    work, d_at, normal_at, row, rows, features, gamma, inverse, d_gamma, d_beta, need_input
):
    """Gradients for gamma and beta, and dL/dy at d_at becomes dL/dx."""
    channels = len(gamma)
    for c in range(channels):
        d_gamma[c] = d_beta[c] = 0
    for i in range(rows):
        for start in range(0, features, channels):
            at = i * row + start
            for c in range(channels):
                d_gamma[c] += work[d_at + at + c] * work[normal_at + at + c]
                d_beta[c] += work[d_at + at + c]
    if not need_input:
        return
    count = work.dtype.type(rows * features // channels)
    for i in range(rows):
        for start in range(0, features, channels):
            at = i * row + start
            for c in range(channels):
                spread = (d_beta[c] + work[normal_at + at + c] * d_gamma[c]) / count
                work[d_at + at + c] = gamma[c] * inverse[c] * (work[d_at + at + c] - spread)


@compiled
def mix(work, at, row, features, others, share, kept):  # type: ignore[no-untyped-def]
    """X = share * X + (1 - share) * X[others]; see `assay.engines.augmentations.Mixup`.

    Args:
        others: for each row, the one that it is mixed with.
        kept: memory for all rows.
    """
    ours, theirs = work.dtype.type(share), work.dtype.type(1 - share)
    for i in range(len(others)):
        kept[i * features : (i + 1) * features] = work[at + i * row : at + i * row + features]
    for i in range(len(others)):
        line = work[at + i * row : at + i * row + features]
        other = kept[others[i] * features : (others[i] + 1) * features]
        for j in range(features):
            line[j] = ours * line[j] + theirs * other[j]


@compiled
def cross_entropy(  # type: ignore[no-untyped-def]
    z, z_at, z_row, rows, classes, targets, index, second, share, d_at, training, smoothing
):
    """Softmax cross-entropy of logits z: the sum over the rows and how many are right.

    While training, the gradient of the mean is written to d_at; see
    `numpy_engine.losses.cross_entropy`.

    Args:
        index, second, share: pictures of the rows and those mixed into them, whose targets have
            the rest of the share.
        smoothing: share of each target that is spread evenly over all classes.
    """
    total, right, c = 0.0, 0, constants(z)
    hard, count = 1.0 - smoothing, z.dtype.type(rows)
    for i in range(rows):
        line = z[z_at + i * z_row : z_at + i * z_row + classes]
        target, other = targets[index[i]], targets[second[i]]
        top, best = line[0], 0
        for j in range(1, classes):
            if line[j] > top:
                top, best = line[j], j
        powers = z.dtype.type(0)
        for j in range(classes):
            powers += exp(line[j] - top, c)
        level = top + np.log(powers)
        total -= hard * (share * (line[target] - level) + (1.0 - share) * (line[other] - level))
        if smoothing > 0:
            for j in range(classes):
                total -= smoothing / classes * (line[j] - level)
        right += best == (target if _more(share, target, other) else other)
        if training:
            out = z[d_at + i * z_row : d_at + i * z_row + classes]
            scale, spread = z.dtype.type(1) / (powers * count), z.dtype.type(smoothing / classes)
            for j in range(classes):
                out[j] = exp(line[j] - top, c) * scale - spread / count
            out[target] -= z.dtype.type(hard * share) / count
            out[other] -= z.dtype.type(hard * (1.0 - share)) / count
    return total, right


@compiled
def _more(share, target, other):  # type: ignore[no-untyped-def]
    """Whether the target with this share is the likelier class; of equal ones the first is."""
    return share > 0.5 or (share == 0.5 and target < other)
