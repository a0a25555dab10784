"""The default texts, by language.

In every one the code comes first, where phones look for it, and minutes are abbreviated or need
no plural. With a brand of 20 characters, a six-digit code and any validity the SMS is one
segment: 160 characters of GSM-7, or 70 of UCS-2.

Spelling is always the correct one. Operators in Spain, Poland and elsewhere drop accents to stay
within GSM-7; we rather choose words that have none outside it (Spanish *clave*, Polish *wygasa*).
Where no such words read naturally (Portuguese, Czech, Turkish, …) the SMS is a shorter UCS-2 one.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ..valueclass import valueclass


@valueclass
class Texts:
    """What we say in one language, with `{code}` `{brand}` `{validity_minutes}` to fill in.

    Args:
        language: BCP 47.
        text: for SMS and chat.
        subject, body: for e-mail; the body is plain text with a blank line between paragraphs.
        spoken: for voice, one sentence; it is said twice.
    """

    language: str
    text: str
    subject: str
    body: str
    spoken: str


_ALL: Final = (
    Texts(
        "en",
        text="{code} is your {brand} verification code. Valid for {validity_minutes} min.",
        subject="Your {brand} verification code",
        body="{code} is your {brand} verification code. It is valid for {validity_minutes} min.\n\n"
        "If you did not ask for it, ignore this message. Never give this code to anybody.",
        spoken="Your {brand} verification code is {code}.",
    ),
    Texts(
        "ar",
        text="{code} رمز التحقق الخاص بك في {brand}. صالح لمدة {validity_minutes} د.",
        subject="رمز التحقق الخاص بك في {brand}",
        body="{code} هو رمز التحقق الخاص بك في {brand}. صالح لمدة {validity_minutes} د.\n\n"
        "إذا لم تطلبه، فتجاهل هذه الرسالة. لا تعطِ هذا الرمز لأي شخص أبدًا.",
        spoken="رمز التحقق الخاص بك في {brand} هو {code}.",
    ),
    Texts(
        "bg",
        text="{code} е кодът ви за {brand}. Валиден {validity_minutes} мин.",
        subject="Вашият код за потвърждение за {brand}",
        body="{code} е вашият код за потвърждение за {brand}. "
        "Валиден е {validity_minutes} мин.\n\n"
        "Ако не сте го поискали, не обръщайте внимание на това съобщение. "
        "Никога не давайте този код на никого.",
        spoken="Вашият код за потвърждение за {brand} е {code}.",
    ),
    Texts(
        "cs",
        text="{code} je váš ověřovací kód {brand}. Platí {validity_minutes} min.",
        subject="Váš ověřovací kód {brand}",
        body="{code} je váš ověřovací kód {brand}. Platí {validity_minutes} min.\n\n"
        "Pokud jste o něj nežádali, tuto zprávu ignorujte. Kód nikdy nikomu nesdělujte.",
        spoken="Váš ověřovací kód {brand} je {code}.",
    ),
    Texts(
        "da",
        text="{code} er din bekræftelseskode til {brand}. Gyldig i {validity_minutes} min.",
        subject="Din bekræftelseskode til {brand}",
        body="{code} er din bekræftelseskode til {brand}. Den er gyldig i {validity_minutes} min."
        "\n\n"
        "Hvis du ikke har bedt om den, kan du se bort fra denne besked. "
        "Giv aldrig koden til nogen.",
        spoken="Din bekræftelseskode til {brand} er {code}.",
    ),
    Texts(
        "de",
        text="{code} ist Ihr Bestätigungscode für {brand}. Gültig für {validity_minutes} Min.",
        subject="Ihr Bestätigungscode für {brand}",
        body="{code} ist Ihr Bestätigungscode für {brand}. "
        "Er ist {validity_minutes} Min. gültig.\n\n"
        "Wenn Sie ihn nicht angefordert haben, ignorieren Sie diese Nachricht. "
        "Geben Sie diesen Code niemals an andere weiter.",
        spoken="Ihr Bestätigungscode für {brand} lautet {code}.",
    ),
    Texts(
        "el",
        text="{code} είναι ο κωδικός για {brand}. Ισχύει για {validity_minutes} λεπ.",
        subject="Ο κωδικός επαλήθευσής σας για {brand}",
        body="{code} είναι ο κωδικός επαλήθευσής σας για {brand}. "
        "Ισχύει για {validity_minutes} λεπ.\n\n"
        "Αν δεν τον ζητήσατε, αγνοήστε αυτό το μήνυμα. "
        "Μη δώσετε ποτέ αυτόν τον κωδικό σε κανέναν.",
        spoken="Ο κωδικός επαλήθευσής σας για {brand} είναι {code}.",
    ),
    Texts(
        "es",
        text="{code} es su clave temporal de {brand}. Vence en {validity_minutes} min.",
        subject="Su código de verificación de {brand}",
        body="{code} es su código de verificación de {brand}. Vence en {validity_minutes} min.\n\n"
        "Si no lo ha solicitado, ignore este mensaje. No dé nunca este código a nadie.",
        spoken="Su código de verificación de {brand} es {code}.",
    ),
    Texts(
        "et",
        text="{code} on teenuse {brand} kinnituskood. Kehtib {validity_minutes} min.",
        subject="Teenuse {brand} kinnituskood",
        body="{code} on teenuse {brand} kinnituskood. See kehtib {validity_minutes} min.\n\n"
        "Kui sa seda ei küsinud, jäta see kiri tähelepanuta. "
        "Ära anna seda koodi kunagi kellelegi.",
        spoken="Teenuse {brand} kinnituskood on {code}.",
    ),
    Texts(
        "fa",
        text="{code} کد تأیید شما در {brand} است. اعتبار: {validity_minutes} دقیقه.",
        subject="کد تأیید شما در {brand}",
        body="{code} کد تأیید شما در {brand} است و {validity_minutes} دقیقه اعتبار دارد.\n\n"
        "اگر آن را درخواست نکرده‌اید، این پیام را نادیده بگیرید. این کد را هرگز به کسی ندهید.",
        spoken="کد تأیید شما در {brand} {code} است.",
    ),
    Texts(
        "fi",
        text="{code} on vahvistuskoodisi palveluun {brand}. Voimassa {validity_minutes} min.",
        subject="Vahvistuskoodisi palveluun {brand}",
        body="{code} on vahvistuskoodisi palveluun {brand}. "
        "Se on voimassa {validity_minutes} min.\n\n"
        "Jos et pyytänyt koodia, jätä tämä viesti huomiotta. "
        "Älä koskaan anna koodia kenellekään.",
        spoken="Vahvistuskoodisi palveluun {brand} on {code}.",
    ),
    Texts(
        "fr",
        text="{code} est votre code de vérification {brand}. Valable {validity_minutes} min.",
        subject="Votre code de vérification {brand}",
        body="{code} est votre code de vérification {brand}. "
        "Il est valable {validity_minutes} min.\n\n"
        "Si vous ne l'avez pas demandé, ignorez ce message. "
        "Ne donnez jamais ce code à qui que ce soit.",
        spoken="Votre code de vérification {brand} est {code}.",
    ),
    Texts(
        "he",
        text="{code} הוא קוד האימות שלך ב-{brand}. תקף {validity_minutes} דק'.",
        subject="קוד האימות שלך ב-{brand}",
        body="{code} הוא קוד האימות שלך ב-{brand}. הקוד תקף {validity_minutes} דק'.\n\n"
        "אם לא ביקשת אותו, אפשר להתעלם מהודעה זו. לעולם אין למסור את הקוד הזה לאיש.",
        spoken="קוד האימות שלך ב-{brand} הוא {code}.",
    ),
    Texts(
        "hi",
        text="{code} आपका {brand} सत्यापन कोड है। {validity_minutes} मिनट तक मान्य।",
        subject="आपका {brand} सत्यापन कोड",
        body="{code} आपका {brand} सत्यापन कोड है। यह {validity_minutes} मिनट तक मान्य है।\n\n"
        "यदि आपने इसे नहीं माँगा है, तो इस संदेश को अनदेखा करें। यह कोड कभी किसी को न दें।",
        spoken="आपका {brand} सत्यापन कोड {code} है।",
    ),
    Texts(
        "hr",
        text="{code} je verifikacijski kod za {brand}. Vrijedi {validity_minutes} min.",
        subject="Vaš verifikacijski kod za {brand}",
        body="{code} je vaš verifikacijski kod za {brand}. Vrijedi {validity_minutes} min.\n\n"
        "Ako ga niste zatražili, zanemarite ovu poruku. Nikada nikome ne otkrivajte ovaj kod.",
        spoken="Vaš verifikacijski kod za {brand} je {code}.",
    ),
    Texts(
        "hu",
        text="{code} az Ön {brand} kódja. Érvényes: {validity_minutes} perc.",
        subject="Az Ön {brand} ellenőrző kódja",
        body="{code} az Ön {brand} ellenőrző kódja. {validity_minutes} percig érvényes.\n\n"
        "Ha nem Ön kérte, hagyja figyelmen kívül ezt az üzenetet. "
        "Soha senkinek ne adja meg ezt a kódot.",
        spoken="Az Ön {brand} ellenőrző kódja: {code}.",
    ),
    Texts(
        "id",
        text="{code} adalah kode verifikasi {brand} Anda. Berlaku {validity_minutes} menit.",
        subject="Kode verifikasi {brand} Anda",
        body="{code} adalah kode verifikasi {brand} Anda. "
        "Kode ini berlaku {validity_minutes} menit.\n\n"
        "Jika Anda tidak memintanya, abaikan pesan ini. "
        "Jangan pernah memberikan kode ini kepada siapa pun.",
        spoken="Kode verifikasi {brand} Anda adalah {code}.",
    ),
    Texts(
        "it",
        text="{code} è il tuo codice di verifica {brand}. Valido per {validity_minutes} min.",
        subject="Il tuo codice di verifica {brand}",
        body="{code} è il tuo codice di verifica {brand}. È valido per {validity_minutes} min.\n\n"
        "Se non l'hai richiesto, ignora questo messaggio. Non dare mai questo codice a nessuno.",
        spoken="Il tuo codice di verifica {brand} è {code}.",
    ),
    Texts(
        "ja",
        text="{code} は {brand} の認証コードです。{validity_minutes}分間有効です。",
        subject="{brand} の認証コード",
        body="{code} は {brand} の認証コードです。{validity_minutes}分間有効です。\n\n"
        "お心当たりのない場合は、このメッセージを無視してください。"
        "このコードは絶対に誰にも教えないでください。",
        spoken="{brand} の認証コードは {code} です。",
    ),
    Texts(
        "ko",
        text="{code} - {brand} 인증번호입니다. {validity_minutes}분간 유효합니다.",
        subject="{brand} 인증번호",
        body="{code} - {brand} 인증번호입니다. {validity_minutes}분간 유효합니다.\n\n"
        "요청하지 않으셨다면 이 메시지를 무시해 주세요. "
        "이 인증번호를 절대 다른 사람에게 알려 주지 마세요.",
        spoken="{brand} 인증번호는 {code} 입니다.",
    ),
    Texts(
        "lt",
        text="{code} yra {brand} patvirtinimo kodas. Galioja {validity_minutes} min.",
        subject="Jūsų {brand} patvirtinimo kodas",
        body="{code} yra jūsų {brand} patvirtinimo kodas. Jis galioja {validity_minutes} min.\n\n"
        "Jei jo neprašėte, nekreipkite dėmesio į šį pranešimą. "
        "Niekada niekam neatskleiskite šio kodo.",
        spoken="Jūsų {brand} patvirtinimo kodas yra {code}.",
    ),
    Texts(
        "lv",
        text="{code} ir {brand} apstiprinājuma kods. Derīgs {validity_minutes} min.",
        subject="Jūsu {brand} apstiprinājuma kods",
        body="{code} ir jūsu {brand} apstiprinājuma kods. Tas ir derīgs {validity_minutes} min.\n\n"
        "Ja to nepieprasījāt, neņemiet vērā šo ziņojumu. Nekad nevienam neizpaudiet šo kodu.",
        spoken="Jūsu {brand} apstiprinājuma kods ir {code}.",
    ),
    Texts(
        "ms",
        text="{code} ialah kod pengesahan {brand} anda. Sah selama {validity_minutes} minit.",
        subject="Kod pengesahan {brand} anda",
        body="{code} ialah kod pengesahan {brand} anda. "
        "Kod ini sah selama {validity_minutes} minit.\n\n"
        "Jika anda tidak memintanya, abaikan mesej ini. "
        "Jangan sekali-kali berikan kod ini kepada sesiapa.",
        spoken="Kod pengesahan {brand} anda ialah {code}.",
    ),
    Texts(
        "nb",
        text="{code} er bekreftelseskoden din for {brand}. Gyldig i {validity_minutes} min.",
        subject="Bekreftelseskoden din for {brand}",
        body="{code} er bekreftelseskoden din for {brand}. "
        "Den er gyldig i {validity_minutes} min.\n\n"
        "Hvis du ikke har bedt om den, kan du se bort fra denne meldingen. "
        "Gi aldri koden til noen.",
        spoken="Bekreftelseskoden din for {brand} er {code}.",
    ),
    Texts(
        "nl",
        text="{code} is uw verificatiecode voor {brand}. Geldig: {validity_minutes} min.",
        subject="Uw verificatiecode voor {brand}",
        body="{code} is uw verificatiecode voor {brand}. "
        "De code is {validity_minutes} min. geldig.\n\n"
        "Hebt u hier niet om gevraagd? Negeer dan dit bericht. "
        "Geef deze code nooit aan iemand anders.",
        spoken="Uw verificatiecode voor {brand} is {code}.",
    ),
    Texts(
        "pl",
        text="{code} to kod weryfikacyjny {brand}. Kod wygasa za {validity_minutes} min.",
        subject="Kod weryfikacyjny {brand}",
        body="{code} to kod weryfikacyjny {brand}. Kod jest ważny {validity_minutes} min.\n\n"
        "Jeśli to nie Ty prosisz o kod, zignoruj tę wiadomość. "
        "Nigdy nikomu nie podawaj tego kodu.",
        spoken="Kod weryfikacyjny {brand} to {code}.",
    ),
    Texts(
        "pt",
        text="{code} é o seu código de {brand}. Válido por {validity_minutes} min.",
        subject="O seu código de verificação de {brand}",
        body="{code} é o seu código de verificação de {brand}. "
        "É válido por {validity_minutes} min.\n\n"
        "Se não o solicitou, ignore esta mensagem. Nunca dê este código a ninguém.",
        spoken="O seu código de verificação de {brand} é {code}.",
    ),
    Texts(
        "ro",
        text="{code} este codul de verificare {brand}. Valabil {validity_minutes} min.",
        subject="Codul dvs. de verificare {brand}",
        body="{code} este codul dvs. de verificare {brand}. "
        "Este valabil {validity_minutes} min.\n\n"
        "Dacă nu l-ați solicitat, ignorați acest mesaj. "
        "Nu dați niciodată acest cod nimănui.",
        spoken="Codul dumneavoastră de verificare {brand} este {code}.",
    ),
    Texts(
        "ru",
        text="{code} — код подтверждения {brand}. Действует {validity_minutes} мин.",
        subject="Код подтверждения {brand}",
        body="{code} — ваш код подтверждения {brand}. Он действует {validity_minutes} мин.\n\n"
        "Если вы его не запрашивали, не обращайте внимания на это сообщение. "
        "Никогда никому не сообщайте этот код.",
        spoken="Ваш код подтверждения {brand}: {code}.",
    ),
    Texts(
        "sk",
        text="{code} je váš overovací kód {brand}. Platí {validity_minutes} min.",
        subject="Váš overovací kód {brand}",
        body="{code} je váš overovací kód {brand}. Platí {validity_minutes} min.\n\n"
        "Ak ste oň nežiadali, túto správu ignorujte. Kód nikdy nikomu neprezrádzajte.",
        spoken="Váš overovací kód {brand} je {code}.",
    ),
    Texts(
        "sl",
        text="{code} je potrditvena koda za {brand}. Velja {validity_minutes} min.",
        subject="Vaša potrditvena koda za {brand}",
        body="{code} je vaša potrditvena koda za {brand}. Velja {validity_minutes} min.\n\n"
        "Če je niste zahtevali, prezrite to sporočilo. Te kode nikoli nikomur ne zaupajte.",
        spoken="Vaša potrditvena koda za {brand} je {code}.",
    ),
    Texts(
        "sv",
        text="{code} är din verifieringskod för {brand}. Giltig i {validity_minutes} min.",
        subject="Din verifieringskod för {brand}",
        body="{code} är din verifieringskod för {brand}. "
        "Den är giltig i {validity_minutes} min.\n\n"
        "Om du inte har bett om den kan du bortse från det här meddelandet. "
        "Ge aldrig koden till någon.",
        spoken="Din verifieringskod för {brand} är {code}.",
    ),
    Texts(
        "th",
        text="{code} คือรหัสยืนยัน {brand} ของคุณ ใช้ได้ {validity_minutes} นาที",
        subject="รหัสยืนยัน {brand} ของคุณ",
        body="{code} คือรหัสยืนยัน {brand} ของคุณ ใช้ได้ {validity_minutes} นาที\n\n"
        "หากคุณไม่ได้ขอรหัสนี้ โปรดเพิกเฉยต่อข้อความนี้ ห้ามบอกรหัสนี้แก่ผู้ใดเด็ดขาด",
        spoken="รหัสยืนยัน {brand} ของคุณคือ {code}",
    ),
    Texts(
        "tr",
        text="{code}, {brand} doğrulama kodunuz. {validity_minutes} dk geçerlidir.",
        subject="{brand} doğrulama kodunuz",
        body="{code}, {brand} doğrulama kodunuz. {validity_minutes} dk geçerlidir.\n\n"
        "Bu kodu siz istemediyseniz bu mesajı dikkate almayın. "
        "Bu kodu hiçbir zaman kimseyle paylaşmayın.",
        spoken="{brand} doğrulama kodunuz: {code}.",
    ),
    Texts(
        "uk",
        text="{code} — код підтвердження {brand}. Діє {validity_minutes} хв.",
        subject="Код підтвердження {brand}",
        body="{code} — ваш код підтвердження {brand}. Він діє {validity_minutes} хв.\n\n"
        "Якщо ви його не запитували, не зважайте на це повідомлення. "
        "Ніколи нікому не повідомляйте цей код.",
        spoken="Ваш код підтвердження {brand}: {code}.",
    ),
    Texts(
        "vi",
        text="{code} là mã xác minh {brand}. Hiệu lực {validity_minutes} phút.",
        subject="Mã xác minh {brand} của bạn",
        body="{code} là mã xác minh {brand} của bạn. "
        "Mã có hiệu lực trong {validity_minutes} phút.\n\n"
        "Nếu bạn không yêu cầu mã này, hãy bỏ qua tin nhắn này. "
        "Không bao giờ đưa mã này cho bất kỳ ai.",
        spoken="Mã xác minh {brand} của bạn là {code}.",
    ),
    Texts(
        "zh",
        text="{code} 是您的 {brand} 验证码，{validity_minutes} 分钟内有效。",
        subject="您的 {brand} 验证码",
        body="{code} 是您的 {brand} 验证码，{validity_minutes} 分钟内有效。\n\n"
        "如果这不是您本人的请求，请忽略此消息。切勿将此验证码告诉任何人。",
        spoken="您的 {brand} 验证码是 {code}。",
    ),
    Texts(
        "zh-Hant",
        text="{code} 是您的 {brand} 驗證碼，{validity_minutes} 分鐘內有效。",
        subject="您的 {brand} 驗證碼",
        body="{code} 是您的 {brand} 驗證碼，{validity_minutes} 分鐘內有效。\n\n"
        "如果這不是您本人的要求，請忽略此訊息。切勿將此驗證碼告訴任何人。",
        spoken="您的 {brand} 驗證碼是 {code}。",
    ),
)

TEXTS: Final[Mapping[str, Texts]] = MappingProxyType({texts.language: texts for texts in _ALL})

RIGHT_TO_LEFT: Final = frozenset({"ar", "fa", "he"})

# Countries where one language reaches nearly everybody. Where people part over it (Belgium,
# Canada, Switzerland, India, …) English does, unless the client says a locale.
_COUNTRIES: Final = {
    "ar": "AE BH DZ EG JO KW LB LY MA MR OM PS QA SA SD SY TN YE",
    "bg": "BG",
    "cs": "CZ",
    "da": "DK",
    "de": "AT DE LI",
    "el": "CY GR",
    "en": "AU GB IE NZ US",
    "es": "AR BO CL CO CR CU DO EC ES GT HN MX NI PA PE PR PY SV UY VE",
    "et": "EE",
    "fa": "IR",
    "fi": "FI",
    "fr": "BJ CD CG CI FR GA GF GP MC MQ NC PF PM RE SN TG YT",
    "he": "IL",
    "hr": "HR",
    "hu": "HU",
    "id": "ID",
    "it": "IT SM VA",
    "ja": "JP",
    "ko": "KP KR",
    "lt": "LT",
    "lv": "LV",
    "ms": "BN MY",
    "nb": "NO SJ",
    "nl": "NL SR",
    "pl": "PL",
    "pt": "AO BR CV MZ PT ST",
    "ro": "MD RO",
    "ru": "BY RU",
    "sk": "SK",
    "sl": "SI",
    "sv": "AX SE",
    "th": "TH",
    "tr": "TR",
    "uk": "UA",
    "vi": "VN",
    "zh": "CN",
    "zh-Hant": "HK MO TW",
}

LANGUAGE_OF_COUNTRY: Final[Mapping[str, str]] = MappingProxyType(
    {
        country: language
        for language, countries in _COUNTRIES.items()
        for country in countries.split()
    }
)

# Codes that were replaced (IANA language subtag registry), and Norwegian's two written forms.
_ALIASES: Final = {"in": "id", "iw": "he", "mo": "ro", "nn": "nb", "no": "nb"}
_TRADITIONAL: Final = frozenset({"hant", "hk", "mo", "tw"})


def _language_of(locale: str) -> str:
    language, *rest = re.split("[-_]", locale.lower())
    if language == "zh" and "hans" not in rest and not _TRADITIONAL.isdisjoint(rest):
        return "zh-Hant"
    return _ALIASES.get(language, language)


def choose(locale: str | None, country: str | None) -> Texts:
    """The texts for somebody: by locale, else by country, else English.

    Args:
        locale: BCP 47, of which the language counts (and for Chinese the script); `pt_BR` and
            other cases are taken too. Unknown ones count as none.
        country: ISO 3166-1 alpha-2, of the phone number.
    """
    spoken_there = LANGUAGE_OF_COUNTRY.get((country or "").upper(), "en")
    return TEXTS.get(_language_of(locale or "")) or TEXTS[spoken_there]
