import AccessTokens
import Hummingbird
import Logging

/// What a request carries through the server: the framework's part, and who calls.
package struct APIContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    private var unnamedLogger: Logger
    /// Names the request in logs and answers.
    var requestID = ""
    /// The same: the framework's own number, which it would look for, is left out by ``ServerLogHandler``.
    var id: String { requestID }
    /// Who calls; `nil` on routes that are open to everybody.
    var caller: Caller?

    init(source: Source) {
        coreContext = .init(source: source)
        unnamedLogger = source.logger
    }

    /// Says the request's id with every line; made when there is something to say, as metadata is costly.
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
