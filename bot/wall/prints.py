"""Prints: what is made of pictures and photos for the wall, once, and found again at the next start."""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from pathlib import Path

import c2pa

from bot.domain.ports import ImageStore
from bot.domain.wall import Blob, Media
from bot.wall import thumbnails
from bot.wall.provenance import Signer, with_manifest
from bot.wall.shelf import Kept, Shelf, digest
from bot.wall.thumbnails import Unfit

FOLDER = Path("cache") / "wall"
WEBP, PNG = "image/webp", "image/png"
SIGNED = "signed-"


class Prints:
    """Thumbnails of pictures and photos, and the manifests of signed pictures.

    What reads or makes something takes the disk and the processor for a while, and belongs on a thread; what tells of
    what was made only looks it up.
    """

    def __init__(self, images: ImageStore, data: Path, signer: Signer | None) -> None:
        self._images = images
        self._folder = data / FOLDER
        self._signer = signer
        self._thumb_shelf = Shelf(self._folder / "pictures", "webp")
        self._photo_shelf = Shelf(self._folder / "people", "webp")
        self._manifest_shelf = Shelf(self._folder / f"{SIGNED}{signer.fingerprint if signer else ''}", "c2pa")
        self._thumbs: dict[str, Kept] = {}
        self._photos: dict[str, Kept] = {}
        self._manifests: dict[str, Kept] = {}

    def survey(self) -> None:
        """Look at what was made before; what another certificate signed is deleted. Raises OSError."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for folder in self._folder.glob(f"{SIGNED}*"):
            if self._signer is None or folder.name != SIGNED + self._signer.fingerprint:
                Shelf(folder, "c2pa").clear()
        self._thumbs = self._thumb_shelf.survey()
        self._photos = self._photo_shelf.survey()
        self._manifests = self._manifest_shelf.survey() if self._signer else {}

    def keep_only(self, *, images: Collection[str] | None = None, photos: Collection[str] | None = None) -> None:
        """Delete all that was made of other images, or other photos, than these. Raises OSError."""
        if images is not None:
            self.forget({*self._thumbs, *self._manifests}.difference(images))
        if photos is not None:
            self.forget_photos(self._photos.keys() - set(photos))

    def has(self, image: str) -> bool:
        """Whether all is made that serving the picture takes."""
        return image in self._thumbs and (self._signer is None or image in self._manifests)

    def has_photo(self, source: str) -> bool:
        """Whether a person's photo has a thumbnail."""
        return source in self._photos

    def thumb(self, image: str) -> Media:
        """The picture's thumbnail. Raises KeyError where it was not made."""
        kept = self._thumbs[image]
        return Media(f"{kept.digest}.webp", *thumbnails.size(kept))

    def full(self, image: str) -> Media:
        """The picture as it is served, signed where there is a signer. Raises KeyError where that was not made."""
        kept = self._thumbs[image]
        served = self._manifests[image].digest if self._signer else image
        return Media(f"{served}.png", kept.width, kept.height)

    def photo(self, source: str) -> Media:
        """A person's photo. Raises KeyError where it was not made."""
        kept = self._photos[source]
        return Media(f"{kept.digest}.webp", *thumbnails.size(kept))

    def size(self, images: Iterable[str], photos: Iterable[str]) -> int:
        """What these take on disk, in bytes, as they were brought or drawn."""
        kept = [*map(self._thumbs.get, images), *map(self._photos.get, photos)]
        return sum(each.size for each in kept if each is not None)

    def make(self, image: str, drawn_at: datetime) -> None:
        """Make what is missing for a picture. Raises Unfit, OSError."""
        png = self._stored(image)
        # Of two consoles with one DATA_DIR the second takes what the first has made.
        if image not in self._thumbs:
            if kept := self._thumb_shelf.find(image):
                self._thumbs[image] = kept
            else:
                self._make_thumb(image, png)
        if self._signer is not None and image not in self._manifests:
            if kept := self._manifest_shelf.find(image):
                self._manifests[image] = kept
            else:
                self._sign(image, png, drawn_at)

    def make_photo(self, source: str, data: bytes, name: str) -> None:
        """Make the thumbnail of a person's photo; `name` begins the sentence. Raises Unfit, OSError."""
        kept, small = thumbnails.make(source, data, name)
        self._photo_shelf.put(kept, small)
        self._photos[source] = kept

    def check(self, image: str) -> None:
        """The stored picture is still what its name says. Raises Unfit, OSError."""
        self._stored(image)

    def read_thumb(self, image: str) -> Blob:
        """A thumbnail's bytes; one that is broken is made anew, and may have another name then. Raises Unfit, OSError.

        Raises KeyError where it was not made, or was deleted a moment ago.
        """
        for kept in self._found(self._thumbs[image], self._thumb_shelf):
            small = self._thumb_shelf.read(kept)
            if small is not None and digest(small) == kept.digest:
                self._thumbs[image] = kept
                return Blob(small, WEBP)
        return Blob(self._make_thumb(image, self._stored(image)), WEBP)

    def read_photo(self, source: str) -> Blob | None:
        """The thumbnail of a photo; None where it is broken, and from then on is not made. Raises KeyError."""
        kept = self._photos[source]
        small = self._photo_shelf.read(kept)
        if small is None or digest(small) != kept.digest:
            self._photos.pop(source, None)
            return None
        return Blob(small, WEBP)

    def read_full(self, image: str, drawn_at: datetime) -> Blob:
        """The picture's bytes, signed where there is a signer: signed anew where the manifest is broken.

        Raises Unfit, OSError, KeyError where it was deleted a moment ago.
        """
        if self._signer is None:
            return Blob(self._stored(image), PNG)
        png = self._images.read(image)
        # The hash of the whole tells of the picture too: it is hashed once, on the wall's busiest way to the disk.
        for kept in self._found(self._manifests[image], self._manifest_shelf):
            chunk = self._manifest_shelf.read(kept)
            signed = with_manifest(png, chunk) if chunk is not None else b""
            if digest(signed) == kept.digest:
                self._manifests[image] = kept
                return Blob(signed, PNG)
        thumbnails.check(image, png)
        return Blob(self._sign(image, png, drawn_at), PNG)

    def forget(self, images: Collection[str]) -> None:
        """Delete all that was made of these pictures. Raises OSError."""
        for image in images:
            self._thumbs.pop(image, None)
            self._manifests.pop(image, None)
        self._thumb_shelf.remove(images)
        self._manifest_shelf.remove(images)

    def forget_photos(self, sources: Collection[str]) -> None:
        """The same for people's photos."""
        for source in sources:
            self._photos.pop(source, None)
        self._photo_shelf.remove(sources)

    def _found(self, known: Kept, shelf: Shelf) -> Iterator[Kept]:
        """What is known to be on a shelf, then what is found there, if that is asked for."""
        yield known
        if (kept := shelf.find(known.source)) is not None:
            yield kept

    def _stored(self, image: str) -> bytes:
        png = self._images.read(image)
        thumbnails.check(image, png)
        return png

    def _make_thumb(self, image: str, png: bytes) -> bytes:
        kept, small = thumbnails.make(image, png, "The picture")
        self._thumb_shelf.put(kept, small)
        self._thumbs[image] = kept
        return small

    def _sign(self, image: str, png: bytes, drawn_at: datetime) -> bytes:
        assert self._signer is not None
        try:
            chunk = self._signer.manifest(png, drawn_at)
        except c2pa.C2paError as error:
            raise Unfit(f"it could not be signed ({error})") from error
        signed = with_manifest(png, chunk)
        thumb = self._thumbs[image]
        kept = Kept(image, digest(signed), thumb.width, thumb.height, len(png))
        self._manifest_shelf.put(kept, chunk)
        self._manifests[image] = kept
        return signed
