"""Made-up events with which texts are checked and previewed."""

from __future__ import annotations

from notifiers.templates.context import AnyReadings, TemplateContext

FULL: TemplateContext = {
    "customer": {"name": "Hanako Sato", "locale": "ja-JP", "time_zone": "Asia/Tokyo"},
    "device": {"id": "chiller-7", "model": "chiller-x200", "name": "Chiller 7"},
    "store": {"id": "shibuya", "name": "Shibuya Flagship"},
    "rule": {"id": "chiller-too-warm", "summary": "10% off all filters this week"},
    "values": AnyReadings(temperature=9.4, setpoint=4.0, door="open"),
    "summary": "temperature has been above 8 °C for 10 minutes (now 9.4 °C)",
    "severity": "major",
    "at": 1_780_463_100_000,
    "case_id": "case_2f81",
    "unsubscribe_url": "https://shop.example/u/4fGh2",
    "link": "https://shop.example/c/9XkQ2",
    "offer_code": "7KM3Q-XN42D",
    "items": ["Chiller 7: temperature has been above 8 °C for 10 minutes", "10% off all filters this week"],
    "more": 3,
}
"""A sample with everything."""

JAPANESE: TemplateContext = {
    **FULL,
    "customer": {"name": "佐藤花子", "locale": "ja-JP", "time_zone": "Asia/Tokyo"},
    "device": {"id": "chiller-7", "model": "chiller-x200", "name": "冷蔵ショーケース7"},
    "store": {"id": "shibuya", "name": "渋谷旗艦店"},
    "rule": {"id": "chiller-too-warm", "summary": "本日限り、フィルター全品10％オフ"},
    "items": ["本日限り、フィルター全品10％オフ", "temperature has been above 8 °C for 10 minutes"],
}
"""The same among Japanese names; the summary stays as rules write it."""

SPARE: TemplateContext = {
    "device": {"id": "washer-1"},
    "values": AnyReadings(),
    "severity": "info",
    "at": 1_780_463_100_000,
}
"""A sample with nothing that may be left out."""

LONG: TemplateContext = {
    **FULL,
    "customer": {"name": "Maximiliane von Hohenstein-Wittelsbach", "locale": "en", "time_zone": "Europe/Berlin"},
    "device": {
        "id": "refrigerated-display-cabinet-0007",
        "model": "display-cabinet-x2000-professional",
        "name": "Walk-in refrigerated display cabinet number 7 – ground floor",
    },
    "store": {"id": "frankfurt", "name": "The very long name of our flagship store at the main station"},
    "rule": {"id": "too-warm", "summary": "10% off all filters, cartridges and accessories until Sunday – " * 2},
    "summary": "temperature has been above 8 °C for 10 minutes while the door was closed, “now 9.4 °C”, " * 2,
    "severity": "critical",
    "items": ["10% off all “filters”, cartridges and accessories until Sunday – " * 4] * 10,
    "more": 123,
}
"""Long names, and the typography that people put into them."""

LONG_JAPANESE: TemplateContext = {
    **JAPANESE,
    "customer": {"name": "勅使河原　小百合", "locale": "ja-JP", "time_zone": "Asia/Tokyo"},
    "device": {"id": "cabinet-7", "model": "cabinet-x2000", "name": "業務用大型冷蔵ショーケース七号機（地下一階）"},
    "store": {"id": "umeda", "name": "大阪梅田駅前グランドフラッグシップストア本館"},
    "rule": {"id": "too-warm", "summary": "本日限り、浄水フィルターとカートリッジが全品10％オフ。" * 2},
    "summary": "庫内温度が10分間にわたり8℃を超えています（現在9.4℃）。扉が閉まっているかご確認ください。",
    "severity": "critical",
    "items": ["本日限り、浄水フィルターとカートリッジが全品10％オフ。" * 4] * 10,
    "more": 123,
}

EXAMPLES = ("example", "long", "spare")


def example(name: str, language: str) -> TemplateContext:
    """The sample ``name`` (one of ``EXAMPLES``) for readers of ``language``.

    Raises:
        KeyError: there is none such.
    """
    japanese = language.partition("-")[0] == "ja"
    return {
        "example": JAPANESE if japanese else FULL,
        "long": LONG_JAPANESE if japanese else LONG,
        "spare": SPARE,
    }[name]
