import Foundation
import Hummingbird
import JSON

/// The routes below `/_simulator` that change templates, numbers and accounts as Meta would, and move the clock.
extension SimulatorResponder {
    /// A control route of the management side.
    enum ManagementControlRoute: Hashable, Sendable {
        case settings
        case setSettings
        case change(String)
        case calls
        case clock
        case sample(String)

        init?(method: String, parts: ArraySlice<Substring>) {
            switch (method, parts.first, parts.count) {
            case ("GET", "management", 1): self = .settings
            case ("PUT", "management", 1): self = .setSettings
            case ("POST", "template", 1), ("POST", "number", 1), ("POST", "account", 1):
                self = .change(String(parts.first ?? ""))
            case ("GET", "calls", 1): self = .calls
            case ("POST", "clock", 1): self = .clock
            case ("GET", "cdn", 2): self = .sample(String(parts.last ?? ""))
            default: return nil
            }
        }
    }

    func control(_ route: ManagementControlRoute, _ request: Request) async throws -> Response {
        let body = try await request.body.collect(upTo: Self.longestBody)
        let data = Data(body.readableBytesView)
        do {
            switch route {
            case .settings: break
            case .setSettings: management.setSettings(try ManagementSettings(json: data))
            case .calls: return try document(management.entries)
            case .sample(let number): return sample(number)
            case .change(let kind):
                let host = request.head.authority ?? "\(configuration.host):\(configuration.port)"
                return Self.answer(
                    Array(try management.control(kind, try Self.json(data), host: host).canonicalText.utf8)
                )
            case .clock:
                guard let seconds = try Self.json(data)["advanceSeconds"]?.integerValue, seconds >= 0, seconds < 1 << 32
                else { throw SimulatorError.invalid(field: "advanceSeconds", reason: "must be a number of seconds") }
                management.advance(by: .seconds(seconds))
                return Self.answer(Array("{\"now\":\(management.clock.now / 1_000)}".utf8))
            }
        } catch let error as SimulatorError {
            return try refused(error)
        }
        return try document(management.settings)
    }

    private static func json(_ data: Data) throws(SimulatorError) -> JSONValue {
        do throws(JSONError) {
            return try JSONValue(parsing: data)
        } catch {
            throw .unreadable(what: "the request", reason: error.description)
        }
    }
}
