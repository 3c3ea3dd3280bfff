"""The rules of buttons, selects and layout, in both generations of components."""

from collections.abc import Iterator
from typing import Any

from .form import Form, Path

ROW, BUTTON, SELECT, USER_SELECT, ROLE_SELECT, MENTIONABLE_SELECT, CHANNEL_SELECT = 1, 2, 3, 5, 6, 7, 8
SECTION, TEXT, THUMBNAIL, GALLERY, FILE, SEPARATOR, CONTAINER = 9, 10, 11, 12, 13, 14, 17
SELECTS = (SELECT, USER_SELECT, ROLE_SELECT, MENTIONABLE_SELECT, CHANNEL_SELECT)
IN_CONTAINER = (ROW, SECTION, TEXT, GALLERY, FILE, SEPARATOR)
LINK = 5

MOST_IN_ALL = 40
MOST_TEXT = 4000


def walk(components: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Every component of a message, the nested ones too."""
    for component in components:
        yield component
        yield from walk(component.get("components") or [])
        if component.get("accessory"):
            yield component["accessory"]


def media(components: list[dict[str, Any]]) -> Iterator[str]:
    """The address of every picture and file that components show."""
    for component in walk(components):
        if component["type"] == GALLERY:
            yield from (item["media"]["url"] for item in component["items"])
        elif component["type"] in (THUMBNAIL, FILE):
            yield component["media" if component["type"] == THUMBNAIL else "file"]["url"]


def check(form: Form, path: Path, components: Any, *, v2: bool) -> None:
    """Note every rule that a message's components break."""
    _Check(form).top(path, components, v2=v2)


class _Check:
    def __init__(self, form: Form) -> None:
        self._form = form
        self._count = 0
        self._characters = 0
        self._custom_ids: set[str] = set()

    def top(self, path: Path, components: Any, *, v2: bool) -> None:
        allowed = (*IN_CONTAINER, CONTAINER) if v2 else (ROW,)
        for number, component in enumerate(self._form.items(path, components, MOST_IN_ALL if v2 else 5)):
            self._one((*path, number), component, allowed)
        if v2 and self._count > MOST_IN_ALL:
            self._form.wrong(path, "COMPONENT_MAX_TOTAL_COMPONENTS", f"Must be {MOST_IN_ALL} or fewer in total.")
        if self._characters > MOST_TEXT:
            self._form.wrong(path, "COMPONENT_MAX_TEXT", f"Text must be {MOST_TEXT} or fewer characters in total.")

    def _one(self, path: Path, value: Any, allowed: tuple[int, ...]) -> int | None:
        """Check one component; its type, or None when it is none that may stand here."""
        component = self._form.thing(path, value)
        self._count += 1
        kind = self._form.choice((*path, "type"), component.get("type"), allowed)
        if kind in SELECTS:
            self._select(path, component)
        elif kind is not None:
            rules = {
                ROW: self._row,
                BUTTON: self._button,
                SECTION: self._section,
                TEXT: self._text,
                THUMBNAIL: self._thumbnail,
                GALLERY: self._gallery,
                FILE: self._file,
                SEPARATOR: self._separator,
                CONTAINER: self._container,
            }
            rules[kind](path, component)
        return kind

    def _row(self, path: Path, row: dict[str, Any]) -> None:
        inside = (*path, "components")
        children = self._form.items(inside, row.get("components"), 5, 1)
        kinds = [self._one((*inside, number), child, (BUTTON, *SELECTS)) for number, child in enumerate(children)]
        if len(kinds) > 1 and any(kind in SELECTS for kind in kinds):
            self._form.wrong(inside, "COMPONENT_LAYOUT_WIDTH_EXCEEDED", "A select fills its row alone.")

    def _button(self, path: Path, button: dict[str, Any]) -> None:
        form = self._form
        style = form.choice((*path, "style"), button.get("style"), (1, 2, 3, 4, 5, 6))
        form.text((*path, "label"), button.get("label"), 80)
        if not button.get("label") and not button.get("emoji") and style != 6:
            form.wrong(path, "BUTTON_COMPONENT_MISSING_LABEL", "A button needs a label or an emoji.")
        if style == LINK:
            form.text((*path, "url"), button.get("url"), 512, 1)
            if button.get("custom_id"):
                form.wrong(path, "BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE", "A link has no custom id.")
        elif style is not None and style != 6:
            self._custom_id(path, button)
            if button.get("url"):
                form.wrong((*path, "url"), "BUTTON_COMPONENT_URL_STYLE", "Only a link button has a url.")

    def _select(self, path: Path, select: dict[str, Any]) -> None:
        form = self._form
        self._custom_id(path, select)
        form.text((*path, "placeholder"), select.get("placeholder"), 150)
        low = form.number((*path, "min_values"), select.get("min_values"), 0, 25, 1)
        high = form.number((*path, "max_values"), select.get("max_values"), 1, 25, 1)
        if low > high:
            form.wrong((*path, "min_values"), "SELECT_MIN_VALUES_GREATER", "min_values is above max_values.")
        if select["type"] != SELECT:
            return
        options = form.items((*path, "options"), select.get("options"), 25, 1)
        if options and high > len(options):
            form.wrong((*path, "max_values"), "SELECT_MAX_VALUES", f"There are only {len(options)} options.")
        seen: set[str] = set()
        for number, each in enumerate(options):
            here = (*path, "options", number)
            option = form.thing(here, each)
            form.text((*here, "label"), option.get("label"), 100, 1)
            form.text((*here, "description"), option.get("description"), 100)
            value = form.text((*here, "value"), option.get("value"), 100, 1)
            if value in seen:
                form.wrong((*here, "value"), "SELECT_COMPONENT_OPTION_VALUE_DUPLICATED", f"{value} is there twice.")
            seen.add(value)

    def _custom_id(self, path: Path, component: dict[str, Any]) -> None:
        here = (*path, "custom_id")
        custom_id = self._form.text(here, component.get("custom_id"), 100, 1)
        if custom_id in self._custom_ids:
            self._form.wrong(here, "COMPONENT_CUSTOM_ID_DUPLICATED", "Component custom id cannot be duplicated")
        if custom_id:
            self._custom_ids.add(custom_id)

    def _section(self, path: Path, section: dict[str, Any]) -> None:
        inside = (*path, "components")
        for number, child in enumerate(self._form.items(inside, section.get("components"), 3, 1)):
            self._one((*inside, number), child, (TEXT,))
        if section.get("accessory") is None:
            self._form.missing((*path, "accessory"))
        else:
            self._one((*path, "accessory"), section["accessory"], (BUTTON, THUMBNAIL))

    def _text(self, path: Path, text: dict[str, Any]) -> None:
        self._characters += len(self._form.text((*path, "content"), text.get("content"), MOST_TEXT, 1))

    def _thumbnail(self, path: Path, thumbnail: dict[str, Any]) -> None:
        self._media((*path, "media"), thumbnail.get("media"))
        self._form.text((*path, "description"), thumbnail.get("description"), 1024)

    def _gallery(self, path: Path, gallery: dict[str, Any]) -> None:
        for number, each in enumerate(self._form.items((*path, "items"), gallery.get("items"), 10, 1)):
            here = (*path, "items", number)
            item = self._form.thing(here, each)
            self._media((*here, "media"), item.get("media"))
            self._form.text((*here, "description"), item.get("description"), 1024)

    def _file(self, path: Path, file: dict[str, Any]) -> None:
        url = self._media((*path, "file"), file.get("file"))
        if url and not url.startswith("attachment://"):
            self._form.wrong((*path, "file", "url"), "URL_TYPE_INVALID_SCHEME", "Scheme must be attachment.")

    def _separator(self, path: Path, separator: dict[str, Any]) -> None:
        self._form.number((*path, "spacing"), separator.get("spacing"), 1, 2, 1)

    def _container(self, path: Path, container: dict[str, Any]) -> None:
        inside = (*path, "components")
        self._form.number((*path, "accent_color"), container.get("accent_color"), 0, 0xFFFFFF)
        for number, child in enumerate(self._form.items(inside, container.get("components"), MOST_IN_ALL, 1)):
            self._one((*inside, number), child, IN_CONTAINER)

    def _media(self, path: Path, value: Any) -> str:
        url = self._form.text((*path, "url"), self._form.thing(path, value).get("url"), 2048, 1)
        if url and not url.startswith(("attachment://", "https://", "http://")):
            self._form.wrong((*path, "url"), "URL_TYPE_INVALID_SCHEME", f'Scheme of "{url:.40}" is not accepted.')
        return url
