import Calendar
internal import YAML

extension TenantSpec: ReadableSpec {
    init?(_ reader: inout FieldReader) {
        let header = SpecHeader(&reader)
        let timeZone = reader.timeZone("timeZone")
        let quietHours = reader.mapping("quietHours") { QuietHours(&$0) }
        if reader.has("quietHours") { reader.require("timeZone") }
        let frequencyCap = reader.mapping("frequencyCap") { FrequencyCap(&$0) }
        let defaults = reader.mapping("defaults") { reader in
            let sender = reader.slug("sender")
            return Defaults(sender: sender?.value, language: TemplateSpec.language(&reader))
        }
        let policy = reader.mapping("policy") { TenantPolicy(&$0) }
        let words = Self.optOutWords(&reader)
        guard let header else { return nil }
        self.init(
            header: header,
            timeZone: timeZone?.value.identifier,
            quietHours: quietHours,
            frequencyCap: frequencyCap,
            defaults: defaults ?? Defaults(),
            policy: policy ?? TenantPolicy(),
            optOutWords: words
        )
    }

    /// Words are compared without regard to case, so that `Stop` beside `STOP` is one too many.
    private static func optOutWords(_ reader: inout FieldReader) -> [String] {
        let sink = reader.sink
        var known: [String: YAMLRange] = [:]
        let words = reader.list("optOutWords") { node, field -> String? in
            guard let read = sink.string(node, field: field) else { return nil }
            let isTrimmed = read.value.first?.isWhitespace == false && read.value.last?.isWhitespace == false
            guard isTrimmed, read.value.unicodeScalars.count <= 100 else {
                let help = "write 1 to 100 characters without spaces around them"
                sink.report(.invalidValue, at: read.range, field: field, "not a word to opt out with", help: help)
                return nil
            }
            if let first = known.updateValue(read.range, forKey: read.value.lowercased()) {
                let related = Diagnostic.Related(place: SourcePlace(file: sink.file, first), label: "first here")
                let message = "`\(read.value)` is listed twice"
                sink.report(.invalidValue, at: read.range, field: field, message, help: "remove it", related: related)
                return nil
            }
            return read.value
        }
        return words?.value ?? []
    }
}

extension TenantSpec.QuietHours {
    fileprivate init?(_ reader: inout FieldReader) {
        let from = reader.timeOfDay("from")
        let to = reader.timeOfDay("to")
        let action = reader.choice("action", of: Action.self)
        guard let from, let to else { return nil }
        guard from.value != to.value else {
            let message = "quiet hours start and end at \(to.value)"
            let related = Diagnostic.Related(
                place: SourcePlace(file: reader.sink.file, from.range),
                label: "they start here"
            )
            let help = "give them a length, or remove `quietHours`"
            reader.sink.report(.quietHours, at: to.range, field: to.field, message, help: help, related: related)
            return nil
        }
        self.init(from: from.value, to: to.value, action: action ?? .wait)
    }
}

extension TenantSpec.FrequencyCap {
    fileprivate init?(_ reader: inout FieldReader) {
        reader.require("messages")
        let messages = reader.integer("messages", in: 1...1_000)
        reader.require("within")
        let within = reader.duration("within", upTo: SpecDuration(seconds: 90 * 86_400))
        let action = reader.choice("action", of: Action.self)
        guard let messages, let within else { return nil }
        self.init(messages: messages.value, within: within, action: action ?? .skip)
    }
}

extension TenantPolicy {
    fileprivate init?(_ reader: inout FieldReader) {
        let maxRecipients = reader.integer("maxRecipients", in: 0...1_000_000_000)
        let maxCampaigns = reader.integer("maxCampaigns", in: 0...1_000_000)
        let categories = Self.categories(&reader)
        let interval = reader.duration("minScheduleInterval", upTo: SpecDuration(seconds: 366 * 86_400))
        self.init(
            maxRecipients: maxRecipients?.value,
            maxCampaigns: maxCampaigns?.value,
            allowedCategories: categories,
            minScheduleInterval: interval
        )
    }

    private static func categories(_ reader: inout FieldReader) -> Set<TemplateSpec.Category>? {
        let sink = reader.sink
        let read = reader.list("allowedCategories") { node, field in
            sink.string(node, field: field).flatMap {
                sink.choice($0, of: TemplateSpec.Category.self, as: "allowedCategories")
            }
        }
        guard let read else { return nil }
        if read.node.sequence?.isEmpty == true {
            let message = "`allowedCategories` allows no category"
            sink.report(
                .invalidValue,
                at: read.range,
                field: read.field,
                message,
                help: "list one, or remove the field"
            )
        }
        return Set(read.value)
    }
}
