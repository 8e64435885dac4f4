-- Who opted out, when, by which source, and of what; also people who are no contacts.

-- Returns the one form of an id, by which all spellings of a phone number meet: its digits, without a plus sign, a leading 00
-- and separators. Numbers that WhatsApp rewrites have one form, too: without the ninth digit of Brazilian mobile numbers, the
-- 1 after Mexico's code and the 9 after Argentina's. An id that is no international number stays as it is.
--
-- An index holds results of this function, so a later migration must not change them.
CREATE FUNCTION contact_key(id text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    -- Most ids are in this form, and two tests cost less than three replacements.
    WHEN id ~ '^[1-9][0-9]{6,14}$' AND left(id, 2) NOT IN ('52', '54', '55') THEN id
    ELSE regexp_replace(
        coalesce(
            substring(
                regexp_replace(
                    id,
                    '^(tel|whatsapp):|[-\s.()/\[\]\u00a0\u00ad\u200b-\u200f\u2010-\u2015\u202a-\u202f\u2060-\u2069\ufeff]',
                    '', 'g'
                ) FROM '^(?:\+|00)?([1-9][0-9]{6,14})$'
            ),
            id
        ),
        '^(?:(55[0-9]{2})9([6-9][0-9]{7})|(52)1([0-9]{10})|(54)9([0-9]{10}))$', '\1\2\3\4\5\6'
    )
END;
CREATE INDEX "contacts_tenantId_key_index" ON contacts ("tenantId", contact_key("contactId"));
