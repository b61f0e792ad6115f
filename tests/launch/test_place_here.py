"""This machine keeps the contract of places."""

from __future__ import annotations

import pytest

from an_cli.config import Composer
from an_cli.launch import Door, Here
from an_cli.store import Store
from tests.launch.place_contract import MakePlace, PlaceContract


class TestHere(PlaceContract):
    @pytest.fixture
    def make_place(self, store: Store, fake_door: Door, composer: Composer) -> MakePlace:
        settings = composer.compose().launch
        return lambda needs: Here(store, settings, fake_door, at_once=2, needs=needs)
