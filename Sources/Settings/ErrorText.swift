import Foundation
public import Logging

/// Puts errors of other libraries into words, so that no log line shows the inside of a Swift value.
public enum ErrorText {
    /// Returns the text that an error was given for people; for one without such a text, the name of its type and, for
    /// an enum, of its case.
    public static func of(_ error: any Error) -> String {
        switch error {
        case is CancellationError: return "cancelled"
        // Their descriptions list domain, code and a dictionary.
        case is CocoaError, is POSIXError, is URLError: return error.localizedDescription
        case let error where type(of: error) is NSError.Type: return error.localizedDescription
        case let error as any LocalizedError where error.errorDescription != nil: return error.errorDescription ?? ""
        // A cast of the value itself would always succeed, because every error can become an NSError.
        case let error where type(of: error) is any CustomStringConvertible.Type: return "\(error)"
        default:
            let mirror = Mirror(reflecting: error)
            guard mirror.displayStyle == .enum else { return "error of type \(type(of: error))" }
            // Without associated values, the text of an enum is the name of its case.
            return "\(mirror.children.first?.label ?? "\(error)") (\(type(of: error)))"
        }
    }
}

extension Logger {
    /// The same logger for libraries whose debug lines show the inside of Swift values.
    public var withoutDebug: Logger {
        var logger = self
        logger.logLevel = max(logLevel, .info)
        return logger
    }
}
