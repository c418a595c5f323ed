"""Markdown as one HTML page that needs no other file."""

import base64
import html
import pathlib
import re

_STYLE = """\
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto;
  max-width: 72rem; padding: 0 1rem; }
table { border-collapse: collapse; display: block; overflow-x: auto;
  font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .75rem; text-align: left;
  border-bottom: 1px solid color-mix(in srgb, currentColor 25%, transparent); }
img { background: white; max-width: 100%; height: auto; }
pre { overflow-x: auto; }
"""


def body(text: str) -> str:
    """Returns Markdown as HTML, without the rest of a page."""
    import markdown  # Most commands write no page.

    # The text has no HTML: what looks like it is part of a folder's name.
    writer = markdown.Markdown(extensions=["tables", "fenced_code"])
    writer.preprocessors.deregister("html_block")
    writer.inlinePatterns.deregister("html")
    return writer.convert(text)


def page(text: str, folder: pathlib.Path) -> str:
    """Returns Markdown as one HTML page that needs no other file.

    Args:
        text: the Markdown, with images by the names of their files.
        folder: the folder of the images. One that is missing is not shown.
    """

    def inside(match):
        file = folder / match[1]
        if not file.is_file():
            return 'src=""'
        data = base64.b64encode(file.read_bytes()).decode()
        return f'src="data:image/png;base64,{data}"'

    content = re.sub(r'src="([^":]+\.png)"', inside, body(text))
    title = text.partition("\n")[0].lstrip("# ")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{html.escape(title)}</title>\n<style>\n{_STYLE}</style>\n"
        "</head>\n<body>\n"
        f"{content}\n</body>\n</html>\n"
    )
