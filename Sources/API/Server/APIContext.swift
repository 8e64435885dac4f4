import Hummingbird
package import Logging
import NIOCore

/// The context of a request: the framework's part, and the id of the request.
package struct APIContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    private var unnamedLogger: Logger
    private let channel: any Channel
    /// The id of the request in logs and answers.
    var requestID = ""
    /// The framework asks for an id; its own number is dropped by ``ServerLogHandler``.
    var id: String { requestID }

    init(source: Source) {
        coreContext = .init(source: source)
        unnamedLogger = source.logger
        channel = source.channel
    }

    /// Closes the connection, for answers that have no end and whose caller does not read them.
    func closeConnection() {
        channel.close(mode: .all, promise: nil)
    }

    /// Adds the id of the request to each line.
    ///
    /// It is made on demand, because metadata is costly and most requests log nothing.
    var logger: Logger {
        get {
            guard !requestID.isEmpty else { return unnamedLogger }
            var logger = unnamedLogger
            logger[metadataKey: "requestId"] = "\(requestID)"
            return logger
        }
        set { unnamedLogger = newValue }
    }
}

/// Drops the number that the framework gives to each request, because requests have an id that callers know.
///
/// Keeping the number in the metadata of every request took 2.5 % of the daemon's CPU under load.
package struct ServerLogHandler: LogHandler {
    private static let dropped = "hb.request.id"

    private var inner: any LogHandler

    package init(_ inner: any LogHandler) {
        self.inner = inner
    }

    package var logLevel: Logger.Level {
        get { inner.logLevel }
        set { inner.logLevel = newValue }
    }

    package var metadata: Logger.Metadata {
        get { inner.metadata }
        set { inner.metadata = newValue }
    }

    package var metadataProvider: Logger.MetadataProvider? {
        get { inner.metadataProvider }
        set { inner.metadataProvider = newValue }
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { inner[metadataKey: key] }
        set { if key != Self.dropped { inner[metadataKey: key] = newValue } }
    }

    package func log(event: LogEvent) {
        inner.log(event: event)
    }
}
