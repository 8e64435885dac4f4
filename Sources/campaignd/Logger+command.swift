import Logging

extension Logger {
    /// The logger of a command: to standard error, so that results stay alone on standard output.
    static func command(level: Logger.Level = .error) -> Logger {
        var logger = Logger(label: "campaignd") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = level
        return logger
    }
}
