# SPDX-License-Identifier: Apache-2.0
"""The picture: straight arrows between boxes that exist, and texts that fit."""

from typing import Any
from xml.etree import ElementTree

import pytest

from tools.generate.picture import PictureError, drawn, files

BOX = {"id": "one", "title": "One", "lines": ["<first>"], "at": [1, 1], "size": [10, 8]}
FAR = {"id": "two", "title": "Two", "lines": [], "at": [20, 2], "size": [10, 4]}


def source(**changes: Any) -> dict[str, Any]:
    arrows = [{"from": "one.right", "to": "two.left", "label": ["goes"], "step": 1}]
    return {"title": "T", "size": [40, 20], "bands": [], "rooms": [], "boxes": [BOX, FAR], "arrows": arrows, **changes}


def test_the_picture_is_well_formed_and_asks_for_nothing_outside() -> None:
    (text,) = files().values()
    root = ElementTree.fromstring(text)
    assert root.tag.endswith("svg")
    assert "href" not in text
    assert "url(" not in text
    assert "prefers-color-scheme: dark" in text


def test_the_same_source_gives_the_same_picture() -> None:
    assert drawn(source()) == drawn(source())


def test_texts_are_escaped() -> None:
    assert "&lt;first&gt;" in drawn(source())


def test_an_arrow_is_level_through_the_middle_of_the_lower_box() -> None:
    assert 'd="M110 40L193 40"' in drawn(source())


def test_an_arrow_to_a_box_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(PictureError, match="three"):
        drawn(source(arrows=[{"from": "one.right", "to": "three.left", "label": []}]))


@pytest.mark.parametrize("change", [{"title": "A title that is far too long"}, {"lines": ["1", "2", "3", "4"]}])
def test_a_text_that_does_not_fit_is_an_error(change: dict[str, Any]) -> None:
    with pytest.raises(PictureError, match="box one"):
        drawn(source(boxes=[{**BOX, **change}, FAR]))
