"""Sphinx settings; `nox -s docs` builds with every warning an error, and without a network."""

from importlib.metadata import version as distribution_version

project = "mavi_async"
author = "The mavi_async authors"
copyright = author
version = release = distribution_version("mavi-async")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
]
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

# Docstrings write `name`: a link where the name is documented, and code everywhere.
default_role = "py:obj"

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_class_signature = "separated"
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_custom_sections = ["Source"]

# Only references to our own names are checked: others would need their projects' inventories.
nitpick_ignore_regex = [("py:.*", r"(?!mavi_async\b).*")]
# What signatures mention and nobody imports: type variables, the type of a default, of a
# dictionary, and those of arguments which accept the objects of other libraries.
nitpick_ignore = [
    ("py:class", "mavi_async._batch.SourceT"),
    ("py:class", "mavi_async._batch_records.SourceT_co"),
    ("py:class", "mavi_async._rows.SegmentRow"),
    ("py:class", "mavi_async._task.Unset"),
    ("py:class", "mavi_async._transport.HttpClient"),
    ("py:class", "mavi_async._words.TimedWord"),
]

html_theme = "furo"
html_title = f"mavi_async {release}"
