public import Foundation

/// How the messages of a launch are cut into chunks that become due one after the other.
///
/// Up to 1,000 recipients go at once. Beyond, portions are spaced so that the line never grows faster than the sender
/// empties it: at 80 messages a second that is 100 every 1.25 s up to 10,000 recipients, and 500 every 6.25 s above.
/// Contacts in their 24 hour window come first, and all at once.
public struct LaunchPlan: Hashable, Sendable {
    /// Messages per chunk.
    public let chunkSize: Int
    /// From one out-of-window chunk to the next.
    public let chunkDelay: Duration

    public init(recipients: Int, ratePerSecond: Int) {
        switch recipients {
        case ..<1_000: chunkSize = 1_000
        case ..<10_001: chunkSize = 100
        default: chunkSize = 500
        }
        chunkDelay = recipients < 1_000 ? .zero : .seconds(Double(chunkSize) / Double(max(1, ratePerSecond)))
    }

    /// When the last message leaves, if the sender does nothing else.
    public static func estimatedCompletion(of recipients: Int, ratePerSecond: Int, from start: Date) -> Date {
        start.addingTimeInterval(Double(recipients) / Double(max(1, ratePerSecond)))
    }
}
