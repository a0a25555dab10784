"""The languages of MessageBird's voices, for our provider and for our copy of its API.

The first of a language speaks to the regions that have none of their own.
"""

LANGUAGES = (
    *("en-gb", "en-us", "en-au", "en-in", "en-gb-wls", "es-es", "es-mx", "es-us", "fr-fr"),
    *("fr-ca", "pt-pt", "pt-br", "zh-cn", "zh-hk", "cy-gb", "da-dk", "de-de", "el-gr", "id-id"),
    *("is-is", "it-it", "ja-jp", "ko-kr", "ms-my", "nb-no", "nl-nl", "pl-pl", "ro-ro", "ru-ru"),
    *("sv-se", "ta-in", "th-th", "tr-tr", "vi-vn"),
)
DEFAULT_LANGUAGE = "en-gb"
