package import Logging

/// Leaves out the number that the framework gives to each request: ours have names, which callers know.
///
/// Most requests log nothing, and to have the number in the metadata of each took a fortieth of the daemon's time under load.
package struct ServerLogHandler: LogHandler {
    private static let left = "hb.request.id"

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
        set { if key != Self.left { inner[metadataKey: key] = newValue } }
    }

    package func log(event: LogEvent) {
        inner.log(event: event)
    }
}
