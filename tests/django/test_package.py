"""What the app shows to the outside."""

from support.public_names import misplaced


def test_all_is_sorted_and_names_what_is_public() -> None:
    assert not misplaced("container_manager")
