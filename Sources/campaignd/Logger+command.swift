import Daemon
import Logging
import Runtime

extension Logger {
    /// The logger of a command: to standard error, so that results stay alone on standard output.
    static func command(level: Logger.Level = .error) -> Logger {
        var logger = Logger(label: "campaignd") { StreamLogHandler(label: $0, stream: LogStream()) }
        logger.logLevel = level
        return logger
    }
}
