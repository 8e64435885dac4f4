/// Why a text is not JSON.
public enum JSONError: Error, Hashable, Sendable, CustomStringConvertible {
    case unexpected(String, offset: Int)
    case endOfText
    case tooDeep(offset: Int)
    case duplicateKey(String, offset: Int)

    /// What was found, and at which byte.
    public var description: String {
        switch self {
        case .unexpected(let what, let offset): "invalid JSON at byte \(offset): \(what)"
        case .endOfText: "invalid JSON: the text ends too early"
        case .tooDeep(let offset): "invalid JSON at byte \(offset): values are nested more than 128 deep"
        case .duplicateKey(let key, let offset): "invalid JSON at byte \(offset): duplicate key `\(key)`"
        }
    }
}
