import Foundation

/// Corrects mistakes of spec files that have only one remedy.
public enum SpecFixer {
    /// A file that was corrected.
    public struct FixedFile: Hashable, Sendable {
        public let path: String
        /// The corrections, such as `acme/a.yaml:3:1: unknown field `Name`: replaced by `name``.
        public let fixes: [String]
    }

    /// A correction may uncover others, such as the fields of a document whose kind was misspelt; this bounds the rounds.
    private static let rounds = 10

    /// Corrects the files of a folder; blocks while it reads and writes.
    ///
    /// Each file is replaced as a whole, by a file that was written beside it. A second call finds nothing to correct.
    ///
    /// - Parameter directory: The folder that holds a folder for each tenant.
    /// - Returns: The files that were corrected.
    /// - Throws: The error of a file that cannot be written; files before it are corrected.
    public static func fix(directory: String) throws -> [FixedFile] {
        try SpecFiles.find(in: directory).files.compactMap { file in
            // Files that cannot be read are reported when they are checked.
            guard case .success(let bytes) = SpecFiles.bytes(of: file.target) else { return nil }
            let source = SpecCatalog.SourceFile(path: file.path, tenant: file.tenant, bytes: bytes)
            let (fixed, fixes) = fixed(source)
            guard !fixes.isEmpty else { return nil }
            try replace(file, bytes, by: fixed)
            return FixedFile(path: file.path, fixes: fixes)
        }
    }

    /// Applies all corrections that are sure, until there are none.
    static func fixed(_ file: SpecCatalog.SourceFile) -> (bytes: [UInt8], fixes: [String]) {
        var bytes = file.bytes
        var fixes: [String] = []
        for _ in 0..<rounds {
            let source = SpecCatalog.SourceFile(path: file.path, tenant: file.tenant, bytes: bytes)
            let found = SpecCatalog.load(files: [source]).diagnostics.compactMap { diagnostic in
                diagnostic.fix.flatMap { $0.isSure && $0.place.file == file.path ? (diagnostic, $0) : nil }
            }
            // From the end, so that the offsets of the others stay; of two at one place the first one is applied.
            var end = Int.max
            var applied: [String] = []
            for (diagnostic, fix) in found.reversed() where fix.place.end.offset <= end {
                let range = fix.place.start.offset..<fix.place.end.offset
                guard range.upperBound <= bytes.count else { continue }
                bytes.replaceSubrange(range, with: fix.replacement.utf8)
                end = range.lowerBound
                let start = diagnostic.place.start
                applied.append(
                    "\(file.path):\(start.line):\(start.column): \(diagnostic.message): replaced by `\(fix.replacement)`"
                )
            }
            guard !applied.isEmpty else { break }
            fixes += applied.reversed()
        }
        return (bytes, fixes)
    }

    private static func replace(_ file: SpecFiles.File, _ old: [UInt8], by new: [UInt8]) throws {
        guard case .success(old) = SpecFiles.bytes(of: file.target) else { throw FixError.changed(file.path) }
        // A link stays a link: the file that it leads to is replaced.
        let url = URL(fileURLWithPath: file.target)
        let permissions = try FileManager.default.attributesOfItem(atPath: url.path)[.posixPermissions]
        try Data(new).write(to: url, options: .atomic)
        if let permissions {
            try FileManager.default.setAttributes([.posixPermissions: permissions], ofItemAtPath: url.path)
        }
    }
}

/// The reason why a file was not corrected.
public enum FixError: Error, Hashable, CustomStringConvertible {
    case changed(String)

    public var description: String {
        switch self {
        case .changed(let path): "\(path) was changed meanwhile; run the command again"
        }
    }
}
