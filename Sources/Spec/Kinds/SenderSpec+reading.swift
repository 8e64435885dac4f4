internal import YAML

extension SenderSpec: ReadableSpec {
    init?(_ reader: inout FieldReader) {
        let header = SpecHeader(&reader)
        let phoneNumberId = Self.phoneNumberId(&reader)
        let accessToken = Self.accessToken(&reader)
        let dailyLimit = Self.dailyLimit(&reader)
        let rate = reader.integer("ratePerSecond", in: 1...1_000_000)
        let quotaGroup = reader.text("quotaGroup", required: false, upTo: 100)
        let pairLimit = reader.choice("pairLimit", of: PairLimit.self)
        let onQuotaExhausted = reader.choice("onQuotaExhausted", of: QuotaPolicy.self)
        let unconfirmedPolicy = reader.choice("unconfirmedPolicy", of: UnconfirmedPolicy.self)
        if let quotaGroup, !Self.isKeyPart(quotaGroup.value) {
            let help = "use letters, digits, `-`, `_` and `.`"
            let message = "`\(quotaGroup.value)` is not a quota group"
            reader.sink.report(.invalidValue, at: quotaGroup.range, field: quotaGroup.field, message, help: help)
        }
        guard let header, let phoneNumberId, let accessToken else { return nil }
        self.init(
            header: header,
            phoneNumberId: phoneNumberId,
            accessToken: accessToken,
            dailyLimit: dailyLimit,
            ratePerSecond: rate?.value ?? 80,
            quotaGroup: quotaGroup?.value,
            pairLimit: pairLimit ?? .pause,
            onQuotaExhausted: onQuotaExhausted ?? .pause,
            unconfirmedPolicy: unconfirmedPolicy ?? .hold
        )
    }

    private static func phoneNumberId(_ reader: inout FieldReader) -> String? {
        guard let read = reader.text("phoneNumberId", upTo: 64) else { return nil }
        guard isKeyPart(read.value) else {
            let help = "it is the id of the number in WhatsApp Manager: digits only"
            let message = "`\(read.value)` is not a phone number id"
            reader.sink.report(.invalidValue, at: read.range, field: read.field, message, help: help)
            return nil
        }
        return read.value
    }

    /// Group and number become part of Redis keys, where braces would move them to another slot.
    private static func isKeyPart(_ text: String) -> Bool {
        text.utf8.allSatisfy { byte in
            let isLetter = (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
            return isLetter || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                || [UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: ".")].contains(byte)
        }
    }

    private static func accessToken(_ reader: inout FieldReader) -> SecretReference? {
        reader.require("accessToken")
        reader.guardSecret("accessToken")
        guard let read = reader.node("accessToken") else { return nil }
        guard let scalar = read.node.scalar, !scalar.text.isEmpty else {
            reader.sink.reportWrongType(of: read.node, field: read.field, expected: "`env:NAME` or `file:/path`")
            return nil
        }
        if let reference = SecretReference(scalar.text) { return reference }
        let help = "refer to it: `env:WHATSAPP_TOKEN` or `file:/run/secrets/whatsapp`"
        if scalar.text.hasReferencePrefix {
            let message = "`accessToken` refers to no variable or absolute path"
            reader.sink.report(.invalidValue, at: read.range, field: read.field, message, help: help)
        } else {
            let message = "`accessToken` holds a token instead of a reference to one"
            reader.sink.report(.literalSecret, at: read.range, field: read.field, message, help: help)
        }
        return nil
    }

    private static func dailyLimit(_ reader: inout FieldReader) -> Int? {
        let isUnlimited = reader.unlimited("dailyLimit")
        let limit = isUnlimited ? nil : reader.integer("dailyLimit", in: 1...1_000_000_000)
        let tier = reader.integer("tier", in: 1...4)
        if reader.has("dailyLimit"), reader.has("tier"), let range = reader.keyRange("tier") {
            let related = reader.keyRange("dailyLimit").map {
                Diagnostic.Related(place: SourcePlace(file: reader.sink.file, $0), label: "the limit is given here")
            }
            let message = "`tier` and `dailyLimit` exclude each other"
            reader.sink.report(
                .conflictingFields,
                at: range,
                field: "tier",
                message,
                help: "keep one of them",
                related: related
            )
            return nil
        }
        if isUnlimited { return nil }
        if let limit { return limit.value }
        switch tier?.value {
        case 1: return 1_000
        case 3: return 100_000
        case 4: return nil
        default: return 10_000
        }
    }
}

extension FieldReader {
    /// Whether a field says `unlimited` instead of a number.
    fileprivate mutating func unlimited(_ key: String) -> Bool {
        guard let read = node(key), let scalar = read.node.scalar else { return false }
        return scalar.text == "unlimited"
    }
}
