"""The plain pages that customers see: unsubscribing. English and Japanese side by side, no script, nothing loaded."""

from __future__ import annotations

from html import escape

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>body{{font:1.05rem/1.6 system-ui,sans-serif;max-width:34rem;margin:12vh auto;padding:0 1.25rem;color:#1d2730}}
button{{font:inherit;padding:.6rem 1.2rem;border:0;border-radius:.4rem;background:#0b5c8a;color:#fff;cursor:pointer}}
p[lang=ja]{{color:#51606d}}</style></head>
<body><main><h1>{title}</h1>{body}</main></body></html>
"""
_PURPOSES = {
    "offers": ("offers", "お得なお知らせ"),
    "maintenance": ("maintenance messages", "メンテナンスのお知らせ"),
    "service": ("service messages", "サービスのお知らせ"),
    "safety": ("safety messages", "安全に関するお知らせ"),
}
_CHANNELS = {
    "push": ("push message", "プッシュ通知"),
    "sms": ("SMS", "SMS"),
    "email": ("email", "メール"),
    "webhook": ("webhook", "Webhook"),
    "webpush": ("web push", "ウェブプッシュ通知"),
    "inbox": ("the app's inbox", "アプリ内受信箱"),
}


def unsubscribe_page(purpose: str, channel: str) -> str:
    """What the link stops, and the button that does it."""
    (what, what_ja), (how, how_ja) = _named(purpose, channel)
    return _page(
        "Unsubscribe",
        f"<p>Stop {what} by {how}?</p><p lang='ja'>{how_ja}による{what_ja}の配信を停止しますか。</p>"
        "<form method='post'><input type='hidden' name='List-Unsubscribe' value='One-Click'>"
        "<button>Unsubscribe / 配信停止</button></form>",
    )


def unsubscribed_page(purpose: str, channel: str) -> str:
    """It is done."""
    (what, what_ja), (how, how_ja) = _named(purpose, channel)
    return _page(
        "Unsubscribed",
        f"<p>You will get no more {what} by {how}.</p><p lang='ja'>{how_ja}による{what_ja}の配信を停止しました。</p>",
    )


def wrong_link_page() -> str:
    """Nothing is known by this link."""
    return _page(
        "This link does not work",
        "<p>It may have been cut off. Please copy the whole address from the message.</p>"
        "<p lang='ja'>リンクが正しくありません。メッセージのアドレス全体をコピーしてください。</p>",
    )


def link_ended_page() -> str:
    """The short address leads nowhere, or nowhere any more."""
    return _page(
        "This link has ended",
        "<p>It was good for a limited time, or was cut off. Please look for a newer message.</p>"
        "<p lang='ja'>リンクの有効期限が切れているか、アドレスが正しくありません。"
        "新しいメッセージをご確認ください。</p>",
    )


def _named(purpose: str, channel: str) -> tuple[tuple[str, str], tuple[str, str]]:
    what = _PURPOSES.get(purpose, (f"messages of the kind “{purpose}”", f"「{purpose}」のお知らせ"))
    how = _CHANNELS.get(channel, (channel, channel))
    return (escape(what[0]), escape(what[1])), (escape(how[0]), escape(how[1]))


def _page(title: str, body: str) -> str:
    return _PAGE.format(title=escape(title), body=body)
