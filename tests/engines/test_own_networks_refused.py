"""Networks of users that cannot be trained: what is wrong is said before anything trains."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from own_parts import PARTS, cohort

from assay.apps.api import plan_of
from assay.core.errors import AssayError, EngineError
from assay.engines.keras_engine.calls import layer_call

WRONG = {
    "Net, widht: 3": (
        "unknown argument of PARTS:Net 'widht'; did you mean 'width'? (known: image_shape, "
        "num_classes, rate, width)"
    ),
    "Net, kernel_regularizer: l2": (
        "unknown argument of PARTS:Net 'kernel_regularizer' (known: image_shape, num_classes, "
        "rate, width); a custom network does not support assay's penalties: use training.optimizer "
        "weight_decay"
    ),
    "Nett": "unknown name in PARTS 'Nett'; did you mean 'Net'?",
    "failing": "PARTS:failing needs width; see FILE:[def failing]",
    "failing, width: 3": (
        "FILE:[is odd]: network 'PARTS:failing' cannot be built: ValueError: width 3 is odd"
    ),
    "of_family": (
        "an argument of PARTS:of_family cannot be called family, which is a key of network: "
        "itself; rename it, or name a function that calls the class; see FILE:[def of_family]"
    ),
    "plain, family: small": (
        "an argument of PARTS:plain cannot be called family, which is a key of network: itself; "
        "rename it, or name a function that calls the class"
    ),
    "text": "PARTS:text returned a str, expected a torch.nn.Module",
    "Narrow": (
        "FILE:[# narrow]: network 'PARTS:Narrow' returns (2, 5) for 2 images, the task needs "
        "logits (2, 10)"
    ),
    "empty": "FILE:[def empty]: network 'PARTS:empty' has no parameters to train",
    "nothing": (
        "FILE:[def nothing]: network 'PARTS:nothing' returns (2, 64) for 2 images, the task needs "
        "logits (2, 10)"
    ),
    "Broken": (
        "FILE:[self.missing]: network 'PARTS:Broken' fails for images (2, 1, 8, 8): "
        "AttributeError: 'Broken' "
        "object has no attribute 'missing'"
    ),
    "Detached": (
        "FILE:[# detached]: network 'PARTS:Detached' returns outputs that do not depend on its "
        "weights, for example after detach()"
    ),
    "Silent": (
        "FILE:[class Silent]: network 'PARTS:Silent' fails for images (2, 1, 8, 8): "
        "NotImplementedError: Module"
    ),
    "Leaving": ("FILE:[raise SystemExit]: network 'PARTS:Leaving' cannot be built: SystemExit: 3"),
    "Unseeded": (
        "the first weights 'out.weight' of network 'PARTS:Unseeded' differ when it is built again "
        "with the same seed; draw them with torch"
    ),
}


def line_of(text: str) -> int:
    """The line of the user's file that has this text."""
    return next(i for i, line in enumerate(PARTS.splitlines(), 1) if text in line)


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_before_training(case: str, parts: str, tmp_path: Path):
    file = tmp_path / "wrong.yaml"
    file.write_text(
        f"study: wrong\ndataset: digits\nnetwork: {{module: {parts}:{case}}}\n", encoding="utf-8"
    )
    with pytest.raises(AssayError) as caught:
        plan_of(file)
    wanted = re.sub(r"\[(.*?)\]", lambda found: str(line_of(found[1])), WRONG[case])
    wanted = wanted.replace("FILE", str(tmp_path / f"{parts}.py")).replace("PARTS", parts)
    assert str(caught.value).startswith(f"{file}:3:")
    assert wanted in str(caught.value)


@pytest.mark.parametrize(
    ("network", "engine", "said"),
    [
        (
            {"module": "no_such_parts:Net"},
            "torch",
            "there is no module 'no_such_parts': neither a ",
        ),
        (
            {"module": "os:system"},
            "torch",
            "module 'os' is part of Python and contains no networks",
        ),
        ({"module": "Net"}, "torch", "expected MODULE:NAME, such as my_parts:Net, got 'Net'"),
        (
            {"module": "PARTS:Net"},
            "numpy",
            "network: module: needs the torch engine, got engine 'numpy'; use engine: torch",
        ),
    ],
)
def test_what_is_no_network_is_refused(network: Any, engine: str, said: str, parts: str):
    network = {name: text.replace("PARTS", parts) for name, text in network.items()}
    with pytest.raises(AssayError, match=re.escape(said)):
        cohort(network, engine=engine)


def test_arguments_with_names_of_keys_keep_their_defaults(parts: str):
    network = {"module": f"{parts}:plain", "width": 8}
    plan = plan_of({"study": "plain", "dataset": "digits", "network": network, "repeats": 1})
    assert plan.trials[0].config["network"] == {"family": "module", **network}


def test_a_module_is_not_written_as_layers_of_keras(parts: str):
    (member,) = cohort({"module": f"{parts}:Net"}, repeats=1).members
    with pytest.raises(EngineError, match="network of your own code cannot be written as layers"):
        layer_call(next(member.network.places()).layer, "conv")
