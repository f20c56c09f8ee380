"""Every label scheme, by the properties that its contract names."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from assay.core.errors import ConfigError
from assay.subjects.clocks.labels.distributions import read_together
from assay.subjects.clocks.labels.relational import correlate
from assay.subjects.clocks.labels.scheme import SCHEMES, true_minutes
from assay.subjects.clocks.time import distance, hands

NAMES = [
    *("regression", "circular_regression", "classes_24", "classes_144", "classes_720"),
    *("multi_head", "multi_head_classes", "sine_cosine", "phase_sine_cosine", "joint"),
    "relational",
]
TIMES = np.array([(0, 0), (0, 1), (11, 59), (2, 59), (3, 0), (6, 1), (12, 30), (9, 47)])


def learned(name: str, targets: np.ndarray) -> dict[str, np.ndarray]:
    """Outputs that a perfect network would give: the loss minimised over the outputs."""
    scheme = SCHEMES[name]
    rng = np.random.default_rng(0)
    outputs = {
        head: torch.tensor(rng.normal(0, 0.1, (len(targets), units)), requires_grad=True)
        for head, units in scheme.heads().items()
    }
    encoded = torch.from_numpy(scheme.encode(targets)).double()
    descent = torch.optim.Adam(outputs.values(), lr=0.3)
    slower = torch.optim.lr_scheduler.LinearLR(descent, 1.0, 0.02, 250)
    for _ in range(300):
        descent.zero_grad()
        scheme.loss(outputs, encoded).sum().backward()
        descent.step()
        slower.step()
    return {head: output.detach().numpy() for head, output in outputs.items()}


def with_directions(targets: np.ndarray, turn: float) -> np.ndarray:
    """The same targets with the directions of a dial turned by `turn`."""
    minutes = true_minutes(targets)
    seen = [np.full(len(targets), turn), (minutes / 60 + turn) % 1, (minutes / 720 + turn) % 1]
    return np.column_stack([targets, *seen]).astype(np.float32)


@pytest.mark.parametrize("name", NAMES)
def test_what_minimises_the_loss_reads_the_time_back(name):
    targets = with_directions(TIMES, 0.3) if name == "relational" else TIMES
    scheme = SCHEMES[name]
    found = scheme.decode(learned(name, targets))
    slack = 0.6 if name in ("regression", "circular_regression", "phase_sine_cosine") else 0.1
    assert distance(found.minutes, true_minutes(targets)).max() <= scheme.resolution + slack
    assert ((found.minutes >= 0) & (found.minutes < 720)).all()


@pytest.mark.parametrize(
    ("name", "error"), [("circular_regression", 6), ("multi_head", 4), ("sine_cosine", 0.5)]
)
def test_numbers_can_be_learned_from_where_the_hands_point(name, error):
    """A wrapped loss of outputs that start turns apart has seams all over the dial."""
    scheme, targets = SCHEMES[name], np.array([(h, m) for h in range(12) for m in range(60)])
    turns = 2 * np.pi * torch.from_numpy(np.stack(hands(true_minutes(targets)), -1))
    seen = torch.cat([turns.sin(), turns.cos()], -1).float()
    trunk = torch.nn.Sequential(_dense(4, 64), torch.nn.ReLU(), _dense(64, 64), torch.nn.ReLU())
    heads = {head: _dense(64, units) for head, units in scheme.heads().items()}
    weights = [w for part in (trunk, *heads.values()) for w in part.parameters()]
    descent, encoded = torch.optim.Adam(weights, 3e-3), torch.from_numpy(scheme.encode(targets))
    for _ in range(300):
        features = trunk(seen)
        outputs = {head: layer(features) for head, layer in heads.items()}
        descent.zero_grad()
        scheme.loss(outputs, encoded).mean().backward()
        descent.step()
    read = scheme.decode({head: output.detach().numpy() for head, output in outputs.items()})
    assert distance(read.minutes, true_minutes(targets)).mean() < error  # guessing gives 180


def _dense(inputs: int, units: int) -> torch.nn.Linear:
    layer = torch.nn.Linear(inputs, units)
    torch.nn.init.kaiming_normal_(layer.weight)
    return layer


@pytest.mark.parametrize(
    ("name", "head"), [("circular_regression", "hours"), ("multi_head", "minute")]
)
def test_numbers_that_are_turns_away_are_led_home(name, head):
    scheme = SCHEMES[name]
    targets = np.stack([np.arange(720) // 60, np.arange(720) % 60], -1)
    outputs = {h: torch.zeros(720, units) for h, units in scheme.heads().items()}
    for away in (-300.0, -24.0, -12.1, 12.1, 31.4, 2000.0):
        said = torch.full((720, 1), away, requires_grad=True)
        encoded = torch.from_numpy(scheme.encode(targets))
        scheme.loss(outputs | {head: said}, encoded).sum().backward()
        assert said.grad is not None
        assert (said.grad.sign() == np.sign(away)).all()  # down the loss is towards 0


@pytest.mark.parametrize("name", NAMES)
def test_outputs_and_losses_have_the_shapes_that_stacked_members_need(name):
    scheme = SCHEMES[name]
    encoded = torch.from_numpy(scheme.encode(TIMES)).expand(3, -1, -1)
    outputs = {h: torch.randn(3, len(TIMES), u) for h, u in scheme.heads().items()}
    losses = scheme.loss(outputs, encoded)
    assert losses.shape == (3, len(TIMES))
    assert (losses >= 0).all()
    read = scheme.decode({h: o.numpy() for h, o in outputs.items()})
    assert read.minutes.shape == read.certainty.shape == (3, len(TIMES))
    finite = read.certainty[np.isfinite(read.certainty)]
    assert ((finite >= 0) & (finite <= 1 + 1e-6)).all()


@pytest.mark.parametrize("name", ["circular_regression", "sine_cosine", "joint", "relational"])
@given(start=st.integers(0, 719), step=st.integers(1, 300))
def test_the_loss_of_a_wrong_time_does_not_depend_on_where_twelve_is(name, start, step):
    """A reading `step` minutes late costs the same at 12:00 as anywhere else."""
    scheme = SCHEMES[name]

    def cost(true: int) -> float:
        rows = np.array([divmod(m % 720, 60) for m in (true, true + step)])
        encoded = torch.from_numpy(scheme.encode(rows)).double()
        if name in ("joint", "relational"):
            bins = list(scheme.heads().values())
            said = (encoded[1, 0], encoded[1, 1]) if name == "joint" else (0 * encoded[1, 0],) * 3
            if name == "relational":
                said = (said[0], encoded[1, 0], encoded[1, 1])
            outputs = {
                head: 4 * torch.cos(2 * np.pi * (torch.arange(b) / b - turn))
                for head, b, turn in zip(scheme.heads(), bins, said, strict=True)
            }
        else:
            outputs = dict.fromkeys(scheme.heads(), encoded[1])
        return float(scheme.loss({h: o[None].double() for h, o in outputs.items()}, encoded[:1]))

    # whole bins apart, so that a bell looks the same on the grid of bins
    assert cost(0) == pytest.approx(cost(start // 60 * 60), rel=1e-3, abs=1e-6)


def test_plain_regression_does_not_know_the_dial():
    scheme = SCHEMES["regression"]
    encoded = torch.from_numpy(scheme.encode(np.array([(0, 0)])))
    late = torch.tensor([[719 / 60]])
    assert scheme.loss({"hours": late}, encoded) > 10
    assert SCHEMES["circular_regression"].loss({"hours": late}, encoded) < 1e-3


def test_the_hour_never_contradicts_the_minute_hand():
    """An hour hand seen between 2 and 3 and a minute hand at 58: it is 2:58 or 1:58, never 3:58."""
    minute, phase = np.full((1, 60), -9.0), np.full((1, 72), -9.0)
    minute[0, 58] = 0.0
    phase[0, 17:20] = 0.0  # 2:50 to 3:10
    assert read_together(minute, phase).minutes[0] == 178


@pytest.mark.parametrize(
    ("shares", "minute", "read"),
    [
        ({2: 0.6, 3: 0.4}, 0, 180),  # between 2 and 3 with the minute hand up is 3:00,
        ({1: 0.4, 2: 0.6}, 0, 120),  # between 1 and 2 it is 2:00,
        ({2: 1.0}, 0, 120),  # and 2 alone is 2:00 as well
        ({2: 0.4, 3: 0.6}, 59, 179),
        ({2: 1.0}, 59, 179),
        ({11: 0.6, 0: 0.4}, 0, 0),
        ({2: 0.6, 3: 0.4}, 10, 130),  # further from the full hour the likeliest hour is read
    ],
)
def test_the_hour_fits_the_minute(shares, minute, read):
    hour = np.full((1, 12), -30.0)
    hour[0, list(shares)] = np.log(list(shares.values()))
    outputs = {"hour": hour, "minute": np.array([[minute / 5]])}
    found = SCHEMES["multi_head"].decode(outputs)
    assert found.minutes[0] == read
    assert found.certainty[0] == pytest.approx(shares[read // 60])


def test_the_least_error_lies_between_hours_that_may_all_be_right():
    """An hour hand that glare hides, behind 1, 2 or 3: two o'clock is never far off."""
    minute, phase = np.full((1, 60), -20.0), np.full((1, 72), -20.0)
    minute[0, 0] = 0.0
    phase[0, [6, 12, 18]] = np.log([0.4, 0.35, 0.25])
    assert read_together(minute, phase).minutes[0] == 60
    assert read_together(minute, phase, least_error=True).minutes[0] == 120
    phase[0, [6, 12, 18]] = np.log([0.3, 0.1, 0.6])  # more than half on one: it is that
    assert read_together(minute, phase, least_error=True).minutes[0] == 180


def test_no_time_has_a_smaller_expected_error():
    rng = np.random.default_rng(0)
    minute, phase = (rng.normal(0, 2, (4, bins)) for bins in (60, 72))
    position = np.arange(720)
    # the phase has a bin for every tenth minute; those in between lie on straight lines
    between = np.stack([np.interp(position, np.arange(0, 721, 10), [*p, p[0]]) for p in phase])
    shares = np.exp(minute[:, position % 60] + between)
    shares /= shares.sum(-1, keepdims=True)
    errors = shares @ distance(position[:, None], position)
    found = read_together(minute, phase, least_error=True).minutes.astype(int)
    assert (errors[range(4), found] <= errors.min(-1) + 1e-9).all()


def test_correlation_finds_the_turn_between_two_directions():
    a, b = np.zeros(120), np.zeros(120)
    a[100], b[30] = 1, 1
    assert correlate(a, b).argmax() == 50


def test_directions_are_only_targets_where_they_are_known():
    scheme = SCHEMES["relational"]
    outputs = {h: torch.randn(len(TIMES), 120) for h in scheme.heads()}
    plain = scheme.loss(outputs, torch.from_numpy(scheme.encode(TIMES)))
    more = scheme.loss(outputs, torch.from_numpy(scheme.encode(with_directions(TIMES, 0.1))))
    assert torch.isfinite(plain).all()
    assert (more > plain).all()


def test_an_unknown_scheme_gets_the_nearest_name():
    with pytest.raises(ConfigError, match="did you mean 'sine_cosine'"):
        SCHEMES["sine_cosin"]
