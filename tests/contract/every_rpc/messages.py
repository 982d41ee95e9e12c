"""Random requests: some plausible, some wild, some a sound request with parts gone wild; by descriptors and a seed."""

from __future__ import annotations

import random
from collections import defaultdict
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from tests.contract.every_rpc.rpcs import walk
from tests.contract.every_rpc.values import ENDLESS, PLAUSIBLE, SMALL, WILD_NUMBERS, WILD_TEXTS, WILD_TOKENS

_DEPTH = 6
_MASK = "google.protobuf.FieldMask"


class Messages:
    """Makes messages; what answers hold comes back in later requests."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._known: dict[str, list[Any]] = defaultdict(list)

    def learn(self, message: Message) -> None:
        """Keep the texts of an answer for fields of the same name, and names for those that refer to them."""

        def keep(descriptor: FieldDescriptor, value: Any) -> None:
            if descriptor.cpp_type != FieldDescriptor.CPPTYPE_STRING or not value or len(value) > 1000:
                return
            owner = _snake(descriptor.containing_type.name)
            others = {"name": owner, "next_page_token": "page_token", "process_id": "process"}
            for name in {descriptor.name, others.get(descriptor.name, descriptor.name)}:
                pool = self._known[name]
                if value not in pool:
                    pool.append(value)
                    del pool[:-50]

        walk(message, keep)

    def make(self, kind: type[Message]) -> Message:
        """One message: plausible, wild, or plausible with a few fields gone wild."""
        mood = self._random.choice((0.0, 0.0, 0.05, 0.6))
        return self._fill(kind.DESCRIPTOR, mood, 0)

    def spoil(self, sound: Message) -> Message:
        """A sound request with one to three of its fields, however deep, set anew, gone wild or taken away."""
        message = type(sound)()
        message.CopyFrom(sound)
        for _ in range(self._random.choice((1, 1, 2, 3))):
            self._change(message, 0)
        return message

    def garble(self, message: Message) -> bytes:
        """The message on the wire with something wrong that no descriptor allows."""
        raw = bytearray(message.SerializeToString())
        at = self._random.randrange(len(raw) + 1)
        match self._random.randrange(4):
            case 0:
                return bytes(raw[:at])
            case 1:
                return bytes(raw[:at] + self._random.randbytes(3) + raw[at:])
            case 2:  # a field that is not known: of text, group or fixed width
                return bytes(raw) + self._random.choice((b"\xfa\x7f\x02hi", b"\xfb\x7f\xfc\x7f", b"\xfd\x7f\0\0\0\0"))
        # Text that is no UTF-8: a surrogate, an overlong NUL, a lone byte. Lengths stay as they were.
        for number, byte in enumerate(raw[:-3]):
            if chr(byte).isalpha() and self._random.random() < 0.3:
                broken = self._random.choice((b"\xed\xa0\x80", b"\xc0\x80", b"\xff"))
                raw[number : number + len(broken)] = broken
                break
        return bytes(raw)

    def _change(self, message: Message, depth: int) -> None:
        fields = list(message.DESCRIPTOR.fields)
        if not fields:
            return
        held = [field for field, _ in message.ListFields() if field.message_type is not None]
        if held and depth < _DEPTH and self._random.random() < 0.7:
            field = self._random.choice(held)
            inner: Any = getattr(message, field.name)
            inner = self._random.choice(list(inner)) if field.is_repeated and not _is_map(field) else inner
            if isinstance(inner, Message) and inner.DESCRIPTOR.full_name != _MASK:
                self._change(inner, depth + 1)
                return
        field = self._random.choice(fields)
        message.ClearField(field.name)
        if self._random.random() < 0.9:
            self._set(message, field, self._random.choice((0.0, 1.0, 1.0)), depth)

    def _fill(self, descriptor: Descriptor, wildness: float, depth: int) -> Message:
        message = GetMessageClass(descriptor)()
        chosen = {self._random.choice(oneof.fields).name for oneof in descriptor.oneofs if oneof.fields}
        for each in descriptor.fields:
            given = each.name in chosen if each.containing_oneof else self._random.random() < 0.8
            if given and depth < _DEPTH:
                self._set(message, each, wildness, depth)
        return message

    def _set(self, message: Message, field: FieldDescriptor, wildness: float, depth: int) -> None:
        if _is_map(field):
            self._set_map(message, field, wildness, depth)
            return
        if not field.is_repeated:
            value = self._value(field, wildness, depth)
            if isinstance(value, Message):
                getattr(message, field.name).CopyFrom(value)
            else:
                setattr(message, field.name, value)
            return
        count = self._random.choice((0, 1, 1, 2, 3)) if self._random.random() >= wildness / 10 else 300
        values = [self._value(field, wildness, depth) for _ in range(count if depth < 3 else min(count, 2))]
        getattr(message, field.name).extend(values)

    def _set_map(self, message: Message, field: FieldDescriptor, wildness: float, depth: int) -> None:
        key, value = (field.message_type.fields_by_name[name] for name in ("key", "value"))
        made, name = self._value(value, wildness, depth), self._value(key, wildness, depth)
        if isinstance(made, Message):
            getattr(message, field.name)[name].CopyFrom(made)
        else:
            getattr(message, field.name)[name] = made

    def _value(self, field: FieldDescriptor, wildness: float, depth: int) -> Any:
        wild = self._random.random() < wildness
        match field.cpp_type:
            case FieldDescriptor.CPPTYPE_MESSAGE:
                return self._message(field, wildness, depth)
            case FieldDescriptor.CPPTYPE_STRING if field.type == FieldDescriptor.TYPE_BYTES:
                return self._random.randbytes(self._random.choice((0, 1, 64, 5000) if wild else (64, 100)))
            case FieldDescriptor.CPPTYPE_STRING:
                return self._wild_text(field.name) if wild else self._text(field.name)
            case FieldDescriptor.CPPTYPE_BOOL:
                return self._random.random() < 0.5
            case FieldDescriptor.CPPTYPE_ENUM:
                known = [each.number for each in field.enum_type.values]
                return self._random.choice((-1, 99, 2**31 - 1)) if wild else self._random.choice(known)
            case FieldDescriptor.CPPTYPE_DOUBLE | FieldDescriptor.CPPTYPE_FLOAT:
                return self._random.choice(ENDLESS)
        return self._random.choice(WILD_NUMBERS[field.cpp_type] if wild else SMALL)

    def _message(self, field: FieldDescriptor, wildness: float, depth: int) -> Message:
        kind = field.message_type
        if kind.full_name != _MASK:
            return self._fill(kind, wildness, depth + 1)
        mask: Any = GetMessageClass(kind)()
        siblings = [each.name for each in field.containing_type.fields]
        inner = [
            each.name for sub in field.containing_type.fields if sub.message_type for each in sub.message_type.fields
        ]
        wild = [*WILD_TEXTS, "*", "name.name", "spec.inputs", "a" * 300]
        paths = wild if self._random.random() < wildness else siblings + inner
        mask.paths.extend(self._random.sample(paths, self._random.choice((1, 1, 2))))
        return mask

    def _wild_text(self, name: str) -> str:
        return self._random.choice(WILD_TOKENS if name == "page_token" else WILD_TEXTS)

    def _text(self, name: str) -> str:
        pool = self._known.get(name, [])
        if pool and self._random.random() < 0.7:
            return str(self._random.choice(pool))
        return self._random.choice(PLAUSIBLE.get(name, PLAUSIBLE["name"]))


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and bool(field.message_type.GetOptions().map_entry)


def _snake(name: str) -> str:
    return "".join(f"_{each.lower()}" if each.isupper() else each for each in name).lstrip("_")
