import Hummingbird
import NIOCore

/// What a request brings along: its connection, which a lost answer closes.
struct SimulatorContext: InitializableFromSource, Sendable {
    let channel: any Channel

    init(source: ApplicationRequestContextSource) { channel = source.channel }
}
