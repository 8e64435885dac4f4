extension MessageRequest {
    /// Reads a request whose fields all have their right types; `nil` for any other, which `Decodable` can explain.
    init?(_ tree: JSONTree) {
        guard case .object(let fields) = tree else { return nil }
        let object = TreeFields(fields: fields)
        do throws(TreeMismatch) {
            messaging_product = try object.string("messaging_product")
            recipient_type = try object.string("recipient_type")
            to = try object.string("to")
            recipient = try object.string("recipient")
            type = try object.string("type")
            text = try object.object("text", Text.init)
            template = try object.object("template", Template.init)
            image = try object.object("image", Media.init)
            audio = try object.object("audio", Media.init)
            video = try object.object("video", Media.init)
            document = try object.object("document", Media.init)
            sticker = try object.object("sticker", Media.init)
            location = try object.object("location", Presence.init)
            contacts = try object.array("contacts", Presence.init)
            reaction = try object.object("reaction", Presence.init)
            interactive = try object.object("interactive", Presence.init)
            biz_opaque_callback_data = try object.string("biz_opaque_callback_data")
        } catch {
            return nil
        }
    }
}

/// A field has another type than it should.
private struct TreeMismatch: Error {}

/// The fields of one object; missing ones and nulls are the same.
private struct TreeFields {
    let fields: [(key: String, value: JSONTree)]

    func string(_ key: String) throws(TreeMismatch) -> String? {
        switch self[key] {
        case .string(let text): return text
        case nil, .null: return nil
        default: throw TreeMismatch()
        }
    }

    func bool(_ key: String) throws(TreeMismatch) -> Bool? {
        switch self[key] {
        case .bool(let flag): return flag
        case nil, .null: return nil
        default: throw TreeMismatch()
        }
    }

    func integer(_ key: String) throws(TreeMismatch) -> Int? {
        switch self[key] {
        case .number(let text):
            guard let number = Int(text) else { throw TreeMismatch() }
            return number
        case nil, .null: return nil
        default: throw TreeMismatch()
        }
    }

    func object<Value>(
        _ key: String,
        _ make: (TreeFields) throws(TreeMismatch) -> Value
    ) throws(TreeMismatch) -> Value? {
        switch self[key] {
        case .object(let fields): return try make(TreeFields(fields: fields))
        case nil, .null: return nil
        default: throw TreeMismatch()
        }
    }

    func array<Value>(
        _ key: String,
        _ make: (TreeFields) throws(TreeMismatch) -> Value
    ) throws(TreeMismatch) -> [Value]? {
        switch self[key] {
        case .array(let items):
            var values: [Value] = []
            values.reserveCapacity(items.count)
            for item in items {
                guard case .object(let fields) = item else { throw TreeMismatch() }
                values.append(try make(TreeFields(fields: fields)))
            }
            return values
        case nil, .null: return nil
        default: throw TreeMismatch()
        }
    }

    subscript(key: String) -> JSONTree? {
        for field in fields where field.key == key { return field.value }
        return nil
    }
}

extension MessageRequest.Presence {
    fileprivate init(_: TreeFields) throws(TreeMismatch) {}
}

extension MessageRequest.Text {
    fileprivate init(_ object: TreeFields) throws(TreeMismatch) {
        body = try object.string("body")
        preview_url = try object.bool("preview_url")
    }
}

extension MessageRequest.Media {
    fileprivate init(_ object: TreeFields) throws(TreeMismatch) {
        id = try object.string("id")
        link = try object.string("link")
    }
}

extension MessageRequest.Template {
    fileprivate init(_ object: TreeFields) throws(TreeMismatch) {
        name = try object.string("name")
        language = try object.object("language", MessageRequest.Language.init)
        components = try object.array("components", MessageRequest.Component.init)
    }
}

extension MessageRequest.Language {
    fileprivate init(_ object: TreeFields) throws(TreeMismatch) {
        code = try object.string("code")
        policy = try object.string("policy")
    }
}

extension MessageRequest.Component {
    fileprivate init(_ object: TreeFields) throws(TreeMismatch) {
        type = try object.string("type")
        sub_type = try object.string("sub_type")
        index = try ButtonIndex(object["index"])
        parameters = try object.array("parameters", MessageRequest.Parameter.init)
    }
}

extension ButtonIndex {
    fileprivate init?(_ tree: JSONTree?) throws(TreeMismatch) {
        switch tree {
        case .number(let text):
            guard let number = Int(text) else { throw TreeMismatch() }
            value = number
        case .string(let text): value = Int(text)
        case nil, .null: return nil
        default: throw TreeMismatch()
        }
    }
}

extension MessageRequest.Parameter {
    fileprivate init(_ object: TreeFields) throws(TreeMismatch) {
        type = try object.string("type")
        parameter_name = try object.string("parameter_name")
        text = try object.string("text")
        payload = try object.string("payload")
        currency = try object.object("currency", MessageRequest.Currency.init)
        date_time = try object.object("date_time", MessageRequest.DateTime.init)
        image = try object.object("image", MessageRequest.Media.init)
        video = try object.object("video", MessageRequest.Media.init)
        document = try object.object("document", MessageRequest.Media.init)
        action = try object.object("action", MessageRequest.Presence.init)
        coupon_code = try object.string("coupon_code")
    }
}

extension MessageRequest.Currency {
    fileprivate init(_ object: TreeFields) throws(TreeMismatch) {
        fallback_value = try object.string("fallback_value")
        code = try object.string("code")
        amount_1000 = try object.integer("amount_1000")
    }
}

extension MessageRequest.DateTime {
    fileprivate init(_ object: TreeFields) throws(TreeMismatch) {
        fallback_value = try object.string("fallback_value")
    }
}
