"""The tree of refusals is drawn whole and in order, and each says its figures."""

import re
from string import Formatter
from types import ModuleType

import pytest

from domain import reconciliation_refusals, refusals
from domain.bills import bill_refusals
from domain.loans import loan_refusals
from domain.refusals import Refused

# Each draws a tree of its own; those after the first hang their leaves on its kinds.
MODULES = (refusals, bill_refusals, loan_refusals, reconciliation_refusals)


def every_refusal() -> list[type[Refused]]:
    """In the order in which their classes stand in the file."""
    return [each for module in MODULES for each in refusals_in(module)]


def refusals_in(module: ModuleType) -> list[type[Refused]]:
    return [
        each
        for each in vars(module).values()
        if isinstance(each, type)
        and issubclass(each, Refused)
        and each.__module__ == module.__name__
    ]


def drawn(module: ModuleType) -> list[tuple[int, str]]:
    """Depth and name of each line of the tree in the docstring."""
    assert module.__doc__ is not None
    lines = re.findall(r"^    ([| `-]*)(\w+)", module.__doc__, re.MULTILINE)
    return [(len(branch) // 3, name) for branch, name in lines]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_the_tree_lists_every_refusal_at_its_place_and_in_order(module: ModuleType) -> None:
    classes = [
        (len(each.__mro__) - len(Refused.__mro__), each.__name__) for each in refusals_in(module)
    ]
    own = {name for _, name in classes}

    assert [line for line in drawn(module) if line[1] in own] == classes


@pytest.mark.parametrize("module", MODULES[1:], ids=lambda module: module.__name__)
def test_a_refusal_of_a_product_hangs_on_the_kind_that_it_is_drawn_under(
    module: ModuleType,
) -> None:
    kinds, kind = {}, ""
    for depth, name in drawn(module):
        kind = name if depth == 1 else kind
        kinds[name] = kind

    for each in refusals_in(module):
        assert kinds[each.__name__] == each.__mro__[1].__name__


@pytest.mark.parametrize("refusal", every_refusal(), ids=lambda each: each.__name__)
def test_a_refusal_formats_its_detail_with_its_figures(refusal: type[Refused]) -> None:
    names = [name for _, name, _, _ in Formatter().parse(refusal.detail) if name]
    figures = {name: f"<{name}>" for name in names}

    raised = refusal(**figures)

    assert raised.figures == figures
    assert all(figure in str(raised) for figure in figures.values())
    assert str(raised).endswith(".")


@pytest.mark.parametrize("refusal", every_refusal(), ids=lambda each: each.__name__)
def test_a_refusal_cannot_be_raised_without_its_figures(refusal: type[Refused]) -> None:
    names = [name for _, name, _, _ in Formatter().parse(refusal.detail) if name]
    if not names:
        assert str(refusal()) == refusal.detail
        return

    with pytest.raises(KeyError):
        refusal()


def test_every_leaf_says_something_of_its_own() -> None:
    leaves = [each for each in every_refusal() if not each.__subclasses__()]

    details = [leaf.detail for leaf in leaves]

    assert len(set(details)) == len(details)
    assert Refused.detail not in details
