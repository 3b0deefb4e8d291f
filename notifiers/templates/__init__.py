"""What a message says: text by template, channel and language, in the brand's voice.

``Templates`` in ``library`` is the whole of it; the texts themselves are in ``shipped``.
"""

from notifiers.templates.context import TemplateContext
from notifiers.templates.errors import (
    ContextError,
    ExhaustedError,
    ForbiddenError,
    NoTextError,
    Problem,
    RenderError,
    TemplateError,
    UnknownTemplateError,
)
from notifiers.templates.files import Folder, paths, read_folder
from notifiers.templates.library import Rendered, Templates
from notifiers.templates.preview import Preview, preview
from notifiers.templates.samples import EXAMPLES, example

__all__ = [
    "EXAMPLES",
    "ContextError",
    "ExhaustedError",
    "Folder",
    "ForbiddenError",
    "NoTextError",
    "Preview",
    "Problem",
    "RenderError",
    "Rendered",
    "TemplateContext",
    "TemplateError",
    "Templates",
    "UnknownTemplateError",
    "example",
    "paths",
    "preview",
    "read_folder",
]
