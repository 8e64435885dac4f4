/// Makes paths relative to the root of a repository, as review tools expect them.
public struct RepositoryPaths: Hashable, Sendable {
    private let workingDirectory: String?
    private let root: String?

    /// Names files as they were given, but for a leading `./`.
    public init() {
        (workingDirectory, root) = (nil, nil)
    }

    /// Names files from a root, such as `$GITHUB_WORKSPACE`.
    ///
    /// - Parameters:
    ///   - root: The absolute path of the repository.
    ///   - workingDirectory: The absolute path that relative paths start from.
    public init(root: String, workingDirectory: String) {
        (self.workingDirectory, self.root) = (workingDirectory, root)
    }

    /// Returns the path from the root, or the unchanged path if the file is outside.
    public func relative(_ path: String) -> String {
        guard let root, let workingDirectory else {
            return Self.joined(Self.parts(path), isAbsolute: path.hasPrefix("/"))
        }
        let whole = Self.parts(path.hasPrefix("/") ? path : "\(workingDirectory)/\(path)")
        let start = Self.parts(root)
        guard whole.starts(with: start) else { return path }
        return Self.joined(Array(whole.dropFirst(start.count)), isAbsolute: false)
    }

    private static func parts(_ path: String) -> [Substring] {
        path.split(separator: "/").reduce(into: []) { parts, part in
            switch part {
            case ".": break
            case ".." where !parts.isEmpty && parts.last != "..": parts.removeLast()
            default: parts.append(part)
            }
        }
    }

    private static func joined(_ parts: [Substring], isAbsolute: Bool) -> String {
        (isAbsolute ? "/" : "") + parts.joined(separator: "/")
    }
}
