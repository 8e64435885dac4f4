import ArgumentParser
import BenchKit
import Foundation

/// A part of the bench.
enum Part: String, CaseIterable, Sendable {
    case launch, deliver, pace, reconcile, http, hook, webhook, memory
    case growth, senders, scale

    /// Parts that fill the table of targets.
    static let all: [Part] = [.launch, .deliver, .pace, .reconcile, .http, .hook, .webhook, .memory]

    /// Returns the parts with these names, each once; `all` names those of the table.
    ///
    /// - Throws: `ValidationError` for a name that no part has.
    static func chosen(_ names: [String]) throws -> [Part] {
        var chosen: [Part] = []
        for name in names {
            guard let parts = name == "all" ? all : Part(rawValue: name).map({ [$0] }) else {
                throw ValidationError("no part `\(name)`; see --help")
            }
            chosen += parts.filter { !chosen.contains($0) }
        }
        return chosen
    }

    func measure(_ plan: BenchPlan) async throws -> PartResults {
        switch self {
        case .launch: try await LaunchPart(plan: plan).measure()
        case .deliver: try await DeliverPart(plan: plan).measure()
        case .pace: try await PacePart(plan: plan).measure()
        case .reconcile: try await ReconcilePart(plan: plan).measure()
        case .http: try await HTTPPart(plan: plan).measure()
        case .hook: try await HookPart(plan: plan).measure()
        case .webhook: try await WebhookPart(plan: plan).measure()
        case .memory: try await MemoryPart(plan: plan).measure()
        case .growth: try await GrowthPart(plan: plan).measure()
        case .senders: try await SendersPart(plan: plan).measure()
        case .scale: try await ScalePart(plan: plan).measure()
        }
    }
}

/// Servers and sizes of a measurement.
struct BenchPlan: Sendable {
    let servers: Servers
    let isQuick: Bool
    /// Number of recipients of the biggest campaign; `nil` for the default of the part.
    let size: Int?

    /// Chooses between the values of a quick and a full measurement.
    func pick<Value>(quick: Value, full: Value) -> Value { isQuick ? quick : full }

    /// Prints progress on standard error.
    func say(_ text: String) { FileHandle.standardError.write(Data("  \(text)\n".utf8)) }
}
