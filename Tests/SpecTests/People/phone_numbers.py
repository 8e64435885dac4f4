"""Prints spellings of numbers of all countries as `country<TAB>spelling<TAB>digits`, by the library phonenumbers.

`digits` is empty for what is no number, such as one with a digit too many; its country is empty, too.
"""

import random

import phonenumbers as library

FORMATS = [
    library.PhoneNumberFormat.E164,
    library.PhoneNumberFormat.INTERNATIONAL,
    library.PhoneNumberFormat.RFC3966,
    library.PhoneNumberFormat.NATIONAL,
]
TYPES = [library.PhoneNumberType.MOBILE, library.PhoneNumberType.FIXED_LINE]


def digits(number):
    return library.format_number(number, library.PhoneNumberFormat.E164)[1:]


for region in sorted(library.SUPPORTED_REGIONS):
    for kind in TYPES:
        number = library.example_number_for_type(region, kind)
        if number is None:
            continue
        for form in FORMATS:
            # Argentina writes 15 before mobile numbers at home, and 9 before them abroad.
            if (region, kind, form) == ("AR", library.PhoneNumberType.MOBILE, library.PhoneNumberFormat.NATIONAL):
                continue
            print(region, library.format_number(number, form), digits(number), sep="\t")

choices = random.Random(1)
for _ in range(20000):
    text = "+" + "".join(choices.choice("0123456789") for _ in range(choices.randint(4, 17)))
    try:
        number = library.parse(text, None)
    except library.NumberParseException:
        print("", text, "", sep="\t")
        continue
    reason = library.is_possible_number_with_reason(number)
    # Whether a zero is left out is a matter of the spelling, not of the number.
    if "0" not in text[1:5] and reason in (
        library.ValidationResult.TOO_LONG,
        library.ValidationResult.INVALID_COUNTRY_CODE,
    ):
        print("", text, "", sep="\t")
