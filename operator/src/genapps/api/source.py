# SPDX-License-Identifier: Apache-2.0
"""The code of an app: language, digest, and where its files are."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from genapps.api.bundles import BUNDLE_FILES, BundlePath
from genapps.api.fields import Digest, Form, Key, ObjectName, UserModel, rules

INLINE_BYTES = 64 * 1024
"""The most that `source.inline` may hold; the API server counts characters, the operator bytes."""
SOURCE_BYTES = 1024 * 1024
"""The most that the ConfigMap of a source may hold."""


class Language(StrEnum):
    """What the code is written in."""

    PYTHON = "python"
    JAVASCRIPT = "javascript"
    COMPONENT = "component"


IMAGE_REFERENCE = "^[a-z0-9][-a-z0-9.]*(:[0-9]{1,5})?(/[a-z0-9][-a-z0-9._]*)+@sha256:[0-9a-f]{64}$"
"""registry/repository@sha256:<hex>: no tag, and no segment that could lead out of a registry's prefix."""


class KeyToPath(UserModel):
    """A file: the key that holds it, and its path in the bundle."""

    key: Key
    """The key of the ConfigMap. A key is listed once."""
    path: BundlePath
    """Where the file is in the bundle, such as public/index.html."""


class ConfigMapSource(UserModel):
    """A ConfigMap of the app's namespace whose keys are the files."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "!has(self.items) || self.items.exists(i, i.path == self.entry)",
                "spec.code.source.configMap.entry must be a path of spec.code.source.configMap.items",
            )
        )
    )

    name: ObjectName
    """The ConfigMap. It needs the label genapps.dev/source: "true" and may have at most 512 files and 1 MiB."""
    entry: Key
    """The entry file, such as app.py: a key, or with items a path without folders."""
    items: (
        Annotated[
            tuple[KeyToPath, ...],
            Field(
                min_length=1,
                max_length=BUNDLE_FILES,
                json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["path"]},
            ),
        ]
        | None
    ) = None
    """Paths for the keys, as the items of a volume: a key cannot have folders in its name. Only the listed keys are
    taken, and each must exist. Absent: every key is a file of that name."""


class ImageSource(UserModel):
    """An OCI artifact whose layers are files or packed folders, as oras push makes it: at most 512 files and 8 MiB, and
    1 MiB for one file (4 MiB for the component of language component)."""

    reference: Annotated[
        str,
        Field(max_length=512),
        Form(
            IMAGE_REFERENCE,
            "name the image by digest, as registry/repository@sha256:<64 hex characters>, without a tag",
        ),
    ]
    """The image, as registry/repository@sha256:<digest>. The budget's policy.imageRegistries must allow it."""

    @property
    def digest(self) -> str:
        """The digest of the manifest."""
        return self.reference.partition("@")[2]


class Source(UserModel):
    """Where the code is: exactly one of the three."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "[has(self.inline), has(self.configMap), has(self.image)].filter(given, given).size() == 1",
                "spec.code.source: give exactly one of inline, configMap and image",
            )
        )
    )

    inline: Annotated[str, Field(min_length=1, max_length=INLINE_BYTES)] | None = None
    """The source text of a single-file app, at most 64 KiB. Use configMap for more."""
    config_map: ConfigMapSource | None = None
    """A ConfigMap of this namespace."""
    image: ImageSource | None = None
    """An OCI artifact by digest."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if sum(source is not None for source in (self.inline, self.config_map, self.image)) != 1:
            msg = "give exactly one of inline, configMap and image"
            raise ValueError(msg)
        return self


class Code(UserModel):
    """The code of the app."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "self.language != 'component' || !has(self.source.inline)",
                "spec.code.source.inline holds source text: for language component use configMap or image",
            ),
            (
                (
                    "!has(self.digest) || !has(self.source.image)"
                    " || self.source.image.reference.endsWith('@' + self.digest)"
                ),
                "spec.code.digest must be the digest in spec.code.source.image.reference: correct one of them",
            ),
        )
    )

    language: Language
    """What the code is written in."""
    digest: Digest | None = None
    """The digest of the canonical bundle, as genapps digest PATH prints it (of an image: the one in its reference);
    required above stage Development."""
    source: Source
    """Where the code is."""
