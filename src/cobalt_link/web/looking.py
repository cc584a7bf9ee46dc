"""Requests that only look: HEAD, prefetches, and link previews. Where a GET changes something, they change nothing."""

import re

from starlette.datastructures import Headers
from starlette.requests import Request

from cobalt_link.web.problems import Problem

# Sec-Purpose is today's header. Older browsers send the others.
PURPOSES = ("sec-purpose", "purpose", "x-purpose", "x-moz")
# Programs that fetch an address before their user follows it, by the names that they give themselves. They keep no
# cookies. A phone may be called "Cubot", so "bot" alone says nothing.
PREVIEWS = re.compile(
    r"Slackbot|Slack-ImgProxy|facebookexternalhit|meta-externalfetcher|Twitterbot|LinkedInBot|WhatsApp/|TelegramBot"
    r"|Discordbot|SkypeUriPreview|MicrosoftPreview|BingPreview|ms-office|Microsoft Office|Google-PageRenderer|Googlebot"
    r"|GoogleImageProxy|Applebot|bingbot|Mattermost-Bot|Iframely|Embedly|vkShare|redditbot|Pinterestbot|ZoomBot",
    re.IGNORECASE,
)


class Prefetched(Problem):
    """A browser asked for this address before its user did, so nothing was opened. It asks again when the user does."""

    code = "prefetched"
    status = 503


class Previewed(Problem):
    """A program asked for this address to show a preview of it, so nothing was opened. Open it in a browser."""

    code = "previewed"
    status = 403


def refused_look(request: Request) -> type[Problem] | None:
    """The problem for a prefetch or a preview, None for a person. Whether it is a HEAD is another question."""
    headers = request.headers
    if any(re.search("prefetch|preview|prerender", headers.get(name, ""), re.IGNORECASE) for name in PURPOSES):
        return Prefetched
    return Previewed if _is_preview(headers) else None


def _is_preview(headers: Headers) -> bool:
    return PREVIEWS.search(headers.get("user-agent", "")) is not None
