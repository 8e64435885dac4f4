import Hummingbird
import Logging

/// What a request carries through the server: the framework's part, and who calls.
struct APIContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// Says the request's id with every line.
    var logger: Logger
    /// Names the request in logs and answers.
    var requestID = ""
    /// Who calls; `nil` on routes that are open to everybody.
    var caller: Caller?

    init(source: Source) {
        coreContext = .init(source: source)
        logger = source.logger
    }
}
