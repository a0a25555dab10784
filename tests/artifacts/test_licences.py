"""What is deployed brings the text of its licence along, as most licences ask."""

from .conftest import Layers


def test_each_package_of_the_layer_has_the_text_of_its_licence(layers: Layers) -> None:
    packages = list(layers.dependencies.glob("*.dist-info"))
    assert len(packages) > 10
    assert [one.name for one in packages if not any(one.rglob("LICENSE*"))] == []
