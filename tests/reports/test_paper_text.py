"""What a paper says, and the paper as LaTeX and Markdown."""

from __future__ import annotations

import copy
import shutil
import subprocess
from dataclasses import replace

import pytest

from assay.core.errors import ConfigError
from assay.engines.optimizers.optimizer import OPTIMIZERS
from assay.networks.initializers import INITIALIZERS
from assay.reports.paper.blocks import (
    Author,
    Bullets,
    Citation,
    Manuscript,
    Paragraph,
    Styled,
    exhibits,
)
from assay.reports.paper.cited import bibliography, known_keys, of_network, of_training
from assay.reports.paper.content import chapter_names, manuscript
from assay.reports.paper.fitting import shortened
from assay.reports.paper.latex_text import latex
from assay.reports.paper.material import slug
from assay.reports.paper.typst_exhibits import PageSize, quoted
from assay.reports.paper.typst_text import typst_text
from assay.reports.paper.writing import write_latex, write_markdown
from assay.statistics import DIFFERENT

KEYS = known_keys(bibliography())
UNCITED = {"zeros", "ones", "random_normal", "random_uniform"}


def test_every_reference_that_is_cited_is_there(material):
    paper = manuscript([material("tour"), material("factors")])
    cited = {
        key
        for chapter in paper.chapters
        for block in chapter.blocks
        if isinstance(block, Paragraph)
        for sentence in block.sentences
        for part in sentence
        if isinstance(part, Citation)
        for key in part.keys
    }
    assert {"holm1979", "student1908", "bouthillier2021", "alpaydin1998"} <= cited <= set(KEYS)
    assert len(KEYS) == len(set(KEYS))


def test_several_studies_have_a_section_each(material):
    studies = [material("tour"), material("factors")]
    paper = manuscript(studies, order=["mlp-factors"])
    assert [c.name for c in paper.chapters] == [
        "mlp-factors", "introduction", "method", "tour", "limits", "reproduction",
    ]  # fmt: skip
    assert set(chapter_names(studies)) >= {"tour", "mlp-factors", "discussion", "abstract"}
    assert any(Styled("What does trouble show?", "emphasis") not in s for s in paper.abstract)


@pytest.mark.parametrize(
    ("names", "chapters"),
    [
        (["method", "one"], ["method-2", "one"]),
        (["my_study", "my-study"], ["my-study-2", "my-study"]),
        (["one", "one@smoke"], ["one", "one-smoke"]),
        (["limits", "abstract"], ["limits-2", "abstract-2"]),
        (["own", "own-2"], ["own-3", "own-2"]),
        (["introduction"], ["introduction-2"]),
        (["tour@smoke"], ["tour"]),
    ],
)
def test_no_study_takes_the_chapter_of_another(material, names, chapters):
    asked = material("tour")
    studies = [replace(asked, plan={**asked.plan, "study": name}) for name in names]
    paper = manuscript(studies)
    usual = ["introduction", "method", "limits", "reproduction"]
    assert [c.name for c in paper.chapters] == [*usual[:2], *chapters, *usual[2:]]
    assert {c.name: c.title for c in paper.chapters}.items() <= chapter_names(studies).items()
    labels = [slug(e.label) for e in exhibits(paper)]
    assert len(set(labels)) == len(labels)
    assert {f"{chapter}-results" for chapter in chapters} <= set(labels)
    told = [b for b in paper.chapters[0].blocks if isinstance(b, Bullets)]
    assert [point[0].text for b in told for point in b.points] == names * (len(names) > 1)


def test_the_settings_of_a_study_stand_below_its_name(material):
    asked = material("tour")
    studies = [replace(asked, plan={**asked.plan, "study": name}) for name in ("setting", "best")]
    shown = {e.label: e.content for e in exhibits(manuscript(studies))}["training/settings"]
    assert shown.headers == ["setting", "setting", "best"]
    assert ["epochs", "20", "20"] in [list(row) for row in shown.texts()]
    assert not any(row.get("best") for row in shown.entries)  # such a row would be bold


@pytest.mark.parametrize("count", [0, 1, 4])
def test_a_paper_says_what_happens_to_pixels_and_which_weights_are_tested(material, count):
    asked = material("tour")
    trials = copy.deepcopy(asked.plan["trials"])
    for number, trial in enumerate(trials):
        changed = number < count
        trial["config"]["dataset"] |= {"normalize": "unit"} if changed else {}
        trial["config"]["dataset"] |= {"zca_whitening": True} if changed else {}
        rule = {"patience": 2, "restore_best_weights": True} if changed else None
        trial["config"]["training"]["early_stopping"] = rule
    paper = manuscript([replace(asked, plan={**asked.plan, "trials": trials})])
    method = str(next(c for c in paper.chapters if c.name == "method"))
    assert ("mean and standard deviation of the training images" in method) == (count < 4)
    assert ("divided by 255" in method) == (count > 0)
    assert ("according to the configuration" in method) == (count == 1)
    assert ("images of some configurations are whitened" in method) == (count == 1)
    assert ("All images are whitened first (ZCA)" in method) == (count == 4)
    assert ("best validation result" in method) == (count > 0)
    assert ("weights at the end of training" in method) == (count == 0)
    assert ("or else the weights at its end" in method) == (count == 1)


@pytest.mark.parametrize(
    ("vary", "covers", "not_covered", "also"),
    [
        ([[], []], "in initial weights and in the order of batches", "data, other splits or", ""),
        (
            [["seed", "split"]] * 2,
            "in the order of batches and in choices of training and validation images",
            "other data or other machines",
            "",
        ),
        (
            [["seed"], ["seed", "split"]],
            "in initial weights and in the order of batches",
            "other data, other splits or other machines",
            "Those of mlp-factors also cover other choices of training and validation images.",
        ),
    ],
)
def test_a_paper_says_what_its_intervals_cover(material, vary, covers, not_covered, also):
    asked = [
        replace(m, plan={**m.plan, "vary": names})
        for m, names in zip((material("tour"), material("factors")), vary, strict=True)
    ]
    limits = str(next(c for c in manuscript(asked).chapters if c.name == "limits"))
    assert covers in limits
    assert not_covered in limits
    assert ("also cover" in limits) == bool(also)
    assert also in limits


@pytest.mark.parametrize(
    ("shifted", "said"),
    [
        ([], "with equal seeds, by the mean difference with its interval and a paired t-test; the"),
        ([0], "a paired t-test, where seeds differ by Welch's t-test "),
        ([0, 1, 2], "are compared by the mean difference with its interval and Welch's t-test "),
    ],
)
def test_a_paper_says_which_test_compares(material, shifted, said):
    asked = material("tour")
    trials = [trial["trial_id"] for trial in asked.plan["trials"]]
    at = {trials[i]: 100 * (i + 1) for i in shifted}
    records = [replace(r, seed=r.seed + at.get(r.trial_id, 0)) for r in asked.records]
    paper = manuscript([replace(asked, records=records)])
    method = next(c for c in paper.chapters if c.name == "method")
    texts = [block.sentences for block in method.blocks if isinstance(block, Paragraph)]
    flat = "".join(
        part for text in texts for sentence in text for part in sentence if isinstance(part, str)
    )
    assert said in flat
    assert ("welch1947" in str(method)) == bool(shifted)


def test_a_paper_says_that_its_tests_make_room_for_bad_runs(material):
    asked, said = material("tour"), "differences are tested less the shift that more such runs"
    even = [0.8, 0.799, 0.801, 0.7995, 0.8005]
    for far in (0.0, 0.3):
        values = {r.run_id: even[r.seed % 5] for r in asked.records}
        first = asked.plan["trials"][0]["runs"][0]
        values[first] -= far
        records = [
            replace(r, metrics={**r.metrics, "test_accuracy": values[r.run_id]})
            for r in asked.records
        ]
        paper = str(manuscript([replace(asked, records=records)]).chapters)
        assert (said in paper) == (far > 0)


def test_a_paper_says_which_comparisons_it_counts(material):
    asked = material("tour")
    shown = [e for e in asked.effects if e.verdict not in DIFFERENT]
    pooled = [e for e in shown if e.pooled > 1]
    assert shown
    chapter = str(manuscript([asked]).chapters)
    assert (" over all combinations there is no significant difference" in chapter) == bool(pooled)


@pytest.mark.parametrize("count", [0, 1, 4])
def test_a_paper_says_which_images_validate(material, count):
    asked = material("tour")
    trials = copy.deepcopy(asked.plan["trials"])
    for trial in trials[:count]:
        trial["config"]["dataset"]["validate_on_test"] = True
    paper = manuscript([replace(asked, plan={**asked.plan, "trials": trials})])
    method = str(next(c for c in paper.chapters if c.name == "method"))
    assert ("Validation images are taken from the training images" in method) == (count < 4)
    assert ("test images are also the validation images" in method) == (count > 0)
    assert ("read while tuning" in str(paper.abstract)) == (count > 0)


def test_the_table_of_classes_that_a_study_asks_for_outlives_its_figures(material):
    asked = material("tour")
    asked.plan["shown"] = ["f1_macro"]
    whole = manuscript([asked])
    text = str(whole.chapters)
    assert "has precision, recall and F1 of each class." in text
    gone, left = shortened(whole, 10, lambda paper: len(exhibits(paper)))
    assert left == 10
    assert "tour/classes" in gone
    assert "tour/classes-table" not in gone


def test_any_text_is_shown_as_it_is():
    assert quoted('a "b" \\ #x') == '"a \\"b\\" \\\\ #x"'
    assert latex(r"5 % of #1_a $ \ @ α Ω ∞ é −1") == (
        r"5 \% of \#1\_a \$ \textbackslash{} @ $\alpha$ $\Omega$ $\infty$ é $-$1"
    )
    assert latex("run --scale a–b") == r"run -{}-scale a\textendash{}b"
    assert latex("中") == r"\texttt{U+4E2D}"


def small(material) -> Manuscript:
    paper = manuscript(
        [material("tour")], r"50 % of #1 \ @ αβ", [Author("Ü Ö", "X & Y", "a_b@c.d")]
    )
    labels = {e.label for c in paper.chapters for e in c.blocks if hasattr(e, "label")}
    return paper.without(labels - {"tour/results", "tour/effects", "tour/comparisons"})


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="TeX is not installed")
def test_the_folder_of_latex_compiles(material, tmp_path):
    write_latex(small(material), tmp_path / "tex")
    steps = (["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "main"], ["bibtex", "main"])
    for command in (steps[0], steps[1], steps[0], steps[0]):
        done = subprocess.run(command, cwd=tmp_path / "tex", capture_output=True, check=False)
        assert done.returncode == 0, done.stdout[-2000:]
    log = (tmp_path / "tex" / "main.log").read_text(encoding="latin-1")
    assert "undefined" not in log


def test_what_a_person_changed_in_the_folder_is_kept(material, tmp_path):
    paper = small(material)
    write_latex(paper, tmp_path / "tex")
    main = tmp_path / "tex" / "main.tex"
    main.write_text(main.read_text(encoding="utf-8") + "% mine\n", encoding="utf-8")
    made = write_latex(paper, tmp_path / "tex")
    assert main.read_text(encoding="utf-8").endswith("% mine\n")
    assert (tmp_path / "tex" / "main.new.tex").exists()
    assert any("main.tex was edited and is kept" in note for note in made.notes)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").touch()
    with pytest.raises(ConfigError, match=r"other' already exists and does not contain a paper"):
        write_latex(paper, tmp_path / "other")


def test_markdown_names_its_figures(material, tmp_path):
    write_markdown(small(material), tmp_path / "paper.md")
    text = (tmp_path / "paper.md").read_text(encoding="utf-8")
    assert "# 50 % of #1" in text
    assert "](paper-files/figure-tour-effects.svg)" in text
    assert (tmp_path / "paper-files" / "figure-tour-effects.svg").exists()
    assert "| trial |" in text


def test_in_columns_figures_and_tables_float_over_the_page(material, tmp_path):
    whole = manuscript([material("tour")])
    kept = {"data/sizes", "training/settings", "tour/results"}
    few = whole.without({e.label for e in exhibits(whole)} - kept)
    text = typst_text(few, PageSize(3.4, 9.8, 2), tmp_path)
    assert text.count('float: true, scope: "parent"') == 2
    assert not any(line.startswith("#figure(") for line in text.split("\n"))
    assert 'place(bottom, float: true, scope: "parent"' in text  # above the abstract nothing stands
    assert text.count("#grid(columns: (1fr, 1fr)") == 1  # two narrow ones beside each other
    alone = typst_text(few, PageSize(6.4, 9.8), tmp_path)
    assert alone.count("#figure(") == text.count("#figure(") == 3
    assert "#grid(columns: (1fr, 1fr)" not in alone


def test_methods_of_records_are_cited() -> None:
    training = {
        "optimizer": {"name": "adamw"},
        "schedule": {"name": "one_cycle"},
        "label_smoothing": 0.1,
        "augment": {"flip": "alternating", "cutout": {"size": 8}},
        "swa": 0.75,
    }
    config = {"training": training, "task": {"name": "classify", "test_time": "flip"}}
    said = dict(of_training(config)) | dict(
        of_network({"network": {"squeeze_excite": 4, "whitening": 2}})
    )
    assert said["label smoothing"] == "szegedy2016"
    assert said["alternating flips"] == said["test-time augmentation"] == "jordan2024"
    assert said["a whitening convolution"] == "jordan2024"
    keys = {"smith2018", "devries2017", "izmailov2018", "hu2018"}
    assert keys < set(said.values()) <= set(KEYS)
    assert "zhang2018" not in said.values()


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_every_optimizer_is_cited(name: str) -> None:
    ((said, key),) = of_training({"training": {"optimizer": {"name": name}}})
    assert said.lower() == {"sgd": "stochastic gradient descent"}.get(name, name)
    assert key in KEYS


@pytest.mark.parametrize("name", sorted(set(INITIALIZERS) - UNCITED))
def test_every_initializer_of_a_paper_is_cited(name: str) -> None:
    ((_, key),) = of_network({"network": {"family": "mlp", "kernel_initializer": name}})
    assert key in KEYS


@pytest.mark.parametrize("name", ["elu", "gelu", "leaky_relu", "relu", "silu"])
def test_every_activation_of_a_paper_is_cited(name: str) -> None:
    ((_, key),) = of_network({"network": {"family": "mlp", "activation": name}})
    assert key in KEYS
