# SPDX-License-Identifier: Apache-2.0
"""Models: classes whose annotations are the fields, checked when an object is made."""

import json
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self

import annotationlib  # type: ignore[import-not-found]  # new in the engine's Python

from genapps.encoding import to_json

from .checks import Check, bounded, check_of
from .errors import Place, Unfit, ValidationError, unfit
from .fields import FieldInfo

ConfigDict = dict
"""Settings of a model: `extra` is ignore, forbid or allow."""
_BESIDE = frozenset({"model_extra", "model_fields_set"})
"""Attributes of an object that are no fields."""


class _Validator:
    """A method that `field_validator` marks."""

    def __init__(self, function: Any, mode: str, fields: tuple[str, ...]) -> None:
        if mode not in ("before", "after"):
            raise TypeError(f"a validator's mode is before or after, not {mode!r}")
        self.function = function.__func__ if isinstance(function, classmethod | staticmethod) else function
        self.mode = mode
        self.fields = fields

    def __call__(self, model: type, value: Any, place: Place) -> Any:
        try:
            return self.function.__get__(model)(value)
        except AssertionError as error:
            raise unfit("assertion_error", place, f"Assertion failed, {error}", value) from None
        except ValueError as error:
            raise unfit("value_error", place, f"Value error, {error}", value) from None


def field_validator(*fields: str, mode: str = "after") -> Callable[[Any], Any]:
    """Marks a method `(cls, value)` that checks these fields, `"*"` for all, and returns the value. It raises
    ValueError. Raises TypeError where no field is named."""
    if not fields or not all(isinstance(name, str) for name in fields):
        raise TypeError('name the fields that are checked: @field_validator("name")')
    return lambda function: _Validator(function, mode, fields)


class BaseModel:
    """A class that extends it has its annotations as fields. Making an object raises ValidationError."""

    model_config: typing.ClassVar[Any] = {}
    model_fields: typing.ClassVar[Mapping[str, FieldInfo]] = {}
    _validators: typing.ClassVar[tuple[_Validator, ...]] = ()
    _checks: typing.ClassVar[Mapping[str, Check] | None] = None

    def __init_subclass__(cls, **settings: Any) -> None:
        super().__init_subclass__()
        cls.model_config = {**cls.model_config, **settings}
        if unknown := cls.model_config.keys() - {"extra", "json_schema_extra"}:
            raise TypeError(f"apps have no {min(unknown)!r} of a model's settings")
        if isinstance(vars(cls).get("Config"), type):
            raise TypeError("write model_config = ConfigDict(...) in place of the class Config")
        cls._checks, fields = None, {**cls.model_fields}
        validators = [one for one in vars(cls).values() if isinstance(one, _Validator)]
        cls._validators = (*cls._validators, *validators)
        annotations = annotationlib.get_annotations(cls, format=annotationlib.Format.FORWARDREF)
        for name, annotation in annotations.items():
            if name[0] != "_" and name != "model_config" and typing.get_origin(annotation) is not typing.ClassVar:
                default = vars(cls).get(name, ...)
                fields[name] = default if isinstance(default, FieldInfo) else _field(annotation, default)
                if name in vars(cls):
                    delattr(cls, name)
        cls.model_fields = fields
        if missing := {name for one in validators for name in one.fields} - {*fields, "*"}:
            raise TypeError(f"a validator checks the field {min(missing)!r}, which {cls.__name__} does not have")

    def __init__(self, /, **data: Any) -> None:
        """Raises ValidationError."""
        try:
            self._fill(data, ())
        except Unfit as error:
            raise ValidationError(type(self).__name__, error.problems) from None

    def _fill(self, data: Any, place: Place) -> None:
        if not isinstance(data, Mapping):
            said = "Input should be a valid dictionary or object to extract fields from"
            raise unfit("model_attributes_type", place, said, data)
        problems: list[dict[str, Any]] = []
        values: dict[str, Any] = {}
        known: set[str] = set()
        for name, check in self._built().items():
            field = self.model_fields[name]
            key = field.alias or name
            known.add(key)
            try:
                if key in data:
                    values[name] = check(data[key], (*place, key))
                elif field.is_required():
                    raise unfit("missing", (*place, key), "Field required", data)
                else:
                    values[name] = field.get_default()
            except Unfit as error:
                problems += error.problems
        more = {} if "extra" not in self.model_config else {name: data[name] for name in data if name not in known}
        if self.model_config.get("extra") == "forbid":
            said = "Extra inputs are not permitted"
            for name, value in more.items():
                problems += unfit("extra_forbidden", (*place, name), said, value).problems
        if problems:
            raise Unfit(problems)
        vars(self).update(values)
        # Beside the attributes: a caller's name must not take the place of a field, a method or a constant.
        self.__dict__["model_extra"] = more if self.model_config.get("extra") == "allow" else None
        self.__dict__["model_fields_set"] = {name for name in values if (self.model_fields[name].alias or name) in data}

    @classmethod
    def _built(cls) -> Mapping[str, Check]:
        """The checks by field, made at the first use: models may name each other before they exist."""
        if cls._checks is None:
            hints = typing.get_type_hints(cls, include_extras=True)
            cls._checks = {name: cls._check(name, hints[name]) for name in cls.model_fields}
        return cls._checks

    @classmethod
    def _check(cls, name: str, annotation: Any) -> Check:
        kind = bounded(check_of(annotation), [cls.model_fields[name]])
        ours = [one for one in cls._validators if {name, "*"} & {*one.fields}]
        before, after = ([one for one in ours if one.mode == mode] for mode in ("before", "after"))
        if not before and not after:
            return kind

        def checked(value: Any, place: Place) -> Any:
            for one in before:
                value = one(cls, value, place)
            value = kind(value, place)
            for one in after:
                value = one(cls, value, place)
            return value

        return checked

    @classmethod
    def __pydantic_check__(cls, value: Any, place: Place) -> Self:
        """As a field of another model, or a body."""
        if isinstance(value, cls):
            return value
        made = cls.__new__(cls)
        made._fill(value, place)  # noqa: SLF001  it is of this class
        return made

    @classmethod
    def model_validate(cls, data: Any) -> Self:
        """An object of a dictionary. Raises ValidationError."""
        return data if isinstance(data, cls) else cls(**data)

    def model_dump(
        self, *, mode: str = "python", exclude: Any = (), exclude_none: bool = False, exclude_unset: bool = False
    ) -> dict[str, Any]:
        """The fields as a dictionary, models within them too; `mode="json"` for values that JSON has."""
        options = {"exclude_none": exclude_none, "exclude_unset": exclude_unset}
        found = {
            name: dumped(value, options)
            for name, value in self
            if name not in exclude
            and not (exclude_none and value is None)
            and not (exclude_unset and name in self.model_fields and name not in self.__dict__["model_fields_set"])
        }
        return json.loads(to_json(found)) if mode == "json" else found

    def model_dump_json(self, **options: Any) -> str:
        """The fields as JSON; `options` as of `model_dump`."""
        return json.dumps(self.model_dump(mode="json", **options), ensure_ascii=False, separators=(",", ":"))

    def model_copy(self, *, update: Mapping[str, Any] | None = None) -> Self:
        """A copy, with other values that are not checked."""
        made = type(self).__new__(type(self))
        vars(made).update(vars(self) | dict(update or {}))
        return made

    dict = model_dump  # the names of pydantic 1
    json = model_dump_json
    copy = model_copy

    def __getattr__(self, name: str) -> Any:
        """What came beside the fields, with the setting `extra`."""
        more = self.__dict__.get("model_extra") or {}
        if name not in more:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return more[name]

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        own = {name: value for name, value in vars(self).items() if name not in _BESIDE}
        more: dict[str, Any] = self.__dict__["model_extra"] or {}
        return iter([*own.items(), *((name, value) for name, value in more.items() if name not in own)])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BaseModel) and type(self) is type(other) and [*self] == [*other]

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self)})"


def _field(annotation: Any, default: Any) -> FieldInfo:
    """The field of an annotation, perhaps `Annotated`, and a default."""
    known = next((one for one in getattr(annotation, "__metadata__", ()) if isinstance(one, FieldInfo)), FieldInfo())
    found = FieldInfo(known.default if default is ... else default, alias=known.alias)
    found.default_factory = known.default_factory if default is ... else None
    return found


def dumped(value: Any, options: dict[str, Any]) -> Any:
    """The value with dictionaries in place of models; `options` as of `model_dump`."""
    if isinstance(value, BaseModel):
        return value.model_dump(**options)
    if isinstance(value, list | tuple):
        return [dumped(one, options) for one in value]
    if isinstance(value, dict):
        return {name: dumped(one, options) for name, one in value.items()}
    return value
