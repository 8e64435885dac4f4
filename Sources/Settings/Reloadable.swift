import Foundation
import Synchronization

/// A value that was read at the start and can be read again, such as the secret in a file.
public final class Reloadable<Value: Sendable>: Sendable {
    private let state: Mutex<Value>
    private let read: (@Sendable () throws(ConfigurationError) -> Value)?

    /// Makes a value that never changes.
    public init(_ value: Value) {
        state = Mutex(value)
        read = nil
    }

    /// Makes a value of what is read now.
    ///
    /// - Parameter read: Reads the value; blocks, if it is in a file.
    /// - Throws: The error of `read`.
    public init(reading read: @escaping @Sendable () throws(ConfigurationError) -> Value) throws(ConfigurationError) {
        state = Mutex(try read())
        self.read = read
    }

    /// The value that was read last.
    public var value: Value { state.withLock { $0 } }

    /// Reads the value again, if it can change; blocks, so it must not be called on the cooperative pool.
    ///
    /// - Throws: ``ConfigurationError`` if it cannot be used; the former value stays.
    public func reload() throws(ConfigurationError) {
        guard let value = try read?() else { return }
        state.withLock { $0 = value }
    }
}

extension Variables {
    /// Returns the text of a variable, or of the file that it names as `file:/path`; `nil` if it is unset.
    ///
    /// - Throws: ``ConfigurationError`` if the file cannot be read, or is empty.
    public func secret(_ name: String) throws(ConfigurationError) -> String? {
        guard let text = self[name], text.hasPrefix("file:/") else { return self[name] }
        let path = String(text.dropFirst("file:".count))
        let content: String
        do {
            content = try String(contentsOf: URL(filePath: path), encoding: .utf8)
        } catch {
            throw .malformed(name, problem: "`\(path)` cannot be read")
        }
        let secret = content.trimmingCharacters(in: .whitespacesAndNewlines)
        guard !secret.isEmpty else { throw .malformed(name, problem: "`\(path)` is empty") }
        return secret
    }
}
