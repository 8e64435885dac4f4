import Calendar
import Foundation
import JSON
import YAML

extension TenantSpec {
    /// The time of day without business-initiated messages.
    public struct QuietHours: Hashable, Sendable, SpecMapping {
        /// The rule for a message that falls into quiet hours.
        public enum Action: String, Hashable, Sendable, CaseIterable, SpecChoice {
            case wait, skip

            var meaning: String {
                switch self {
                case .wait: "The message is sent when quiet hours end."
                case .skip: "The message is never sent."
                }
            }
        }

        /// The clock on which quiet hours are read.
        public enum Clock: String, Hashable, Sendable, CaseIterable, SpecChoice {
            case tenant, contact

            var meaning: String {
                switch self {
                case .tenant: "It is quiet for all contacts at once, by the clock of the tenant's `timeZone`."
                case .contact:
                    "It is quiet for each contact by its own clock: in the zone of its `metadata.timeZone`, else of its number, "
                        + "else of the tenant."
                }
            }
        }

        public internal(set) var from = TimeOfDay.midnight
        /// The end of the hours; earlier than `from` if the hours pass midnight; never the same.
        public internal(set) var to = TimeOfDay.midnight
        public internal(set) var action = Action.wait
        /// The clock; `nil` is ``Clock/tenant``.
        public internal(set) var clock: Clock?

        static let fields: [Field] = [
            Field("from", \.from, .timeOfDay).required()
                .says("The time at which quiet hours start; write it in quotes.", examples: "21:00"),
            Field("to", \.to, .timeOfDay).required()
                .says("The time at which they end; earlier than `from` if they pass midnight.", examples: "07:30"),
            Field("action", \.action, .choice)
                .says("What happens to a message that falls into quiet hours.", examples: "wait"),
            Field("clock", \.clock, .choice)
                .says("Whose clock quiet hours follow. By default it is `tenant`.", examples: "contact"),
        ]

        /// Returns true if an instant lies in the hours on the clock of a zone.
        func contains(_ date: Date, in zone: IANAZone) -> Bool {
            let seconds = LocalDateTime(date, in: zone).seconds
            let minute = Int(((seconds % 86_400) + 86_400) % 86_400) / 60
            let (start, end) = (from.minutes, to.minutes)
            return start < end ? (start..<end).contains(minute) : minute >= start || minute < end
        }

        func complete(_ reader: FieldReader, isWhole: Bool) -> Bool {
            guard isWhole, from == to, let start = reader.peek("from"), let end = reader.peek("to") else { return true }
            let message = "quiet hours start and end at \(to)"
            let place = SourcePlace(file: reader.sink.file, start.range)
            let related = Diagnostic.Related(place: place, label: "they start here")
            let help = "give them a length, or remove `quietHours`"
            reader.sink.report(.quietHours, at: end.range, field: end.field, message, help: help, related: related)
            return false
        }
    }
}
